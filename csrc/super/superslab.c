#include "super/superslab.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/options.h"
#include "os/os.h"
#include "super/pagemap.h"

#define SEAMS_BYTES (HK_SUPERSLAB_SEAMS_MAX * sizeof(uint32_t))

static size_t metadata_bytes(size_t bytes) {
  bool huge = bytes > HK_SUPERSLAB_BYTES;
  size_t needed = huge ? offsetof(hk_superslab_t, slabs) + sizeof(hk_slab_t) + SEAMS_BYTES
                       : sizeof(hk_superslab_t);
  return hk_os_round_to_pages(needed);
}

size_t hk_superslab_metadata_bytes(const hk_superslab_t *superslab) {
  return metadata_bytes(superslab->slab_count == 1 ? HK_SUPERSLAB_BYTES + 1 : HK_SUPERSLAB_BYTES);
}

static void init_slabs(hk_superslab_t *superslab) {
  for (uint32_t i = 0; i < superslab->slab_count; i++) {
    superslab->slabs[i].superslab = superslab;
    superslab->slabs[i].slot = i;
    if (!hk_superslab_is_huge(superslab)) {
      superslab->slabs[i].remote_bits = superslab->remote_pool[i];
    }
  }
}

static _Atomic uint64_t mapped_count, unmapped_count, seam_count;

void hk_superslab_stats(hk_superslab_stats_t *stats) {
  stats->mapped = atomic_load_explicit(&mapped_count, memory_order_relaxed);
  stats->unmapped = atomic_load_explicit(&unmapped_count, memory_order_relaxed);
}

hk_superslab_t *hk_superslab_map(size_t bytes) {
  HK_ASSERT(bytes >= HK_SUPERSLAB_BYTES && bytes % HK_SLAB_BYTES == 0);
  hk_superslab_t *superslab = hk_os_map_metadata(metadata_bytes(bytes));
  if (superslab == NULL) return NULL;
  superslab->base = hk_os_map(bytes, HK_SUPERSLAB_BYTES);
  superslab->bytes = bytes;
  superslab->slab_count = bytes > HK_SUPERSLAB_BYTES ? 1 : HK_SUPERSLAB_SLABS;
  if (superslab->base != NULL) {
    if (hk_pagemap_insert(superslab->base, bytes, superslab)) {
      init_slabs(superslab);
      atomic_fetch_add_explicit(&mapped_count, 1, memory_order_relaxed);
      return superslab;
    }
    (void)hk_os_unmap(superslab->base, bytes);
  }
  (void)hk_os_unmap_metadata(superslab, metadata_bytes(bytes));
  return NULL;
}

void hk_superslab_advise(hk_superslab_t *superslab, int64_t thp) {
  if (thp == HK_THP_AUTO || thp == superslab->thp) return;
  superslab->thp = (uint8_t)thp;
  hk_os_advise_huge(superslab->base, superslab->bytes, thp == HK_THP_ALWAYS);
}

void hk_superslab_touch(hk_superslab_t *superslab) {
  HK_ASSERT(superslab->used_slots == 0);
  hk_os_touch(superslab->base, superslab->bytes);
  HK_WRITE_ONCE(superslab->dirty_slots, hk_superslab_is_huge(superslab) ? 1 : ~(uint32_t)0);
}

void hk_superslab_set_seams(hk_superslab_t *superslab, uint32_t count) {
  uint64_t more = (uint64_t)count - superslab->seam_count;
  atomic_fetch_add_explicit(&seam_count, more, memory_order_relaxed);
  superslab->seam_count = count;
}

uint64_t hk_superslab_all_seams(void) {
  return atomic_load_explicit(&seam_count, memory_order_relaxed);
}

bool hk_superslab_unmap(hk_superslab_t *superslab) {
  HK_ASSERT(superslab->used_slots == 0);
  size_t bytes = superslab->bytes, record_bytes = hk_superslab_metadata_bytes(superslab);
  hk_superslab_set_seams(superslab, 0);
  hk_pagemap_remove(superslab->base, bytes);
  atomic_fetch_add_explicit(&unmapped_count, 1, memory_order_relaxed);
  bool done = hk_os_unmap(superslab->base, bytes);
  /* Refused where it would split a mapping and there are too many: the pages can go all the same. */
  if (!done && superslab->dirty_slots != 0) (void)hk_os_purge(superslab->base, bytes);
  return hk_os_unmap_metadata(superslab, record_bytes) && done;
}

size_t hk_superslab_drop(hk_superslab_t *superslab) {
  size_t bytes = hk_superslab_dirty_bytes(superslab);
  return hk_superslab_unmap(superslab) ? bytes : 0;
}

int hk_superslab_find_run(const hk_superslab_t *superslab, uint32_t slabs, uint32_t alignment) {
  HK_ASSERT(slabs >= 1 && slabs <= HK_SUPERSLAB_SLABS);
  /* After the loop bit i is set if slots i .. i + slabs - 1 are unused. */
  uint32_t starts = ~superslab->used_slots;
  for (uint32_t width = slabs; width > 1;) {
    uint32_t shift = width / 2;
    starts &= starts >> shift;
    width -= shift;
  }
  starts &= ~(uint32_t)0 / (((uint32_t)1 << alignment) - 1); /* every bit, every 2nd, 4th, 8th */
  return starts == 0 ? -1 : (int)hk_ctz32(starts);
}

bool hk_superslab_is_unused(const hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  if (slot + count > superslab->slab_count) return false;
  return (superslab->used_slots & hk_superslab_slots(slot, count)) == 0;
}

void hk_superslab_use(hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  uint32_t mask = hk_superslab_slots(slot, count);
  HK_ASSERT((superslab->used_slots & mask) == 0);
  superslab->used_slots |= mask;
  HK_WRITE_ONCE(superslab->dirty_slots, superslab->dirty_slots | mask);
}

void hk_superslab_unuse(hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  uint32_t mask = hk_superslab_slots(slot, count);
  HK_ASSERT((superslab->used_slots & mask) == mask);
  superslab->used_slots &= ~mask;
  if (!superslab->slabs[slot].is_short) superslab->whole_slots |= mask;
}

void hk_superslab_set_clean(hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  HK_WRITE_ONCE(superslab->dirty_slots, superslab->dirty_slots & ~hk_superslab_slots(slot, count));
}

static void clear_remote(hk_slab_t *slab) {
  /* Only queued slabs have remote bits. */
  if (atomic_load_explicit(&slab->remote_queued, memory_order_relaxed) == 0) return;
  for (uint32_t w = 0; w < hk_slab_words(slab); w++) {
    atomic_store_explicit(&slab->remote_bits[w], 0, memory_order_relaxed);
  }
  atomic_store_explicit(&slab->remote_queued, 0, memory_order_relaxed);
}

static void reset_slab(hk_slab_t *slab, hk_slab_state_t state) {
  clear_remote(slab);
  HK_WRITE_ONCE(slab->state, state);
  slab->list = HK_SLAB_LIST_NONE;
}

size_t hk_superslab_reset(hk_superslab_t *superslab) {
  uint32_t lost_slots = 0;
  bool huge = hk_superslab_is_huge(superslab);
  for (uint32_t slots, todo = superslab->used_slots; todo != 0; todo &= ~slots) {
    uint32_t slot = hk_ctz32(todo);
    hk_slab_t *slab = &superslab->slabs[slot];
    bool lost = slab->exposed || slab->borrowers > 0;
    uint32_t span = slab->state == HK_SLAB_UNUSED ? 1 : slab->span_slabs;
    slots = hk_superslab_slots(slot, span);
    if (lost) lost_slots |= slots;
    bool is_used = slab->state != HK_SLAB_UNUSED;
    if (is_used && !slab->is_short && !huge) superslab->whole_slots |= slots;
    reset_slab(slab, lost ? HK_SLAB_LOST : HK_SLAB_UNUSED);
    for (uint32_t tail = 1; tail < span && !lost; tail++) {
      reset_slab(slab + tail, HK_SLAB_UNUSED);
    }
  }
  superslab->used_slots = lost_slots;
  if (huge) return lost_slots != 0 ? superslab->bytes : 0;
  return hk_popcount32(lost_slots) * HK_SLAB_BYTES;
}

static uint32_t unused_dirty_slots(const hk_superslab_t *superslab) {
  return superslab->dirty_slots & ~superslab->used_slots;
}

/* Calls `apply` on each stretch of some unused slots; where it returns true they become clean. Returns
 * the bytes of those. */
static size_t clean_slots(hk_superslab_t *superslab, uint32_t todo, bool (*apply)(void *, size_t)) {
  if (hk_superslab_is_huge(superslab)) {
    if (todo == 0 || !apply(superslab->base, superslab->bytes)) return 0;
    HK_WRITE_ONCE(superslab->dirty_slots, 0);
    return superslab->bytes;
  }
  size_t cleaned = 0;
  while (todo != 0) {
    uint32_t slot = hk_ctz32(todo);
    uint32_t rest = ~(todo >> slot);
    uint32_t count = rest == 0 ? 32 : hk_ctz32(rest);
    if (count > HK_SUPERSLAB_SLABS - slot) count = HK_SUPERSLAB_SLABS - slot;
    uint32_t mask = hk_superslab_slots(slot, count);
    todo &= ~mask;
    if (!apply(hk_superslab_address(superslab, slot), count * HK_SLAB_BYTES)) continue;
    HK_WRITE_ONCE(superslab->dirty_slots, superslab->dirty_slots & ~mask);
    cleaned += count * HK_SLAB_BYTES;
  }
  return cleaned;
}

size_t hk_superslab_purge(hk_superslab_t *superslab) {
  uint32_t before = superslab->dirty_slots;
  size_t bytes = clean_slots(superslab, unused_dirty_slots(superslab), hk_os_purge);
  superslab->purged_slots |= before & ~superslab->dirty_slots;
  return bytes;
}

size_t hk_superslab_purge_part(hk_superslab_t *superslab, size_t part_bytes, bool *is_over) {
  *is_over = true;
  if (!hk_superslab_is_huge(superslab)) return hk_superslab_purge(superslab);
  HK_ASSERT(superslab->used_slots == 0);
  size_t dirty = superslab->bytes - superslab->purged_bytes, left = dirty - superslab->kept_bytes;
  size_t part = left < part_bytes ? left : part_bytes;
  if (superslab->dirty_slots == 0 || !hk_os_purge(superslab->base + dirty - part, part)) return 0;
  superslab->purged_bytes += part;
  *is_over = part == left;
  if (part == dirty) HK_WRITE_ONCE(superslab->dirty_slots, 0);
  return part;
}

size_t hk_superslab_dirty_bytes(const hk_superslab_t *superslab) {
  if (hk_superslab_is_huge(superslab)) return superslab->dirty_slots != 0 ? superslab->bytes : 0;
  return hk_popcount32(superslab->dirty_slots) * HK_SLAB_BYTES;
}

size_t hk_superslab_unused_dirty_bytes(const hk_superslab_t *superslab) {
  if (hk_superslab_is_huge(superslab)) return 0;
  return hk_popcount32(unused_dirty_slots(superslab)) * HK_SLAB_BYTES;
}

size_t hk_superslab_retake(hk_superslab_t *superslab, uint32_t slots) {
  uint32_t again = superslab->purged_slots & slots;
  superslab->purged_slots &= ~slots;
  if (!hk_superslab_is_huge(superslab)) return hk_popcount32(again) * HK_SLAB_BYTES;
  return again != 0 ? superslab->bytes : superslab->purged_bytes;
}

bool hk_superslab_zero(void *address, size_t bytes) {
  if (!hk_os_purge(address, bytes)) hk_os_zero(address, bytes);
  return true;
}

/* Zeroing 64 KB takes a microsecond or less, and so does a single page fault, of which there are 16
 * after a purge. With more slabs it is the pages that count. */
#define WRITTEN_MAX 8

bool hk_superslab_is_small(const hk_superslab_t *superslab) {
  return !hk_superslab_is_huge(superslab) && hk_popcount32(superslab->dirty_slots) <= WRITTEN_MAX;
}

void hk_superslab_note_exposed(hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  superslab->was_exposed = true;
  superslab->seen_slots |= hk_superslab_slots(slot, count);
}

/* Slot by slot, because short slabs were written to at their beginning only. */
static void write_zeroes(const hk_superslab_t *superslab, uint32_t slots) {
  for (uint32_t todo = slots; todo != 0; todo &= todo - 1) {
    uint32_t slot = hk_ctz32(todo);
    bool is_whole = (superslab->whole_slots >> slot & 1) != 0;
    hk_os_zero(hk_superslab_address(superslab, slot),
               is_whole ? HK_SLAB_BYTES : HK_SHORT_SLAB_BYTES);
  }
}

/* Purging leaves nothing out. */
static void note_wiped(hk_superslab_t *superslab, bool wrote) {
  uint32_t unused = ~superslab->used_slots, whole = superslab->whole_slots & unused;
  superslab->wiped_slots = wrote ? whole : unused;
  superslab->late_slots |= whole;
  superslab->whole_slots &= ~unused;
}

void hk_superslab_wipe(hk_superslab_t *superslab) {
  uint32_t dirty = unused_dirty_slots(superslab);
  uint32_t seen = superslab->seen_slots & ~superslab->used_slots;
  bool writes = superslab->was_exposed && hk_superslab_is_small(superslab);
  if (writes) write_zeroes(superslab, dirty);
  /* What was purged has hardly any pages. */
  (void)clean_slots(superslab, writes ? seen & ~dirty : seen | dirty, hk_superslab_zero);
  note_wiped(superslab, writes);
}

void hk_superslab_wipe_late(hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  uint32_t slots = superslab->late_slots & hk_superslab_slots(slot, count);
  superslab->late_slots &= ~slots;
  slots &= ~superslab->wiped_slots;
  for (; slots != 0; slots &= slots - 1) {
    hk_os_zero(hk_superslab_address(superslab, hk_ctz32(slots)) + HK_SHORT_SLAB_BYTES,
               HK_SLAB_BYTES - HK_SHORT_SLAB_BYTES);
  }
}

bool hk_superslab_is_valid(const hk_superslab_t *superslab) {
  if ((superslab->used_slots & ~superslab->dirty_slots) != 0) return false;
  if (hk_superslab_is_huge(superslab)) return true;
  for (uint32_t i = 0; i < superslab->slab_count; i++) {
    const hk_slab_t *slab = &superslab->slabs[i];
    bool used = (superslab->used_slots >> i & 1) != 0;
    if (used != (slab->state != HK_SLAB_UNUSED)) return false;
  }
  return true;
}

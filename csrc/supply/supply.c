#include "supply/supply.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "cache/cache.h"
#include "os/os.h"
#include "os/spare.h"
#include "supply/superslabs.h"
#include "supply/trace.h"

/* Empty SuperSlabs that an arena keeps, so that one slab going back and forth costs nothing. */
#define SUPPLY_KEEP_EMPTY 1

/* A SuperSlab drains only if others have so much room: 1 MB, and a sixteenth of what is in use. A load
 * that swings by less moves no SuperSlab. */
#define SUPPLY_SPARE_MIN (HK_SUPERSLAB_SLABS / 2)
#define SUPPLY_SPARE_SHARE 16

/* Entries of the table that are looked at in a step of decay, and SuperSlabs that may begin to drain in it:
 * their slabs are retired at once, and of JavaScript's each costs a detach. */
#define SUPPLY_LOOKS 1024
#define SUPPLY_DRAINS 8

/* To be called when slots of a SuperSlab have changed, which had so many bytes before that nobody used and that
 * may have pages. */
static void note_dirty(hk_arena_t *arena, const hk_superslab_t *superslab, size_t before) {
  uint64_t after =
      hk_superslab_unused_dirty_bytes(superslab); /* where size_t is short, too, less is less */
  hk_stat_add(&arena->supply.dirty_bytes, after - before);
}

hk_status_t hk_supply_prewarm(hk_arena_t *arena, uint64_t bytes) {
  while (arena->supply.prewarmed * HK_SUPERSLAB_BYTES < bytes) {
    hk_superslab_t *superslab;
    hk_status_t status = hk_superslabs_add(arena, HK_SUPERSLAB_BYTES, &superslab);
    if (status != HK_OK) return status;
    size_t dirty = hk_superslab_unused_dirty_bytes(superslab);
    hk_superslab_touch(superslab);
    note_dirty(arena, superslab, dirty);
    arena->supply.prewarmed++;
  }
  return HK_OK;
}

static void use_slots(hk_arena_t *arena, hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  hk_supply_t *supply = &arena->supply;
  uint32_t slots = hk_superslab_slots(slot, count), dirty = superslab->dirty_slots & slots;
  superslab->slabs[slot].fresh = !superslab->was_exposed && dirty == 0;
  if (superslab->used_slots == 0) hk_stat_sub(&supply->empties, 1);
  hk_tiers_use(&supply->tiers, superslab, slot, count);
  if (dirty != 0) hk_stat_sub(&supply->dirty_bytes, hk_popcount32(dirty) * HK_SLAB_BYTES);
  if ((superslab->purged_slots & slots) != 0)
    hk_stat_add(&arena->decay.retaken_bytes, hk_superslab_retake(superslab, slots));
  hk_stat_add(&supply->used_bytes, count * HK_SLAB_BYTES);
  hk_peaks_raise(&supply->peaks, hk_stat_get(&supply->used_bytes) / HK_SLAB_BYTES);
}

typedef hk_superslab_t *find_t(const hk_tiers_t *tiers, uint32_t count, uint32_t alignment,
                               int *slot);

/* Takes slabs that the arena has. false: there are none. */
static bool take_unused(hk_arena_t *arena, find_t *find, uint32_t count, uint32_t alignment,
                        hk_slab_t **slab) {
  int slot = 0;
  hk_superslab_t *superslab = find(&arena->supply.tiers, count, alignment, &slot);
  if (superslab == NULL) return false;
  arena->supply.source = HK_STAGE_SLOT;
  use_slots(arena, superslab, (uint32_t)slot, count);
  *slab = &superslab->slabs[slot];
  HK_ASSERT((*slab)->state == HK_SLAB_UNUSED);
  return true;
}

/* The same of a span of at most `most` slabs, as long as there is one. */
static bool take_unused_span(hk_arena_t *arena, find_t *find, uint32_t most, hk_slab_t **slab,
                             uint32_t *count) {
  for (*count = most; *count > 0; *count /= 2) {
    if (take_unused(arena, find, *count, *count, slab)) return true;
  }
  return false;
}

static hk_status_t take_added(hk_arena_t *arena, uint32_t count, hk_slab_t **slab) {
  hk_superslab_t *superslab;
  hk_status_t status = hk_superslabs_add(arena, HK_SUPERSLAB_BYTES, &superslab);
  if (status != HK_OK) return status;
  use_slots(arena, superslab, 0, count);
  *slab = &superslab->slabs[0];
  return HK_OK;
}

hk_status_t hk_supply_take(hk_arena_t *arena, uint32_t count, hk_slab_t **slab) {
  if (count * HK_SLAB_BYTES > hk_superslabs_room(arena)) return HK_OUT_OF_MEMORY_LIMIT;
  return take_unused(arena, hk_tiers_find, count, 1, slab) ? HK_OK : take_added(arena, count, slab);
}

hk_status_t hk_supply_take_span(hk_arena_t *arena, uint32_t wanted, hk_slab_t **slab,
                                uint32_t *count) {
  uint32_t most = wanted;
  while (most > 0 && most * HK_SLAB_BYTES > hk_superslabs_room(arena)) most /= 2;
  if (most == 0) return HK_OUT_OF_MEMORY_LIMIT;
  if (take_unused_span(arena, hk_tiers_find_hot, most, slab, count)) return HK_OK;
  if (take_unused_span(arena, hk_tiers_find, most, slab, count)) return HK_OK;
  *count = most;
  return take_added(arena, most, slab);
}

bool hk_supply_extend(hk_arena_t *arena, const hk_slab_t *slab, uint32_t count, uint32_t wanted) {
  hk_superslab_t *superslab = slab->superslab;
  uint32_t next = slab->slot + count, more = wanted - count;
  if (more * HK_SLAB_BYTES > hk_superslabs_room(arena)) return false;
  if (!hk_superslab_is_unused(superslab, next, more)) return false;
  hk_superslab_wipe_late(superslab, next, more);
  use_slots(arena, superslab, next, more);
  return true;
}

static uint64_t empties_to_keep(const hk_arena_t *arena) {
  if (arena->ended) return 0;
  uint64_t prewarmed = arena->supply.prewarmed;
  return prewarmed > SUPPLY_KEEP_EMPTY ? prewarmed : SUPPLY_KEEP_EMPTY;
}

/* An exposed slab, run or huge mapping stays used, and serves nobody until it is concealed. */
static void lose(hk_arena_t *arena, hk_slab_t *slab, uint32_t count) {
  bool huge = hk_superslab_is_huge(slab->superslab);
  HK_WRITE_ONCE(slab->state, HK_SLAB_LOST);
  hk_slab_lead(slab, count);
  hk_stat_add(&arena->supply.lost_bytes, huge ? slab->superslab->bytes : count * HK_SLAB_BYTES);
}

/* Unused slabs that hot SuperSlabs must have before another drains. */
static uint64_t spare_slabs(const hk_arena_t *arena) {
  uint64_t used = hk_stat_get(&arena->supply.used_bytes) / HK_SLAB_BYTES;
  return SUPPLY_SPARE_MIN + used / SUPPLY_SPARE_SHARE;
}

static void drain_emptiest(hk_arena_t *arena) {
  hk_tiers_t *tiers = &arena->supply.tiers;
  hk_superslab_t *emptiest = hk_tiers_emptiest(tiers);
  if (emptiest != NULL) (void)hk_tiers_drain(tiers, emptiest, spare_slabs(arena));
}

void hk_supply_look_around(hk_arena_t *arena) {
  hk_tiers_t *tiers = &arena->supply.tiers;
  uint64_t spare = spare_slabs(arena);
  uint32_t drained = 0;
  for (uint32_t looks = 0; looks < SUPPLY_LOOKS && drained < SUPPLY_DRAINS; looks++) {
    hk_superslab_t *superslab = arena->superslabs[tiers->looked_at];
    tiers->looked_at = (tiers->looked_at + 1) % HK_ARENA_SUPERSLABS_MAX;
    if (superslab != NULL && hk_tiers_drain(tiers, superslab, spare)) drained++;
  }
}

void hk_supply_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t count) {
  if (slab->exposed) {
    lose(arena, slab, count);
    return;
  }
  hk_supply_t *supply = &arena->supply;
  hk_superslab_t *superslab = slab->superslab;
  uint32_t dirty = superslab->dirty_slots & hk_superslab_slots(slab->slot, count);
  hk_tiers_unuse(&supply->tiers, superslab, slab->slot, count);
  hk_stat_add(&supply->dirty_bytes, hk_popcount32(dirty) * HK_SLAB_BYTES);
  hk_stat_sub(&supply->used_bytes, count * HK_SLAB_BYTES);
  HK_ASSERT_SLOW(hk_superslab_is_valid(superslab));
  if (superslab->used_slots != 0) {
    (void)hk_tiers_drain(&supply->tiers, superslab, spare_slabs(arena));
  } else {
    hk_stat_add(&supply->empties, 1);
    if (hk_stat_get(&supply->empties) > empties_to_keep(arena))
      hk_superslabs_remove(arena, superslab);
  }
  drain_emptiest(arena);
}

hk_status_t hk_supply_take_huge(hk_arena_t *arena, size_t bytes, hk_slab_t **slab) {
  HK_ASSERT(bytes > HK_SUPERSLAB_BYTES && bytes % HK_SLAB_BYTES == 0);
  if (bytes > hk_superslabs_room(arena)) return HK_OUT_OF_MEMORY_LIMIT;
  hk_superslab_t *superslab;
  hk_status_t status = hk_superslabs_add(arena, bytes, &superslab);
  if (status != HK_OK) return status;
  superslab->slabs[0].fresh = !superslab->was_exposed && superslab->dirty_slots == 0;
  superslab->used_slots = 1;
  HK_WRITE_ONCE(superslab->dirty_slots, 1);
  hk_stat_add(&arena->decay.retaken_bytes, hk_superslab_retake(superslab, 1));
  hk_stat_add(&arena->supply.used_bytes, superslab->bytes);
  *slab = &superslab->slabs[0];
  return HK_OK;
}

void hk_supply_put_huge(hk_arena_t *arena, hk_slab_t *slab) {
  if (slab->exposed) {
    lose(arena, slab, 1);
    return;
  }
  hk_superslab_t *superslab = slab->superslab;
  superslab->used_slots = 0;
  hk_stat_sub(&arena->supply.used_bytes, superslab->bytes);
  hk_superslabs_remove(arena, superslab);
}

/* Returns bytes of lost slabs. It is on no list before, and on its list afterwards, or gone. */
static size_t reset_superslab(hk_arena_t *arena, hk_superslab_t *superslab) {
  bool was_empty = superslab->used_slots == 0;
  size_t dirty = hk_superslab_unused_dirty_bytes(superslab);
  size_t lost = hk_superslab_reset(superslab);
  if (arena->scrubs) hk_superslab_wipe(superslab);
  note_dirty(arena, superslab, dirty);
  hk_tiers_link(&arena->supply.tiers, superslab);
  if (lost > 0) return lost;
  if (hk_superslab_is_huge(superslab)) {
    hk_superslabs_remove(arena, superslab);
  } else if (!was_empty) {
    hk_stat_add(&arena->supply.empties, 1);
  }
  return 0;
}

void hk_supply_reset(hk_arena_t *arena) {
  hk_supply_t *supply = &arena->supply;
  uint64_t lost_bytes = 0;
  for (hk_superslab_t *next, *s = hk_tiers_unlink_all(&supply->tiers); s != NULL; s = next) {
    next = s->next;
    lost_bytes += reset_superslab(arena, s);
  }
  hk_stat_set(&supply->used_bytes, lost_bytes);
  hk_stat_set(&supply->lost_bytes, lost_bytes);
}

void hk_supply_leave(hk_arena_t *arena) {
  HK_ASSERT(arena->ended);
  /* First, so that what hk_superslabs_remove leaves warm for the next arena stays so. */
  hk_stat_add(&arena->returned_bytes, hk_cache_cool(arena->id));
  hk_superslabs_remove_empties(arena, 0);
}

/* Purges unused slabs of a SuperSlab. Returns bytes of pages given back. */
static size_t purge_unused(hk_arena_t *arena, hk_superslab_t *superslab) {
  size_t dirty = hk_superslab_unused_dirty_bytes(superslab);
  size_t bytes = hk_superslab_purge(superslab);
  note_dirty(arena, superslab, dirty);
  if (bytes > 0) hk_trace_note(arena, HK_EVENT_PURGE, HK_BIN_NONE, HK_STAGE_CURRENT, bytes);
  return bytes;
}

static void purge_all_unused(hk_arena_t *arena) {
  const hk_tiers_t *tiers = &arena->supply.tiers;
  for (hk_superslab_t *s = hk_tiers_first(tiers); s != NULL; s = hk_tiers_next(tiers, s)) {
    hk_stat_add(&arena->returned_bytes, purge_unused(arena, s));
  }
}

static uint32_t dirty_unused(const hk_superslab_t *superslab) {
  return hk_popcount32(superslab->dirty_slots & ~superslab->used_slots);
}

/* Unused slabs that may soon be needed again. */
static uint32_t expected(const hk_arena_t *arena, uint64_t used) {
  if (arena->decay.delay_ns == 0) return 0;
  return hk_peaks_reserve(&arena->supply.peaks, (uint32_t)used);
}

/* What lies behind the slabs that would be taken next goes. */
bool hk_supply_decay(hk_arena_t *arena, uint64_t until_ns) {
  hk_decay_t *decay = &arena->decay;
  uint64_t used = hk_stat_get(&arena->supply.used_bytes) / HK_SLAB_BYTES;
  uint64_t left = expected(arena, used);
  uint64_t prewarmed = arena->supply.prewarmed * HK_SUPERSLAB_SLABS;
  if (left > 0) decay->is_waiting = true;
  if (left + used < prewarmed) left = prewarmed - used;
  const hk_tiers_t *tiers = &arena->supply.tiers;
  for (hk_superslab_t *s = hk_tiers_first(tiers); s != NULL; s = hk_tiers_next(tiers, s)) {
    uint32_t dirty = dirty_unused(s);
    if (dirty <= left) {
      left -= dirty;
      continue;
    }
    left = 0;
    hk_stat_add(&decay->bytes, purge_unused(arena, s));
    if (hk_os_now_ns() >= until_ns) return false;
  }
  return true;
}

void hk_supply_trim(hk_arena_t *arena) {
  arena->supply.prewarmed = 0;
  purge_all_unused(arena);
  hk_superslabs_remove_empties(arena, 0);
  (void)hk_spare_trim();
  size_t cached = hk_cache_expire(hk_os_now_ns());
  hk_stat_add(&arena->returned_bytes, cached + hk_cache_trim());
}

void hk_supply_end(hk_arena_t *arena) {
  hk_supply_leave(arena);
  purge_all_unused(arena);
}

void hk_supply_put_lost(hk_arena_t *arena, hk_slab_t *slab) {
  bool huge = hk_superslab_is_huge(slab->superslab);
  uint32_t span = slab->span_slabs;
  size_t bytes = huge ? slab->superslab->bytes : span * HK_SLAB_BYTES;
  if (arena->scrubs) (void)hk_superslab_zero(hk_arena_slab_address(slab), bytes);
  hk_stat_sub(&arena->supply.lost_bytes, bytes);
  hk_slab_disband(slab);
  if (huge) {
    hk_supply_put_huge(arena, slab);
  } else {
    hk_supply_put(arena, slab, span);
  }
}

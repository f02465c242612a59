/* Magazine: the hot front for C callers. Per bin a stack of free block addresses.
 *
 * Owns:      hk_magazines_t of an arena (a mapping of its own, pages touched as stacks grow).
 * Called by: C programs, through hk_alloc and hk_free.
 * Calls:     the block edge (hk_refill, hk_flush, hk_large_*), map (address -> SuperSlab).
 * Threads:   owner only, but hk_free hands blocks of other arenas to remote free.
 */
#include "arena/arena.h"
#include "arena/large.h"
#include "arena/remote.h"
#include "base/assert.h"
#include "base/compiler.h"
#include "super/map.h"

/* A magazine holds at most this many bytes of blocks (but at least MIN blocks): near the size of
 * a level-2 cache share, beyond which a recycled block is no warmer than a fresh one. */
#define MAGAZINE_BUDGET_BYTES (128 * HK_KIB)
#define MAGAZINE_MIN_BLOCKS 4
#define MAGAZINE_START_BLOCKS 16

typedef struct magazine_t {
  uint32_t count;
  uint32_t capacity; /* grows by doubling up to limit as refills show demand */
  uint32_t limit;
  void *blocks[HK_BATCH_MAX];
} magazine_t;

typedef struct hk_magazines_t {
  magazine_t bins[HK_BIN_MAX];
} hk_magazines_t;

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static inline hk_magazines_t *magazines_of(const hk_arena_t *arena) { return arena->front; }

static HK_NOINLINE bool create_magazines(hk_arena_t *arena) {
  hk_magazines_t *m = hk_arena_add_front(arena, sizeof *m);
  if (m == NULL) return false;
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    uint32_t fit = (uint32_t)MAGAZINE_BUDGET_BYTES / arena->classes->bins[bin].stride_bytes;
    uint32_t limit = fit < MAGAZINE_MIN_BLOCKS ? MAGAZINE_MIN_BLOCKS : min_u32(fit, HK_BATCH_MAX);
    m->bins[bin].limit = limit;
    m->bins[bin].capacity = min_u32(limit, MAGAZINE_START_BLOCKS);
  }
  return true;
}

/* Gives the `count` oldest blocks of a magazine back to the core. */
static void flush_oldest(hk_arena_t *arena, uint32_t bin, uint32_t count) {
  magazine_t *m = &magazines_of(arena)->bins[bin];
  uint32_t refs[HK_BATCH_MAX];
  for (uint32_t i = 0; i < count; i++) {
    const hk_superslab_t *superslab = hk_map_find(m->blocks[i]);
    size_t offset = (size_t)((char *)m->blocks[i] - superslab->base);
    const hk_slab_t *slab = &superslab->slabs[offset >> HK_SLAB_SHIFT];
    refs[i] = hk_arena_base_ref(slab) + hk_classes_index(&arena->classes->bins[bin],
                                                         (uint32_t)(offset & (HK_SLAB_BYTES - 1)));
  }
  (void)hk_flush(arena, bin, refs, count);
  m->count -= count;
  for (uint32_t i = 0; i < m->count; i++) m->blocks[i] = m->blocks[i + count];
}

static void retire_surplus(hk_arena_t *arena, uint32_t keep) {
  int32_t slab;
  while ((slab = hk_next_retirable(arena, keep)) >= 0) (void)hk_retire(arena, (uint32_t)slab);
}

static void flush_all(hk_arena_t *arena) {
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    uint32_t count = magazines_of(arena)->bins[bin].count;
    if (count > 0) flush_oldest(arena, bin, count);
  }
  retire_surplus(arena, 0);
}

static bool refill(hk_arena_t *arena, uint32_t bin) {
  magazine_t *m = &magazines_of(arena)->bins[bin];
  uint32_t refs[HK_BATCH_MAX];
  uint32_t got;
  uint32_t want = m->capacity / 2;
  hk_status_t status = hk_refill(arena, bin, refs, want, &got);
  if (status != HK_OK) {
    flush_all(arena);
    status = hk_refill(arena, bin, refs, 1, &got);
    if (status != HK_OK) return false;
  }
  uint32_t stride = arena->classes->bins[bin].stride_bytes;
  /* Lowest address last, so that it is handed out first. */
  for (uint32_t i = got; i-- > 0;) {
    const hk_slab_t *slab = hk_arena_slab(arena, refs[i] >> HK_REF_INDEX_BITS);
    m->blocks[m->count++] =
        hk_arena_slab_address(slab) + (size_t)(refs[i] & HK_REF_INDEX_MASK) * stride;
  }
  m->capacity = min_u32(m->capacity * 2, m->limit);
  return true;
}

static void *large_alloc(hk_arena_t *arena, size_t size_bytes) {
  uint32_t ref;
  hk_status_t status = hk_large_alloc(arena, size_bytes, &ref);
  if (status != HK_OK) {
    flush_all(arena);
    if (hk_large_alloc(arena, size_bytes, &ref) != HK_OK) return NULL;
  }
  const hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  double bytes = (double)hk_large_block_bytes(slab);
  hk_counter_add(&arena->counters->allocs.by_bin[slab->bin], 1);
  hk_counter_add(&arena->counters->live_bytes[slab->bin], bytes);
  hk_counter_add(&arena->counters->live_block_bytes[slab->bin], bytes);
  return hk_arena_slab_address(slab);
}

static HK_NOINLINE void *alloc_slow(hk_arena_t *arena, size_t size_bytes) {
  if (arena->front == NULL && !create_magazines(arena)) return NULL;
  if (size_bytes > HK_CLASS_SIZE_MAX) return large_alloc(arena, size_bytes);
  uint32_t bin = hk_classes_bin(arena->classes, size_bytes);
  if (magazines_of(arena)->bins[bin].count == 0 && !refill(arena, bin)) return NULL;
  hk_counter_add(&arena->counters->allocs.by_bin[bin], 1);
  magazine_t *m = &magazines_of(arena)->bins[bin];
  return m->blocks[--m->count];
}

void *hk_alloc(hk_arena_t *arena, size_t size_bytes) {
  if (size_bytes == 0) size_bytes = 1;
  if (HK_UNLIKELY(size_bytes > HK_CLASS_SIZE_MAX || arena->front == NULL)) {
    return alloc_slow(arena, size_bytes);
  }
  uint32_t bin = hk_classes_bin(arena->classes, size_bytes);
  magazine_t *m = &magazines_of(arena)->bins[bin];
  if (HK_UNLIKELY(m->count == 0)) return alloc_slow(arena, size_bytes);
  hk_counter_add(&arena->counters->allocs.by_bin[bin], 1);
  return m->blocks[--m->count];
}

static hk_status_t large_free(hk_arena_t *arena, const hk_slab_t *slab, const void *block) {
  if (hk_arena_slab_address(slab) != block) return HK_NOT_OWNED;
  uint32_t bin = slab->bin;
  double bytes = (double)hk_large_block_bytes(slab);
  hk_status_t status = hk_large_free(arena, hk_arena_base_ref(slab));
  if (status != HK_OK) return status;
  hk_counter_add(&arena->counters->frees.by_bin[bin], 1);
  hk_counter_add(&arena->counters->live_bytes[bin], -bytes);
  hk_counter_add(&arena->counters->live_block_bytes[bin], -bytes);
  return HK_OK;
}

/* Makes room in a full magazine by flushing its older half. */
static HK_NOINLINE void make_room_slow(hk_arena_t *arena, uint32_t bin) {
  flush_oldest(arena, bin, (magazines_of(arena)->bins[bin].count + 1) / 2);
  retire_surplus(arena, UINT32_MAX);
}

static hk_status_t free_local(hk_arena_t *arena, uint32_t bin, void *block) {
  magazine_t *m = &magazines_of(arena)->bins[bin];
  if (HK_UNLIKELY(m->count >= m->capacity)) make_room_slow(arena, bin);
  m->blocks[m->count++] = block;
  hk_counter_add(&arena->counters->frees.by_bin[bin], 1);
  return HK_OK;
}

/* Slab of an address inside `superslab`; a huge mapping has one record for all of it. */
static hk_slab_t *slab_at(hk_superslab_t *superslab, size_t offset) {
  return &superslab->slabs[hk_superslab_is_huge(superslab) ? 0 : offset >> HK_SLAB_SHIFT];
}

hk_status_t hk_free(hk_arena_t *arena, void *block) {
  if (block == NULL) return HK_OK;
  hk_superslab_t *superslab = hk_map_find(block);
  if (HK_UNLIKELY(superslab == NULL)) return HK_NOT_OWNED;
  hk_arena_t *owner = atomic_load_explicit(&superslab->owner, memory_order_acquire);
  if (HK_UNLIKELY(owner == NULL)) return HK_NOT_OWNED;
  size_t offset = (size_t)((char *)block - superslab->base);
  hk_slab_t *slab = slab_at(superslab, offset);
  if (HK_UNLIKELY(slab->state != HK_SLAB_CLASS)) {
    return slab->state == HK_SLAB_RUN && owner == arena ? large_free(arena, slab, block)
                                                        : HK_NOT_OWNED;
  }
  const hk_class_t *c = &owner->classes->bins[slab->bin];
  uint32_t in_slab = (uint32_t)(offset & (HK_SLAB_BYTES - 1));
  uint32_t index = hk_classes_index(c, in_slab);
  if (HK_UNLIKELY(index * c->stride_bytes != in_slab || index >= c->capacity)) return HK_NOT_OWNED;
  if (HK_UNLIKELY(owner != arena)) return hk_remote_put(owner, slab, index);
  if (HK_UNLIKELY(hk_slab_is_free(slab, index))) return HK_DOUBLE_FREE;
  return free_local(arena, slab->bin, block);
}

/* The SuperSlab that an address lies in. The map knows chunks of 2 MB, and the last chunk of a huge
 * mapping may belong to somebody else from where the mapping ends. */
static hk_superslab_t *superslab_around(const void *address) {
  hk_superslab_t *superslab = hk_map_find(address);
  if (superslab == NULL) return NULL;
  size_t offset = (size_t)((const char *)address - superslab->base);
  return offset < superslab->bytes ? superslab : NULL;
}

size_t hk_usable_size(const void *block) {
  hk_superslab_t *superslab = superslab_around(block);
  hk_arena_t *owner =
      superslab != NULL ? atomic_load_explicit(&superslab->owner, memory_order_acquire) : NULL;
  if (owner == NULL) return 0;
  const hk_slab_t *slab = slab_at(superslab, (size_t)((const char *)block - superslab->base));
  if (slab->state == HK_SLAB_RUN) return hk_large_block_bytes(slab);
  if (slab->state == HK_SLAB_CLASS) return owner->classes->bins[slab->bin].stride_bytes;
  return 0;
}

bool hk_owns(const hk_arena_t *arena, const void *address) {
  hk_superslab_t *superslab = superslab_around(address);
  return superslab != NULL &&
         atomic_load_explicit(&superslab->owner, memory_order_acquire) == arena;
}

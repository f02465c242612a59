/* Magazine: the hot front for C callers. Per bin a stack of free block addresses.
 *
 * Owns:      the stacks (a mapping of their own), and hk_magazine_t in the arena's record.
 * Called by: C programs, through hk_alloc and hk_free.
 * Calls:     heap by the slab (refill, flush), large, map (address -> SuperSlab).
 * Threads:   owner only, but hk_free hands blocks of other arenas to remote free.
 */
#include "front/magazine.h"
#include "arena/arena.h"
#include "arena/heap.h"
#include "arena/large.h"
#include "arena/remote.h"
#include "base/assert.h"
#include "base/compiler.h"
#include "super/map.h"

/* A magazine holds at most this many bytes of blocks: near the size of a level-2 cache share, beyond
 * which a recycled block is no warmer than a fresh one. But at least MIN blocks, because a random walk
 * of allocations and frees leaves a short stack at every step, and then the core is the cost. */
#define MAGAZINE_BUDGET_BYTES (128 * HK_KIB)
#define MAGAZINE_MIN_BLOCKS 64
#define MAGAZINE_START_BLOCKS 16

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static uint32_t limit_of(const hk_class_t *c) {
  uint32_t fit = (uint32_t)MAGAZINE_BUDGET_BYTES / c->stride_bytes;
  return fit < MAGAZINE_MIN_BLOCKS ? MAGAZINE_MIN_BLOCKS : min_u32(fit, HK_BATCH_MAX);
}

/* Only the owner writes a top; readers of statistics see it move. */
static inline void **top_of(const hk_magazine_t *m) {
  return atomic_load_explicit((_Atomic(void **) *)&m->top, memory_order_relaxed);
}

static inline void set_top(hk_magazine_t *m, void **top) {
  atomic_store_explicit(&m->top, top, memory_order_relaxed);
}

static inline void **bottom_of(const hk_magazine_t *m) {
  return atomic_load_explicit((_Atomic(void **) *)&m->bottom, memory_order_relaxed);
}

static uint32_t count_in(const hk_magazine_t *m) { return (uint32_t)(top_of(m) - bottom_of(m)); }

static HK_NOINLINE bool create_magazines(hk_arena_t *arena) {
  const hk_classes_t *classes = arena->classes;
  size_t blocks = 0;
  for (uint32_t bin = 0; bin < classes->count; bin++) blocks += 1 + limit_of(&classes->bins[bin]);
  bool fresh;
  void **stack = hk_arena_add_front(arena, blocks * sizeof *stack, &fresh);
  if (stack == NULL) return false;
  hk_counters_begin_move(arena->counters);
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    const hk_class_t *c = &classes->bins[bin];
    hk_magazine_t *m = &arena->magazines[bin];
    m->limit = limit_of(c);
    if (!fresh) *stack = NULL;
    stack++; /* the NULL below the bottom */
    atomic_store_explicit(&m->bottom, stack, memory_order_relaxed);
    set_top(m, stack);
    m->full = stack + min_u32(m->limit, MAGAZINE_START_BLOCKS);
    m->stride_bytes = c->stride_bytes;
    m->reciprocal = c->reciprocal;
    m->used_bytes = c->capacity * c->stride_bytes;
    stack += m->limit;
  }
  hk_counters_end_move(arena->counters);
  return true;
}

static uint32_t slot_of(const void *address) {
  return (uint32_t)((uintptr_t)address >> HK_SLAB_SHIFT) % HK_SUPERSLAB_SLABS;
}

static uint32_t offset_in_slab(const void *address) {
  return (uint32_t)((uintptr_t)address & (HK_SLAB_BYTES - 1));
}

/* Block index of an offset in a slab of the magazine's class. */
static uint32_t index_of(const hk_magazine_t *m, uint32_t offset) {
  return (uint32_t)(((uint64_t)offset * m->reciprocal) >> 32);
}

/* Whether a block begins at an offset in a slab of the magazine's class. With c = ceil(2^32 / stride) the
 * low half of offset x c is the remainder in units of c, and less than one unit when there is none: one
 * multiplication (Lemire, Kaser and Kurz, "Faster remainder by direct computation", 2019). */
static inline bool is_block_offset(const hk_magazine_t *m, uint32_t offset) {
  return offset * m->reciprocal < m->reciprocal && offset < m->used_bytes;
}

/* Gives one block back to the core. false: it was freed before, and its slab may since serve another class
 * or be gone. */
static bool flush_one(hk_arena_t *arena, uint32_t bin, void *block) {
  hk_superslab_t *superslab = hk_map_find(block);
  void *owner =
      superslab == NULL ? NULL : atomic_load_explicit(&superslab->owner, memory_order_acquire);
  if (owner == arena) {
    hk_slab_t *slab = &superslab->slabs[slot_of(block)];
    uint32_t index = index_of(&arena->magazines[bin], offset_in_slab(block));
    if (slab->state == HK_SLAB_CLASS && slab->bin == bin) {
      return hk_heap_put(arena, slab, index) == HK_OK;
    }
  }
  hk_cell_add(&arena->double_frees, 1);
  return false;
}

/* Gives the `count` oldest blocks of a magazine back to the core. */
static void flush_oldest(hk_arena_t *arena, uint32_t bin, uint32_t count) {
  hk_magazine_t *m = &arena->magazines[bin];
  void **bottom = bottom_of(m), **top = top_of(m) - count;
  uint32_t flushed = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (flush_one(arena, bin, bottom[i])) flushed++;
  }
  hk_heap_count_flush(arena, bin, flushed);
  for (void **at = bottom; at < top; at++) *at = at[count];
  hk_counters_begin_move(arena->counters);
  hk_cell_sub(&m->moved_in, count);
  set_top(m, top);
  hk_counters_end_move(arena->counters);
}

static void retire_surplus(hk_arena_t *arena, uint32_t keep) {
  int32_t slab;
  while ((slab = hk_next_retirable(arena, keep)) >= 0) (void)hk_retire(arena, (uint32_t)slab);
}

void hk_magazine_flush_all(hk_arena_t *arena) {
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    const hk_magazine_t *m = &arena->magazines[bin];
    if (count_in(m) > 0) flush_oldest(arena, bin, count_in(m));
  }
  retire_surplus(arena, 0);
}

/* Pushes up to `want` blocks, so that the lowest address of each slab is handed out first. */
static uint32_t take_blocks(hk_arena_t *arena, uint32_t bin, uint32_t want) {
  hk_magazine_t *m = &arena->magazines[bin];
  uint32_t indices[HK_BATCH_MAX];
  uint32_t taken = 0;
  void **top = top_of(m);
  while (taken < want) {
    hk_slab_t *slab;
    /* A batch that has something is not worth a new slab. */
    if (hk_heap_current(arena, bin, taken == 0, &slab) != HK_OK) break;
    uint32_t got = hk_slab_take(slab, 0, indices, want - taken);
    char *base = hk_arena_slab_address(slab);
    for (uint32_t i = got; i-- > 0;) *top++ = base + (size_t)indices[i] * m->stride_bytes;
    taken += got;
  }
  if (taken == 0) return 0;
  hk_heap_count_refill(arena, bin, taken);
  hk_counters_begin_move(arena->counters);
  set_top(m, top);
  hk_cell_add(&m->moved_in, taken);
  hk_counters_end_move(arena->counters);
  return taken;
}

static bool refill(hk_arena_t *arena, uint32_t bin) {
  hk_magazine_t *m = &arena->magazines[bin];
  uint32_t capacity = (uint32_t)(m->full - bottom_of(m));
  if (take_blocks(arena, bin, capacity / 2) == 0) {
    hk_magazine_flush_all(arena);
    if (take_blocks(arena, bin, 1) == 0) return false;
  }
  m->full = bottom_of(m) + min_u32(capacity * 2, m->limit);
  return true;
}

static HK_NOINLINE void *alloc_large(hk_arena_t *arena, size_t size_bytes) {
  if (arena->front == NULL && !create_magazines(arena)) return NULL;
  uint32_t ref;
  hk_status_t status = hk_large_alloc(arena, size_bytes, &ref);
  if (status != HK_OK) {
    hk_magazine_flush_all(arena);
    if (hk_large_alloc(arena, size_bytes, &ref) != HK_OK) return NULL;
  }
  const hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  double bytes = (double)hk_large_block_bytes(slab);
  hk_counter_add(&arena->counters->allocs.by_bin[slab->bin], 1);
  hk_counter_add(&arena->counters->live_bytes[slab->bin], bytes);
  hk_counter_add(&arena->counters->live_block_bytes[slab->bin], bytes);
  return hk_arena_slab_address(slab);
}

/* The magazine is empty, or not there yet. */
static HK_NOINLINE void *alloc_slow(hk_arena_t *arena, uint32_t bin) {
  if (arena->front == NULL && !create_magazines(arena)) return NULL;
  if (!refill(arena, bin)) return NULL;
  hk_magazine_t *m = &arena->magazines[bin];
  void **top = top_of(m) - 1;
  set_top(m, top);
  return *top;
}

void *hk_alloc(hk_arena_t *arena, size_t size_bytes) {
  if (HK_UNLIKELY(size_bytes > HK_CLASS_SIZE_MAX)) return alloc_large(arena, size_bytes);
  uint32_t bin = hk_classes_bin(arena->classes, size_bytes);
  hk_magazine_t *m = &arena->magazines[bin];
  HK_OPAQUE(m);
  void **top = top_of(m) - 1;
  void *block = *top;
  if (HK_UNLIKELY(block == NULL)) return alloc_slow(arena, bin);
  set_top(m, top);
  return block;
}

/* Slab of an address inside `superslab`; a huge mapping has one record for all of it. */
static hk_slab_t *slab_at(hk_superslab_t *superslab, const void *address) {
  return &superslab->slabs[hk_superslab_is_huge(superslab) ? 0 : slot_of(address)];
}

static hk_status_t free_large(hk_arena_t *arena, const hk_slab_t *slab) {
  uint32_t bin = slab->bin;
  double bytes = (double)hk_large_block_bytes(slab);
  hk_status_t status = hk_large_free(arena, hk_arena_base_ref(slab));
  if (status != HK_OK) return status;
  hk_counter_add(&arena->counters->frees.by_bin[bin], 1);
  hk_counter_add(&arena->counters->live_bytes[bin], -bytes);
  hk_counter_add(&arena->counters->live_block_bytes[bin], -bytes);
  return HK_OK;
}

static hk_status_t free_remote(hk_arena_t *owner, hk_slab_t *slab, const void *block) {
  if (slab->state == HK_SLAB_RUN) return hk_remote_put_large(owner, slab);
  const hk_class_t *c = &owner->classes->bins[slab->bin];
  uint32_t offset = offset_in_slab(block);
  uint32_t index = hk_classes_index(c, offset);
  if (index * c->stride_bytes != offset || index >= c->capacity) return HK_NOT_OWNED;
  return hk_remote_put(owner, slab, index);
}

static inline hk_status_t push(hk_magazine_t *m, void **top, void *block) {
  *top = block;
  set_top(m, top + 1);
  hk_cell_add(&m->frees, 1);
  return HK_OK;
}

/* Makes room in a full magazine by flushing its older half. Ends the free itself, so that hk_free has
 * nothing to come back to and needs no stack frame. */
static HK_NOINLINE hk_status_t free_to_full(hk_arena_t *arena, hk_magazine_t *m, void *block) {
  uint32_t bin = (uint32_t)(m - arena->magazines);
  flush_oldest(arena, bin, (count_in(m) + 1) / 2);
  if (arena->bins[bin].draining) retire_surplus(arena, UINT32_MAX);
  return push(m, top_of(m), block);
}

/* A block of a class of the caller's own arena. `block` may be any address inside its slab. */
static inline hk_status_t free_own(hk_arena_t *arena, uint32_t bin, void *block) {
  hk_magazine_t *m = &arena->magazines[bin];
  HK_OPAQUE(m);
  if (HK_UNLIKELY(!is_block_offset(m, offset_in_slab(block)))) return HK_NOT_OWNED;
  void **top = top_of(m);
  if (HK_UNLIKELY(top[-1] == block)) return HK_DOUBLE_FREE;
#if HK_DEBUG /* 0.2 to 0.9 ns, which is too much for a check that sees some double frees and not others */
  const hk_slab_t *slab = &hk_map_find(block)->slabs[slot_of(block)];
  if (hk_slab_is_free(slab, index_of(m, offset_in_slab(block)))) return HK_DOUBLE_FREE;
#endif
  if (HK_UNLIKELY(top == m->full)) return free_to_full(arena, m, block);
  return push(m, top, block);
}

/* Whatever slab_bins does not know. `arena` may be NULL. */
static HK_NOINLINE hk_status_t free_slow(hk_arena_t *arena, void *block) {
  if (block == NULL) return HK_OK;
  hk_superslab_t *superslab = hk_map_find(block);
  if (superslab == NULL) return HK_NOT_OWNED;
  hk_arena_t *owner = atomic_load_explicit(&superslab->owner, memory_order_acquire);
  if (owner == NULL) return HK_NOT_OWNED;
  hk_slab_t *slab = slab_at(superslab, block);
  bool is_first = hk_arena_slab_address(slab) == block;
  if (slab->state == HK_SLAB_UNUSED && slab->bin == HK_BIN_RUN && is_first) return HK_DOUBLE_FREE;
  if (slab->state != HK_SLAB_CLASS && !(slab->state == HK_SLAB_RUN && is_first))
    return HK_NOT_OWNED;
  if (owner != arena) return free_remote(owner, slab, block);
  if (slab->state == HK_SLAB_RUN) return free_large(arena, slab);
  if (arena->front == NULL) return HK_NOT_OWNED; /* another front's block */
  uint64_t number = hk_slab_bin_number(block);
  arena->slab_bins[number % HK_SLAB_BINS] = number << 8 | slab->bin;
  return free_own(arena, slab->bin, block);
}

hk_status_t hk_free(hk_arena_t *arena, void *block) {
  if (HK_UNLIKELY(arena == NULL)) return free_slow(arena, block);
  uint64_t number = hk_slab_bin_number(block);
  hk_slab_bin_t known = arena->slab_bins[number % HK_SLAB_BINS];
  if (HK_UNLIKELY(known >> 8 != number)) return free_slow(arena, block);
  return free_own(arena, known & 0xff, block);
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
  const hk_slab_t *slab = slab_at(superslab, block);
  if (slab->state == HK_SLAB_RUN) return hk_large_block_bytes(slab);
  if (slab->state == HK_SLAB_CLASS) return owner->classes->bins[slab->bin].stride_bytes;
  return 0;
}

bool hk_owns(const hk_arena_t *arena, const void *address) {
  hk_superslab_t *superslab = superslab_around(address);
  return superslab != NULL &&
         atomic_load_explicit(&superslab->owner, memory_order_acquire) == arena;
}

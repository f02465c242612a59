#include "front/stacks.h"

#include <string.h>

#include "base/assert.h"
#include "cache/cache.h"
#include "front/magazine.h"
#include "front/shelf.h"
#include "os/spare.h"
#include "supply/failures.h"

/* A magazine holds at most HK_MAGAZINE_BUDGET_BYTES of blocks. But it may hold MAGAZINE_MIN_BLOCKS in
 * any case, because a random walk of allocations and frees leaves a short stack at every step, and
 * then the core is the cost: with 64 blocks of 8 to 34 KB a twentieth of all time, with 128 nothing
 * (benchmark mid-large-long). */
#define MAGAZINE_MIN_BLOCKS 128
#define MAGAZINE_START_BLOCKS 16

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static uint32_t max_blocks_of(const hk_class_t *c) {
  uint32_t fit = (uint32_t)HK_MAGAZINE_BUDGET_BYTES / c->stride_bytes;
  return fit < MAGAZINE_MIN_BLOCKS ? MAGAZINE_MIN_BLOCKS : min_u32(fit, HK_BATCH_MAX);
}

/* The stack of a magazine that has no memory: empty and full at once. Never written. */
static void *no_stack[1];

static void set_no_stack(hk_magazine_t *m) {
  void **end = no_stack + 1;
  hk_magazine_set_top(m, end);
  atomic_store_explicit(&m->bottom, end, memory_order_relaxed);
  m->full = end;
}

void hk_front_init(hk_arena_t *arena) {
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) set_no_stack(&arena->magazines[bin]);
}

static void *take_memory(hk_arena_t *arena, size_t bytes, bool *fresh) {
  size_t mapped = hk_os_round_to_pages(bytes);
  arena->front = hk_cache_map_metadata(HK_SPARE_STACKS, mapped, fresh);
  if (arena->front == NULL) {
    hk_note_refusal(arena, HK_OUT_OF_MEMORY_OS);
  } else {
    hk_stat_set(&arena->front_bytes, mapped);
  }
  return arena->front;
}

static void set_class(hk_magazine_t *m, const hk_class_t *c) {
  m->max_blocks = (uint16_t)max_blocks_of(c);
  m->offset_mask = c->span_slabs * (uint32_t)HK_SLAB_BYTES - 1;
  m->check = c->check;
  m->block_limit = c->block_limit;
}

/* Gives an empty magazine a stack of `blocks`, which begins behind a NULL. Stacks are laid side by
 * side in the order in which they are needed, so that an arena pays for the pages of those alone;
 * the one before, half as long, is not used again. The caller holds the seqlock. */
static void set_stack(hk_arena_t *arena, hk_magazine_t *m, uint32_t blocks) {
  void **memory = (void **)arena->front + arena->front_used;
  *memory = NULL;
  arena->front_used += 1 + blocks;
  atomic_store_explicit(&m->bottom, memory + 1, memory_order_relaxed);
  hk_magazine_set_top(m, memory + 1);
  m->full = memory + 1 + blocks;
}

static uint32_t next_size(uint32_t blocks, uint32_t max) { return min_u32(blocks * 2, max); }

/* Pointers that all stacks of a magazine take, from the first to the longest. */
static size_t pointers_of(uint32_t max) {
  uint32_t blocks = MAGAZINE_START_BLOCKS;
  size_t pointers = 1 + blocks;
  for (; blocks < max; pointers += 1 + blocks) blocks = next_size(blocks, max);
  return pointers;
}

static size_t pointers_of_all(const hk_classes_t *classes) {
  size_t pointers = 0;
  for (uint32_t bin = 0; bin < classes->built; bin++) {
    pointers += pointers_of(max_blocks_of(&classes->bins[bin]));
  }
  return pointers;
}

static size_t pointers_of_default(void) {
  static _Atomic(size_t) known; /* it takes as long as all else that is done for a small arena */
  size_t pointers = atomic_load_explicit(&known, memory_order_relaxed);
  if (pointers == 0) {
    pointers = pointers_of_all(hk_classes_default());
    atomic_store_explicit(&known, pointers, memory_order_relaxed);
  }
  return pointers;
}

static size_t pointers_for(const hk_arena_t *arena) {
  if (arena->classes != &arena->own_classes) return pointers_of_default();
  /* Room for any class that is added later. */
  size_t more = (HK_BIN_MAX - arena->classes->built) * pointers_of(HK_BATCH_MAX);
  return pointers_of_all(arena->classes) + more;
}

HK_NOINLINE bool hk_front_create(hk_arena_t *arena) {
  bool fresh; /* not needed: nothing but a NULL is read before it is written */
  if (take_memory(arena, pointers_for(arena) * sizeof(void *), &fresh) == NULL) return false;
  arena->front_used = 0;
  return true;
}

static void replace_stack(hk_arena_t *arena, hk_magazine_t *m, uint32_t blocks) {
  hk_counters_write_begin(arena->counters);
  set_stack(arena, m, blocks);
  hk_counters_write_end(arena->counters);
}

bool hk_stack_begin(hk_arena_t *arena, hk_magazine_t *m) {
  if (hk_magazine_capacity(m) != 0) return false;
  set_class(m, &arena->classes->bins[hk_magazine_bin(arena, m)]);
  replace_stack(arena, m, MAGAZINE_START_BLOCKS);
  return true;
}

void hk_front_add_class(hk_arena_t *arena, uint32_t bin) {
  if (!hk_arena_has_front(arena)) return;
  hk_magazine_t *m = &arena->magazines[bin];
  uint32_t blocks = hk_magazine_capacity(m);
  set_class(m, &arena->classes->bins[bin]);
  /* There is room for one row of stacks, and an earlier class has used some of it. */
  if (blocks > MAGAZINE_START_BLOCKS) m->max_blocks = (uint16_t)blocks;
}

void hk_stack_grow(hk_arena_t *arena, uint32_t bin) {
  hk_magazine_t *m = &arena->magazines[bin];
  if (hk_stat_get(&arena->bins[bin].refills) == 0) {
    (void)hk_stack_begin(arena, m);
    return;
  }
  uint32_t blocks = hk_magazine_capacity(m);
  if (blocks == 0) set_class(m, &arena->classes->bins[bin]);
  if (blocks == m->max_blocks) return;
  replace_stack(arena, m, next_size(blocks == 0 ? MAGAZINE_START_BLOCKS : blocks, m->max_blocks));
}

/* Its blocks are the core's again, and what was allocated stays counted. */
static void drop_magazine(hk_magazine_t *m) {
  hk_stat_set(&m->moved_in, hk_magazine_allocs(m) - hk_stat_get(&m->frees));
  set_no_stack(m);
}

#if HK_DEBUG
static bool are_forgotten(const hk_arena_t *arena) {
  const hk_slab_bin_t *bins = arena->slab_bins;
  return bins[0] == 0 && memcmp(bins, bins + 1, sizeof arena->slab_bins - sizeof *bins) == 0;
}
#endif

/* Empties the slab-to-magazine cache. Slabs that left their class have no entry any more. */
static void forget_slabs(hk_arena_t *arena) {
  const hk_tiers_t *tiers = &arena->supply.tiers;
  for (hk_superslab_t *s = hk_tiers_first(tiers); s != NULL; s = hk_tiers_next(tiers, s)) {
    memset(hk_arena_slab_bin(arena, s->base), 0, HK_SUPERSLAB_SLABS * sizeof(hk_slab_bin_t));
  }
  HK_ASSERT_SLOW(are_forgotten(arena));
}

void hk_front_end(hk_arena_t *arena) {
  if (!hk_arena_has_front(arena)) return;
  forget_slabs(arena);
  hk_shelf_drop(arena);
  hk_spare_put(HK_SPARE_STACKS, arena->front, (size_t)hk_stat_get(&arena->front_bytes));
  arena->front = NULL;
  hk_stat_set(&arena->front_bytes, 0);
}

void hk_front_drop(hk_arena_t *arena) {
  if (!hk_arena_has_front(arena)) return;
  hk_counters_write_begin(arena->counters);
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    hk_magazine_t *m = &arena->magazines[bin];
    if (hk_magazine_capacity(m) != 0) drop_magazine(m);
  }
  hk_counters_write_end(arena->counters);
  hk_front_end(arena);
}

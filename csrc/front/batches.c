/* Batches: blocks on their way between magazines and the core.
 *
 * Owns:      the memory of the stacks, and how much a magazine may hold.
 * Called by: magazine (empty, full), trim.
 * Calls:     heap by the slab, remote (drain), map (address -> SuperSlab).
 * Threads:   owner only.
 */
#include "arena/failures.h"
#include "arena/heap.h"
#include "arena/remote.h"
#include "front/magazine.h"
#include "super/map.h"

/* A magazine holds at most this many bytes of blocks: near the size of a level-2 cache share, beyond
 * which a recycled block is no warmer than a fresh one. But at least MIN blocks, because a random walk
 * of allocations and frees leaves a short stack at every step, and then the core is the cost: with 64
 * blocks of 8 to 34 KB it was a twentieth of all time, with 128 it is nothing (mid-large-long). */
#define MAGAZINE_BUDGET_BYTES (128 * HK_KIB)
#define MAGAZINE_MIN_BLOCKS 128
#define MAGAZINE_START_BLOCKS 16

/* Most blocks that one miss moves for bins that have not missed: some microseconds. */
#define MAGAZINE_TOP_UP_BLOCKS 2048

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

static uint32_t limit_of(const hk_class_t *c) {
  uint32_t fit = (uint32_t)MAGAZINE_BUDGET_BYTES / c->stride_bytes;
  return fit < MAGAZINE_MIN_BLOCKS ? MAGAZINE_MIN_BLOCKS : min_u32(fit, HK_BATCH_MAX);
}

static inline void **bottom_of(const hk_magazine_t *m) {
  return atomic_load_explicit((_Atomic(void **) *)&m->bottom, memory_order_relaxed);
}

static uint32_t count_in(const hk_magazine_t *m) {
  return (uint32_t)(hk_magazine_top(m) - bottom_of(m));
}

static uint32_t capacity_of(const hk_magazine_t *m) { return (uint32_t)(m->full - bottom_of(m)); }

HK_NOINLINE bool hk_magazine_create_all(hk_arena_t *arena) {
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
    m->limit = (uint16_t)limit_of(c);
    if (!fresh) *stack = NULL;
    stack++; /* the NULL below the bottom */
    atomic_store_explicit(&m->bottom, stack, memory_order_relaxed);
    hk_magazine_set_top(m, stack);
    m->full = stack + min_u32(m->limit, MAGAZINE_START_BLOCKS);
    m->stride_bytes = c->stride_bytes;
    m->reciprocal = c->reciprocal;
    m->begins = c->begins;
    stack += m->limit;
  }
  hk_counters_end_move(arena->counters);
  return true;
}

/* --- To the core ---------------------------------------------------------------------------------------- */

/* Gives one block back to the core. false: it was freed before, and its slab may since serve another class
 * or be gone. */
static bool flush_one(hk_arena_t *arena, uint32_t bin, void *block) {
  hk_superslab_t *superslab = hk_map_find(block);
  void *owner =
      superslab == NULL ? NULL : atomic_load_explicit(&superslab->owner, memory_order_acquire);
  if (owner == arena) {
    hk_slab_t *slab = &superslab->slabs[hk_slot_of(block)];
    uint32_t index = hk_magazine_index(&arena->magazines[bin], hk_offset_in_slab(block));
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
  void **bottom = bottom_of(m), **top = hk_magazine_top(m) - count;
  uint32_t flushed = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (flush_one(arena, bin, bottom[i])) flushed++;
  }
  hk_heap_count_flush(arena, bin, flushed);
  for (void **at = bottom; at < top; at++) *at = at[count];
  hk_counters_begin_move(arena->counters);
  hk_cell_sub(&m->moved_in, count);
  hk_magazine_set_top(m, top);
  hk_counters_end_move(arena->counters);
}

static void retire_surplus(hk_arena_t *arena, uint32_t keep) {
  int32_t slab;
  while ((slab = hk_next_retirable(arena, keep)) >= 0) (void)hk_retire(arena, (uint32_t)slab);
}

void hk_magazine_flush_half(hk_arena_t *arena, uint32_t bin) {
  flush_oldest(arena, bin, (count_in(&arena->magazines[bin]) + 1) / 2);
  if (arena->bins[bin].draining) retire_surplus(arena, UINT32_MAX);
}

void hk_magazine_flush_all(hk_arena_t *arena) {
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    const hk_magazine_t *m = &arena->magazines[bin];
    if (count_in(m) > 0) flush_oldest(arena, bin, count_in(m));
  }
  retire_surplus(arena, 0);
}

/* --- From the core -------------------------------------------------------------------------------------- */

/* Pushes up to `want` blocks, so that the lowest address of each slab is handed out first. The class takes
 * new slabs while they are fewer than `need`. Why there were no more is in `*refusal`. */
static uint32_t take_blocks(hk_arena_t *arena, uint32_t bin, uint32_t want, uint32_t need,
                            hk_status_t *refusal) {
  hk_magazine_t *m = &arena->magazines[bin];
  uint32_t indices[HK_BATCH_MAX];
  uint32_t taken = 0;
  void **top = hk_magazine_top(m);
  while (taken < want) {
    hk_slab_t *slab;
    *refusal = hk_heap_current(arena, bin, taken < need, &slab);
    if (*refusal != HK_OK) break;
    uint32_t got = hk_slab_take(slab, 0, indices, want - taken);
    char *base = hk_arena_slab_address(slab);
    for (uint32_t i = got; i-- > 0;) *top++ = base + (size_t)indices[i] * m->stride_bytes;
    taken += got;
  }
  m->frees_seen = (uint16_t)hk_cell_get(&m->frees);
  if (taken == 0) return 0;
  hk_heap_count_refill(arena, bin, taken);
  hk_counters_begin_move(arena->counters);
  hk_magazine_set_top(m, top);
  hk_cell_add(&m->moved_in, taken);
  hk_counters_end_move(arena->counters);
  return taken;
}

/* What a batch should fill a magazine to: half, so that frees find room, but all of it while the owner
 * frees nothing, because the heap grows or other threads do. */
static uint32_t goal_of(const hk_magazine_t *m) {
  bool frees = (uint16_t)hk_cell_get(&m->frees) != m->frees_seen;
  return frees ? capacity_of(m) / 2 : capacity_of(m);
}

/* A batch that has something is not worth a new slab. But where blocks come back from other threads a class
 * lives on what it has beyond those under way, and with little it misses all the time. */
static uint32_t need_of(const hk_arena_t *arena, uint32_t bin, uint32_t goal) {
  bool gained = (arena->gained_bins >> bin & 1) != 0;
  if (!gained || arena->max_bytes != 0) return 1;
  uint32_t fit = (uint32_t)MAGAZINE_BUDGET_BYTES / arena->magazines[bin].stride_bytes;
  return 1 + min_u32(goal, fit) / 2;
}

/* Bins whose blocks come back from other threads all run out in their turn: one miss serves them all. */
static void top_up(hk_arena_t *arena) {
  uint32_t moved = 0;
  for (uint64_t bins = arena->gained_bins; bins != 0; bins &= bins - 1) {
    uint32_t bin = hk_ctz64(bins);
    const hk_magazine_t *m = &arena->magazines[bin];
    uint32_t goal = goal_of(m), count = count_in(m);
    if (count > goal / 2) continue; /* not yet */
    if (moved > MAGAZINE_TOP_UP_BLOCKS) break;
    hk_status_t refusal; /* nobody's: it was not asked for */
    uint32_t taken = take_blocks(arena, bin, goal - count, 0, &refusal);
    if (taken < goal - count) arena->gained_bins &= ~((uint64_t)1 << bin); /* no more are there */
    moved += taken;
  }
}

bool hk_magazine_refill(hk_arena_t *arena, uint32_t bin) {
  hk_magazine_t *m = &arena->magazines[bin];
  hk_remote_drain(arena);
  uint32_t goal = goal_of(m);
  hk_status_t refusal;
  if (take_blocks(arena, bin, goal, need_of(arena, bin, goal), &refusal) == 0) {
    hk_magazine_flush_all(arena);
    if (take_blocks(arena, bin, 1, 1, &refusal) == 0) {
      hk_note_refusal(arena, refusal);
      return false;
    }
    hk_failures_count_cured(arena);
  }
  hk_heap_count_slow(arena, bin);
  m->full = bottom_of(m) + min_u32(capacity_of(m) * 2, m->limit);
  if (arena->gained_bins != 0) top_up(arena);
  return true;
}

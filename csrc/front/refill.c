#include "front/refill.h"

#include "front/magazine.h"
#include "front/shelf.h"
#include "front/stacks.h"
#include "heap/heap.h"
#include "heap/remote.h"
#include "super/pagemap.h"
#include "supply/failures.h"

/* Blocks that one miss may move for bins that have not missed: some microseconds of work. */
#define MAGAZINE_TOP_UP_BLOCKS 2048

static uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }

void hk_front_settle(hk_arena_t *arena) {
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    hk_magazine_t *m = &arena->magazines[bin];
    uint64_t allocs = hk_magazine_allocs(m);
    hk_stat_set(&m->frees, allocs - atomic_load(&arena->bins[bin].frees_remote));
    hk_stat_set(&m->moved_in, allocs - hk_stat_get(&m->frees));
  }
}

/* --- To the core ------------------------------------------------------------------------------ */

/* The slab of the arena around an address; NULL: it has none there, because the block was freed before. */
static hk_slab_t *slab_around(const hk_arena_t *arena, const void *address) {
  hk_superslab_t *superslab = hk_pagemap_find(address);
  if (superslab == NULL) return NULL;
  if (atomic_load_explicit(&superslab->owner, memory_order_acquire) != arena) return NULL;
  return hk_slab_first(&superslab->slabs[hk_slot_of(address)]);
}

static bool are_neighbours(const void *a, const void *b) {
  return (uintptr_t)a >> HK_SLAB_SHIFT == (uintptr_t)b >> HK_SLAB_SHIFT;
}

/* Gives blocks back to the core, those in turn that lie in one slab: often many do. Returns how many were handed
 * out; the others were freed before, and their slab may serve another class by now, or be gone. */
static uint32_t flush_blocks(hk_arena_t *arena, uint32_t bin, void *const *blocks, uint32_t count) {
  uint32_t flushed = 0;
  for (uint32_t from = 0, to; from < count; from = to) {
    for (to = from + 1; to < count && are_neighbours(blocks[from], blocks[to]);) to++;
    hk_slab_t *slab = slab_around(arena, blocks[from]);
    if (slab != NULL) {
      flushed += hk_heap_put_blocks(arena, slab, bin, blocks + from, to - from);
    } else {
      hk_stat_add(&arena->double_frees, to - from);
    }
  }
  return flushed;
}

/* Gives the `count` oldest blocks of a magazine back to the core. */
static void flush_oldest(hk_arena_t *arena, uint32_t bin, uint32_t count) {
  hk_magazine_t *m = &arena->magazines[bin];
  void **bottom = hk_magazine_bottom(m), **top = hk_magazine_top(m) - count;
  hk_heap_count_flush(arena, bin, flush_blocks(arena, bin, bottom, count));
  for (void **at = bottom; at < top; at++) *at = at[count];
  hk_counters_write_begin(arena->counters);
  hk_stat_sub(&m->moved_in, count);
  hk_magazine_set_top(m, top);
  hk_counters_write_end(arena->counters);
}

void hk_front_retire_class(hk_arena_t *arena, uint32_t bin) {
  if (!hk_arena_has_front(arena)) return;
  uint32_t count = hk_magazine_count(&arena->magazines[bin]);
  if (count > 0) flush_oldest(arena, bin, count);
}

void hk_magazine_make_room(hk_arena_t *arena, uint32_t bin) {
  if (hk_stack_begin(arena, &arena->magazines[bin])) return;
  flush_oldest(arena, bin, (hk_magazine_count(&arena->magazines[bin]) + 1) / 2);
  bool gives = hk_tiers_giving(&arena->supply.tiers) != NULL;
  if (arena->bins[bin].draining || gives) hk_heap_retire_surplus(arena, UINT32_MAX);
}

/* The first bin from `bin` on that gained blocks; HK_BIN_MAX: none. */
static uint32_t next_gained(const hk_arena_t *arena, uint32_t bin) {
  while (bin < HK_BIN_MAX) {
    uint64_t bits = arena->gained_bins[bin / 64] >> bin % 64;
    if (bits != 0) return bin + hk_ctz64(bits);
    bin = (bin | 63) + 1;
  }
  return HK_BIN_MAX;
}

/* Bins that gained blocks are the only ones that collecting can have made draining. */
void hk_front_collect(hk_arena_t *arena) {
  hk_remote_drain(arena);
  if (hk_tiers_giving(&arena->supply.tiers) != NULL) hk_heap_retire_surplus(arena, UINT32_MAX);
  for (uint32_t bin = next_gained(arena, 0); bin < HK_BIN_MAX; bin = next_gained(arena, bin + 1)) {
    if (!arena->bins[bin].draining) continue;
    hk_heap_retire_surplus(arena, UINT32_MAX);
    return;
  }
}

void hk_front_flush(hk_arena_t *arena) {
  hk_shelf_clear(arena);
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    const hk_magazine_t *m = &arena->magazines[bin];
    if (hk_magazine_count(m) > 0) flush_oldest(arena, bin, hk_magazine_count(m));
  }
  hk_heap_retire_surplus(arena, 0);
}

/* Blocks that were not needed since the last look: what was allocated in between is the most that was
 * taken from the stack at a time. */
static uint32_t surplus_of(const hk_arena_t *arena, uint32_t bin, uint32_t allocs) {
  uint32_t used = allocs - arena->front_marks[bin];
  uint32_t count = hk_magazine_count(&arena->magazines[bin]);
  if (used == 0) return count;
  return count > used ? (count - used + 1) / 2 : 0; /* little by little, while it is in use */
}

void hk_front_decay(hk_arena_t *arena) {
  hk_shelf_age(arena);
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    uint32_t allocs = (uint32_t)hk_magazine_allocs(&arena->magazines[bin]);
    uint32_t surplus = surplus_of(arena, bin, allocs);
    if (surplus > 0) flush_oldest(arena, bin, surplus);
    arena->front_marks[bin] = allocs;
  }
  if (hk_tiers_giving(&arena->supply.tiers) != NULL) hk_heap_retire_surplus(arena, UINT32_MAX);
}

bool hk_front_is_empty(const hk_arena_t *arena) {
  if (!hk_arena_has_front(arena)) return true;
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    if (hk_magazine_count(&arena->magazines[bin]) > 0) return false;
  }
  return hk_shelf_is_empty(arena);
}

/* --- From the core ---------------------------------------------------------------------------- */

/* How a batch ended, and where it began. */
typedef struct batch_t {
  hk_status_t refusal; /* why there were no more */
  hk_stage_t stage;    /* of the first block, if there was one */
} batch_t;

/* Moves up to `want` blocks into the magazine, so that the lowest address of each slab is handed
 * out first. The class gets new slabs only while fewer than `need` have moved. Returns how many
 * moved. */
static uint32_t take_blocks(hk_arena_t *arena, uint32_t bin, uint32_t want, uint32_t need,
                            batch_t *batch) {
  hk_magazine_t *m = &arena->magazines[bin];
  uint32_t stride = arena->classes->bins[bin].stride_bytes, taken = 0;
  void **top = hk_magazine_top(m);
  while (taken < want) {
    hk_slab_t *slab;
    hk_stage_t stage;
    batch->refusal = hk_heap_current(arena, bin, taken < need, &slab, &stage);
    if (batch->refusal != HK_OK) break;
    if (taken == 0) batch->stage = stage;
    taken +=
        hk_slab_take_blocks(slab, hk_arena_slab_address(slab), stride, top + taken, want - taken);
  }
  m->frees_at_refill = (uint16_t)hk_stat_get(&m->frees);
  if (taken == 0) return 0;
  hk_heap_count_refill(arena, bin, batch->stage, taken);
  hk_counters_write_begin(arena->counters);
  hk_magazine_set_top(m, top + taken);
  hk_stat_add(&m->moved_in, taken);
  hk_counters_write_end(arena->counters);
  return taken;
}

/* Blocks that a magazine should have after a refill: half of its capacity, so that frees find room,
 * but all of it if the owner freed nothing since the last one, because then the heap grows or other
 * threads free. */
static uint32_t goal_of(const hk_magazine_t *m) {
  bool frees = (uint16_t)hk_stat_get(&m->frees) != m->frees_at_refill;
  return frees ? hk_magazine_capacity(m) / 2 : hk_magazine_capacity(m);
}

/* Blocks for which a refill may take new slabs. One, because a batch that has a block already is
 * not worth a slab. More where other threads free the blocks: such a bin lives on its blocks beyond
 * those under way, and with few of them it would miss all the time. */
static uint32_t need_of(const hk_arena_t *arena, uint32_t bin, uint32_t goal) {
  bool gained = (arena->gained_bins[bin / 64] >> bin % 64 & 1) != 0;
  if (!gained || arena->max_bytes != 0) return 1;
  uint32_t fit = (uint32_t)HK_MAGAZINE_BUDGET_BYTES / arena->classes->bins[bin].stride_bytes;
  return 1 + min_u32(goal, fit) / 2;
}

/* Refills other bins whose blocks come back from other threads. They all run out in their turn, so
 * one miss serves them all. */
static void top_up(hk_arena_t *arena) {
  uint32_t moved = 0;
  for (uint32_t bin = next_gained(arena, 0); bin < HK_BIN_MAX; bin = next_gained(arena, bin + 1)) {
    hk_magazine_t *m = &arena->magazines[bin];
    (void)hk_stack_begin(arena, m);
    uint32_t goal = goal_of(m), count = hk_magazine_count(m);
    if (count > goal / 2) continue; /* not yet */
    if (moved > MAGAZINE_TOP_UP_BLOCKS) break;
    batch_t batch; /* a refusal is not counted: nobody asked for these blocks */
    uint32_t taken = take_blocks(arena, bin, goal - count, 0, &batch);
    if (taken > 0) hk_stat_add(&arena->bins[bin].prefilled, 1);
    if (taken < goal - count)
      arena->gained_bins[bin / 64] &= ~((uint64_t)1 << bin % 64); /* no more to be had */
    moved += taken;
  }
}

bool hk_magazine_refill(hk_arena_t *arena, uint32_t bin) {
  hk_magazine_t *m = &arena->magazines[bin];
  hk_front_collect(arena);
  if (!hk_shelf_is_empty(arena)) (void)hk_shelf_age_if_due(arena);
  hk_stack_grow(arena, bin);
  uint32_t goal = goal_of(m);
  batch_t batch;
  if (take_blocks(arena, bin, goal, need_of(arena, bin, goal), &batch) == 0) {
    hk_front_flush(arena);
    if (take_blocks(arena, bin, 1, 1, &batch) == 0) {
      hk_note_refusal(arena, batch.refusal);
      return false;
    }
    hk_failures_count_cured(arena);
  }
  hk_heap_count_slow(arena, bin, batch.stage);
  top_up(arena);
  return true;
}

#include "front/shelf.h"

#include <string.h>

#include "base/compiler.h"
#include "heap/run.h"
#include "supply/demand.h"
#include "supply/superslabs.h"

/* Beyond the youngest block: an eighth of what the cache holds by default, as for the other sizes of an arena in
 * supply/demand.c. The youngest one is as warm wherever it is. */
#define SHELF_BYTES_MAX (64 * HK_MIB)

/* Puts between those at which the clock and the limits are asked: together they take longer than all else of a pair. */
#define UNASKED_MAX 7

static hk_shelf_t *shelf_of(hk_arena_t *arena, uint32_t bin) {
  hk_shelf_t *shelf = &arena->shelves[bin - HK_BIN_MAX];
  HK_OPAQUE(shelf);
  return shelf;
}

/* Block lengths that serve a size: from `least` on, and at most `more` longer. */
typedef struct wanted_t {
  size_t least, more;
} wanted_t;

static wanted_t wanted_for(size_t size_bytes) {
  size_t least = (size_bytes + HK_SLAB_BYTES - 1) & ~(HK_SLAB_BYTES - 1);
  bool huge = size_bytes > HK_RUN_SIZE_MAX;
  return (wanted_t){least, huge ? hk_superslabs_round(least) - least : 0};
}

static bool serves(size_t block_bytes, wanted_t wanted) {
  return block_bytes >= wanted.least && block_bytes - wanted.least <= wanted.more;
}

static uint32_t bin_of(size_t size_bytes) {
  return size_bytes > HK_RUN_SIZE_MAX ? HK_BIN_HUGE : HK_BIN_RUN;
}

/* Takes out the block at `at`; those behind it are older and move up. */
static inline hk_slab_t *take_at(hk_shelf_t *shelf, uint32_t at) {
  hk_slab_t *slab = shelf->blocks[at].slab;
  shelf->count--;
  for (; at < shelf->count; at++) shelf->blocks[at] = shelf->blocks[at + 1];
  return slab;
}

hk_slab_t *hk_shelf_take(hk_arena_t *arena, size_t size_bytes) {
  hk_shelf_t *shelf = shelf_of(arena, bin_of(size_bytes));
  if (shelf->count == 0 || size_bytes > HK_MAPPING_MAX) return NULL;
  wanted_t wanted = wanted_for(size_bytes);
  for (uint32_t i = 0; i < shelf->count; i++) {
    if (!serves(shelf->blocks[i].bytes, wanted)) continue;
    hk_slab_t *slab = take_at(shelf, i);
    hk_run_unclaim(slab);
    hk_run_set_asked(slab, wanted.least);
    return slab;
  }
  return NULL;
}

/* Gives the oldest one back to the core. */
static void put_oldest(hk_arena_t *arena, hk_shelf_t *shelf) {
  hk_run_put(arena, take_at(shelf, shelf->count - 1));
}

static void clear(hk_arena_t *arena, hk_shelf_t *shelf) {
  shelf->unasked = 0;
  while (shelf->count > 0) put_oldest(arena, shelf);
}

/* Bit per size that was freed lately and is wanted now. */
static uint32_t freed_lately(const hk_shelf_t *shelf, wanted_t wanted) {
  uint32_t sizes = 0;
  for (uint32_t i = 0; i < HK_SHELF_BLOCKS; i++) {
    if (serves(shelf->sizes[i], wanted)) sizes |= (uint32_t)1 << i;
  }
  return sizes;
}

void hk_shelf_miss(hk_arena_t *arena, size_t size_bytes) {
  hk_shelf_t *shelf = shelf_of(arena, bin_of(size_bytes));
  uint32_t sizes = size_bytes <= HK_MAPPING_MAX ? freed_lately(shelf, wanted_for(size_bytes)) : 0;
  if ((sizes & shelf->returned) == 0) clear(arena, shelf);
  shelf->returned |= sizes;
}

/* true: the size was freed before, and wanted again after that. */
static inline bool returns(hk_shelf_t *shelf, size_t block_bytes) {
  for (uint32_t i = 0; i < HK_SHELF_BLOCKS; i++) {
    if (shelf->sizes[i] == block_bytes) return (shelf->returned >> i & 1) != 0;
  }
  shelf->sizes[shelf->oldest] = block_bytes;
  shelf->returned &= ~((uint32_t)1 << shelf->oldest);
  shelf->oldest = (shelf->oldest + 1) % HK_SHELF_BLOCKS;
  return false;
}

/* true: the OS has refused somebody memory since the last call. */
static bool is_refused(hk_shelf_t *shelf) {
  uint64_t before = shelf->refusals;
  shelf->refusals = hk_os_refusals();
  return shelf->refusals != before;
}

/* A limit counts what is kept, so an arena that has one keeps nothing, nor a process that comes near to its own. */
static bool has_room(const hk_arena_t *arena, size_t block_bytes) {
  return arena->front != NULL && arena->max_bytes == 0 && hk_demand_keeps(arena) &&
         hk_superslabs_are_ample(block_bytes);
}

/* What others could use, or nobody used for long, goes: the block at hand too then, so that demand and the cache learn
 * what time it is. */
static HK_NOINLINE bool ask(hk_arena_t *arena, hk_shelf_t *shelf, size_t block_bytes) {
  if (!has_room(arena, block_bytes)) return false;
  if (is_refused(shelf)) {
    clear(arena, shelf);
    shelf->returned = 0;
    return false;
  }
  if (hk_shelf_age_if_due(arena)) return false;
  shelf->asked_bytes = block_bytes;
  shelf->unasked = UNASKED_MAX;
  return true;
}

static inline bool may_keep(hk_arena_t *arena, hk_shelf_t *shelf, const hk_slab_t *slab,
                            size_t block_bytes) {
  if (slab->exposed || slab->borrowers > 0) return false;
  if (shelf->unasked == 0 || block_bytes > shelf->asked_bytes)
    return ask(arena, shelf, block_bytes);
  shelf->unasked--;
  return true;
}

static uint64_t bytes_on(const hk_shelf_t *shelf) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < shelf->count; i++) bytes += shelf->blocks[i].bytes;
  return bytes;
}

/* Makes room for one more in front of all others. */
static HK_NOINLINE void make_room(hk_arena_t *arena, hk_shelf_t *shelf, size_t block_bytes) {
  while (shelf->count == HK_SHELF_BLOCKS ||
         (shelf->count > 0 && bytes_on(shelf) + block_bytes > SHELF_BYTES_MAX)) {
    put_oldest(arena, shelf);
  }
  for (uint32_t i = shelf->count; i > 0; i--) shelf->blocks[i] = shelf->blocks[i - 1];
}

void hk_shelf_put(hk_arena_t *arena, hk_slab_t *slab, size_t block_bytes) {
  hk_shelf_t *shelf = shelf_of(arena, slab->bin);
  if (!returns(shelf, block_bytes) || !may_keep(arena, shelf, slab, block_bytes)) {
    hk_run_put(arena, slab);
    return;
  }
  if (HK_UNLIKELY(shelf->count > 0)) make_room(arena, shelf, block_bytes);
  shelf->blocks[0].slab = slab;
  shelf->blocks[0].bytes = block_bytes;
  shelf->blocks[0].young = true;
  shelf->count++;
  slab->fresh = false;
}

void hk_shelf_clear(hk_arena_t *arena) {
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++) clear(arena, shelf_of(arena, bin));
}

/* Oldest first, which is the order in which the cache is to see them. */
static void age(hk_arena_t *arena, hk_shelf_t *shelf) {
  for (uint32_t i = shelf->count; i-- > 0;) {
    if (shelf->blocks[i].young) continue;
    hk_run_put(arena, take_at(shelf, i));
    shelf->returned = 0;
  }
  for (uint32_t i = 0; i < shelf->count; i++) shelf->blocks[i].young = false;
}

void hk_shelf_age(hk_arena_t *arena) {
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++) age(arena, shelf_of(arena, bin));
}

bool hk_shelf_age_if_due(hk_arena_t *arena) {
  if (!hk_demand_turns(arena)) return false;
  hk_shelf_age(arena);
  return true;
}

void hk_shelf_drop(hk_arena_t *arena) { memset(arena->shelves, 0, sizeof arena->shelves); }

bool hk_shelf_is_empty(const hk_arena_t *arena) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < HK_BIN_COUNT - HK_BIN_MAX; i++) count += arena->shelves[i].count;
  return count == 0;
}

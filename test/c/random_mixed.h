/* The benchmark random_mixed as a test: it is deterministic, so its allocations per row are known
 * to the unit, whatever the arena has been through before. */
#ifndef HK_TEST_RANDOM_MIXED_H
#define HK_TEST_RANDOM_MIXED_H

#include "support.h"

/* Allocations in rows C0..C7 of random_mixed(20000, 256, 1, 16, 1024). */
static const uint64_t random_mixed_golden[8] = {0, 10, 148, 341, 720, 1414, 2749, 5683};

static inline uint32_t xorshift32(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static inline void random_mixed_free(hk_arena_t *arena, void *block) {
  if (hk_free(arena, block) != HK_OK) EXPECT(!"freed");
}

static inline void random_mixed_steps(hk_arena_t *arena, void **slots, uint32_t ws, uint32_t count,
                                      uint32_t seed, uint32_t min, uint32_t max) {
  for (uint32_t state = seed; count > 0; count--) {
    uint32_t r = xorshift32(&state), slot = r % ws;
    if (slots[slot] != NULL) {
      if (*(unsigned char *)slots[slot] != (unsigned char)slot) EXPECT(!"first byte");
      random_mixed_free(arena, slots[slot]);
      slots[slot] = NULL;
      continue;
    }
    uint32_t size = 16 + (r & 0x3FF);
    size = size < min ? min : size > max ? max : size;
    slots[slot] = hk_alloc(arena, size);
    if (!EXPECT(slots[slot] != NULL)) return;
    *(unsigned char *)slots[slot] = (unsigned char)slot;
  }
}

/* A warm-up of a tenth, the run, then everything left is freed. */
static inline void random_mixed(hk_arena_t *arena, uint32_t iterations, uint32_t ws, uint32_t seed,
                                uint32_t min, uint32_t max) {
  static void *slots[8192];
  memset(slots, 0, sizeof slots);
  random_mixed_steps(arena, slots, ws, iterations / 10, seed + 0xDEADBEEF, min, max);
  random_mixed_steps(arena, slots, ws, iterations, seed, min, max);
  for (uint32_t i = 0; i < ws; i++) random_mixed_free(arena, slots[i]);
}

/* Allocations of an arena so far, by row. */
static inline void random_mixed_rows(hk_arena_t *arena, uint64_t allocs[HK_ROW_COUNT]) {
  hk_arena_stats_t stats = hk_test_stats(arena);
  const hk_classes_t *classes = hk_arena_classes(arena);
  memset(allocs, 0, HK_ROW_COUNT * sizeof *allocs);
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    allocs[classes->bins[bin].row] += stats.bins[bin].allocs;
  }
}

#endif

/* Large blocks of other lengths than those that were kept: their pages serve all the same. */
#include "supply/superslabs.h"

#include "support.h"

#define STEP_BYTES (64 * HK_KIB)

static char *alloc_ok(hk_arena_t *arena, size_t bytes) {
  char *block = hk_alloc(arena, bytes);
  EXPECT(block != NULL && hk_usable_size(block) >= bytes);
  return block;
}

static void free_ok(hk_arena_t *arena, void *block) { EXPECT_EQ(hk_free(arena, block), HK_OK); }

static hk_arena_t *sharing_arena(void) {
  static const hk_arena_options_t options = {.shares_bytes = true};
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  return arena;
}

static uint64_t os_maps(void) {
  hk_os_stats_t stats;
  hk_os_stats(&stats);
  return stats.map;
}

static char *climb(hk_arena_t *arena, size_t bytes) {
  char *block = NULL;
  for (size_t size = STEP_BYTES; size <= bytes; size += STEP_BYTES) {
    block = hk_realloc(arena, block, size);
    hk_pattern_fill(block + size - STEP_BYTES, 64, size);
  }
  for (size_t size = STEP_BYTES; size <= bytes; size += STEP_BYTES) {
    if (!hk_pattern_holds(block + size - STEP_BYTES, 64, size)) EXPECT(!"contents lost");
  }
  return block;
}

HK_TEST(a_block_that_grows_starts_in_what_the_last_one_left) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  free_ok(arena, climb(arena, 10 * HK_MIB));
  uint64_t maps = os_maps();
  for (int round = 0; round < 5; round++) free_ok(arena, climb(arena, 10 * HK_MIB));
  EXPECT_EQ(os_maps(), maps);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_with_room_to_grow_gives_it_up_when_it_shrinks) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  free_ok(arena, climb(arena, 10 * HK_MIB));
  char *block = climb(arena, 4 * HK_MIB);
  EXPECT(hk_usable_size(block) >= 10 * HK_MIB);
  block = hk_realloc(arena, block, 4 * HK_MIB - STEP_BYTES);
  EXPECT(hk_usable_size(block) <= 4 * HK_MIB + 4 * HK_MIB / 8);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, hk_usable_size(block));
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_taken_whole_shrinks_at_the_first_call) {
  hk_arena_t *arena = hk_test_arena(0);
  char *block = alloc_ok(arena, 40 * HK_MIB);
  block = hk_realloc(arena, block, 5 * HK_MIB);
  EXPECT(hk_usable_size(block) <= 6 * HK_MIB);
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* As mimalloc-bench's malloc-large: without it more than half of all bytes went back to the OS. */
HK_TEST(lengths_that_vary_fivefold_give_back_less_than_a_sixth_of_what_is_allocated) {
  enum { LIVE = 20, STEPS = 2000 };
  char *blocks[LIVE] = {0};
  size_t allocated = 0;
  hk_test_empty_cache();
  hk_random_t random = hk_random_begin(18);
  hk_arena_t *arena = sharing_arena();
  for (int i = 0; i < STEPS; i++) {
    uint32_t at = hk_random_below(&random, LIVE);
    size_t bytes = 5 * HK_MIB + hk_random_below(&random, 20 * HK_MIB);
    if (blocks[at] != NULL) free_ok(arena, blocks[at]);
    blocks[at] = alloc_ok(arena, bytes);
    allocated += bytes;
  }
  EXPECT(hk_stat_get(&arena->returned_bytes) < allocated / 6);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(what_is_taken_to_be_resized_has_no_bytes_of_another_arena) {
  hk_test_empty_cache();
  hk_arena_t *first = hk_test_arena(0), *second = hk_test_arena(0);
  char *block = alloc_ok(first, 20 * HK_MIB);
  memset(block, 'S', 20 * HK_MIB);
  free_ok(first, block);
  for (size_t bytes = 3 * HK_MIB; bytes < 40 * HK_MIB; bytes += 3 * HK_MIB) {
    char *other = alloc_ok(second, bytes);
    for (size_t i = 0; i < bytes; i += 512) {
      if (other[i] == 'S') EXPECT(!"another arena's byte");
    }
    free_ok(second, other);
  }
  EXPECT_EQ(hk_arena_destroy(first), HK_OK);
  EXPECT_EQ(hk_arena_destroy(second), HK_OK);
}

HK_TEST_MAIN(a_block_that_grows_starts_in_what_the_last_one_left,
             a_block_with_room_to_grow_gives_it_up_when_it_shrinks,
             a_block_taken_whole_shrinks_at_the_first_call,
             lengths_that_vary_fivefold_give_back_less_than_a_sixth_of_what_is_allocated,
             what_is_taken_to_be_resized_has_no_bytes_of_another_arena)

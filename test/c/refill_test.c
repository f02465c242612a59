#include "hakmem.h"
#include "support.h"

static hk_bin_stats_t bin_of(hk_arena_t *arena, size_t size) {
  return hk_test_stats(arena).bins[hk_test_bin(size)];
}

/* A growing heap is served by few batches, and each leaves the magazine to run dry. */
HK_TEST(while_nothing_is_freed_a_batch_fills_the_magazine) {
  enum { BLOCKS = 16 + 32 + 64 + 128 };
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) EXPECT(hk_alloc(arena, 256) != NULL);
  EXPECT_EQ(bin_of(arena, 256).refills, 4);
  EXPECT_EQ(bin_of(arena, 256).front_blocks, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(where_the_owner_frees_a_batch_leaves_room_for_half_of_a_magazine) {
  enum { BLOCKS = 16 + 32 + 64 + 128 };
  void *last = NULL;
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) last = hk_alloc(arena, 64);
  EXPECT_EQ(hk_free(arena, last), HK_OK);
  EXPECT_EQ(hk_alloc(arena, 64), last);
  EXPECT(hk_alloc(arena, 64) != NULL);
  EXPECT_EQ(bin_of(arena, 64).front_blocks, 256 / 2 - 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_magazine_holds_128_kb_or_128_blocks) {
  enum { BLOCKS = 1000 };
  static void *blocks[BLOCKS];
  hk_arena_t *arena = hk_test_arena(0);
  static const size_t sizes[] = {128, 1024, 4096, 32768};
  for (int s = 0; s < 4; s++) {
    for (int round = 0; round < 4; round++) {
      for (int i = 0; i < BLOCKS; i++) blocks[i] = hk_alloc(arena, sizes[s]);
      for (int i = 0; i < BLOCKS; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
    }
    uint64_t most = sizes[s] < 1024 ? 128 * HK_KIB / sizes[s] : 128;
    EXPECT(bin_of(arena, sizes[s]).front_blocks <= most);
    EXPECT(bin_of(arena, sizes[s]).front_blocks >= most / 4);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Blocks that come back from other threads ------------------------------------------------- */

/* One arena allocates, another one frees, `ahead` blocks later. */
static void hand_over(hk_arena_t *from, uint32_t steps, uint32_t ahead) {
  static void *ring[4096];
  hk_random_t random = hk_random_begin(5);
  for (uint32_t i = 0; i < steps; i++) {
    if (i >= ahead) EXPECT_EQ(hk_free(NULL, ring[i % ahead]), HK_OK);
    ring[i % ahead] = hk_alloc(from, 16 + hk_random_below(&random, 1024));
  }
  for (uint32_t i = 0; i < ahead; i++) EXPECT_EQ(hk_free(NULL, ring[i]), HK_OK);
}

static hk_bin_stats_t sum_of_bins(hk_arena_t *arena) {
  hk_bin_stats_t sum = {0};
  hk_arena_stats_t stats = hk_test_stats(arena);
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    sum.allocs += stats.bins[bin].allocs;
    sum.slow += stats.bins[bin].slow;
    sum.refills += stats.bins[bin].refills;
  }
  return sum;
}

HK_TEST(one_miss_brings_what_others_freed_in_every_bin) {
  enum { STEPS = 200000 };
  hk_arena_t *arena = hk_test_arena(0);
  hand_over(arena, STEPS, 4096); /* every magazine grows */
  hk_bin_stats_t before = sum_of_bins(arena);
  hand_over(arena, STEPS, 4096);
  hk_bin_stats_t after = sum_of_bins(arena);
  EXPECT_EQ(after.allocs - before.allocs, STEPS);
  EXPECT(after.slow - before.slow < STEPS / 1000);
  EXPECT((after.slow - before.slow) * 8 < after.refills - before.refills);
  EXPECT(hk_test_stats(arena).bytes_committed <= 8 * HK_MIB); /* nor by taking more than it needs */
  (void)hk_arena_trim(arena);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_miss_tops_up_no_bin_beyond_its_magazine) {
  enum { BLOCKS = 3000 };
  static void *blocks[BLOCKS];
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) blocks[i] = hk_alloc(arena, 1024);
  for (int i = 0; i < BLOCKS; i++) EXPECT_EQ(hk_free(NULL, blocks[i]), HK_OK);
  EXPECT(hk_alloc(arena, 16) != NULL); /* another bin misses */
  EXPECT(bin_of(arena, 1024).front_blocks > 64);
  EXPECT(bin_of(arena, 1024).front_blocks <= 128);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(while_nothing_is_freed_a_batch_fills_the_magazine,
             where_the_owner_frees_a_batch_leaves_room_for_half_of_a_magazine,
             a_magazine_holds_128_kb_or_128_blocks, one_miss_brings_what_others_freed_in_every_bin,
             a_miss_tops_up_no_bin_beyond_its_magazine)

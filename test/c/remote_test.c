/* Remote frees, seen by the owner alone; remote_threads_test.c has the other threads. */
#include "refs.h"

HK_TEST(blocks_freed_remotely_are_handed_out_before_a_new_slab_is_taken) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), capacity = capacity_of(bin), got;
  take(arena, bin, refs, 2 * capacity);
  for (uint32_t i = 0; i < 7; i++) EXPECT_EQ(put_remote(arena, refs[i * 9]), HK_OK);
  hk_bin_stats_t stats = bin_stats(arena, bin);
  EXPECT_EQ(stats.frees_remote, 7);
  EXPECT_EQ(stats.remote_blocks, 7);
  EXPECT_EQ(stats.front_blocks, 2 * capacity - 7);
  EXPECT(hk_arena_is_valid(arena));
  static uint32_t again[64];
  EXPECT_EQ(hk_refill(arena, bin, again, 64, &got), HK_OK);
  EXPECT_EQ(got, 7);
  for (uint32_t i = 0; i < 7; i++) EXPECT_EQ(again[i], refs[i * 9]);
  EXPECT_EQ(bin_stats(arena, bin).remote_blocks, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_slab_emptied_remotely_is_retired) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(2048), capacity = capacity_of(bin);
  take(arena, bin, refs, 3 * capacity);
  for (uint32_t i = 0; i < 3 * capacity; i++) EXPECT_EQ(put_remote(arena, refs[i]), HK_OK);
  EXPECT_EQ(hk_test_retire_all(arena), 3);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* Freed by its owner and by a stranger, a block leaves a remote bit behind in a slab that looks
 * empty. Bound to another class, that bit would free a live block. */
HK_TEST(a_slab_with_a_remote_free_waiting_is_not_retired) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), got;
  take(arena, bin, refs, 1);
  EXPECT_EQ(put_remote(arena, refs[0]), HK_OK);
  flush(arena, bin, refs, 1);
  EXPECT_EQ(hk_retire(arena, 0), HK_SLAB_BUSY);
  EXPECT(!hk_slab_is_retirable(arena, 0));
  hk_remote_drain(arena);
  EXPECT_EQ(hk_test_stats(arena).double_frees, 1);
  EXPECT_EQ(hk_retire(arena, 0), HK_OK);
  EXPECT_EQ(hk_refill(arena, hk_test_bin(64), refs, 64, &got), HK_OK);
  hk_remote_drain(arena);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_reset_drops_remote_frees_that_nobody_collected) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(256);
  for (int round = 0; round < 3; round++) {
    take(arena, bin, refs, 300);
    for (uint32_t i = 0; i < 300; i += 2) EXPECT_EQ(put_remote(arena, refs[i]), HK_OK);
    hk_arena_reset(arena);
    EXPECT_EQ(bin_stats(arena, bin).remote_blocks, 0);
    EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(blocks_freed_remotely_are_handed_out_before_a_new_slab_is_taken,
             a_slab_emptied_remotely_is_retired, a_slab_with_a_remote_free_waiting_is_not_retired,
             a_reset_drops_remote_frees_that_nobody_collected)

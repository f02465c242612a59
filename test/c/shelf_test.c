/* Large blocks that the front in C keeps for the next allocation of their size. */
#include "supply/demand.h"
#include "support.h"

static void *alloc_ok(hk_arena_t *arena, size_t bytes) {
  void *block = hk_alloc(arena, bytes);
  EXPECT(block != NULL);
  return block;
}

static void free_ok(hk_arena_t *arena, void *block) { EXPECT_EQ(hk_free(arena, block), HK_OK); }

static const size_t sizes[] = {65537, 300000, 2 * HK_MIB, 2 * HK_MIB + 1, 5 * HK_MIB, 70 * HK_MIB};
#define SIZES (sizeof sizes / sizeof *sizes)

static void pair(hk_arena_t *arena, size_t size) { free_ok(arena, alloc_ok(arena, size)); }

/* Makes the size one that comes again and again; one block of it is kept then. */
static void keep(hk_arena_t *arena, size_t size) {
  for (int i = 0; i < 4; i++) pair(arena, size);
}

static uint64_t locks(void) {
  hk_lock_stats_t stats;
  hk_lock_stats(&stats);
  return stats.acquired;
}

static uint64_t front_bytes(hk_arena_t *arena) { return hk_test_stats(arena).bytes_front; }

static uint64_t maps(void) {
  hk_os_stats_t stats;
  hk_os_stats(&stats);
  return stats.map;
}

HK_TEST(a_pair_of_a_size_used_before_stays_in_the_front) {
  for (size_t i = 0; i < SIZES; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t bin = sizes[i] > HK_RUN_SIZE_MAX ? HK_BIN_HUGE : HK_BIN_RUN;
    keep(arena, sizes[i]);
    uint64_t locked = locks(), slow = hk_test_stats(arena).bins[bin].slow;
    for (int round = 0; round < 1000; round++) pair(arena, sizes[i]);
    EXPECT_EQ(locks(), locked);
    hk_arena_stats_t stats = hk_test_stats(arena);
    EXPECT_EQ(stats.bins[bin].slow, slow);
    EXPECT_EQ(stats.bins[bin].allocs, 1004);
    EXPECT_EQ(stats.bins[bin].frees_local, 1004);
    EXPECT_EQ(stats.bins[bin].front_blocks, 1);
    EXPECT_EQ(stats.bytes_live, 0);
    EXPECT(stats.bytes_front >= sizes[i]);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

HK_TEST(several_sizes_in_turn_are_kept_side_by_side) {
  hk_arena_t *arena = hk_test_arena(0);
  for (int round = 0; round < 8; round++) {
    for (size_t size = 1; size <= 4; size++) pair(arena, size * 100000);
  }
  uint64_t slow = hk_test_stats(arena).bins[HK_BIN_RUN].slow;
  for (int round = 0; round < 100; round++) {
    for (size_t size = 1; size <= 4; size++) pair(arena, size * 100000);
  }
  EXPECT_EQ(hk_test_stats(arena).bins[HK_BIN_RUN].slow, slow);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(what_is_kept_cannot_be_freed_again_by_anybody) {
  for (size_t i = 0; i < SIZES; i++) {
    hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
    keep(arena, sizes[i]);
    void *block = alloc_ok(arena, sizes[i]);
    EXPECT(hk_usable_size(block) >= sizes[i]);
    free_ok(arena, block);
    EXPECT_EQ(hk_usable_size(block), 0);
    EXPECT_EQ(hk_free(arena, block), HK_DOUBLE_FREE);
    EXPECT_EQ(hk_free(other, block), HK_DOUBLE_FREE);
    EXPECT_EQ(hk_free(NULL, block), HK_DOUBLE_FREE);
    EXPECT(hk_realloc(arena, block, 2 * sizes[i]) == NULL);
    EXPECT(hk_alloc(arena, sizes[i]) == block);
    EXPECT_EQ(hk_free(other, block), HK_OK);
    EXPECT_EQ(hk_free(arena, block), HK_DOUBLE_FREE);
    /* The owner collects it, and finds no other. */
    EXPECT(hk_alloc(arena, sizes[i]) != NULL);
    EXPECT_EQ(hk_test_stats(arena).bytes_free_in_slab, 0);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    EXPECT_EQ(hk_arena_destroy(other), HK_OK);
  }
}

HK_TEST(remote_frees_are_collected_although_a_block_is_kept) {
  hk_arena_t *arena = hk_test_arena(0);
  void *away = alloc_ok(arena, 300000);
  keep(arena, 300000);
  EXPECT_EQ(hk_free(NULL, away), HK_OK);
  pair(arena, 300000);
  EXPECT_EQ(hk_test_stats(arena).bins[HK_BIN_RUN].remote_blocks, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- It goes back ----------------------------------------------------------------------------- */

static void trim(hk_arena_t *arena) { (void)hk_arena_trim(arena); }

static void decay(hk_arena_t *arena) {
  for (int i = 0; i < 40; i++) {
    fake_os.now_ns += (uint64_t)1000000000;
    (void)hk_decay(arena, hk_clock_ns());
  }
}

/* Someone else goes on with small blocks, and nobody calls hk_decay. */
static void use_small(hk_arena_t *arena) {
  for (int i = 0; i < 4; i++) {
    fake_os.now_ns += HK_DEMAND_EPOCH_NS;
    for (int block = 0; block < 10000; block++) (void)alloc_ok(arena, 16);
  }
}

/* Another large one does, which is kept. */
static void use_large(hk_arena_t *arena) {
  for (int i = 0; i < 16; i++) {
    fake_os.now_ns += HK_DEMAND_EPOCH_NS / 4;
    for (int block = 0; block < 3; block++) pair(arena, 1000000);
  }
}

static void want_another(hk_arena_t *arena) {
  pair(arena, 13 * HK_SLAB_BYTES);
  pair(arena, 33 * HK_MIB);
}

static void be_refused(hk_arena_t *arena) {
  void *blocks[SIZES];
  for (size_t i = 0; i < SIZES; i++) blocks[i] = alloc_ok(arena, sizes[i]);
  fake_os.bytes_allowed = fake_os.mapped_bytes;
  EXPECT(hk_alloc(arena, 500 * HK_MIB) == NULL);
  fake_os.bytes_allowed = SIZE_MAX;
  for (size_t i = 0; i < SIZES; i++) free_ok(arena, blocks[i]);
}

static void (*const ways[])(hk_arena_t *) = {trim,      decay,        use_small,
                                             use_large, want_another, be_refused};

HK_TEST(what_is_kept_goes_back_when_nobody_wants_it_or_others_do) {
  for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
    for (size_t i = 0; i < SIZES; i++) {
      fake_os_begin();
      hk_arena_t *arena = hk_test_arena(0);
      keep(arena, sizes[i]);
      EXPECT(front_bytes(arena) >= sizes[i]);
      ways[way](arena);
      uint64_t left = front_bytes(arena);
      if (!EXPECT(left < sizes[i] || (ways[way] == use_large && left <= 16 * HK_SLAB_BYTES)))
        printf("    way %zu size %zu left %zu\n", way, sizes[i], (size_t)left);
      EXPECT(hk_arena_is_valid(arena));
      EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
      fake_os_end();
    }
  }
}

HK_TEST(what_is_kept_goes_back_soon_after_somebody_else_was_refused) {
  for (size_t i = 0; i < SIZES; i++) {
    fake_os_begin();
    hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
    keep(arena, sizes[i]);
    fake_os.bytes_allowed = fake_os.mapped_bytes;
    EXPECT(hk_alloc(other, 500 * HK_MIB) == NULL);
    fake_os.bytes_allowed = SIZE_MAX;
    bool is_back = false;
    for (int round = 0; round < 8; round++) {
      pair(arena, sizes[i]);
      is_back |= front_bytes(arena) < sizes[i];
    }
    EXPECT(is_back);
    EXPECT_EQ(hk_arena_destroy(other), HK_OK);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    fake_os_end();
  }
}

HK_TEST(a_pair_seldom_reads_the_clock) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  keep(arena, 300000);
  uint64_t before = fake_os.clock_reads;
  for (int round = 0; round < 800; round++) pair(arena, 300000);
  EXPECT(fake_os.clock_reads - before <= 100);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_reset_and_an_end_leave_nothing_claimed) {
  for (size_t i = 0; i < SIZES; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    for (int round = 0; round < 3; round++) {
      keep(arena, sizes[i]);
      hk_arena_reset(arena);
      EXPECT_EQ(front_bytes(arena), 0);
      void *block = alloc_ok(arena, sizes[i]);
      EXPECT_EQ(hk_free(NULL, block), HK_OK);
      EXPECT(hk_arena_is_valid(arena));
    }
    keep(arena, sizes[i]);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    arena = hk_test_arena(0);
    void *block = alloc_ok(arena, sizes[i]);
    free_ok(arena, block);
    EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

HK_TEST(an_abandoned_arena_keeps_nothing) {
  hk_arena_t *arena = hk_test_arena(0);
  void *block = alloc_ok(arena, 100);
  for (size_t i = 0; i < SIZES; i++) keep(arena, sizes[i]);
  EXPECT_EQ(hk_arena_abandon(arena), HK_OK);
  EXPECT_EQ(hk_arena_used_bytes(arena), HK_SLAB_BYTES);
  EXPECT_EQ(hk_free(NULL, block), HK_OK);
}

HK_TEST(an_arena_with_a_limit_keeps_nothing) {
  hk_arena_t *arena = hk_test_arena(16 * HK_MIB);
  keep(arena, 300000);
  keep(arena, 5 * HK_MIB);
  EXPECT_EQ(front_bytes(arena), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- What it serves --------------------------------------------------------------------------- */

HK_TEST(a_kept_block_is_zeroed_for_who_wants_zeros) {
  for (size_t i = 0; i < SIZES; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    keep(arena, sizes[i]);
    for (int round = 0; round < 2; round++) {
      char *block = hk_alloc_zeroed(arena, 1, sizes[i]);
      EXPECT(hk_is_zero(block, sizes[i]));
      memset(block, 1, sizes[i]);
      free_ok(arena, block);
    }
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

HK_TEST(a_kept_block_serves_only_sizes_that_a_new_one_would_be_as_long_for) {
  hk_arena_t *arena = hk_test_arena(0);
  keep(arena, 5 * HK_MIB);
  void *block = alloc_ok(arena, 2 * HK_MIB + 1);
  EXPECT(hk_usable_size(block) <= (2 * HK_MIB + 1) * 9 / 8 + HK_SLAB_BYTES);
  free_ok(arena, block);
  EXPECT(hk_alloc(arena, SIZE_MAX) == NULL);
  EXPECT(hk_alloc(arena, SIZE_MAX - HK_SLAB_BYTES) == NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_grows_over_what_was_kept_behind_it) {
  hk_arena_t *arena = hk_test_arena(0);
  char *first = alloc_ok(arena, 2 * HK_SLAB_BYTES);
  keep(arena, 3 * HK_SLAB_BYTES);
  EXPECT_EQ(front_bytes(arena), 3 * HK_SLAB_BYTES);
  EXPECT(hk_realloc(arena, first, 4 * HK_SLAB_BYTES) == first);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(sizes_that_change_map_as_little_as_if_nothing_were_kept) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  pair(arena, 24 * HK_MIB);
  uint64_t before = maps();
  for (size_t size = 24; size >= 22; size--) {
    for (int round = 0; round < 3; round++) pair(arena, size * HK_MIB);
  }
  EXPECT_EQ(maps(), before);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(a_pair_of_a_size_used_before_stays_in_the_front,
             several_sizes_in_turn_are_kept_side_by_side,
             what_is_kept_cannot_be_freed_again_by_anybody,
             remote_frees_are_collected_although_a_block_is_kept,
             what_is_kept_goes_back_when_nobody_wants_it_or_others_do,
             what_is_kept_goes_back_soon_after_somebody_else_was_refused,
             a_pair_seldom_reads_the_clock, a_reset_and_an_end_leave_nothing_claimed,
             an_abandoned_arena_keeps_nothing, an_arena_with_a_limit_keeps_nothing,
             a_kept_block_is_zeroed_for_who_wants_zeros,
             a_kept_block_serves_only_sizes_that_a_new_one_would_be_as_long_for,
             a_block_grows_over_what_was_kept_behind_it,
             sizes_that_change_map_as_little_as_if_nothing_were_kept)

/* What an arena keeps of its large blocks when they are free, and for how long. */
#include "supply/demand.h"
#include "supply/superslabs.h"

#include "support.h"

static char *alloc_ok(hk_arena_t *arena, size_t bytes) {
  char *block = hk_alloc(arena, bytes);
  EXPECT(block != NULL && hk_usable_size(block) >= bytes);
  return block;
}

static void free_ok(hk_arena_t *arena, void *block) { EXPECT_EQ(hk_free(arena, block), HK_OK); }

static void touch(char *block, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 4096) block[at] = 1;
}

static hk_process_stats_t process(void) {
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  return stats;
}

static void pair(hk_arena_t *arena, size_t bytes) { free_ok(arena, alloc_ok(arena, bytes)); }

/* System calls for blocks, not for metadata. */
static uint64_t os_calls(void) {
  hk_os_stats_t stats;
  hk_os_stats(&stats);
  return stats.map + stats.unmap + stats.purge;
}

static hk_arena_t *sharing_arena(void) {
  static const hk_arena_options_t options = {.shares_bytes = true};
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  return arena;
}

HK_TEST(blocks_are_whole_slabs_and_huge_ones_have_eight_classes_to_a_doubling) {
  size_t classes = 0, last = 0;
  for (size_t size = HK_CLASS_SIZE_MAX + 1; size <= 256 * HK_MIB; size += 8191) {
    size_t whole = (size + HK_SLAB_BYTES - 1) / HK_SLAB_BYTES * HK_SLAB_BYTES;
    size_t bytes = hk_superslabs_round(whole);
    if (bytes < size || bytes % HK_SLAB_BYTES != 0) EXPECT(!"too small, or no whole slabs");
    if (bytes - size >= HK_SLAB_BYTES && bytes - size > size / 8) EXPECT(!"too large");
    if (bytes != last && size > HK_RUN_SIZE_MAX) classes++;
    last = bytes;
  }
  EXPECT_EQ(classes, 7 * 8);
  EXPECT_EQ(hk_superslabs_round(HK_RUN_SIZE_MAX), HK_RUN_SIZE_MAX);
}

HK_TEST(a_pair_of_a_size_used_before_costs_no_system_call_from_64_kb_to_1_gb) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  for (size_t bytes = HK_CLASS_SIZE_MAX + 1; bytes <= 1024 * HK_MIB; bytes += bytes / 2) {
    pair(arena, bytes);
    uint64_t calls = os_calls();
    for (int i = 0; i < 20; i++) pair(arena, bytes);
    EXPECT_EQ(os_calls(), calls);
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(ten_thousand_pairs_of_many_sizes_miss_in_fewer_than_3_percent_and_purge_nothing) {
  enum { PAIRS = 10000, LIVE = 8 };
  fake_os_begin();
  hk_random_t random = hk_random_begin(16);
  hk_arena_t *arena = hk_test_arena(0);
  uint64_t purges = fake_os.purges, maps = fake_os.maps;
  for (int i = 0; i < PAIRS; i++) pair(arena, 65537 + hk_random_below(&random, 6 * HK_MIB));
  EXPECT(fake_os.maps - maps < PAIRS * 3 / 100);
  EXPECT_EQ(fake_os.purges - purges, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_hundred_blocks_freed_and_taken_again_keep_their_pages) {
  enum { BLOCKS = 100 };
  static char *blocks[BLOCKS];
  static const size_t sizes[] = {HK_MIB, 3 * HK_MIB / 2, 4 * HK_MIB};
  fake_os_begin();
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint64_t calls = 0;
    for (int round = 0; round < 5; round++) {
      for (int i = 0; i < BLOCKS; i++) blocks[i] = alloc_ok(arena, sizes[s]);
      for (int i = 0; i < BLOCKS; i++) free_ok(arena, blocks[i]);
      if (round == 0) calls = os_calls();
    }
    EXPECT_EQ(os_calls(), calls);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  fake_os_end();
}

static void fill_and_free_100_mb(hk_arena_t *arena) {
  enum { BLOCKS = 25 * 1024 };
  static void *blocks[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) blocks[i] = alloc_ok(arena, 4096);
  for (int i = 0; i < BLOCKS; i++) free_ok(arena, blocks[i]);
}

HK_TEST(superslabs_of_small_blocks_that_come_back_keep_their_pages) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  fill_and_free_100_mb(arena);
  uint64_t calls = os_calls();
  for (int round = 0; round < 5; round++) fill_and_free_100_mb(arena);
  EXPECT_EQ(os_calls(), calls);
  hk_arena_trim(arena);
  EXPECT_EQ(process().bytes_cached, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(what_threads_that_ended_used_is_warm_for_those_to_come) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  fill_and_free_100_mb(arena);
  EXPECT_EQ(hk_arena_abandon(arena), HK_OK);
  uint64_t calls = os_calls();
  for (int round = 0; round < 5; round++) {
    arena = hk_arena_adopt();
    if (arena == NULL) arena = sharing_arena();
    fill_and_free_100_mb(arena);
    EXPECT_EQ(hk_arena_abandon(arena), HK_OK);
  }
  EXPECT_EQ(os_calls(), calls);
  fake_os_end();
}

HK_TEST(what_is_kept_is_bounded_by_the_peak_and_64_mb) {
  enum { LIVE = 20 };
  char *blocks[LIVE] = {0};
  size_t peak = 0;
  fake_os_begin();
  int64_t cached_before = hk_options_get()->superslab_max_cached;
  hk_test_options()->superslab_max_cached = 1; /* but for what is warm */
  hk_random_t random = hk_random_begin(17);
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < 3000; i++) {
    uint32_t at = hk_random_below(&random, LIVE);
    if (blocks[at] != NULL) free_ok(arena, blocks[at]);
    blocks[at] = alloc_ok(arena, 3 * HK_MIB + hk_random_below(&random, 20 * HK_MIB));
    uint64_t used = hk_arena_used_bytes(arena);
    if (used > peak) peak = used;
    if (process().bytes_cached > peak + (64 + 24) * HK_MIB) EXPECT(!"kept more than the peak");
  }
  hk_test_options()->superslab_max_cached = cached_before;
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(what_is_kept_goes_back_once_nothing_as_large_was_used_for_two_epochs) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  pair(arena, 100 * HK_MIB);
  pair(arena, 3 * HK_MIB);
  EXPECT(fake_os.slab_bytes >= 100 * HK_MIB);
  for (int i = 0; i < 3; i++) {
    fake_os.now_ns += HK_DEMAND_EPOCH_NS;
    pair(arena, 3 * HK_MIB);
  }
  EXPECT_EQ(fake_os.purges, 1);
  EXPECT_EQ(process().superslabs_cached, 2); /* address space, until the TTL */
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_trim_gives_everything_kept_back_at_once) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  char *block = alloc_ok(arena, 20 * HK_MIB);
  touch(block, 20 * HK_MIB);
  free_ok(arena, block);
  EXPECT(hk_arena_trim(arena) >= 20 * HK_MIB);
  EXPECT_EQ(hk_test_stats(arena).bytes_committed, 0);
  EXPECT_EQ(fake_os.slab_bytes, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(nothing_is_kept_where_options_say_so) {
  hk_options_t *options = hk_test_options(), before = *options;
  int64_t *const fields[] = {&options->superslab_ttl_sec, &options->superslab_max_cached,
                             &options->superslab_max_memory_mb};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    fake_os_begin();
    hk_arena_t *arena = hk_test_arena(0);
    *fields[i] = 0;
    pair(arena, 20 * HK_MIB);
    EXPECT_EQ(fake_os.slab_bytes, 0);
    *options = before;
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    fake_os_end();
  }
}

HK_TEST(rounding_is_not_what_a_limit_refuses) {
  hk_arena_t *arena = hk_test_arena(17 * HK_MIB);
  char *block = alloc_ok(arena, 16 * HK_MIB + 1);
  EXPECT_EQ(hk_usable_size(block), 16 * HK_MIB + HK_SLAB_BYTES);
  free_ok(arena, block);
  block = alloc_ok(arena, 17 * HK_MIB);
  free_ok(arena, block);
  EXPECT_EQ(hk_test_stats(arena).failures_limit, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(kept_mappings_make_room_when_the_process_is_at_its_limit) {
  hk_options_t *options = hk_test_options(), before = *options;
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  options->max_memory_mb = 32;
  pair(arena, 30 * HK_MIB);
  pair(arena, 20 * HK_MIB);
  EXPECT_EQ(hk_test_stats(arena).failures_limit, 0);
  *options = before;
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_reset_keeps_large_blocks_for_what_comes_next) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  uint64_t calls = 0;
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < 10; i++) (void)alloc_ok(arena, 3 * HK_MIB);
    hk_arena_reset(arena);
    EXPECT_EQ(hk_arena_used_bytes(arena), 0);
    if (round == 0) calls = os_calls();
  }
  EXPECT_EQ(os_calls(), calls);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(an_arena_that_ends_leaves_no_pages_behind) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  char *block = alloc_ok(arena, 30 * HK_MIB);
  pair(arena, 20 * HK_MIB);
  free_ok(arena, block);
  EXPECT_EQ(fake_os.purges, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(fake_os.purges, 2);
  EXPECT_EQ(process().bytes_cached, fake_os.slab_bytes);
  fake_os_end();
}

HK_TEST(what_one_arena_keeps_warm_serves_another_wiped) {
  fake_os_begin();
  hk_arena_t *first = hk_test_arena(0), *second = hk_test_arena(0);
  hk_os_stats_t before, after;
  pair(first, 30 * HK_MIB);
  hk_os_stats(&before);
  pair(second, 30 * HK_MIB);
  hk_os_stats(&after);
  EXPECT_EQ(after.map, before.map);
  EXPECT_EQ(after.purge, before.purge + 1);
  EXPECT_EQ(hk_arena_destroy(first), HK_OK);
  EXPECT_EQ(hk_arena_destroy(second), HK_OK);
  fake_os_end();
}

HK_TEST(a_thousand_blocks_kept_warm_are_no_longer_to_search_than_256) {
  enum { BLOCKS = 1000 };
  static void *blocks[BLOCKS];
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) blocks[i] = alloc_ok(arena, 3 * HK_MIB);
  for (int i = 0; i < BLOCKS; i++) free_ok(arena, blocks[i]);
  uint64_t most = 256 + (uint64_t)hk_options_get()->superslab_max_cached;
  EXPECT(process().superslabs_cached <= most);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST_MAIN(blocks_are_whole_slabs_and_huge_ones_have_eight_classes_to_a_doubling,
             a_pair_of_a_size_used_before_costs_no_system_call_from_64_kb_to_1_gb,
             ten_thousand_pairs_of_many_sizes_miss_in_fewer_than_3_percent_and_purge_nothing,
             a_hundred_blocks_freed_and_taken_again_keep_their_pages,
             superslabs_of_small_blocks_that_come_back_keep_their_pages,
             what_threads_that_ended_used_is_warm_for_those_to_come,
             what_is_kept_is_bounded_by_the_peak_and_64_mb,
             what_is_kept_goes_back_once_nothing_as_large_was_used_for_two_epochs,
             a_trim_gives_everything_kept_back_at_once, nothing_is_kept_where_options_say_so,
             rounding_is_not_what_a_limit_refuses,
             kept_mappings_make_room_when_the_process_is_at_its_limit,
             a_reset_keeps_large_blocks_for_what_comes_next,
             an_arena_that_ends_leaves_no_pages_behind,
             what_one_arena_keeps_warm_serves_another_wiped,
             a_thousand_blocks_kept_warm_are_no_longer_to_search_than_256)

#include <sys/mman.h>

#include "hakmem.h"
#include "support.h"

#define PAGE_BYTES 4096
#define PAGE ((size_t)PAGE_BYTES)

/* Pages of a range that take up memory. */
static size_t resident(const void *address, size_t bytes) {
  static unsigned char flags[65536];
  size_t page = hk_os_page_bytes(), count = 0;
  EXPECT_EQ(mincore((void *)(uintptr_t)address, bytes, flags), 0);
  for (size_t i = 0; i < bytes / page; i++) count += flags[i] & 1;
  return count;
}

static char *slab_of(const void *block) {
  return (char *)((uintptr_t)block & ~(uintptr_t)(HK_SLAB_BYTES - 1));
}

/* --- Pages of partially used slabs ------------------------------------------------------------ */

/* Takes every block of one slab or span through the edge of another front, and writes all of it. */
static uint32_t fill_slab(hk_arena_t *arena, uint32_t bin, uint32_t *refs) {
  uint32_t got = 0, capacity = hk_arena_classes(arena)->bins[bin].capacity;
  for (uint32_t n = 0; n < capacity; n += got) {
    uint32_t want = capacity - n < HK_BATCH_MAX ? capacity - n : HK_BATCH_MAX;
    if (!EXPECT(hk_refill(arena, bin, refs + n, want, &got) == HK_OK)) return 0;
  }
  uint32_t stride = hk_arena_classes(arena)->bins[bin].stride_bytes;
  for (uint32_t i = 0; i < capacity; i++) {
    hk_pattern_fill(hk_test_address(arena, refs[i]), stride, refs[i]);
  }
  return capacity;
}

static void give(hk_arena_t *arena, uint32_t bin, uint32_t ref) {
  EXPECT_EQ(hk_flush(arena, bin, &ref, 1), HK_OK);
}

/* Frees blocks at random, and after each trim every block that is out is as it was and no page of
 * free blocks alone is left. */
static void check_trims(uint32_t stride, uint64_t seed) {
  enum { SPAN_BYTES_MAX = HK_SPAN_SLABS_MAX * HK_SLAB_BYTES };
  static uint32_t refs[HK_SLAB_BYTES / 8];
  static bool is_out[HK_SLAB_BYTES / 8];
  hk_random_t random = hk_random_begin(seed);
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(stride), count = fill_slab(arena, bin, refs);
  size_t bytes = hk_arena_classes(arena)->bins[bin].span_slabs * HK_SLAB_BYTES;
  char *base = slab_of(hk_test_address(arena, refs[0]));
  memset(is_out, true, sizeof is_out);
  for (uint32_t left = count; left > 0;) {
    for (uint32_t i = 0, n = 1 + hk_random_below(&random, left); i < n; i++, left--) {
      uint32_t at = hk_random_below(&random, count);
      while (!is_out[at]) at = (at + 1) % count;
      is_out[at] = false;
      give(arena, bin, refs[at]);
    }
    (void)hk_arena_trim(arena);
    bool used[SPAN_BYTES_MAX / PAGE_BYTES] = {false};
    for (uint32_t i = 0; i < count; i++) {
      if (!is_out[i]) continue;
      if (!hk_pattern_holds(base + (size_t)i * stride, stride, refs[i])) EXPECT(!"overwritten");
      for (size_t p = i * stride / PAGE; p <= (i * stride + stride - 1) / PAGE; p++) used[p] = true;
    }
    for (size_t p = 0; p < bytes / PAGE; p++) {
      if (used[p] || hk_os_page_bytes() != PAGE) continue;
      if (resident(base + p * PAGE, PAGE) != 0) EXPECT(!"a page of free blocks is still there");
    }
    EXPECT_EQ(hk_arena_trim(arena), 0);
  }
  EXPECT_EQ(resident(base, bytes), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(pages_of_free_blocks_go_and_those_of_others_stay) {
  static const uint32_t strides[] = {8,    48,    112,   256,   896,   1088,  4096, 4368,
                                     9024, 10048, 16896, 21824, 43648, 58240, 65536};
  for (uint32_t i = 0; i < sizeof strides / sizeof strides[0]; i++) check_trims(strides[i], i);
}

HK_TEST(what_nobody_had_is_not_purged) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t refs[3], got;
  EXPECT_EQ(hk_refill(arena, hk_test_bin(4096), refs, 3, &got), HK_OK);
  EXPECT_EQ(hk_arena_trim(arena), 0);
  EXPECT_EQ(fake_os.purges, 0);
  give(arena, hk_test_bin(4096), refs[1]);
  EXPECT_EQ(hk_arena_trim(arena), 4096);
  give(arena, hk_test_bin(4096), refs[2]);
  EXPECT_EQ(hk_arena_trim(arena), 4096);
  EXPECT_EQ(fake_os.purges, 2);
  give(arena, hk_test_bin(4096), refs[0]);
  EXPECT_EQ(hk_arena_trim(arena), 4096);
  EXPECT_EQ(hk_refill(arena, hk_test_bin(4096), refs, 2, &got), HK_OK);
  memset(hk_test_address(arena, refs[1]), 1, 4096);
  give(arena, hk_test_bin(4096), refs[1]);
  EXPECT(hk_arena_trim(arena) >= 4096);
  EXPECT(hk_is_zero(hk_test_address(arena, refs[1]), 4096));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

/* The memory of an exposed slab is what JavaScript looks at: blocks its front keeps are not
 * free. */
HK_TEST(blocks_of_exposed_slabs_that_a_front_keeps_are_as_they_were) {
  static uint32_t refs[HK_SLAB_BYTES / 4096];
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(4096), count = fill_slab(arena, bin, refs);
  uint32_t slab = refs[0] >> HK_REF_INDEX_BITS;
  EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
  for (uint32_t i = 0; i < count; i += 2) give(arena, bin, refs[i]);
  EXPECT_EQ(hk_arena_trim(arena), count / 2 * 4096);
  for (uint32_t i = 1; i < count; i += 2) {
    EXPECT(hk_pattern_holds(hk_test_address(arena, refs[i]), 4096, refs[i]));
    give(arena, bin, refs[i]);
  }
  EXPECT_EQ(hk_arena_trim(arena), count / 2 * 4096);
  EXPECT_EQ(hk_test_stats(arena).bytes_used, HK_SLAB_BYTES);
  hk_test_conceal_all(arena);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_refused_purge_is_tried_again_by_the_next_trim) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t refs[2], got, bin = hk_test_bin(32768);
  EXPECT_EQ(hk_refill(arena, bin, refs, 2, &got), HK_OK);
  char *kept = hk_test_address(arena, refs[0]);
  hk_pattern_fill(kept, 32768, 1);
  give(arena, bin, refs[1]);
  fake_os.purge_result = HK_OS_REFUSED;
  EXPECT_EQ(hk_arena_trim(arena), 0);
  fake_os.purge_result = HK_OS_DONE;
  EXPECT_EQ(hk_arena_trim(arena), 32768);
  EXPECT(hk_pattern_holds(kept, 32768, 1));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

/* --- The magazines of C callers --------------------------------------------------------------- */

HK_TEST(what_magazines_hold_goes_back_with_its_slabs) {
  hk_arena_t *arena = hk_test_arena(0);
  static void *blocks[4000];
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < 4000; i++) blocks[i] = hk_alloc(arena, 1 + i * 17 % 40000);
    for (uint32_t i = 0; i < 4000; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
    EXPECT(hk_test_stats(arena).bytes_front > 0);
    (void)hk_arena_trim(arena);
    hk_arena_stats_t stats = hk_test_stats(arena);
    EXPECT_EQ(stats.bytes_front, 0);
    EXPECT_EQ(stats.bytes_used, 0);
    EXPECT_EQ(stats.bytes_committed, 0);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(live_blocks_are_as_they_were_after_a_trim) {
  enum { BLOCKS = 2000 };
  static char *blocks[BLOCKS];
  hk_random_t random = hk_random_begin(5);
  hk_arena_t *arena = hk_test_arena(0);
  uint64_t sizes[BLOCKS] = {0};
  for (uint32_t step = 0; step < 20 * BLOCKS; step++) {
    uint32_t i = hk_random_below(&random, BLOCKS);
    if (blocks[i] != NULL) {
      if (!hk_pattern_holds(blocks[i], sizes[i], i)) EXPECT(!"overwritten");
      EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
      blocks[i] = NULL;
    } else {
      sizes[i] = 1 + hk_random_below(&random, step % 50 == 0 ? 300000 : 3000);
      blocks[i] = hk_alloc(arena, sizes[i]);
      hk_pattern_fill(blocks[i], sizes[i], i);
    }
    if (step % 500 == 0) (void)hk_arena_trim(arena);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- The cache -------------------------------------------------------------------------------- */

static hk_process_stats_t process(void) {
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  return stats;
}

HK_TEST(a_trim_unmaps_what_the_cache_keeps_and_javascript_has_not_seen) {
  for (int policy = HK_FREE_POLICY_KEEP; policy <= HK_FREE_POLICY_BATCH; policy++) {
    fake_os_begin();
    hk_test_options()->free_policy = policy;
    hk_arena_t *arena = hk_test_arena(0);
    void *blocks[10];
    for (int i = 0; i < 10; i++) {
      blocks[i] = hk_alloc(arena, i < 5 ? HK_SUPERSLAB_BYTES : 3 * HK_SUPERSLAB_BYTES);
      memset(blocks[i], 1, HK_SLAB_BYTES);
    }
    for (int i = 0; i < 10; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
    EXPECT(process().superslabs_cached >= 9);
    (void)hk_arena_trim(arena);
    EXPECT_EQ(process().superslabs_cached, 0);
    EXPECT_EQ(process().bytes_cached, 0);
    EXPECT_EQ(fake_os.slab_bytes, 0);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    hk_test_options()->free_policy = HK_FREE_POLICY_BATCH;
    fake_os_end();
  }
}

HK_TEST(a_trim_leaves_only_address_space_of_what_javascript_has_seen) {
  fake_os_begin();
  hk_test_options()->free_policy = HK_FREE_POLICY_KEEP;
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref;
  EXPECT_EQ(hk_large_alloc(arena, 5 << 20, &ref), HK_OK);
  char *seen = hk_test_address(arena, ref);
  memset(seen, 1, 5 << 20);
  EXPECT_EQ(hk_slab_set_exposed(arena, ref >> HK_REF_INDEX_BITS, true), HK_OK);
  EXPECT_EQ(hk_slab_set_exposed(arena, ref >> HK_REF_INDEX_BITS, false), HK_OK);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT(resident(seen, 5 << 20) > 0);
  EXPECT_EQ(hk_arena_trim(arena), 5 << 20);
  EXPECT_EQ(resident(seen, 5 << 20), 0);
  EXPECT_EQ(process().superslabs_cached, 1);
  EXPECT_EQ(process().bytes_cached, 5 << 20);
  EXPECT_EQ(hk_arena_trim(arena), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_test_options()->free_policy = HK_FREE_POLICY_BATCH;
  fake_os_end();
}

/* JavaScript can write to all of a slab it sees, into blocks that it has freed or never had. */
HK_TEST(what_is_written_behind_a_trim_never_reaches_another_arena) {
  uint32_t bin = hk_test_bin(4096), ref, got;
  hk_slab_info_t info;
  hk_arena_t *first = hk_test_arena(0);
  hk_test_empty_cache();
  EXPECT_EQ(hk_refill(first, bin, &ref, 1, &got), HK_OK);
  uint32_t slab = ref >> HK_REF_INDEX_BITS;
  EXPECT_EQ(hk_slab_info(first, slab, &info), HK_OK);
  EXPECT_EQ(hk_slab_set_exposed(first, slab, true), HK_OK);
  give(first, bin, ref);
  (void)hk_arena_trim(first);
  memset(info.address, 0x5a, info.bytes);
  EXPECT_EQ(hk_slab_set_exposed(first, slab, false), HK_OK);
  EXPECT_EQ(hk_retire(first, slab), HK_OK);
  EXPECT_EQ(hk_arena_destroy(first), HK_OK);
  hk_arena_t *second = hk_test_arena(0);
  uint32_t refs[16];
  EXPECT_EQ(hk_refill(second, bin, refs, 16, &got), HK_OK);
  EXPECT_EQ(hk_test_address(second, refs[0]), info.address);
  EXPECT(hk_is_zero(info.address, info.bytes));
  EXPECT_EQ(hk_arena_destroy(second), HK_OK);
}

HK_TEST_MAIN(pages_of_free_blocks_go_and_those_of_others_stay, what_nobody_had_is_not_purged,
             blocks_of_exposed_slabs_that_a_front_keeps_are_as_they_were,
             a_refused_purge_is_tried_again_by_the_next_trim,
             what_magazines_hold_goes_back_with_its_slabs,
             live_blocks_are_as_they_were_after_a_trim,
             a_trim_unmaps_what_the_cache_keeps_and_javascript_has_not_seen,
             a_trim_leaves_only_address_space_of_what_javascript_has_seen,
             what_is_written_behind_a_trim_never_reaches_another_arena)

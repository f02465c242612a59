#include "supply/superslabs.h"

#include "support.h"

static uint32_t slab_of(uint32_t ref) { return ref >> HK_REF_INDEX_BITS; }

static hk_slab_info_t info_of(hk_arena_t *arena, uint32_t ref) {
  hk_slab_info_t info = {0};
  EXPECT_EQ(hk_slab_info(arena, slab_of(ref), &info), HK_OK);
  return info;
}

static uint32_t take(hk_arena_t *arena, uint64_t size_bytes) {
  uint32_t ref = UINT32_MAX;
  EXPECT_EQ(hk_large_alloc(arena, size_bytes, &ref), HK_OK);
  return ref;
}

HK_TEST(runs_of_every_length_hold_what_was_asked_for) {
  hk_arena_t *arena = hk_test_arena(0);
  for (size_t slabs = 2; slabs <= 32; slabs++) {
    for (int byte = -1; byte <= 1; byte++) {
      size_t size = slabs * HK_SLAB_BYTES + (size_t)(ptrdiff_t)byte;
      uint32_t ref = take(arena, size);
      hk_slab_info_t info = info_of(arena, ref);
      EXPECT_EQ(ref & HK_REF_INDEX_MASK, 0);
      EXPECT_EQ(info.bin, size > HK_RUN_SIZE_MAX ? HK_BIN_HUGE : HK_BIN_RUN);
      size_t whole = (size + HK_SLAB_BYTES - 1) / HK_SLAB_BYTES * HK_SLAB_BYTES;
      EXPECT_EQ(info.bytes, hk_superslabs_round(whole));
      EXPECT_EQ((uintptr_t)info.address % HK_SLAB_BYTES, 0);
      EXPECT_EQ(hk_arena_used_bytes(arena), info.bytes);
      hk_pattern_fill(info.address, size, slabs);
      EXPECT(hk_pattern_holds(info.address, size, slabs));
      EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
    }
  }
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(sizes_that_a_class_serves_and_sizes_beyond_any_address_space_are_refused) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref = 77;
  EXPECT_EQ(hk_large_alloc(arena, 0, &ref), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_large_alloc(arena, HK_CLASS_SIZE_MAX, &ref), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_large_alloc(arena, HK_SIZE_MAX, &ref), HK_OUT_OF_MEMORY_OS);
  EXPECT_EQ(hk_large_alloc(arena, HK_SIZE_MAX + 1, &ref), HK_OUT_OF_MEMORY_OS);
  EXPECT_EQ(hk_large_alloc(arena, UINT64_MAX, &ref), HK_OUT_OF_MEMORY_OS);
  EXPECT_EQ(ref, 77);
  EXPECT_EQ(hk_test_stats(arena).failures_os, 3);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(runs_share_superslabs_with_each_other_and_with_classes) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t class_ref, got;
  EXPECT_EQ(hk_refill(arena, hk_test_bin(64), &class_ref, 1, &got), HK_OK);
  uint32_t a = take(arena, 10 * HK_SLAB_BYTES), b = take(arena, 21 * HK_SLAB_BYTES);
  EXPECT_EQ(slab_of(class_ref), 0);
  EXPECT_EQ(slab_of(a), 1);
  EXPECT_EQ(slab_of(b), 11);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 1);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_run_is_laid_into_the_first_gap_that_holds_it) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t refs[16];
  for (int i = 0; i < 16; i++) refs[i] = take(arena, 2 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_large_free(arena, refs[3]), HK_OK); /* a gap of 2 */
  EXPECT_EQ(hk_large_free(arena, refs[8]), HK_OK); /* a gap of 4 */
  EXPECT_EQ(hk_large_free(arena, refs[9]), HK_OK);
  EXPECT_EQ(take(arena, 3 * HK_SLAB_BYTES), refs[8]);
  EXPECT_EQ(take(arena, 2 * HK_SLAB_BYTES), refs[3]);
  EXPECT_EQ(slab_of(take(arena, 2 * HK_SLAB_BYTES)), 32); /* one slab is left, not two */
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(freeing_a_run_twice_gives_a_code_and_frees_it_once) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref = take(arena, 5 * HK_SLAB_BYTES), other = take(arena, 5 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT_EQ(hk_large_free(arena, ref), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_arena_used_bytes(arena), 5 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_large_free(arena, other), HK_OK);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(references_that_are_not_the_start_of_a_run_give_a_code) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t small, got, run = take(arena, 5 * HK_SLAB_BYTES), huge = take(arena, 3 * HK_MIB);
  EXPECT_EQ(hk_refill(arena, 0, &small, 1, &got), HK_OK);
  EXPECT_EQ(hk_large_free(arena, small), HK_NOT_OWNED);
  EXPECT_EQ(hk_large_free(arena, run + 1), HK_NOT_OWNED);
  EXPECT_EQ(hk_large_free(arena, run + (1 << HK_REF_INDEX_BITS)), HK_NOT_OWNED);
  EXPECT_EQ(hk_large_free(arena, huge + 1), HK_NOT_OWNED);
  EXPECT_EQ(hk_large_free(arena, huge + (1 << HK_REF_INDEX_BITS)), HK_NOT_OWNED);
  EXPECT_EQ(hk_large_free(arena, UINT32_MAX), HK_NOT_OWNED);
  EXPECT_EQ(hk_large_free(arena, huge), HK_OK);
  EXPECT_EQ(hk_large_free(arena, huge), HK_NOT_OWNED); /* its record has left the arena */
  EXPECT_EQ(hk_large_free(arena, run), HK_OK);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_middle_of_a_run_is_no_slab_of_its_own) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_slab_info_t info;
  uint32_t slab = slab_of(take(arena, 3 * HK_SLAB_BYTES));
  EXPECT_EQ(hk_slab_info(arena, slab + 1, &info), HK_NOT_OWNED);
  EXPECT_EQ(hk_slab_set_exposed(arena, slab + 2, true), HK_NOT_OWNED);
  EXPECT_EQ(hk_retire(arena, slab), HK_NOT_OWNED);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_memory_of_an_exposed_run_or_huge_mapping_waits_to_be_concealed) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t refs[] = {take(arena, 100000), take(arena, 3 * HK_MIB)};
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(hk_slab_set_exposed(arena, slab_of(refs[i]), true), HK_OK);
    uint64_t used = hk_arena_used_bytes(arena);
    EXPECT_EQ(hk_large_free(arena, refs[i]), HK_OK);
    EXPECT_EQ(hk_large_free(arena, refs[i]), HK_NOT_OWNED);
    EXPECT_EQ(hk_arena_used_bytes(arena), used);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_slab_set_exposed(arena, slab_of(refs[i]), false), HK_OK);
    EXPECT(hk_arena_used_bytes(arena) < used);
    EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(only_memory_that_nobody_has_seen_is_fresh) {
  hk_arena_t *arena = hk_test_arena(0);
  const uint64_t size = 37 * HK_MIB; /* no other test has left one of this size in the cache */
  uint32_t ref = take(arena, size);
  EXPECT(info_of(arena, ref).fresh);
  EXPECT(hk_is_zero(info_of(arena, ref).address, size));
  EXPECT_EQ(hk_slab_set_exposed(arena, slab_of(ref), true), HK_OK);
  EXPECT_EQ(hk_slab_set_exposed(arena, slab_of(ref), false), HK_OK);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  ref = take(arena, size);
  EXPECT(!info_of(arena, ref).fresh);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_limit_holds_for_runs_and_huge_mappings_together) {
  hk_arena_t *arena = hk_test_arena(4 * HK_MIB);
  uint32_t ref, run = take(arena, HK_MIB), huge = take(arena, 3 * HK_MIB);
  EXPECT_EQ(hk_large_alloc(arena, HK_CLASS_SIZE_MAX + 1, &ref), HK_OUT_OF_MEMORY_LIMIT);
  EXPECT_EQ(hk_large_free(arena, run), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, HK_MIB + 1, &ref), HK_OUT_OF_MEMORY_LIMIT);
  run = take(arena, HK_MIB);
  EXPECT_EQ(hk_large_free(arena, huge), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB + 1, &ref), HK_OUT_OF_MEMORY_LIMIT);
  huge = take(arena, 3 * HK_MIB);
  EXPECT_EQ(hk_test_stats(arena).failures_limit, 3);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_huge_mapping_freed_is_used_again_without_a_system_call) {
  fake_os_begin();
  hk_test_options()->free_policy = HK_FREE_POLICY_KEEP;
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref = take(arena, 5 * HK_MIB);
  void *address = info_of(arena, ref).address;
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  uint64_t maps = fake_os.maps, unmaps = fake_os.unmaps;
  for (int i = 0; i < 100; i++) {
    ref = take(arena, 5 * HK_MIB - (size_t)i * 1000);
    if (info_of(arena, ref).address != address) EXPECT(!"another mapping");
    EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  }
  EXPECT_EQ(fake_os.maps, maps);
  EXPECT_EQ(fake_os.unmaps, unmaps);
  EXPECT_EQ(fake_os.purges, 0);
  hk_test_options()->free_policy = HK_FREE_POLICY_BATCH;
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(counts_follow_every_run_and_huge_mapping) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t run = take(arena, 65537), huge = take(arena, 2 * HK_MIB + 1);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.bins[HK_BIN_RUN].refills, 1);
  EXPECT_EQ(stats.bins[HK_BIN_RUN].front_blocks, 1);
  EXPECT_EQ(stats.bins[HK_BIN_RUN].slabs, 2);
  EXPECT_EQ(stats.bins[HK_BIN_HUGE].front_blocks, 1);
  EXPECT_EQ(stats.bins[HK_BIN_HUGE].slabs, 36);
  EXPECT_EQ(stats.bytes_front, 38 * HK_SLAB_BYTES);
  EXPECT_EQ(stats.bytes_committed, HK_SUPERSLAB_BYTES + 36 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_large_free(arena, run), HK_OK);
  EXPECT_EQ(hk_large_free(arena, huge), HK_OK);
  stats = hk_test_stats(arena);
  EXPECT_EQ(stats.bins[HK_BIN_RUN].flushes, 1);
  EXPECT_EQ(stats.bins[HK_BIN_RUN].high_water, 1);
  EXPECT_EQ(stats.bins[HK_BIN_HUGE].front_blocks, 0);
  EXPECT_EQ(stats.bytes_front, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(runs_at_random_never_overlap) {
  enum { SLOTS = 60, STEPS = 4000 };
  static struct {
    uint32_t ref;
    size_t bytes;
    char *address;
  } held[SLOTS];
  hk_random_t random = hk_random_begin(31);
  hk_arena_t *arena = hk_test_arena(0);
  for (uint64_t step = 0; step < STEPS; step++) {
    uint32_t i = hk_random_below(&random, SLOTS);
    if (held[i].bytes == 0) {
      size_t slabs = 2 + hk_random_below(&random, 8) * hk_random_below(&random, 5);
      held[i].ref = take(arena, slabs * HK_SLAB_BYTES - 100);
      held[i].bytes = slabs * HK_SLAB_BYTES;
      held[i].address = info_of(arena, held[i].ref).address;
      /* The ends of every slab are enough to notice a neighbour. */
      for (size_t at = 0; at < held[i].bytes; at += HK_SLAB_BYTES / 2) {
        hk_pattern_fill(held[i].address + at, 16, i + at);
      }
      continue;
    }
    for (size_t at = 0; at < held[i].bytes; at += HK_SLAB_BYTES / 2) {
      if (!hk_pattern_holds(held[i].address + at, 16, i + at)) EXPECT(!"overwritten");
    }
    EXPECT_EQ(hk_large_free(arena, held[i].ref), HK_OK);
    held[i].bytes = 0;
    if (step % 100 == 0) EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(runs_of_every_length_hold_what_was_asked_for,
             sizes_that_a_class_serves_and_sizes_beyond_any_address_space_are_refused,
             runs_share_superslabs_with_each_other_and_with_classes,
             a_run_is_laid_into_the_first_gap_that_holds_it,
             freeing_a_run_twice_gives_a_code_and_frees_it_once,
             references_that_are_not_the_start_of_a_run_give_a_code,
             the_middle_of_a_run_is_no_slab_of_its_own,
             the_memory_of_an_exposed_run_or_huge_mapping_waits_to_be_concealed,
             only_memory_that_nobody_has_seen_is_fresh,
             the_limit_holds_for_runs_and_huge_mappings_together,
             a_huge_mapping_freed_is_used_again_without_a_system_call,
             counts_follow_every_run_and_huge_mapping, runs_at_random_never_overlap)

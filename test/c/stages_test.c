/* What is counted on the way to a block: stages, slabs, batches, the cache, locks. */
#include <pthread.h>

#include "cache_limits.h"
#include "os/lock.h"
#include "random_mixed.h"
#include "refs.h"

static hk_process_stats_t process_stats(void) {
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  return stats;
}

HK_TEST(each_stage_counts_the_allocation_whose_first_block_it_gave) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), capacity = capacity_of(bin);
  take(arena, bin, refs, 1);
  EXPECT_EQ(bin_stats(arena, bin).stage_os, 1);
  take(arena, bin, refs + 1, capacity - 1);
  uint64_t from_current = bin_stats(arena, bin).stage_current;
  EXPECT_EQ(from_current + 1, bin_stats(arena, bin).slow);
  take(arena, bin, refs + capacity, 1);
  EXPECT_EQ(bin_stats(arena, bin).stage_slot, 1);
  take(arena, bin, refs + capacity + 1, 3 * capacity - 1);
  flush(arena, bin, refs, 2);
  take(arena, bin, refs, 2);
  EXPECT_EQ(bin_stats(arena, bin).stage_partial, 1);
  flush(arena, bin, refs + 2 * capacity, capacity);
  take(arena, bin, refs + 2 * capacity, 1);
  EXPECT_EQ(bin_stats(arena, bin).stage_empty, 1);
  EXPECT_EQ(bin_stats(arena, bin).stage_cached, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  arena = hk_test_arena(0);
  take(arena, bin, refs, 1);
  EXPECT_EQ(bin_stats(arena, bin).stage_cached, 1);
  EXPECT_EQ(bin_stats(arena, bin).slow, 1);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  end();
}

HK_TEST(large_blocks_come_from_unused_slots_the_cache_or_the_os) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref;
  EXPECT_EQ(hk_large_alloc(arena, 100000, &ref), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 100000, &ref), HK_OK);
  hk_bin_stats_t runs = bin_stats(arena, HK_BIN_RUN);
  EXPECT_EQ(runs.stage_os, 1);
  EXPECT_EQ(runs.stage_slot, 1);
  EXPECT_EQ(runs.slow, 2);
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(hk_large_alloc(arena, 5 * HK_MIB, &ref), HK_OK);
    EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  }
  hk_bin_stats_t huge = bin_stats(arena, HK_BIN_HUGE);
  EXPECT_EQ(huge.stage_os, 1);
  EXPECT_EQ(huge.stage_cached, 1);
  EXPECT_EQ(huge.blocks_out, 2);
  EXPECT_EQ(huge.blocks_in, 2);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  end();
}

HK_TEST(slabs_are_counted_as_they_come_empty_and_go) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(2048), capacity = capacity_of(bin);
  take(arena, bin, refs, 4 * capacity);
  hk_bin_stats_t stats = bin_stats(arena, bin);
  EXPECT_EQ(stats.slabs_bound, 4);
  EXPECT_EQ(stats.prepared_without_current, 1);
  EXPECT_EQ(stats.warm_misses, 4);
  EXPECT_EQ(stats.blocks_out, 4 * capacity);
  flush(arena, bin, refs, 3 * capacity);
  stats = bin_stats(arena, bin);
  EXPECT_EQ(stats.slabs_emptied, 3);
  EXPECT_EQ(stats.blocks_in, 3 * capacity);
  EXPECT_EQ(hk_test_retire_all(arena), 3);
  EXPECT_EQ(bin_stats(arena, bin).slabs_retired, 3);
  EXPECT(hk_arena_is_valid(arena));
  hk_arena_reset(arena);
  EXPECT_EQ(bin_stats(arena, bin).slabs_retired, 4);
  EXPECT_EQ(bin_stats(arena, bin).blocks_in, 4 * capacity);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_slab_that_was_purged_is_not_warm) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), capacity = capacity_of(bin);
  take(arena, bin, refs, 3 * capacity);
  flush(arena, bin, refs, capacity);
  take(arena, bin, refs, 1);
  hk_bin_stats_t stats = bin_stats(arena, bin);
  EXPECT_EQ(stats.prepared_from_empty, 1);
  EXPECT_EQ(stats.warm_hits, 1);
  flush(arena, bin, refs + capacity, capacity - 1);
  (void)hk_arena_trim(arena);
  take(arena, bin, refs, capacity);
  stats = bin_stats(arena, bin);
  EXPECT_EQ(stats.prepared_from_partial, 1);
  EXPECT_EQ(stats.warm_hits, 1);
  EXPECT_EQ(stats.warm_misses, 4);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_current_slab_that_is_given_away_is_dropped) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024);
  take(arena, bin, refs, 3);
  uint32_t slab = refs[0] >> HK_REF_INDEX_BITS;
  EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
  EXPECT_EQ(hk_slab_give_away(arena, slab), HK_OK);
  EXPECT_EQ(bin_stats(arena, bin).current_dropped, 1);
  take(arena, bin, refs + 3, 1);
  EXPECT_EQ(bin_stats(arena, bin).prepared_without_current, 2);
  EXPECT_EQ(hk_slab_set_exposed(arena, slab, false), HK_OK);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(drains_say_how_many_blocks_they_gained_and_fill_other_magazines) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  static void *blocks[2][600];
  static const size_t sizes[2] = {100, 200};
  for (int i = 0; i < 600; i++) {
    for (int s = 0; s < 2; s++) blocks[s][i] = hk_alloc(arena, sizes[s]);
  }
  for (int i = 0; i < 600; i++) {
    for (int s = 0; s < 2; s++) EXPECT_EQ(hk_free(other, blocks[s][i]), HK_OK);
  }
  for (int i = 0; i < 600; i++) (void)hk_alloc(arena, sizes[0]);
  hk_bin_stats_t mine = bin_stats(arena, hk_test_bin(100));
  hk_bin_stats_t others = bin_stats(arena, hk_test_bin(200));
  EXPECT(mine.drains >= 1 && mine.drains <= mine.drained_blocks);
  EXPECT_EQ(mine.drained_blocks, 600);
  EXPECT_EQ(others.drained_blocks, 600);
  EXPECT(others.prefilled >= 1);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST(the_stages_of_a_steady_run_stay_few_and_add_up) {
  hk_arena_t *arena = hk_test_arena(0);
  random_mixed(arena, 20000, 64, 1, 16, 1024);
  hk_arena_stats_t stats = hk_test_stats(arena);
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    const hk_bin_stats_t *b = &stats.bins[bin];
    EXPECT_EQ(b->slow, b->stage_current + b->stage_partial + b->stage_empty + b->stage_slot +
                           b->stage_cached + b->stage_os);
    EXPECT(b->slow < 10);
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

static void put_one(size_t bytes, bool seen) {
  hk_superslab_t *superslab = hk_superslab_map(bytes);
  superslab->was_exposed = seen;
  (void)hk_cache_put(superslab, &(hk_cache_terms_t){.policy = HK_FREE_POLICY_KEEP});
}

HK_TEST(the_cache_says_why_each_superslab_left_it) {
  hk_options_t *options = begin(2, 60, HK_FREE_POLICY_KEEP);
  hk_process_stats_t before = process_stats();
  for (int i = 0; i < 3; i++) put_one(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(process_stats().cache_evicted_count, before.cache_evicted_count + 1);
  options->superslab_max_memory_mb = 3;
  hk_cache_expire(hk_os_now_ns());
  EXPECT_EQ(process_stats().cache_evicted_bytes, before.cache_evicted_bytes + 1);
  fake_os.now_ns += 60 * SECOND_NS;
  hk_cache_expire(hk_os_now_ns());
  EXPECT_EQ(process_stats().cache_expired, before.cache_expired + 1);
  hk_fit_request_t request = {.bytes = HK_SUPERSLAB_BYTES, .bytes_max = UINT64_MAX};
  EXPECT(hk_cache_take(&request) == NULL);
  EXPECT_EQ(process_stats().cache_misses, before.cache_misses + 1);
  put_one(HK_SUPERSLAB_BYTES, true);
  EXPECT_EQ(process_stats().cache_quarantined, 1);
  fake_os.now_ns += HK_QUARANTINE_NS;
  EXPECT_EQ(process_stats().cache_quarantined, 0);
  end();
}

static hk_lock_t contested = HK_LOCK_INIT(HK_LOCK_RANK_SPARE);

static void *take_it(void *unused) {
  (void)unused;
  hk_lock_acquire(&contested);
  hk_lock_release(&contested);
  return NULL;
}

HK_TEST(a_lock_that_another_thread_has_is_contended) {
  hk_lock_stats_t before, after;
  hk_lock_stats(&before);
  hk_lock_acquire(&contested);
  pthread_t thread;
  EXPECT_EQ(pthread_create(&thread, NULL, take_it, NULL), 0);
  do {
    hk_os_yield();
    hk_lock_stats(&after);
  } while (after.contended == before.contended);
  hk_lock_release(&contested);
  pthread_join(thread, NULL);
  hk_lock_stats(&after);
  EXPECT_EQ(after.contended, before.contended + 1);
  EXPECT_EQ(after.acquired, before.acquired + 2);
}

/* --- Lengths ---------------------------------------------------------------------------------- */

static hk_length_stats_t told[64];
static int told_count;

static void note(const hk_length_stats_t *length, void *context) {
  (void)context;
  told[told_count++] = *length;
}

static void expect_length(int i, uint64_t first, uint64_t last, uint64_t allocs, uint64_t live,
                          uint64_t live_bytes) {
  EXPECT_EQ(told[i].first, first);
  EXPECT_EQ(told[i].last, last);
  EXPECT_EQ(told[i].allocs, allocs);
  EXPECT_EQ(told[i].live, live);
  EXPECT_EQ(told[i].live_bytes, live_bytes);
}

HK_TEST(lengths_are_told_one_by_one_as_far_as_they_are_counted_so) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_counters_t *c = hk_arena_counters(arena);
  c->allocs.by_length[100] = 5;
  c->frees.by_length[100] = 2;
  c->slot_lengths[7] = 1500;
  c->allocs.by_slot[7] = 4;
  uint32_t bin = hk_test_bin(5000);
  c->allocs.by_bin[bin] = 3;
  c->frees.by_bin[bin] = 1;
  c->live_bytes[bin] = 10001;
  (void)hk_alloc(arena, 3 * HK_MIB);
  void *block = hk_alloc(arena, 60);
  (void)hk_alloc(arena, 60);
  EXPECT_EQ(hk_free(arena, block), HK_OK);
  told_count = 0;
  hk_arena_lengths(arena, note, NULL);
  EXPECT_EQ(told_count, 5);
  expect_length(0, 100, 100, 5, 3, 300);
  expect_length(1, 1500, 1500, 4, 4, 6000);
  expect_length(2, 49, 64, 2, 1, 64);
  expect_length(3, 4673, 5040, 3, 2, 10001);
  expect_length(4, HK_RUN_SIZE_MAX + 1, HK_SIZE_MAX, 1, 1, 3 * HK_MIB);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(each_stage_counts_the_allocation_whose_first_block_it_gave,
             large_blocks_come_from_unused_slots_the_cache_or_the_os,
             slabs_are_counted_as_they_come_empty_and_go, a_slab_that_was_purged_is_not_warm,
             a_current_slab_that_is_given_away_is_dropped,
             drains_say_how_many_blocks_they_gained_and_fill_other_magazines,
             the_stages_of_a_steady_run_stay_few_and_add_up,
             the_cache_says_why_each_superslab_left_it, a_lock_that_another_thread_has_is_contended,
             lengths_are_told_one_by_one_as_far_as_they_are_counted_so)

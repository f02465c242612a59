#include "supply/record.h"
#include "support.h"

/* I2 for every bin and I3 for the arena, from the published numbers alone. */
static bool sums_hold(hk_arena_t *arena) {
  hk_arena_stats_t s = hk_test_stats(arena);
  const hk_classes_t *classes = hk_arena_classes(arena);
  uint64_t slab_bytes = 0;
  bool hold = true;
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    const hk_bin_stats_t *b = &s.bins[bin];
    hold = hold && b->live + b->front_blocks + b->free_blocks + b->remote_blocks == b->capacity;
    /* Of spans, too, for which there was no room: they have fewer blocks per slab. */
    uint64_t most = b->slabs * classes->bins[bin].capacity / classes->bins[bin].span_slabs;
    hold =
        hold && b->capacity <= most && (b->capacity == most || classes->bins[bin].span_slabs > 1);
    hold = hold && b->block_bytes == b->live * classes->bins[bin].stride_bytes;
    slab_bytes += b->slabs * HK_SLAB_BYTES;
  }
  for (uint32_t bin = HK_BIN_RUN; bin <= HK_BIN_HUGE; bin++) {
    hold = hold && s.bins[bin].live + s.bins[bin].front_blocks == s.bins[bin].capacity;
    slab_bytes += s.bins[bin].slabs * HK_SLAB_BYTES;
  }
  hold = hold && s.bytes_used == slab_bytes && s.bytes_free_slabs == s.bytes_committed - slab_bytes;
  return hold &&
         s.bytes_live + s.bytes_front + s.bytes_free_in_slab + s.bytes_free_slabs + s.bytes_slack ==
             s.bytes_committed;
}

static bool is_consistent(hk_arena_t *arena) {
  return sums_hold(arena) && hk_arena_is_valid(arena);
}

HK_TEST(a_new_arena_counts_nothing) {
  hk_arena_t *arena = hk_test_arena(12345678);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.bytes_max, 12345678);
  EXPECT(stats.bytes_metadata > sizeof(hk_arena_t) + sizeof(hk_counters_t));
  stats.bytes_max = stats.bytes_metadata = 0;
  EXPECT(hk_is_zero(&stats, sizeof stats));
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(sums_hold_after_every_kind_of_operation) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  void *small = hk_alloc(arena, 100), *mid = hk_alloc(arena, 10000);
  EXPECT(is_consistent(arena));
  void *run = hk_alloc(arena, 100000), *huge = hk_alloc(arena, 3 * HK_MIB);
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_free(arena, small), HK_OK);
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_free(other, mid), HK_OK);
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_free(arena, run), HK_OK);
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_free(arena, huge), HK_OK);
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_arena_trim(arena),
            3 * HK_MIB + 5 * HK_SLAB_BYTES); /* and the slab and the span of both classes */
  EXPECT(is_consistent(arena));
  EXPECT(hk_alloc(arena, 100) != NULL && hk_alloc(arena, 10000) != NULL);
  EXPECT(is_consistent(arena));
  hk_arena_reset(arena);
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_arena_trim(arena), 3 * HK_SLAB_BYTES); /* the slab and the span of both classes */
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST(live_blocks_are_counted_by_bin_whoever_frees_them) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  void *blocks[30];
  for (int i = 0; i < 30; i++) blocks[i] = hk_alloc(arena, 200);
  for (int i = 0; i < 10; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
  for (int i = 10; i < 15; i++) EXPECT_EQ(hk_free(other, blocks[i]), HK_OK);
  hk_bin_stats_t stats = hk_test_stats(arena).bins[hk_test_bin(200)];
  EXPECT_EQ(stats.allocs, 30);
  EXPECT_EQ(stats.frees_local, 10);
  EXPECT_EQ(stats.frees_remote, 5);
  EXPECT_EQ(stats.remote_blocks, 5);
  EXPECT_EQ(stats.live, 15);
  EXPECT_EQ(stats.live_bytes, 15 * 208);
  EXPECT_EQ(stats.block_bytes, 15 * 208);
  EXPECT(stats.slow <= stats.allocs);
  EXPECT(stats.high_water >= 30);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST(a_reset_counts_everything_live_as_freed_and_keeps_the_history) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  for (int round = 1; round <= 3; round++) {
    void *first = hk_alloc(arena, 64);
    for (int i = 1; i < 50; i++) (void)hk_alloc(arena, 64);
    (void)hk_alloc(arena, 100000);
    EXPECT_EQ(hk_free(other, first), HK_OK);
    hk_arena_reset(arena);
    hk_arena_stats_t stats = hk_test_stats(arena);
    hk_bin_stats_t bin = stats.bins[hk_test_bin(64)], run = stats.bins[HK_BIN_RUN];
    EXPECT_EQ(bin.allocs, 50 * round);
    EXPECT_EQ(bin.frees_local, 49 * round);
    EXPECT_EQ(bin.frees_remote, round);
    EXPECT_EQ(bin.live, 0);
    EXPECT_EQ(run.allocs, round);
    EXPECT_EQ(run.frees_local, round);
    EXPECT_EQ(stats.bytes_live, 0);
    EXPECT(is_consistent(arena));
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

/* --- A front that counts requested lengths, as the one in JavaScript does --------------------- */

static void count(double *counter, double amount) { *counter += amount; }

HK_TEST(requested_lengths_are_live_bytes_and_the_rest_of_the_block_is_slack) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_counters_t *counters = hk_arena_counters(arena);
  uint32_t refs[8], got, bin = hk_test_bin(960), large;
  EXPECT_EQ(hk_refill(arena, bin, refs, 8, &got), HK_OK);
  count(&counters->allocs.by_length[900], 3);
  count(&counters->allocs.by_length[950], 2);
  count(&counters->frees.by_length[950], 1);
  EXPECT_EQ(hk_large_alloc(arena, 100000, &large), HK_OK);
  count(&counters->allocs.by_bin[HK_BIN_RUN], 1);
  count(&counters->live_bytes[HK_BIN_RUN], 100000);
  count(&counters->live_block_bytes[HK_BIN_RUN], 2.0 * HK_SLAB_BYTES);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.bins[bin].allocs, 5);
  EXPECT_EQ(stats.bins[bin].live, 4);
  EXPECT_EQ(stats.bins[bin].live_bytes, 3 * 900 + 950);
  EXPECT_EQ(stats.bins[bin].block_bytes, 4 * 960);
  EXPECT_EQ(stats.bins[bin].front_blocks, 4);
  EXPECT_EQ(stats.bytes_live, 3 * 900 + 950 + 100000);
  EXPECT(is_consistent(arena));
  hk_arena_reset(arena);
  stats = hk_test_stats(arena);
  EXPECT_EQ(stats.bytes_live, 0);
  EXPECT_EQ(stats.bins[bin].allocs, 5);
  EXPECT_EQ(stats.bins[bin].frees_local, 5);
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(every_exact_length_is_counted_under_the_bin_that_serves_it) {
  static const uint32_t own[] = {16, 320, 1520};
  hk_arena_t *arenas[2] = {hk_test_arena(0), NULL};
  EXPECT_EQ(
      hk_arena_create(&(hk_arena_options_t){.class_sizes = own, .class_count = 3}, &arenas[1]),
      HK_OK);
  for (int a = 0; a < 2; a++) {
    const hk_classes_t *classes = hk_arena_classes(arenas[a]);
    uint64_t expected[HK_BIN_MAX] = {0};
    for (uint32_t bin = 0, ref, got; bin < classes->count; bin++) {
      EXPECT_EQ(hk_refill(arenas[a], bin, &ref, 1, &got), HK_OK);
    }
    for (uint32_t length = 1; length <= HK_EXACT_LENGTH_MAX; length++) {
      count(&hk_arena_counters(arenas[a])->allocs.by_length[length], length);
      expected[hk_classes_bin(classes, length)] += length;
    }
    hk_arena_stats_t stats = hk_test_stats(arenas[a]);
    for (uint32_t bin = 0; bin < classes->count; bin++) {
      EXPECT_EQ(stats.bins[bin].allocs, expected[bin]);
    }
    EXPECT_EQ(hk_arena_destroy(arenas[a]), HK_OK);
  }
}

HK_TEST(lengths_of_a_bin_that_never_got_a_block_are_not_read) {
  hk_arena_t *arena = hk_test_arena(0);
  count(&hk_arena_counters(arena)->allocs.by_length[100], 1);
  EXPECT_EQ(hk_test_stats(arena).bins[hk_test_bin(100)].allocs, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_cell_counts_for_the_bin_of_the_length_it_has_been_given) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_counters_t *counters = hk_arena_counters(arena);
  uint32_t refs[4], got, bin = hk_test_bin(1500);
  EXPECT_EQ(hk_refill(arena, bin, refs, 4, &got), HK_OK);
  counters->slot_lengths[7] = 1500;
  count(&counters->allocs.by_slot[7], 3);
  count(&counters->frees.by_slot[7], 1);
  hk_bin_stats_t stats = hk_test_stats(arena).bins[bin];
  EXPECT_EQ(stats.allocs, 3);
  EXPECT_EQ(stats.frees_local, 1);
  EXPECT_EQ(stats.live, 2);
  EXPECT_EQ(stats.live_bytes, 3000);
  EXPECT(is_consistent(arena));
  /* A block counted by bin may be freed by cell; only their sum means something. */
  count(&counters->allocs.by_bin[bin], 1);
  count(&counters->live_bytes[bin], 1500);
  count(&counters->frees.by_slot[7], 3);
  stats = hk_test_stats(arena).bins[bin];
  EXPECT_EQ(stats.live, 0);
  EXPECT_EQ(stats.live_bytes, 0);
  EXPECT(is_consistent(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(pinned_bytes_and_detached_slabs_are_what_the_front_says) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_arena_counters(arena)->bytes_pinned = 4096;
  hk_arena_counters(arena)->detached_slabs = 3;
  EXPECT_EQ(hk_test_stats(arena).bytes_pinned, 4096);
  EXPECT_EQ(hk_test_stats(arena).detached_slabs, 3);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- The process ------------------------------------------------------------------------------ */

HK_TEST(committed_and_cached_bytes_are_all_that_is_mapped_for_blocks) {
  fake_os_begin();
  hk_random_t random = hk_random_begin(5);
  hk_arena_t *arenas[3] = {hk_test_arena(0), hk_test_arena(0), hk_test_arena(0)};
  for (int step = 0; step < 1000; step++) {
    hk_arena_t *arena = arenas[hk_random_below(&random, 3)];
    uint32_t choice = hk_random_below(&random, 30);
    if (choice == 0) hk_arena_reset(arena);
    if (choice == 1) (void)hk_arena_trim(arena);
    if (choice > 1) (void)hk_alloc(arena, 1 + hk_random_below(&random, 4 * HK_MIB));
    fake_os.now_ns += 1000000000;
    uint64_t committed = 0;
    hk_process_stats_t process;
    for (int i = 0; i < 3; i++) committed += hk_test_stats(arenas[i]).bytes_committed;
    hk_process_stats(&process);
    if (committed + process.bytes_cached != fake_os.slab_bytes) {
      EXPECT_EQ(committed + process.bytes_cached, fake_os.slab_bytes);
    }
  }
  for (int i = 0; i < 3; i++) EXPECT_EQ(hk_arena_destroy(arenas[i]), HK_OK);
  fake_os_end();
}

HK_TEST(process_numbers_are_those_of_the_cache_and_the_os) {
  fake_os_begin();
  hk_process_stats_t before, after;
  hk_process_stats(&before);
  hk_arena_t *arena = hk_test_arena(0);
  (void)hk_alloc(arena, HK_MIB);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_process_stats(&after);
  EXPECT_EQ(after.os_map + after.os_map_metadata,
            before.os_map + before.os_map_metadata + fake_os.maps);
  EXPECT_EQ(after.os_unmap + after.os_unmap_metadata,
            before.os_unmap + before.os_unmap_metadata + fake_os.unmaps);
  EXPECT_EQ(after.os_purge, before.os_purge + fake_os.purges);
  EXPECT_EQ(after.superslabs_cached, 1);
  EXPECT_EQ(after.bytes_cached, HK_SUPERSLAB_BYTES);
  fake_os.purge_result = HK_OS_NO_MEMORY;
  arena = hk_test_arena(0);
  (void)hk_alloc(arena, HK_MIB);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_process_stats(&after);
  EXPECT_EQ(after.superslabs_adopted, before.superslabs_adopted + 1);
  EXPECT_EQ(after.os_purge_enomem, before.os_purge_enomem + 1);
  EXPECT_EQ(after.os_purge_disabled, 1);
  fake_os_end();
}

/* --- The check itself ------------------------------------------------------------------------- */

HK_TEST(the_check_notices_a_number_that_is_off_by_one) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t refs[100], got, bin = hk_test_bin(64);
  EXPECT_EQ(hk_refill(arena, bin, refs, 100, &got), HK_OK);
  hk_stat_t *cells[] = {&arena->bins[bin].out, &arena->bins[bin].slabs, &arena->supply.used_bytes,
                        &arena->supply.count, &arena->supply.committed_bytes};
  for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
    EXPECT(hk_arena_is_valid(arena));
    hk_stat_add(cells[i], 1);
    EXPECT(!hk_arena_is_valid(arena));
    hk_stat_sub(cells[i], 1);
  }
  hk_slab_t *slab = hk_arena_slab(arena, refs[0] >> HK_REF_INDEX_BITS);
  slab->free_count++;
  EXPECT(!hk_arena_is_valid(arena));
  slab->free_count--;
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Everything at random --------------------------------------------------------------------- */

typedef struct model_t {
  uint64_t allocs[HK_BIN_COUNT], local[HK_BIN_COUNT], remote[HK_BIN_COUNT], live[HK_BIN_COUNT];
} model_t;

static uint32_t bin_of_any(size_t size) {
  if (size > HK_RUN_SIZE_MAX) return HK_BIN_HUGE;
  return size > HK_CLASS_SIZE_MAX ? HK_BIN_RUN : hk_test_bin(size);
}

static size_t random_size(hk_random_t *random) {
  uint32_t kind = hk_random_below(random, 1000);
  if (kind < 850) return 1 + hk_random_below(random, 2000);
  if (kind < 990) return 1 + hk_random_below(random, HK_CLASS_SIZE_MAX);
  if (kind < 999) return HK_CLASS_SIZE_MAX + 1 + hk_random_below(random, 300000);
  return HK_RUN_SIZE_MAX + 1 + hk_random_below(random, HK_MIB);
}

static void compare(hk_arena_t *arena, const model_t *model) {
  hk_arena_stats_t stats = hk_test_stats(arena);
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    EXPECT_EQ(stats.bins[bin].allocs, model->allocs[bin]);
    EXPECT_EQ(stats.bins[bin].frees_local, model->local[bin]);
    EXPECT_EQ(stats.bins[bin].frees_remote, model->remote[bin]);
    EXPECT_EQ(stats.bins[bin].live, model->live[bin]);
  }
  EXPECT_EQ(stats.double_frees, 0);
  EXPECT(is_consistent(arena));
}

HK_TEST(statistics_agree_with_a_model_through_300000_random_operations) {
  enum { SLOTS = 3000, STEPS = 300000 };
  static struct {
    void *block;
    uint32_t bin;
  } slots[SLOTS];
  static model_t model;
  hk_random_t random = hk_random_begin(20260);
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  for (int step = 0; step < STEPS; step++) {
    uint32_t i = hk_random_below(&random, SLOTS), bin = slots[i].bin;
    if (slots[i].block == NULL) {
      size_t size = random_size(&random);
      slots[i].bin = bin_of_any(size);
      slots[i].block = hk_alloc(arena, size);
      model.allocs[slots[i].bin]++;
      model.live[slots[i].bin]++;
    } else {
      bool remote = bin < HK_BIN_MAX && hk_random_below(&random, 5) == 0;
      if (hk_free(remote ? other : arena, slots[i].block) != HK_OK) EXPECT(!"freed");
      remote ? model.remote[bin]++ : model.local[bin]++;
      model.live[bin]--;
      slots[i].block = NULL;
    }
    if (step % 25000 == 12500) (void)hk_arena_trim(arena);
    if (step == STEPS / 2) {
      hk_arena_reset(arena);
      for (int s = 0; s < SLOTS; s++) slots[s].block = NULL;
      for (int b = 0; b < HK_BIN_COUNT; b++) {
        model.local[b] += model.live[b];
        model.live[b] = 0;
      }
    }
    if (step % 1000 == 0) compare(arena, &model);
  }
  compare(arena, &model);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST_MAIN(a_new_arena_counts_nothing, sums_hold_after_every_kind_of_operation,
             live_blocks_are_counted_by_bin_whoever_frees_them,
             a_reset_counts_everything_live_as_freed_and_keeps_the_history,
             requested_lengths_are_live_bytes_and_the_rest_of_the_block_is_slack,
             every_exact_length_is_counted_under_the_bin_that_serves_it,
             lengths_of_a_bin_that_never_got_a_block_are_not_read,
             a_cell_counts_for_the_bin_of_the_length_it_has_been_given,
             pinned_bytes_and_detached_slabs_are_what_the_front_says,
             committed_and_cached_bytes_are_all_that_is_mapped_for_blocks,
             process_numbers_are_those_of_the_cache_and_the_os,
             the_check_notices_a_number_that_is_off_by_one,
             statistics_agree_with_a_model_through_300000_random_operations)

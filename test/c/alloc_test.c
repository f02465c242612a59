#include "hakmem.h"
#include "random_mixed.h"

static void free_ok(hk_arena_t *arena, void *block) {
  hk_status_t status = hk_free(arena, block);
  if (status != HK_OK) EXPECT_EQ(status, HK_OK);
}

/* Must run first, before there is any arena. */
HK_TEST(nothing_is_ours_before_the_first_arena) {
  int local = 0;
  EXPECT_EQ(hk_free(NULL, NULL), HK_OK);
  EXPECT_EQ(hk_free(NULL, &local), HK_NOT_OWNED);
  EXPECT_EQ(hk_usable_size(&local), 0);
  EXPECT(!hk_owns(NULL, &local));
}

/* --- Golden counts ---------------------------------------------------------------------------- */

/* The benchmark is deterministic, so its allocations per row are known to the unit. */
static void check_golden(uint32_t iterations, uint32_t ws, uint32_t min, uint32_t max,
                         const uint64_t expected[8]) {
  hk_arena_t *arena = hk_test_arena(0);
  random_mixed(arena, iterations, ws, 1, min, max);
  hk_arena_stats_t stats = hk_test_stats(arena);
  const hk_classes_t *classes = hk_arena_classes(arena);
  uint64_t allocs[HK_ROW_COUNT] = {0}, frees[HK_ROW_COUNT] = {0};
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    allocs[classes->bins[bin].row] += stats.bins[bin].allocs;
    frees[classes->bins[bin].row] += stats.bins[bin].frees_local;
    EXPECT_EQ(stats.bins[bin].live, 0);
  }
  for (uint32_t row = 0; row < HK_ROW_COUNT; row++) {
    EXPECT_EQ(allocs[row], row <= HK_ROW_C7 ? expected[row] : 0);
    EXPECT_EQ(frees[row], allocs[row]);
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(golden_counts_of_one_size_in_64_slots) {
  check_golden(20000, 64, 1024, 1024, (const uint64_t[]){0, 0, 0, 0, 0, 0, 0, 11016});
}

HK_TEST(golden_counts_of_16_to_1024_bytes_in_256_slots) {
  check_golden(20000, 256, 16, 1024, random_mixed_golden);
}

HK_TEST(golden_counts_of_257_to_768_bytes_in_256_slots) {
  check_golden(20000, 256, 257, 768, (const uint64_t[]){0, 0, 0, 0, 0, 0, 5382, 5683});
}

HK_TEST(golden_counts_of_16_to_1024_bytes_in_400_slots_a_million_times) {
  check_golden(1000000, 400, 16, 1024,
               (const uint64_t[]){0, 523, 8757, 17253, 34764, 68835, 137297, 282671});
}

HK_TEST(a_steady_run_of_64_slots_goes_to_the_core_less_than_ten_times) {
  hk_arena_t *arena = hk_test_arena(0);
  random_mixed(arena, 20000, 64, 1, 1024, 1024);
  hk_bin_stats_t stats = hk_test_stats(arena).bins[hk_test_bin(1024)];
  EXPECT_EQ(stats.allocs, 11016);
  EXPECT(stats.slow > 0 && stats.slow < 10);
  EXPECT_EQ(stats.refills, stats.slow);
  EXPECT(stats.flushes < 10);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Sizes ------------------------------------------------------------------------------------ */

/* One block of this size, written from end to end between two neighbours of the same size. */
static void check_size(hk_arena_t *arena, size_t size) {
  void *blocks[3];
  for (uint64_t i = 0; i < 3; i++) {
    blocks[i] = hk_alloc(arena, size);
    if (!EXPECT(blocks[i] != NULL)) return;
    size_t usable = hk_usable_size(blocks[i]), alignment = usable == 8 ? 8 : 16;
    if (usable < size || (uintptr_t)blocks[i] % alignment != 0 || !hk_owns(arena, blocks[i])) {
      EXPECT(!"usable size, alignment and owner");
      printf("    size %zu\n", size);
    }
    hk_pattern_fill(blocks[i], usable, i);
  }
  for (uint64_t i = 0; i < 3; i++) {
    if (!hk_pattern_holds(blocks[i], hk_usable_size(blocks[i]), i)) EXPECT(!"pattern");
  }
  for (uint64_t i = 0; i < 3; i++) free_ok(arena, blocks[i]);
}

HK_TEST(sizes_around_every_power_of_two_up_to_8_mb) {
  hk_arena_t *arena = hk_test_arena(0);
  for (size_t power = 1; power <= 8 * HK_MIB; power *= 2) {
    for (size_t size = power - 1; size <= power + 1; size++) check_size(arena, size);
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(sizes_around_every_bin_edge) {
  hk_arena_t *arena = hk_test_arena(0);
  const hk_classes_t *classes = hk_classes_default();
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    uint32_t stride = classes->bins[bin].stride_bytes;
    for (uint32_t size = stride - 1; size <= stride + 1; size++) check_size(arena, size);
    void *block = hk_alloc(arena, stride);
    EXPECT_EQ(hk_usable_size(block), stride);
    free_ok(arena, block);
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(size_zero_is_a_block_like_any_other) {
  hk_arena_t *arena = hk_test_arena(0);
  void *a = hk_alloc(arena, 0), *b = hk_alloc(arena, 0);
  EXPECT(a != NULL && b != NULL && a != b);
  EXPECT_EQ(hk_usable_size(a), 8);
  free_ok(arena, a);
  free_ok(arena, b);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(sizes_beyond_any_address_space_are_null) {
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(hk_alloc(arena, HK_SIZE_MAX) == NULL);
  EXPECT(hk_alloc(arena, SIZE_MAX) == NULL);
  EXPECT(hk_alloc(arena, SIZE_MAX - HK_SLAB_BYTES) == NULL);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_arena_with_classes_of_its_own_serves_every_size) {
  static const uint32_t sizes[] = {48, 1600};
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&(hk_arena_options_t){.class_sizes = sizes, .class_count = 2}, &arena),
            HK_OK);
  for (size_t size = 1; size < 200000; size += 1 + size / 3) check_size(arena, size);
  void *block = hk_alloc(arena, 49);
  EXPECT_EQ(hk_usable_size(block), 1600);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- No overlap, no corruption ---------------------------------------------------------------- */

static int by_address(const void *a, const void *b) {
  uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
  return x < y ? -1 : x > y;
}

HK_TEST(no_two_live_blocks_share_a_byte) {
  enum { BLOCKS = 20000 };
  static uintptr_t blocks[BLOCKS];
  hk_random_t random = hk_random_begin(11);
  hk_arena_t *arena = hk_test_arena(0);
  /* Several generations, so that most blocks have been recycled once. */
  for (int generation = 0; generation < 4; generation++) {
    for (int i = 0; i < BLOCKS; i++) {
      if (blocks[i] == 0) {
        uint32_t bound = hk_random_below(&random, 50) == 0 ? 100000 : 600;
        blocks[i] = (uintptr_t)hk_alloc(arena, hk_random_below(&random, bound));
      }
    }
    qsort(blocks, BLOCKS, sizeof blocks[0], by_address);
    for (int i = 0; i + 1 < BLOCKS; i++) {
      if (blocks[i] + hk_usable_size((void *)blocks[i]) > blocks[i + 1]) EXPECT(!"overlap");
    }
    for (int i = 0; i < BLOCKS; i++) {
      if (hk_random_below(&random, 2) == 0) continue;
      free_ok(arena, (void *)blocks[i]);
      blocks[i] = 0;
    }
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* Random steps; every live block is filled to its last usable byte and checked before it goes. */
static void run_with_patterns(uint32_t steps, uint32_t slot_count, size_t min, size_t max,
                              size_t checked_bytes) {
  static struct {
    void *block;
    size_t bytes;
  } slots[4096];
  memset(slots, 0, sizeof slots);
  hk_random_t random = hk_random_begin(steps + slot_count);
  hk_arena_t *arena = hk_test_arena(0);
  for (uint32_t step = 0; step < steps; step++) {
    uint32_t i = hk_random_below(&random, slot_count);
    if (slots[i].block != NULL) {
      if (!hk_pattern_holds(slots[i].block, slots[i].bytes, i)) {
        EXPECT(!"a live block was overwritten");
        return;
      }
      free_ok(arena, slots[i].block);
      slots[i].block = NULL;
      continue;
    }
    slots[i].block = hk_alloc(arena, min + hk_random_below(&random, (uint32_t)(max - min + 1)));
    if (!EXPECT(slots[i].block != NULL)) return;
    size_t usable = hk_usable_size(slots[i].block);
    slots[i].bytes = usable < checked_bytes ? usable : checked_bytes;
    hk_pattern_fill(slots[i].block, slots[i].bytes, i);
  }
  for (uint32_t i = 0; i < slot_count; i++) {
    if (slots[i].block == NULL) continue;
    if (!hk_pattern_holds(slots[i].block, slots[i].bytes, i)) EXPECT(!"pattern at the end");
    free_ok(arena, slots[i].block);
  }
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.bytes_live, 0);
  EXPECT_EQ(stats.double_frees, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(whole_blocks_written_for_200000_steps_corrupt_nothing) {
  run_with_patterns(200000, 400, 16, 1040, SIZE_MAX);
}

HK_TEST(whole_blocks_of_mid_and_large_sizes_corrupt_nothing) {
  run_with_patterns(3000, 100, 1000, 150000, SIZE_MAX);
}

HK_TEST(a_million_operations_end_with_nothing_live) {
  run_with_patterns(1000000, 4096, 1, 3000, 8);
}

HK_TEST(a_steady_load_makes_no_system_calls) {
  enum { SLOTS = 500 };
  static void *slots[SLOTS];
  hk_random_t random = hk_random_begin(3);
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  uint64_t calls = 0;
  for (int step = 0; step < 400000; step++) {
    if (step == 200000) calls = fake_os.maps + fake_os.unmaps + fake_os.purges;
    uint32_t i = hk_random_below(&random, SLOTS);
    free_ok(arena, slots[i]);
    slots[i] = hk_alloc(arena, 16 + i * 5);
  }
  EXPECT_EQ(fake_os.maps + fake_os.unmaps + fake_os.purges, calls);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(blocks_go_to_the_core_and_come_back_in_batches) {
  enum { BLOCKS = 10000 };
  static void *blocks[BLOCKS];
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) blocks[i] = hk_alloc(arena, 256);
  for (int i = 0; i < BLOCKS; i++) free_ok(arena, blocks[i]);
  hk_bin_stats_t stats = hk_test_stats(arena).bins[hk_test_bin(256)];
  EXPECT(stats.refills < BLOCKS / 50);
  EXPECT(stats.flushes < BLOCKS / 50);
  EXPECT(stats.front_blocks * 256 <= 128 * HK_KIB); /* and no more than this stays in front */
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Short of memory -------------------------------------------------------------------------- */

HK_TEST(a_class_short_of_memory_gets_what_other_magazines_hold) {
  hk_arena_t *arena = hk_test_arena(HK_SLAB_BYTES);
  for (int round = 0; round < 5; round++) {
    for (size_t size = 8; size <= HK_CLASS_SIZE_MAX; size *= 2) {
      void *block = hk_alloc(arena, size);
      if (!EXPECT(block != NULL)) return;
      free_ok(arena, block);
    }
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_large_block_short_of_memory_gets_what_magazines_hold) {
  hk_arena_t *arena = hk_test_arena(3 * HK_SLAB_BYTES);
  for (size_t size = 8; size <= 4096; size *= 8) free_ok(arena, hk_alloc(arena, size));
  void *run = hk_alloc(arena, 3 * HK_SLAB_BYTES);
  EXPECT(run != NULL);
  EXPECT(hk_alloc(arena, 1) == NULL);
  free_ok(arena, run);
  EXPECT(hk_alloc(arena, 1) != NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(at_the_limit_every_block_is_handed_out_before_the_first_null) {
  hk_arena_t *arena = hk_test_arena(4 * HK_SLAB_BYTES);
  uint32_t count = 0;
  char *block, *last = NULL;
  while ((block = hk_alloc(arena, 1024)) != NULL) {
    hk_pattern_fill(block, 1024, 1);
    last = block;
    count++;
  }
  EXPECT_EQ(count, 4 * 64);
  EXPECT(hk_arena_is_valid(arena));
  free_ok(arena, last);
  EXPECT_EQ(hk_alloc(arena, 1024), last);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_os_that_refuses_is_a_null_and_what_is_live_stays) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  void *live = hk_alloc(arena, 1000);
  hk_pattern_fill(live, 1000, 1);
  fake_os.maps_allowed = 0;
  EXPECT(hk_alloc(arena, 2 * HK_MIB) == NULL);
  EXPECT(hk_alloc(arena, 5 * HK_MIB) == NULL);
  while (hk_alloc(arena, 60000) != NULL) {}
  EXPECT(hk_pattern_holds(live, 1000, 1));
  EXPECT(hk_arena_is_valid(arena));
  fake_os.maps_allowed = UINT64_MAX;
  EXPECT(hk_alloc(arena, 5 * HK_MIB) != NULL);
  free_ok(arena, live);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(magazines_hold_no_block_from_before_a_reset) {
  hk_arena_t *arena = hk_test_arena(0);
  for (int round = 0; round < 3; round++) {
    void *blocks[100];
    for (int i = 0; i < 100; i++) {
      blocks[i] = hk_alloc(arena, 500);
      for (int j = 0; j < i; j++) {
        if (blocks[i] == blocks[j]) EXPECT(!"handed out twice");
      }
    }
    for (int i = 0; i < 50; i++) free_ok(arena, blocks[i]);
    hk_arena_reset(arena);
    EXPECT_EQ(hk_test_stats(arena).bytes_front, 0);
    EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(nothing_is_ours_before_the_first_arena, golden_counts_of_one_size_in_64_slots,
             golden_counts_of_16_to_1024_bytes_in_256_slots,
             golden_counts_of_257_to_768_bytes_in_256_slots,
             golden_counts_of_16_to_1024_bytes_in_400_slots_a_million_times,
             a_steady_run_of_64_slots_goes_to_the_core_less_than_ten_times,
             sizes_around_every_power_of_two_up_to_8_mb, sizes_around_every_bin_edge,
             size_zero_is_a_block_like_any_other, sizes_beyond_any_address_space_are_null,
             an_arena_with_classes_of_its_own_serves_every_size, no_two_live_blocks_share_a_byte,
             whole_blocks_written_for_200000_steps_corrupt_nothing,
             whole_blocks_of_mid_and_large_sizes_corrupt_nothing,
             a_million_operations_end_with_nothing_live, a_steady_load_makes_no_system_calls,
             blocks_go_to_the_core_and_come_back_in_batches,
             a_class_short_of_memory_gets_what_other_magazines_hold,
             a_large_block_short_of_memory_gets_what_magazines_hold,
             at_the_limit_every_block_is_handed_out_before_the_first_null,
             an_os_that_refuses_is_a_null_and_what_is_live_stays,
             magazines_hold_no_block_from_before_a_reset)

#include "support.h"

#define MAX 64

static hk_mapped_superslab_t seen[MAX];

/* Looks at an arena and says how many SuperSlabs it has. */
static uint32_t look(hk_arena_t *arena) {
  memset(seen, 0xff, sizeof seen);
  return hk_arena_heap_map(arena, seen, MAX);
}

static uint32_t slabs_used_as(hk_slab_use_t use) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < HK_SUPERSLAB_SLABS; i++) count += seen[0].slabs[i].use == use;
  return count;
}

HK_TEST(a_new_arena_has_an_empty_map) {
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT_EQ(look(arena), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_class_slab_shows_its_bin_and_every_block_taken_and_given_back) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t refs[100], got, bin = hk_test_bin(200);
  EXPECT_EQ(hk_refill(arena, bin, refs, 100, &got), HK_OK);
  EXPECT_EQ(look(arena), 1);
  EXPECT_EQ(seen[0].bytes, HK_SUPERSLAB_BYTES);
  EXPECT_EQ(seen[0].slab_count, HK_SUPERSLAB_SLABS);
  EXPECT_EQ(slabs_used_as(HK_SLAB_USE_CLASS), 1);
  EXPECT_EQ(slabs_used_as(HK_SLAB_USE_NONE), 31);
  const hk_mapped_slab_t *slab = &seen[0].slabs[refs[0] >> HK_REF_INDEX_BITS];
  EXPECT_EQ(slab->bin, bin);
  EXPECT_EQ(slab->capacity, hk_arena_classes(arena)->bins[bin].capacity);
  EXPECT_EQ(slab->taken, 100);
  EXPECT(slab->touched);
  EXPECT(!seen[0].slabs[31].touched);
  EXPECT_EQ(hk_flush(arena, bin, refs, 60), HK_OK);
  EXPECT_EQ(look(arena), 1);
  EXPECT_EQ(slab->taken, 40);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_freed_by_another_thread_is_not_taken_any_more) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  void *block = hk_alloc(arena, 65536); /* one block fills the slab */
  EXPECT_EQ(look(arena), 1);
  EXPECT_EQ(seen[0].slabs[0].taken, seen[0].slabs[0].capacity);
  EXPECT_EQ(hk_free(other, block), HK_OK);
  EXPECT_EQ(look(arena), 1);
  EXPECT_EQ(seen[0].slabs[0].taken, seen[0].slabs[0].capacity - 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST(a_run_is_one_block_and_its_tail_and_leaves_touched_slabs_until_a_trim) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t small[1], got, ref;
  EXPECT_EQ(hk_refill(arena, 0, small, 1, &got), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 5 * HK_SLAB_BYTES, &ref), HK_OK);
  EXPECT_EQ(look(arena), 1);
  EXPECT_EQ(slabs_used_as(HK_SLAB_USE_LARGE), 1);
  EXPECT_EQ(slabs_used_as(HK_SLAB_USE_TAIL), 4);
  uint32_t first = ref >> HK_REF_INDEX_BITS;
  EXPECT_EQ(seen[0].slabs[first].use, HK_SLAB_USE_LARGE);
  EXPECT_EQ(seen[0].slabs[first].bin, HK_BIN_RUN);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT_EQ(look(arena), 1);
  EXPECT_EQ(slabs_used_as(HK_SLAB_USE_NONE), 31);
  EXPECT(seen[0].slabs[first].touched);
  EXPECT(hk_arena_trim(arena) > 0);
  EXPECT_EQ(look(arena), 1);
  EXPECT(!seen[0].slabs[first].touched);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_huge_mapping_is_a_superslab_of_its_own_size_with_one_slab) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref;
  EXPECT_EQ(hk_large_alloc(arena, 5 * HK_MIB, &ref), HK_OK);
  EXPECT_EQ(look(arena), 1);
  EXPECT(seen[0].bytes >= 5 * HK_MIB);
  EXPECT_EQ(seen[0].slab_count, 1);
  EXPECT_EQ(seen[0].slabs[0].use, HK_SLAB_USE_LARGE);
  EXPECT_EQ(seen[0].slabs[0].bin, HK_BIN_HUGE);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT_EQ(look(arena), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_slab_that_is_reset_while_exposed_is_lost_until_it_is_concealed) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t refs[1], got;
  EXPECT_EQ(hk_refill(arena, 0, refs, 1, &got), HK_OK);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, true), HK_OK);
  hk_arena_reset(arena);
  EXPECT_EQ(look(arena), 1);
  EXPECT_EQ(seen[0].slabs[0].use, HK_SLAB_USE_LOST);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, false), HK_OK);
  EXPECT_EQ(look(arena), 1);
  EXPECT_EQ(slabs_used_as(HK_SLAB_USE_NONE), 32);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(more_superslabs_than_asked_for_are_counted_and_not_written) {
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < 5; i++) EXPECT(hk_alloc(arena, HK_SUPERSLAB_BYTES) != NULL);
  memset(seen, 0xff, sizeof seen);
  EXPECT_EQ(hk_arena_heap_map(arena, seen, 2), 5);
  EXPECT_EQ(seen[0].index, 0);
  EXPECT_EQ(seen[1].index, 1);
  EXPECT_EQ(seen[2].index, UINT32_MAX);
  EXPECT_EQ(hk_arena_heap_map(arena, NULL, 0), 5);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* The map, bin by bin, says what the statistics say. */
HK_TEST(slabs_and_taken_blocks_sum_to_the_statistics) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_random_t random = hk_random_begin(7);
  void *blocks[2000] = {NULL};
  for (int step = 0; step < 20000; step++) {
    uint32_t i = hk_random_below(&random, 2000);
    EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
    blocks[i] = hk_alloc(arena, 1 + hk_random_below(&random, step % 50 == 0 ? 60000 : 2000));
  }
  uint64_t slabs[HK_BIN_COUNT] = {0}, taken[HK_BIN_COUNT] = {0};
  uint32_t count = look(arena);
  EXPECT(count > 0 && count < MAX);
  for (uint32_t s = 0; s < count; s++) {
    for (uint32_t i = 0; i < HK_SUPERSLAB_SLABS; i++) {
      const hk_mapped_slab_t *slab = &seen[s].slabs[i];
      if (slab->use != HK_SLAB_USE_CLASS && slab->use != HK_SLAB_USE_TAIL) continue;
      slabs[slab->bin]++;
      taken[slab->bin] += slab->taken;
    }
  }
  hk_arena_stats_t stats = hk_test_stats(arena);
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    EXPECT_EQ(slabs[bin], stats.bins[bin].slabs);
    EXPECT_EQ(taken[bin], stats.bins[bin].live + stats.bins[bin].front_blocks);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(a_new_arena_has_an_empty_map,
             a_class_slab_shows_its_bin_and_every_block_taken_and_given_back,
             a_block_freed_by_another_thread_is_not_taken_any_more,
             a_run_is_one_block_and_its_tail_and_leaves_touched_slabs_until_a_trim,
             a_huge_mapping_is_a_superslab_of_its_own_size_with_one_slab,
             a_slab_that_is_reset_while_exposed_is_lost_until_it_is_concealed,
             more_superslabs_than_asked_for_are_counted_and_not_written,
             slabs_and_taken_blocks_sum_to_the_statistics)

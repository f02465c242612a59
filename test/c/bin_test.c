#include "heap/bin.h"

#include "refs.h"

/* Fills `slabs` slabs and one block more, then empties the full ones: that many are empty. */
static void make_empties(hk_arena_t *arena, uint32_t bin, uint32_t slabs) {
  uint32_t capacity = capacity_of(bin);
  take(arena, bin, refs, slabs * capacity + 1);
  flush(arena, bin, refs, slabs * capacity);
}

typedef struct thresholds_t {
  uint32_t start, end; /* empty slabs when offers start and when they end */
} thresholds_t;

/* Frees the slabs of a class of `count` one after another until some are offered, and retires
 * those. From then on a few slabs that come and go must not lead to any more offers. */
static thresholds_t find_thresholds(uint32_t count) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(4096), capacity = capacity_of(bin);
  take(arena, bin, refs, count * capacity + 1);
  thresholds_t found = {0, 0};
  while (found.start < count && hk_next_retirable(arena, UINT32_MAX) < 0) {
    flush(arena, bin, refs + found.start++ * capacity, capacity);
  }
  found.end = found.start;
  for (int32_t slab; (slab = hk_next_retirable(arena, UINT32_MAX)) >= 0; found.end--) {
    EXPECT(hk_slab_is_retirable(arena, (uint32_t)slab));
    if (!EXPECT(hk_retire(arena, (uint32_t)slab) == HK_OK)) break;
  }
  EXPECT_EQ(bin_stats(arena, bin).slabs, count + 1 - (found.start - found.end));
  for (int round = 0; round < 100; round++) {
    uint32_t swing[32];
    take(arena, bin, swing, 2 * capacity);
    flush(arena, bin, swing, 2 * capacity);
    EXPECT_EQ(hk_next_retirable(arena, UINT32_MAX), -1);
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  return found;
}

HK_TEST(a_class_starts_to_offer_empty_slabs_at_one_threshold_and_stops_at_another) {
  thresholds_t some = find_thresholds(60), many = find_thresholds(400);
  EXPECT(some.end >= 1);
  EXPECT(some.start >= some.end + 3);
  EXPECT(some.start < 60);
  EXPECT(many.start >= many.end + 3);
  EXPECT(many.start < 400);
  /* A share of all slabs, so that chance does not empty too many of them. */
  EXPECT(many.start > some.start && many.end > some.end);
}

HK_TEST(a_reset_forgets_that_a_class_was_giving_up_slabs) {
  uint32_t bin = hk_test_bin(4096);
  for (uint32_t empties = 1; empties <= 30; empties++) {
    hk_arena_t *fresh = hk_test_arena(0), *reset = hk_test_arena(0);
    make_empties(reset, bin, 400);
    EXPECT(hk_next_retirable(reset, UINT32_MAX) >= 0);
    hk_arena_reset(reset);
    make_empties(fresh, bin, empties);
    make_empties(reset, bin, empties);
    EXPECT_EQ(hk_next_retirable(reset, UINT32_MAX) >= 0, hk_next_retirable(fresh, UINT32_MAX) >= 0);
    EXPECT_EQ(hk_arena_destroy(fresh), HK_OK);
    EXPECT_EQ(hk_arena_destroy(reset), HK_OK);
  }
}

HK_TEST(asked_to_keep_nothing_a_class_gives_up_its_current_slab_as_well) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), capacity = capacity_of(bin);
  make_empties(arena, bin, 3);
  flush(arena, bin, refs + 3 * capacity, 1);
  EXPECT_EQ(hk_next_retirable(arena, 3), -1);
  EXPECT(hk_next_retirable(arena, 2) >= 0);
  EXPECT_EQ(hk_test_retire_all(arena), 4);
  EXPECT_EQ(bin_stats(arena, bin).slabs, 0);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  take(arena, bin, refs, 1);
  EXPECT_EQ(bin_stats(arena, bin).slabs, 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(a_class_starts_to_offer_empty_slabs_at_one_threshold_and_stops_at_another,
             a_reset_forgets_that_a_class_was_giving_up_slabs,
             asked_to_keep_nothing_a_class_gives_up_its_current_slab_as_well)

#include "arena/policy.h"

#include "refs.h"

static bool is_same(const hk_arena_policy_t *a, const hk_arena_policy_t *b) {
  return a->purge_delay_ms == b->purge_delay_ms && a->free_policy == b->free_policy &&
         a->empty_high.slabs == b->empty_high.slabs && a->empty_high.share == b->empty_high.share &&
         a->empty_low.slabs == b->empty_low.slabs && a->empty_low.share == b->empty_low.share;
}

/* Empty slabs of a class at which the first is offered, and how many are left when none is. */
static void offers(hk_arena_t *arena, uint32_t *first, uint32_t *left) {
  uint32_t bin = hk_test_bin(4096), capacity = capacity_of(bin), count = 60;
  take(arena, bin, refs, count * capacity + 1);
  *first = 0;
  while (*first < count && hk_next_retirable(arena, UINT32_MAX) < 0) {
    flush(arena, bin, refs + (*first)++ * capacity, capacity);
  }
  *left = *first;
  for (int32_t slab; (slab = hk_next_retirable(arena, UINT32_MAX)) >= 0; --*left) {
    if (!EXPECT(hk_retire(arena, (uint32_t)slab) == HK_OK)) break;
  }
}

HK_TEST(an_arena_tells_the_policy_it_was_made_with) {
  hk_arena_options_t options = {.policy = 1, .purge_delay = 2 + 250};
  hk_arena_t *arena;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  hk_arena_policy_t policy, wanted = hk_policy_default();
  wanted.purge_delay_ms = 250;
  wanted.free_policy = HK_FREE_POLICY_KEEP;
  hk_arena_policy(arena, &policy);
  EXPECT(is_same(&policy, &wanted));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(limits_of_empty_slabs_hold_from_the_moment_they_are_set) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_arena_policy_t policy = hk_policy_default();
  policy.empty_high = (hk_empty_limit_t){5, 0};
  policy.empty_low = (hk_empty_limit_t){2, 0};
  EXPECT_EQ(hk_arena_set_policy(arena, &policy), HK_OK);
  uint32_t first, left;
  offers(arena, &first, &left);
  EXPECT_EQ(first, 6);
  EXPECT_EQ(left, 2);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_bad_value_changes_nothing) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_arena_policy_t before, after;
  hk_arena_policy(arena, &before);
  hk_arena_policy_t bad[] = {before, before, before, before, before, before};
  bad[0].purge_delay_ms = -2;
  bad[1].purge_delay_ms = 86400001;
  bad[2].free_policy = 2;
  bad[3].empty_high.share = HK_EMPTY_SHARE_ONE + 1;
  bad[4].empty_low.slabs = before.empty_high.slabs + 1;
  bad[5].empty_high.slabs = HK_EMPTY_SLABS_MAX + 1;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    EXPECT_EQ(hk_arena_set_policy(arena, &bad[i]), HK_INVALID_ARGUMENT);
    hk_arena_policy(arena, &after);
    EXPECT(is_same(&before, &after));
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_delay_that_was_never_begins_to_count) {
  hk_arena_options_t options = {.purge_delay = 1};
  hk_arena_t *arena;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  EXPECT(hk_decay(arena, hk_clock_ns()) == UINT64_MAX);
  hk_arena_policy_t policy = hk_policy_default();
  policy.purge_delay_ms = 100;
  EXPECT_EQ(hk_arena_set_policy(arena, &policy), HK_OK);
  uint32_t bin = hk_test_bin(4096), capacity = capacity_of(bin);
  take(arena, bin, refs, 8 * capacity);
  flush(arena, bin, refs, 8 * capacity);
  EXPECT(hk_decay(arena, hk_clock_ns()) != UINT64_MAX);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(an_arena_tells_the_policy_it_was_made_with,
             limits_of_empty_slabs_hold_from_the_moment_they_are_set, a_bad_value_changes_nothing,
             a_delay_that_was_never_begins_to_count)

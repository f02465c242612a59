/* The flight recorder, and counting again where it differs. */
#include "cache_limits.h"
#include "refs.h"

static hk_event_t events[64];

static hk_arena_t *traced(uint64_t count) {
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&(hk_arena_options_t){.trace_events = count}, &arena), HK_OK);
  return arena;
}

static void expect_event(const hk_event_t *event, hk_event_kind_t kind, uint32_t bin,
                         hk_stage_t stage, uint64_t amount) {
  EXPECT_EQ(event->kind, kind);
  EXPECT_EQ(event->bin, bin);
  EXPECT_EQ(event->stage, stage);
  EXPECT_EQ(event->amount, amount);
}

HK_TEST(a_life_is_recorded_in_its_order) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  hk_arena_t *arena = traced(64);
  uint32_t bin = hk_test_bin(1024), capacity = capacity_of(bin);
  take(arena, bin, refs, 10);
  fake_os.now_ns += 5;
  flush(arena, bin, refs, 10);
  (void)hk_test_retire_all(arena);
  EXPECT_EQ(hk_arena_trace(arena, events, 64), 5);
  expect_event(&events[0], HK_EVENT_MAP, HK_BIN_NONE, 0, HK_SUPERSLAB_BYTES);
  expect_event(&events[1], HK_EVENT_BIND, bin, HK_STAGE_OS, 1);
  expect_event(&events[2], HK_EVENT_REFILL, bin, HK_STAGE_OS, 10);
  expect_event(&events[3], HK_EVENT_FLUSH, bin, 0, 10);
  expect_event(&events[4], HK_EVENT_RETIRE, bin, 0, 1);
  EXPECT_EQ(events[3].at_ns, events[2].at_ns + 5);
  EXPECT(capacity > 10 && hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  end();
}

HK_TEST(only_the_last_events_are_kept_and_no_more_are_told_than_asked_for) {
  hk_arena_t *arena = traced(4);
  uint32_t bin = hk_test_bin(64);
  for (uint32_t i = 1; i <= 9; i++) take(arena, bin, refs, i);
  EXPECT_EQ(hk_arena_trace(arena, events, 64), 4);
  for (uint32_t i = 0; i < 4; i++) EXPECT_EQ(events[i].amount, 6 + i);
  EXPECT_EQ(hk_arena_trace(arena, events, 2), 2);
  EXPECT_EQ(events[0].amount, 8);
  EXPECT_EQ(hk_arena_trace(arena, events, 0), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_arena_that_keeps_none_has_none_and_too_many_are_refused) {
  hk_arena_t *arena = hk_test_arena(0);
  take(arena, hk_test_bin(64), refs, 1);
  EXPECT_EQ(hk_arena_trace(arena, events, 64), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_create(&(hk_arena_options_t){.trace_events = HK_TRACE_EVENTS_MAX + 1}, &arena),
            HK_INVALID_ARGUMENT);
}

HK_TEST(large_blocks_purges_and_refusals_are_events_too) {
  hk_arena_t *arena = NULL;
  hk_arena_options_t options = {.trace_events = 64, .max_bytes = 4 * HK_SLAB_BYTES};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  uint32_t ref, bin = hk_test_bin(1024);
  EXPECT_EQ(hk_large_alloc(arena, 2 * HK_SLAB_BYTES, &ref), HK_OK);
  take(arena, bin, refs, 64);
  flush(arena, bin, refs, 64);
  (void)hk_arena_trim(arena);
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_SLAB_BYTES, &ref), HK_OUT_OF_MEMORY_LIMIT);
  uint32_t count = hk_arena_trace(arena, events, 64), seen = 0;
  for (uint32_t i = 0; i < count; i++) seen |= (uint32_t)1 << events[i].kind;
  EXPECT((seen >> HK_EVENT_PURGE & 1) != 0);
  expect_event(&events[count - 1], HK_EVENT_REFUSE, HK_BIN_NONE, 0, HK_OUT_OF_MEMORY_LIMIT);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_ring_is_part_of_the_metadata) {
  hk_arena_t *without = hk_test_arena(0), *with = traced(10000);
  EXPECT(hk_test_stats(with).bytes_metadata >=
         hk_test_stats(without).bytes_metadata + 10000 * sizeof(hk_event_t));
  EXPECT_EQ(hk_arena_destroy(without), HK_OK);
  EXPECT_EQ(hk_arena_destroy(with), HK_OK);
}

static hk_difference_t found[8];
static int found_count;

static void note(const hk_difference_t *difference, void *context) {
  (void)context;
  found[found_count++ % 8] = *difference;
}

static uint32_t verify(hk_arena_t *arena) {
  found_count = 0;
  return hk_arena_verify(arena, note, NULL);
}

HK_TEST(counting_again_says_which_number_of_which_bin_and_slab_differs) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(64);
  take(arena, bin, refs, 100);
  EXPECT_EQ(verify(arena), 0);
  hk_stat_add(&arena->bins[bin].slabs, 1);
  EXPECT(verify(arena) > 0);
  bool named = false;
  for (int i = 0; i < found_count && i < 8; i++) {
    bool slabs = strcmp(found[i].what, "slabs") == 0;
    named = named || (slabs && found[i].bin == bin && found[i].recorded == found[i].counted + 1);
  }
  EXPECT(named);
  hk_stat_sub(&arena->bins[bin].slabs, 1);
  hk_slab_t *slab = hk_arena_slab(arena, refs[0] >> HK_REF_INDEX_BITS);
  slab->free_bits[0] ^= 1;
  EXPECT_EQ(verify(arena), 1);
  EXPECT_STR_EQ(found[0].what, "bitmap");
  EXPECT_EQ(found[0].slab, refs[0] >> HK_REF_INDEX_BITS);
  slab->free_bits[0] ^= 1;
  EXPECT_EQ(verify(arena), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(a_life_is_recorded_in_its_order,
             only_the_last_events_are_kept_and_no_more_are_told_than_asked_for,
             an_arena_that_keeps_none_has_none_and_too_many_are_refused,
             large_blocks_purges_and_refusals_are_events_too, the_ring_is_part_of_the_metadata,
             counting_again_says_which_number_of_which_bin_and_slab_differs)

/* What an arena leaves for the next one: its record and its counters, as if nobody had had them. */
#include "os/spare.h"
#include "refs.h"

/* The record of the arena that ended last must be zero; it stays where it was. */
static void expect_zeroed_record(void) {
  bool fresh = true;
  void *record = hk_spare_take(HK_SPARE_RECORD, hk_arena_record_bytes(), &fresh);
  EXPECT(record != NULL && !fresh);
  EXPECT(hk_is_zero(record, hk_arena_record_bytes()));
  hk_spare_put(HK_SPARE_RECORD, record, hk_arena_record_bytes());
}

static void use(hk_arena_t *arena) {
  hk_random_t random = hk_random_begin(3);
  for (uint32_t round = 0; round < 200; round++) {
    uint32_t bin = hk_random_below(&random, hk_arena_classes(arena)->count);
    uint32_t count = 1 + hk_random_below(&random, 20);
    take(arena, bin, refs, count);
    for (uint32_t i = 0; i < count; i += 3) (void)put_remote(arena, refs[i]);
    for (uint32_t i = 1; i < count; i += 3) flush(arena, bin, &refs[i], 1);
    uint32_t ref;
    if (round % 20 == 0) EXPECT_EQ(hk_large_alloc(arena, 200000 + 30000 * round, &ref), HK_OK);
  }
  (void)hk_decay(arena, hk_clock_ns());
  EXPECT(hk_arena_is_valid(arena));
}

HK_TEST(a_record_is_zero_when_its_arena_has_ended_whatever_that_did) {
  hk_arena_t *arena = hk_test_arena(0);
  use(arena);
  hk_arena_reset(arena);
  use(arena);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  expect_zeroed_record();
}

HK_TEST(so_is_that_of_an_arena_with_classes_of_its_own) {
  static const uint32_t strides[] = {64, 1024, 4096, HK_CLASS_SIZE_MAX};
  hk_arena_options_t options = {.class_sizes = strides, .class_count = 4};
  hk_arena_t *arena = NULL;
  uint32_t bin, unused;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  EXPECT_EQ(hk_arena_add_class(arena, 512, &bin), HK_OK);
  EXPECT_EQ(hk_arena_add_class(arena, 768, &unused), HK_OK);
  use(arena);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  EXPECT_EQ(hk_arena_add_class(arena, 2048, &bin), HK_OK);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK); /* it never had a slab */
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  expect_zeroed_record();
}

HK_TEST(so_is_that_of_an_arena_with_a_front_in_c) {
  hk_arena_t *arena = hk_test_arena(0);
  for (size_t size = 8; size <= HK_CLASS_SIZE_MAX; size += size / 2) {
    (void)hk_free(arena, hk_alloc(arena, size));
    (void)hk_alloc(arena, size);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  expect_zeroed_record();
}

/* Counts as a front of another language does, in every way that there is. */
static void count(hk_arena_t *arena) {
  hk_counters_t *c = hk_arena_counters(arena);
  uint32_t ref;
  for (uint32_t length = 1; length <= HK_EXACT_LENGTH_MAX; length += 7) {
    take(arena, hk_test_bin(length), &ref, 1);
    c->allocs.by_length[length] += 2;
    c->frees.by_length[length]++;
  }
  for (uint32_t slot = 0; slot < HK_COUNTER_SLOTS; slot += 5) {
    c->slot_lengths[slot] = 1025 + slot;
    c->allocs.by_slot[slot]++;
    c->frees.by_slot[slot]++;
  }
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    c->allocs.by_bin[bin]++;
    c->frees.by_bin[bin]++;
    c->live_bytes[bin]++;
    c->live_block_bytes[bin]++;
    if (bin < HK_BIN_MAX) c->front_refused[bin]++;
  }
  c->stale_frees++;
}

HK_TEST(counters_that_nobody_reads_are_zero_when_the_arena_has_ended) {
  hk_arena_t *arena = hk_test_arena(0), *next = NULL;
  hk_counters_t *counters = hk_arena_counters(arena);
  hk_counters_hold(counters);
  count(arena);
  hk_arena_leave_counters(arena);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT(hk_is_zero(counters, sizeof *counters));
  hk_arena_options_t options = {.counters = counters};
  EXPECT_EQ(hk_arena_create(&options, &next), HK_OK);
  EXPECT(hk_arena_counters(next) == counters);
  EXPECT(hk_is_zero(counters, sizeof *counters));
  count(next); /* this one does not promise anything */
  EXPECT_EQ(hk_arena_destroy(next), HK_OK);
  EXPECT_EQ(hk_arena_create(&options, &next), HK_OK);
  EXPECT(hk_arena_counters(next) == counters);
  EXPECT(hk_is_zero(counters, sizeof *counters));
  EXPECT_EQ(hk_arena_destroy(next), HK_OK);
  hk_counters_drop(counters);
}

HK_TEST_MAIN(a_record_is_zero_when_its_arena_has_ended_whatever_that_did,
             so_is_that_of_an_arena_with_classes_of_its_own,
             so_is_that_of_an_arena_with_a_front_in_c,
             counters_that_nobody_reads_are_zero_when_the_arena_has_ended)

#include "supply/superslabs.h"
#include "supply/supply.h"

#include "support.h"

/* Takes slabs and marks their records as the large box would. NULL: refused with `*status`. */
static hk_slab_t *take(hk_arena_t *arena, uint32_t count, hk_status_t *status) {
  hk_slab_t *slab = NULL;
  *status = hk_supply_take(arena, count, &slab);
  if (*status != HK_OK) return NULL;
  for (uint32_t i = 0; i < count; i++) slab[i].state = i == 0 ? HK_SLAB_RUN : HK_SLAB_TAIL;
  slab->bin = HK_BIN_RUN;
  hk_slab_lead(slab, count);
  return slab;
}

static hk_slab_t *take_ok(hk_arena_t *arena, uint32_t count) {
  hk_status_t status;
  hk_slab_t *slab = take(arena, count, &status);
  EXPECT_EQ(status, HK_OK);
  return slab;
}

static void give(hk_arena_t *arena, hk_slab_t *slab, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) slab[i].state = HK_SLAB_UNUSED;
  hk_supply_put(arena, slab, count);
}

HK_TEST(slabs_come_in_address_order_from_one_superslab) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_slab_t *first = take_ok(arena, 1);
  EXPECT_EQ(hk_arena_slab_number(first), 0);
  for (uint32_t i = 1; i < 32; i++) EXPECT_EQ(take_ok(arena, 1), first + i);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 1);
  EXPECT_EQ(hk_arena_slab_number(take_ok(arena, 1)), 32);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 2);
  EXPECT_EQ(hk_arena_used_bytes(arena), 33 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_lowest_slab_given_back_is_the_next_one_taken) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_slab_t *slabs[8];
  for (int i = 0; i < 8; i++) slabs[i] = take_ok(arena, 1);
  give(arena, slabs[6], 1);
  give(arena, slabs[2], 1);
  give(arena, slabs[4], 1);
  EXPECT_EQ(take_ok(arena, 1), slabs[2]);
  EXPECT_EQ(take_ok(arena, 1), slabs[4]);
  EXPECT_EQ(take_ok(arena, 1), slabs[6]);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_run_takes_the_first_gap_long_enough) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_slab_t *slabs[32];
  for (int i = 0; i < 32; i++) slabs[i] = take_ok(arena, 1);
  for (int i = 4; i < 7; i++) give(arena, slabs[i], 1);
  for (int i = 20; i < 25; i++) give(arena, slabs[i], 1);
  EXPECT_EQ(take_ok(arena, 4), slabs[20]);
  EXPECT_EQ(take_ok(arena, 3), slabs[4]);
  EXPECT_EQ(take_ok(arena, 2)->superslab->index, 1); /* one slab is left in the first */
  EXPECT_EQ(take_ok(arena, 32)->superslab->index, 2);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(one_empty_superslab_stays_and_the_second_goes_to_the_cache) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  hk_slab_t *a = take_ok(arena, 32), *b = take_ok(arena, 32), *c = take_ok(arena, 32);
  hk_process_stats_t process;
  give(arena, a, 32);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.superslabs_live, 3);
  EXPECT_EQ(stats.superslabs_empties, 1);
  give(arena, b, 32);
  give(arena, c, 32);
  stats = hk_test_stats(arena);
  EXPECT_EQ(stats.superslabs_live, 1);
  EXPECT_EQ(stats.superslabs_empties, 1);
  EXPECT_EQ(stats.bytes_committed, HK_SUPERSLAB_BYTES);
  hk_process_stats(&process);
  EXPECT_EQ(process.superslabs_cached, 2);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(one_slab_going_back_and_forth_asks_neither_cache_nor_os) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  give(arena, take_ok(arena, 1), 1);
  uint64_t maps = fake_os.maps, purges = fake_os.purges;
  for (int i = 0; i < 1000; i++) give(arena, take_ok(arena, 1), 1);
  EXPECT_EQ(fake_os.maps, maps);
  EXPECT_EQ(fake_os.purges, purges);
  EXPECT_EQ(hk_test_stats(arena).superslabs_adopted, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(the_cache_is_asked_before_the_os) {
  fake_os_begin();
  hk_arena_t *first = hk_test_arena(0);
  (void)take_ok(first, 1);
  EXPECT_EQ(hk_arena_destroy(first), HK_OK);
  hk_arena_t *second = hk_test_arena(0);
  uint64_t maps = fake_os.maps;
  (void)take_ok(second, 1);
  EXPECT_EQ(fake_os.maps, maps);
  EXPECT_EQ(hk_test_stats(second).superslabs_adopted, 1);
  EXPECT_EQ(hk_arena_destroy(second), HK_OK);
  fake_os_end();
}

HK_TEST(the_limit_is_reached_exactly_and_never_passed) {
  hk_arena_t *arena = hk_test_arena(5 * HK_SLAB_BYTES);
  hk_status_t status;
  hk_slab_t *slab = take_ok(arena, 3);
  EXPECT(take(arena, 3, &status) == NULL);
  EXPECT_EQ(status, HK_OUT_OF_MEMORY_LIMIT);
  EXPECT_EQ(hk_arena_used_bytes(arena), 3 * HK_SLAB_BYTES);
  (void)take_ok(arena, 2);
  EXPECT(take(arena, 1, &status) == NULL);
  EXPECT_EQ(status, HK_OUT_OF_MEMORY_LIMIT);
  give(arena, slab, 3);
  (void)take_ok(arena, 3);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_huge_mapping_counts_against_the_limit_with_all_its_bytes) {
  hk_arena_t *arena = hk_test_arena(4 * HK_MIB);
  hk_slab_t *slab;
  EXPECT_EQ(hk_supply_take_huge(arena, 4 * HK_MIB + HK_SLAB_BYTES, &slab), HK_OUT_OF_MEMORY_LIMIT);
  EXPECT_EQ(hk_supply_take_huge(arena, 4 * HK_MIB, &slab), HK_OK);
  slab->state = HK_SLAB_RUN;
  EXPECT_EQ(hk_arena_used_bytes(arena), 4 * HK_MIB);
  slab->state = HK_SLAB_UNUSED;
  hk_supply_put_huge(arena, slab);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* The cache may offer a huge mapping that is larger than what was asked for. */
HK_TEST(a_larger_mapping_from_the_cache_does_not_break_the_limit) {
  fake_os_begin();
  hk_slab_t *slab;
  hk_arena_t *first = hk_test_arena(0);
  EXPECT_EQ(hk_supply_take_huge(first, 9 * HK_MIB, &slab), HK_OK);
  EXPECT_EQ(hk_arena_destroy(first), HK_OK);
  hk_arena_t *second = hk_test_arena(8 * HK_MIB);
  EXPECT_EQ(hk_supply_take_huge(second, 8 * HK_MIB, &slab), HK_OK);
  EXPECT(hk_arena_used_bytes(second) <= 8 * HK_MIB);
  EXPECT_EQ(hk_arena_destroy(second), HK_OK);
  fake_os_end();
}

HK_TEST(an_os_that_refuses_costs_neither_index_nor_bytes) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  hk_status_t status;
  hk_slab_t *slab;
  for (uint64_t allowed = 0; allowed < 2; allowed++) {
    fake_os.maps_allowed = allowed;
    EXPECT(take(arena, 1, &status) == NULL);
    EXPECT_EQ(status, HK_OUT_OF_MEMORY_OS);
    fake_os.maps_allowed = allowed;
    EXPECT_EQ(hk_supply_take_huge(arena, 3 * HK_MIB, &slab), HK_OUT_OF_MEMORY_OS);
  }
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.superslabs_live, 0);
  EXPECT_EQ(stats.bytes_used, 0);
  EXPECT_EQ(stats.bytes_committed, 0);
  EXPECT(hk_arena_is_valid(arena));
  fake_os.maps_allowed = UINT64_MAX;
  EXPECT_EQ(hk_arena_slab_number(take_ok(arena, 1)), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(the_lowest_free_index_is_used_again) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_slab_t *slab[3];
  for (uint32_t i = 0; i < 3; i++) {
    EXPECT_EQ(hk_supply_take_huge(arena, 3 * HK_MIB, &slab[i]), HK_OK);
    EXPECT_EQ(slab[i]->superslab->index, i);
  }
  uint32_t number = hk_arena_slab_number(slab[1]);
  hk_supply_put_huge(arena, slab[1]);
  EXPECT(hk_arena_slab(arena, number) == NULL);
  EXPECT_EQ(hk_arena_slab_number(take_ok(arena, 1)), number);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_reset_empties_every_superslab_and_keeps_it_but_not_huge_ones) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  hk_slab_t *huge;
  (void)take_ok(arena, 32);
  (void)take_ok(arena, 7);
  give(arena, take_ok(arena, 32), 32);
  EXPECT_EQ(hk_supply_take_huge(arena, 3 * HK_MIB, &huge), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 4);
  hk_supply_reset(arena);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.superslabs_live, 3);
  EXPECT_EQ(stats.superslabs_empties, 3);
  EXPECT_EQ(stats.bytes_used, 0);
  EXPECT(hk_arena_is_valid(arena));
  uint64_t before = hk_arena_returned_bytes(arena);
  hk_superslabs_remove_empties(arena, 1);
  EXPECT_EQ(hk_arena_returned_bytes(arena), before); /* all of it was in use a moment ago */
  EXPECT_EQ(hk_cache_cool(arena->id), 3 * HK_MIB + 2 * HK_SUPERSLAB_BYTES - 25 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

/* Takes and gives runs at random; every slab has one owner at most, and reuse finds clean
 * records. */
HK_TEST(a_slab_in_use_is_never_supplied_again) {
  enum { SLOTS = 200, STEPS = 20000, SLABS = 64 * HK_SUPERSLAB_SLABS };
  static struct {
    hk_slab_t *slab;
    uint32_t count;
  } held[SLOTS];
  static bool in_use[SLABS];
  hk_random_t random = hk_random_begin(99);
  hk_arena_t *arena = hk_test_arena(0);
  uint64_t used_slabs = 0;
  for (int step = 0; step < STEPS; step++) {
    uint32_t i = hk_random_below(&random, SLOTS);
    if (held[i].slab != NULL) {
      uint32_t number = hk_arena_slab_number(held[i].slab);
      for (uint32_t n = 0; n < held[i].count; n++) in_use[number + n] = false;
      used_slabs -= held[i].count;
      give(arena, held[i].slab, held[i].count);
      held[i].slab = NULL;
      continue;
    }
    bool single = hk_random_below(&random, 4) != 0;
    held[i].count = single ? 1 : 1 + hk_random_below(&random, 32);
    hk_slab_t *slab = NULL;
    EXPECT_EQ(hk_supply_take(arena, held[i].count, &slab), HK_OK);
    uint32_t number = hk_arena_slab_number(slab);
    if (!EXPECT(number + held[i].count <= SLABS)) return;
    EXPECT_EQ(hk_arena_slab(arena, number), slab);
    for (uint32_t n = 0; n < held[i].count; n++) {
      if (in_use[number + n]) EXPECT(!"supplied twice");
      if (slab[n].state != HK_SLAB_UNUSED) EXPECT_EQ(slab[n].state, HK_SLAB_UNUSED);
      in_use[number + n] = true;
      slab[n].state = n == 0 ? HK_SLAB_RUN : HK_SLAB_TAIL;
    }
    slab->bin = HK_BIN_RUN;
    hk_slab_lead(slab, held[i].count);
    held[i].slab = slab;
    used_slabs += held[i].count;
    if (hk_arena_used_bytes(arena) != used_slabs * HK_SLAB_BYTES) EXPECT(!"used bytes");
    if (step % 500 == 0) EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(slabs_come_in_address_order_from_one_superslab,
             the_lowest_slab_given_back_is_the_next_one_taken,
             a_run_takes_the_first_gap_long_enough,
             one_empty_superslab_stays_and_the_second_goes_to_the_cache,
             one_slab_going_back_and_forth_asks_neither_cache_nor_os,
             the_cache_is_asked_before_the_os, the_limit_is_reached_exactly_and_never_passed,
             a_huge_mapping_counts_against_the_limit_with_all_its_bytes,
             a_larger_mapping_from_the_cache_does_not_break_the_limit,
             an_os_that_refuses_costs_neither_index_nor_bytes, the_lowest_free_index_is_used_again,
             a_reset_empties_every_superslab_and_keeps_it_but_not_huge_ones,
             a_slab_in_use_is_never_supplied_again)

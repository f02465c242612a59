#include "heap/heap.h"

#include "refs.h"

HK_TEST(a_refill_hands_out_low_addresses_first) {
  for (uint32_t bin = 0; bin < hk_classes_default()->count; bin++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t capacity = capacity_of(bin), count = capacity < 100 ? capacity : 100;
    take(arena, bin, refs, count);
    for (uint32_t i = 0; i < count; i++) EXPECT_EQ(refs[i], i);
    flush(arena, bin, refs, count);
    take(arena, bin, refs, 1);
    EXPECT_EQ(refs[0], 0);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

HK_TEST(a_batch_is_never_longer_than_asked_for) {
  hk_arena_t *arena = hk_test_arena(0);
  static uint32_t buffer[HK_BATCH_MAX + 1];
  uint32_t bin = hk_test_bin(64), got;
  for (uint32_t want = 1; want <= HK_BATCH_MAX; want += want / 3 + 1) {
    for (uint32_t i = 0; i <= HK_BATCH_MAX; i++) buffer[i] = UINT32_MAX;
    EXPECT_EQ(hk_refill(arena, bin, buffer, want, &got), HK_OK);
    EXPECT(got >= 1 && got <= want);
    for (uint32_t i = got; i <= HK_BATCH_MAX; i++) {
      if (buffer[i] != UINT32_MAX) EXPECT_EQ(buffer[i], UINT32_MAX);
    }
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(bad_arguments_give_a_code_and_change_nothing) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t got = 77, bins = hk_classes_default()->count;
  EXPECT_EQ(hk_refill(arena, bins, refs, 1, &got), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_refill(arena, UINT32_MAX, refs, 1, &got), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_refill(arena, 0, refs, 0, &got), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_refill(arena, 0, refs, HK_BATCH_MAX + 1, &got), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_flush(arena, bins, refs, 1), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_flush(arena, 0, refs, HK_BATCH_MAX + 1), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_flush(arena, 0, refs, 0), HK_OK);
  EXPECT_EQ(got, 77);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_batch_counts_at_once_in_what_is_out) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(128), got;
  EXPECT_EQ(hk_refill(arena, bin, refs, 40, &got), HK_OK);
  hk_bin_stats_t stats = bin_stats(arena, bin);
  EXPECT_EQ(stats.front_blocks, got);
  EXPECT_EQ(stats.free_blocks, capacity_of(bin) - got);
  EXPECT_EQ(stats.capacity, capacity_of(bin));
  EXPECT_EQ(stats.slabs, 1);
  EXPECT_EQ(stats.refills, 1);
  EXPECT_EQ(stats.slow, 1);
  EXPECT_EQ(stats.high_water, got);
  flush(arena, bin, refs, 10);
  stats = bin_stats(arena, bin);
  EXPECT_EQ(stats.front_blocks, got - 10);
  EXPECT_EQ(stats.flushes, 1);
  EXPECT_EQ(stats.high_water, got);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_batch_that_has_something_is_not_worth_a_new_slab) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), got;
  take(arena, bin, refs, 60);
  EXPECT_EQ(hk_refill(arena, bin, refs, 64, &got), HK_OK);
  EXPECT_EQ(got, 4);
  EXPECT_EQ(bin_stats(arena, bin).slabs, 1);
  EXPECT_EQ(hk_refill(arena, bin, refs, 64, &got), HK_OK);
  EXPECT_EQ(got, 64);
  EXPECT_EQ(bin_stats(arena, bin).slabs, 2);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(partial_slabs_are_used_up_before_empty_ones_and_those_before_new_ones) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), capacity = capacity_of(bin), got;
  take(arena, bin, refs, 4 * capacity);
  EXPECT_EQ(hk_flush(arena, bin, refs, capacity), HK_OK);     /* slab 0 is empty */
  EXPECT_EQ(hk_flush(arena, bin, refs + capacity, 5), HK_OK); /* slab 1 is partial */
  EXPECT_EQ(bin_stats(arena, bin).partial_slabs, 1);
  EXPECT_EQ(hk_refill(arena, bin, refs, 5, &got), HK_OK);
  for (uint32_t i = 0; i < got; i++) EXPECT_EQ(refs[i] >> HK_REF_INDEX_BITS, 1);
  take(arena, bin, refs, capacity);
  for (uint32_t i = 0; i < capacity; i++) EXPECT_EQ(refs[i] >> HK_REF_INDEX_BITS, 0);
  EXPECT_EQ(bin_stats(arena, bin).slabs, 4);
  take(arena, bin, refs, 1);
  EXPECT_EQ(bin_stats(arena, bin).slabs, 5);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_current_slab_is_kept_through_being_empty) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(4096), got;
  take(arena, bin, refs, 1);
  flush(arena, bin, refs, 1);
  uint64_t maps = fake_os.maps, purges = fake_os.purges;
  for (int i = 0; i < 5000; i++) {
    uint32_t ref = UINT32_MAX;
    if (hk_refill(arena, bin, &ref, 1, &got) != HK_OK || ref != 0) EXPECT_EQ(ref, 0);
    if (hk_next_retirable(arena, UINT32_MAX) != -1) EXPECT(!"offered while in use");
    (void)hk_flush(arena, bin, &ref, 1);
    if (hk_next_retirable(arena, UINT32_MAX) != -1) EXPECT(!"offered while current");
  }
  EXPECT_EQ(fake_os.maps, maps);
  EXPECT_EQ(fake_os.purges, purges);
  EXPECT_EQ(bin_stats(arena, bin).slabs, 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_slab_with_a_block_out_is_busy) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024);
  take(arena, bin, refs, 2);
  flush(arena, bin, refs, 1);
  EXPECT(!hk_slab_is_retirable(arena, 0));
  EXPECT_EQ(hk_next_retirable(arena, 0), -1);
  EXPECT_EQ(hk_retire(arena, 0), HK_SLAB_BUSY);
  EXPECT_EQ(hk_retire(arena, 1), HK_NOT_OWNED);
  EXPECT_EQ(hk_retire(arena, 5 * HK_SUPERSLAB_SLABS), HK_NOT_OWNED);
  EXPECT_EQ(hk_retire(arena, UINT32_MAX), HK_NOT_OWNED);
  EXPECT(!hk_slab_is_retirable(arena, UINT32_MAX));
  flush(arena, bin, refs + 1, 1);
  EXPECT_EQ(hk_retire(arena, 0), HK_OK);
  EXPECT_EQ(hk_retire(arena, 0), HK_NOT_OWNED);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_double_free_gives_a_code_and_the_rest_of_the_batch_is_taken) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(64);
  take(arena, bin, refs, 10);
  uint32_t batch[] = {refs[0], refs[1], refs[0], refs[2], refs[2], refs[3]};
  EXPECT_EQ(hk_flush(arena, bin, batch, 6), HK_DOUBLE_FREE);
  EXPECT_EQ(bin_stats(arena, bin).front_blocks, 6);
  EXPECT_EQ(hk_test_stats(arena).double_frees, 2);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_flush(arena, bin, batch, 1), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(references_that_are_no_blocks_of_the_bin_give_a_code_and_lose_nothing) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(80), capacity = capacity_of(bin), other = hk_test_bin(96), large;
  take(arena, bin, refs, 4);
  take(arena, other, refs + 4, 1);
  EXPECT_EQ(hk_large_alloc(arena, 300000, &large), HK_OK);
  uint32_t foreign[] = {refs[4],                          /* of another bin */
                        large,                            /* a run */
                        large + (1 << HK_REF_INDEX_BITS), /* the middle of a run */
                        capacity,                         /* past the last block */
                        31u << HK_REF_INDEX_BITS,         /* an unused slab */
                        3u << 18,                         /* a SuperSlab that is not there */
                        UINT32_MAX};
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
    uint32_t batch[] = {foreign[i], refs[0]};
    EXPECT_EQ(hk_flush(arena, bin, batch, 2), HK_NOT_OWNED);
    EXPECT_EQ(bin_stats(arena, bin).front_blocks, 3);
    take(arena, bin, refs, 1);
  }
  EXPECT_EQ(hk_test_stats(arena).double_frees, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_first_bad_reference_of_a_batch_names_the_status) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(64);
  take(arena, bin, refs, 1);
  EXPECT_EQ(hk_flush(arena, bin, (uint32_t[]){refs[0], refs[0], UINT32_MAX}, 3), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_flush(arena, bin, (uint32_t[]){UINT32_MAX, refs[0]}, 2), HK_NOT_OWNED);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_refill_beyond_the_limit_gives_a_code_and_what_is_out_stays_out) {
  hk_arena_t *arena = hk_test_arena(2 * HK_SLAB_BYTES);
  uint32_t bin = hk_test_bin(1024), capacity = capacity_of(bin), got = 77;
  take(arena, bin, refs, 2 * capacity);
  EXPECT_EQ(hk_refill(arena, bin, refs, 1, &got), HK_OUT_OF_MEMORY_LIMIT);
  EXPECT_EQ(hk_refill(arena, hk_test_bin(16), refs, 1, &got), HK_OUT_OF_MEMORY_LIMIT);
  EXPECT_EQ(got, 77);
  EXPECT_EQ(bin_stats(arena, bin).front_blocks, 2 * capacity);
  EXPECT_EQ(hk_test_stats(arena).failures_limit, 2);
  EXPECT(hk_arena_is_valid(arena));
  flush(arena, bin, refs + capacity, 1);
  EXPECT_EQ(hk_refill(arena, bin, refs, 1, &got), HK_OK);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_emptied_slab_serves_any_other_class) {
  hk_arena_t *arena = hk_test_arena(HK_SPAN_SLABS_MAX * HK_SLAB_BYTES);
  for (uint32_t round = 0; round < 2; round++) {
    for (uint32_t bin = 0; bin < hk_classes_default()->count; bin++) {
      uint32_t capacity = capacity_of(bin);
      take(arena, bin, refs, capacity);
      for (uint32_t i = 0; i < capacity; i++) {
        if (refs[i] != i) EXPECT_EQ(refs[i], i);
      }
      flush(arena, bin, refs, capacity);
      EXPECT_EQ(hk_test_retire_all(arena), 1);
    }
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Everything at once ----------------------------------------------------------------------- */

/* Refills, flushes, remote frees and retirements at random; no reference is out twice, and the sums
 * of I2 hold all the way. */
HK_TEST(no_block_is_out_twice_and_none_is_lost) {
  enum { HELD_MAX = 20000, STEPS = 20000 };
  static struct {
    uint32_t ref, bin;
  } held[HELD_MAX];
  static uint8_t out[(64u << 18) / 8]; /* a bit for every reference into 64 SuperSlabs */
  static const size_t sizes[] = {8, 48, 100, 1024, 1500, 9000, 40000};
  hk_random_t random = hk_random_begin(7);
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t count = 0;
  for (int step = 0; step < STEPS; step++) {
    bool grow = (step / 2000) % 2 == 0;
    uint32_t bin = hk_test_bin(sizes[hk_random_below(&random, 7)]), got = 0;
    if (hk_random_below(&random, 10) < (grow ? 6 : 3) && count < HELD_MAX - 64) {
      EXPECT_EQ(hk_refill(arena, bin, refs, 1 + hk_random_below(&random, 32), &got), HK_OK);
      for (uint32_t i = 0; i < got; i++) {
        if (refs[i] >= 64u << 18 || (out[refs[i] / 8] >> (refs[i] % 8) & 1) != 0) {
          EXPECT(!"out already");
          return;
        }
        out[refs[i] / 8] = (uint8_t)(out[refs[i] / 8] | 1 << refs[i] % 8);
        held[count].ref = refs[i];
        held[count++].bin = bin;
      }
      continue;
    }
    for (uint32_t n = hk_random_below(&random, 24); n > 0 && count > 0; n--) {
      uint32_t i = hk_random_below(&random, count), ref = held[i].ref;
      hk_status_t status = hk_random_below(&random, 4) == 0 ? put_remote(arena, ref)
                                                            : hk_flush(arena, held[i].bin, &ref, 1);
      if (status != HK_OK) EXPECT_EQ(status, HK_OK);
      out[ref / 8] = (uint8_t)(out[ref / 8] & ~(1 << ref % 8));
      held[i] = held[--count];
    }
    int32_t slab;
    while ((slab = hk_next_retirable(arena, UINT32_MAX)) >= 0) {
      if (!EXPECT(hk_retire(arena, (uint32_t)slab) == HK_OK)) return;
    }
    if (step % 100 == 0) EXPECT(hk_arena_is_valid(arena));
  }
  uint64_t in_front = 0;
  hk_arena_stats_t stats = hk_test_stats(arena);
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) in_front += stats.bins[bin].front_blocks;
  EXPECT_EQ(in_front, count);
  for (; count > 0; count--) (void)put_remote(arena, held[count - 1].ref);
  (void)hk_test_retire_all(arena);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT_EQ(hk_test_stats(arena).double_frees, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(a_refill_hands_out_low_addresses_first, a_batch_is_never_longer_than_asked_for,
             bad_arguments_give_a_code_and_change_nothing, a_batch_counts_at_once_in_what_is_out,
             a_batch_that_has_something_is_not_worth_a_new_slab,
             partial_slabs_are_used_up_before_empty_ones_and_those_before_new_ones,
             the_current_slab_is_kept_through_being_empty, a_slab_with_a_block_out_is_busy,
             a_double_free_gives_a_code_and_the_rest_of_the_batch_is_taken,
             references_that_are_no_blocks_of_the_bin_give_a_code_and_lose_nothing,
             the_first_bad_reference_of_a_batch_names_the_status,
             a_refill_beyond_the_limit_gives_a_code_and_what_is_out_stays_out,
             an_emptied_slab_serves_any_other_class, no_block_is_out_twice_and_none_is_lost)

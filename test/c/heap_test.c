#include "heap/heap.h"

#include "heap/remote.h"
#include "support.h"

#define REFS_MAX 8192

static uint32_t refs[REFS_MAX];

static uint32_t capacity_of(uint32_t bin) { return hk_classes_default()->bins[bin].capacity; }

/* Takes exactly `count` blocks, however many refills that needs. */
static void take(hk_arena_t *arena, uint32_t bin, uint32_t *into, uint32_t count) {
  for (uint32_t taken = 0; taken < count;) {
    uint32_t want = count - taken < HK_BATCH_MAX ? count - taken : HK_BATCH_MAX;
    uint32_t got = 0;
    if (!EXPECT(hk_refill(arena, bin, into + taken, want, &got) == HK_OK && got > 0)) return;
    taken += got;
  }
}

static void flush(hk_arena_t *arena, uint32_t bin, const uint32_t *from, uint32_t count) {
  for (uint32_t done = 0; done < count;) {
    uint32_t batch = count - done < HK_BATCH_MAX ? count - done : HK_BATCH_MAX;
    EXPECT_EQ(hk_flush(arena, bin, from + done, batch), HK_OK);
    done += batch;
  }
}

static hk_bin_stats_t bin_stats(hk_arena_t *arena, uint32_t bin) {
  return hk_test_stats(arena).bins[bin];
}

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

HK_TEST(a_slab_retired_while_exposed_serves_no_class_until_it_is_concealed) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024);
  hk_slab_info_t info;
  take(arena, bin, refs, 1);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, true), HK_OK);
  flush(arena, bin, refs, 1);
  EXPECT_EQ(hk_retire(arena, 0), HK_OK);
  EXPECT_EQ(hk_slab_info(arena, 0, &info), HK_NOT_OWNED);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, true), HK_NOT_OWNED);
  EXPECT_EQ(hk_arena_destroy(arena), HK_SLAB_BUSY);
  take(arena, hk_test_bin(16), refs, 1);
  EXPECT(refs[0] >> HK_REF_INDEX_BITS != 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, false), HK_OK);
  take(arena, hk_test_bin(32), refs, 1);
  EXPECT_EQ(refs[0] >> HK_REF_INDEX_BITS, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(concealing_every_slab_ends_every_exposure) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t large;
  for (uint32_t bin = 0; bin < 40; bin++) {
    take(arena, bin, refs, 1);
    uint32_t slab = refs[0] >> HK_REF_INDEX_BITS;
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
  }
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &large), HK_OK);
  EXPECT_EQ(hk_slab_set_exposed(arena, large >> HK_REF_INDEX_BITS, true), HK_OK);
  hk_test_conceal_all(arena);
  hk_arena_reset(arena);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* JavaScript can still see the memory, so nothing else may be put there. */
HK_TEST(a_slab_exposed_at_a_reset_is_lost_until_it_is_concealed) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), lost[3], got;
  hk_slab_info_t info;
  take(arena, bin, lost, 1);
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_SLAB_BYTES, &lost[1]), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &lost[2]), HK_OK);
  uint64_t used_bytes = 4 * HK_SLAB_BYTES + 3 * HK_MIB;
  char *addresses[3];
  for (int i = 0; i < 3; i++) {
    addresses[i] = hk_test_address(arena, lost[i]);
    EXPECT_EQ(hk_slab_set_exposed(arena, lost[i] >> HK_REF_INDEX_BITS, true), HK_OK);
    memset(addresses[i], 0x1f, HK_SLAB_BYTES);
  }
  for (int round = 0; round < 3; round++) {
    hk_arena_reset(arena);
    EXPECT_EQ(hk_arena_used_bytes(arena), used_bytes);
    EXPECT_EQ(hk_test_stats(arena).bytes_slack, used_bytes);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_SLAB_BUSY);
    EXPECT_EQ(hk_flush(arena, bin, lost, 1), HK_NOT_OWNED);
    for (int i = 0; i < 3; i++) {
      uint32_t slab = lost[i] >> HK_REF_INDEX_BITS;
      EXPECT_EQ(hk_large_free(arena, lost[i]), HK_NOT_OWNED);
      EXPECT_EQ(hk_free(arena, addresses[i]), HK_NOT_OWNED);
      EXPECT_EQ(hk_free(NULL, addresses[i]), HK_NOT_OWNED);
      EXPECT_EQ(hk_slab_info(arena, slab, &info), HK_NOT_OWNED);
      EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_NOT_OWNED);
      EXPECT_EQ(hk_retire(arena, slab), HK_NOT_OWNED);
    }
    /* Fill the rest of the SuperSlab; no address of a lost slab may come up. */
    for (int i = 0; i < 28; i++) {
      EXPECT_EQ(hk_refill(arena, hk_test_bin(HK_CLASS_SIZE_MAX), refs, 1, &got), HK_OK);
      EXPECT(refs[0] >> HK_REF_INDEX_BITS < HK_SUPERSLAB_SLABS);
      memset(hk_test_address(arena, refs[0]), 0x2e, HK_SLAB_BYTES);
    }
    (void)hk_arena_trim(arena);
    for (int i = 0; i < 3; i++) EXPECT_EQ(addresses[i][HK_SLAB_BYTES - 1], 0x1f);
  }
  hk_arena_reset(arena);
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(hk_slab_set_exposed(arena, lost[i] >> HK_REF_INDEX_BITS, false), HK_OK);
    EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT_EQ(hk_arena_used_bytes(arena), 3 * HK_MIB);
  hk_test_conceal_all(arena);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  take(arena, bin, refs, 1);
  EXPECT_EQ(refs[0], lost[0]);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Given away: somebody else has the ArrayBuffer -------------------------------------------- */

HK_TEST(a_slab_given_away_hands_out_no_block_until_it_is_let_go_of) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024);
  take(arena, bin, refs, 10);
  EXPECT_EQ(hk_slab_give_away(arena, 0), HK_NOT_OWNED);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, true), HK_OK);
  EXPECT_EQ(hk_slab_give_away(arena, 0), HK_OK);
  EXPECT_EQ(hk_slab_give_away(arena, 0), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_given_away, HK_SLAB_BYTES);
  EXPECT(hk_arena_is_valid(arena));
  flush(arena, bin, refs, 5);
  for (uint32_t round = 0; round < 2; round++) {
    take(arena, bin, refs + 10, 500);
    for (uint32_t i = 10; i < 510; i++) EXPECT(refs[i] >> HK_REF_INDEX_BITS != 0);
    flush(arena, bin, refs + 10, 500);
  }
  flush(arena, bin, refs + 5, 5);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, false), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_given_away, 0);
  EXPECT(hk_arena_is_valid(arena));
  (void)hk_test_retire_all(arena);
  take(arena, bin, refs, 1);
  EXPECT_EQ(refs[0], 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* A trim gives pages of free blocks back, but not those of somebody else. */
HK_TEST(what_was_given_away_keeps_its_bytes_through_trim_reset_and_end) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t given[3], got;
  char *addresses[3];
  size_t bytes[3] = {HK_SLAB_BYTES, 3 * HK_SLAB_BYTES, 3 * HK_MIB};
  take(arena, hk_test_bin(1024), given, 1);
  EXPECT_EQ(hk_large_alloc(arena, bytes[1], &given[1]), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, bytes[2], &given[2]), HK_OK);
  for (int i = 0; i < 3; i++) {
    addresses[i] = hk_test_address(arena, given[i]);
    hk_pattern_fill(addresses[i], bytes[i], (uint64_t)i);
    EXPECT_EQ(hk_slab_set_exposed(arena, given[i] >> HK_REF_INDEX_BITS, true), HK_OK);
    EXPECT_EQ(hk_slab_give_away(arena, given[i] >> HK_REF_INDEX_BITS), HK_OK);
  }
  uint64_t all = 4 * HK_SLAB_BYTES + 3 * HK_MIB;
  EXPECT_EQ(hk_test_stats(arena).bytes_given_away, all);
  flush(arena, hk_test_bin(1024), given, 1);
  (void)hk_arena_trim(arena);
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 100; i++) {
      EXPECT_EQ(hk_refill(arena, hk_test_bin(HK_CLASS_SIZE_MAX), refs, 1, &got), HK_OK);
      memset(hk_test_address(arena, refs[0]), 0x2e, HK_SLAB_BYTES);
    }
    hk_arena_reset(arena);
    EXPECT_EQ(hk_test_stats(arena).bytes_given_away, all);
    EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT_EQ(hk_arena_end(arena), HK_SLAB_BUSY);
  EXPECT_EQ(hk_arena_end(arena), HK_SLAB_BUSY);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 2);
  hk_arena_t *other = hk_test_arena(0);
  for (int i = 0; i < 100; i++) memset(hk_alloc(other, HK_SLAB_BYTES), 0x3d, HK_SLAB_BYTES);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
  for (int i = 0; i < 3; i++) {
    EXPECT(hk_pattern_holds(addresses[i], bytes[i], (uint64_t)i));
    EXPECT_EQ(hk_slab_set_exposed(arena, given[i] >> HK_REF_INDEX_BITS, false), HK_OK);
  }
  EXPECT_EQ(hk_test_stats(arena).bytes_given_away, 0);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 0);
  EXPECT_EQ(hk_arena_end(arena), HK_OK);
}

HK_TEST(an_arena_that_nobody_sees_ends_at_once) {
  hk_arena_t *arena = hk_test_arena(0);
  take(arena, 0, refs, 10);
  EXPECT_EQ(hk_arena_end(arena), HK_OK);
}

HK_TEST(a_lost_slab_counts_against_the_limit) {
  hk_arena_t *arena = hk_test_arena(2 * HK_SLAB_BYTES);
  uint32_t bin = hk_test_bin(HK_CLASS_SIZE_MAX), got;
  take(arena, bin, refs, 1);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, true), HK_OK);
  hk_arena_reset(arena);
  take(arena, bin, refs, 1);
  EXPECT_EQ(hk_refill(arena, bin, refs, 1, &got), HK_OUT_OF_MEMORY_LIMIT);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, false), HK_OK);
  take(arena, bin, refs, 1);
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
  hk_arena_t *arena = hk_test_arena(HK_SLAB_BYTES);
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

/* --- Remote frees, seen from the heap --------------------------------------------------------- */

static hk_status_t put_remote(hk_arena_t *arena, uint32_t ref) {
  return hk_remote_put(arena, hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS),
                       ref & HK_REF_INDEX_MASK);
}

HK_TEST(blocks_freed_remotely_are_handed_out_before_a_new_slab_is_taken) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), capacity = capacity_of(bin), got;
  take(arena, bin, refs, 2 * capacity);
  for (uint32_t i = 0; i < 7; i++) EXPECT_EQ(put_remote(arena, refs[i * 9]), HK_OK);
  hk_bin_stats_t stats = bin_stats(arena, bin);
  EXPECT_EQ(stats.frees_remote, 7);
  EXPECT_EQ(stats.remote_blocks, 7);
  EXPECT_EQ(stats.front_blocks, 2 * capacity - 7);
  EXPECT(hk_arena_is_valid(arena));
  static uint32_t again[64];
  EXPECT_EQ(hk_refill(arena, bin, again, 64, &got), HK_OK);
  EXPECT_EQ(got, 7);
  for (uint32_t i = 0; i < 7; i++) EXPECT_EQ(again[i], refs[i * 9]);
  EXPECT_EQ(bin_stats(arena, bin).remote_blocks, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_slab_emptied_remotely_is_retired) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(2048), capacity = capacity_of(bin);
  take(arena, bin, refs, 3 * capacity);
  for (uint32_t i = 0; i < 3 * capacity; i++) EXPECT_EQ(put_remote(arena, refs[i]), HK_OK);
  EXPECT_EQ(hk_test_retire_all(arena), 3);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* Freed by its owner and by a stranger, a block leaves a remote bit behind in a slab that looks
 * empty. Bound to another class, that bit would free a live block. */
HK_TEST(a_slab_with_a_remote_free_waiting_is_not_retired) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(1024), got;
  take(arena, bin, refs, 1);
  EXPECT_EQ(put_remote(arena, refs[0]), HK_OK);
  flush(arena, bin, refs, 1);
  EXPECT_EQ(hk_retire(arena, 0), HK_SLAB_BUSY);
  EXPECT(!hk_slab_is_retirable(arena, 0));
  hk_remote_drain(arena);
  EXPECT_EQ(hk_test_stats(arena).double_frees, 1);
  EXPECT_EQ(hk_retire(arena, 0), HK_OK);
  EXPECT_EQ(hk_refill(arena, hk_test_bin(64), refs, 64, &got), HK_OK);
  hk_remote_drain(arena);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_reset_drops_remote_frees_that_nobody_collected) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(256);
  for (int round = 0; round < 3; round++) {
    take(arena, bin, refs, 300);
    for (uint32_t i = 0; i < 300; i += 2) EXPECT_EQ(put_remote(arena, refs[i]), HK_OK);
    hk_arena_reset(arena);
    EXPECT_EQ(bin_stats(arena, bin).remote_blocks, 0);
    EXPECT(hk_arena_is_valid(arena));
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
             the_current_slab_is_kept_through_being_empty,
             a_class_starts_to_offer_empty_slabs_at_one_threshold_and_stops_at_another,
             a_reset_forgets_that_a_class_was_giving_up_slabs,
             asked_to_keep_nothing_a_class_gives_up_its_current_slab_as_well,
             a_slab_with_a_block_out_is_busy,
             a_slab_retired_while_exposed_serves_no_class_until_it_is_concealed,
             concealing_every_slab_ends_every_exposure,
             a_slab_exposed_at_a_reset_is_lost_until_it_is_concealed,
             a_slab_given_away_hands_out_no_block_until_it_is_let_go_of,
             what_was_given_away_keeps_its_bytes_through_trim_reset_and_end,
             an_arena_that_nobody_sees_ends_at_once, a_lost_slab_counts_against_the_limit,
             a_double_free_gives_a_code_and_the_rest_of_the_batch_is_taken,
             references_that_are_no_blocks_of_the_bin_give_a_code_and_lose_nothing,
             the_first_bad_reference_of_a_batch_names_the_status,
             a_refill_beyond_the_limit_gives_a_code_and_what_is_out_stays_out,
             an_emptied_slab_serves_any_other_class,
             blocks_freed_remotely_are_handed_out_before_a_new_slab_is_taken,
             a_slab_emptied_remotely_is_retired, a_slab_with_a_remote_free_waiting_is_not_retired,
             a_reset_drops_remote_frees_that_nobody_collected,
             no_block_is_out_twice_and_none_is_lost)

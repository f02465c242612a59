/* Slabs that a front sees: exposed, concealed, lost, given away. */
#include "refs.h"

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

HK_TEST(what_others_wrote_into_a_slab_is_zeroed_before_anybody_has_it_where_the_arena_scrubs) {
  const hk_arena_options_t options = {.name = "scrubs", .scrubs = true};
  hk_arena_t *arena;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  take(arena, hk_test_bin(1024), refs, 2);
  char *bytes = hk_test_address(arena, refs[0]);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, true), HK_OK);
  EXPECT_EQ(hk_slab_give_away(arena, 0), HK_OK);
  memset(bytes, 'x', 2048);
  flush(arena, hk_test_bin(1024), refs, 2);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, false), HK_OK);
  for (size_t i = 0; i < 2048; i++) EXPECT_EQ(bytes[i], 0);
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

HK_TEST_MAIN(a_slab_retired_while_exposed_serves_no_class_until_it_is_concealed,
             concealing_every_slab_ends_every_exposure,
             a_slab_exposed_at_a_reset_is_lost_until_it_is_concealed,
             a_slab_given_away_hands_out_no_block_until_it_is_let_go_of,
             what_others_wrote_into_a_slab_is_zeroed_before_anybody_has_it_where_the_arena_scrubs,
             what_was_given_away_keeps_its_bytes_through_trim_reset_and_end,
             an_arena_that_nobody_sees_ends_at_once, a_lost_slab_counts_against_the_limit)

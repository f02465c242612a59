/* Short slabs: what an arena begins with that follows another one, and what of it is wiped. */
#include "refs.h"

static hk_counters_t *left;

/* An arena, and a hold of its counters for those that follow it. */
static hk_arena_t *first_arena(void) {
  hk_arena_t *arena = hk_test_arena(0);
  left = hk_arena_counters(arena);
  hk_counters_hold(left);
  return arena;
}

/* An arena that has the counters of one that has ended. */
static hk_arena_t *next_arena(void) {
  hk_arena_options_t options = {.counters = left};
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  EXPECT(hk_arena_counters(arena) == left);
  hk_counters_hold(left);
  hk_counters_drop(left); /* the hold of whoever left them is the new arena's */
  return arena;
}

/* A block of the class of `size`, in a slab that JavaScript sees; returns how much of it. */
static size_t show(hk_arena_t *arena, size_t size, char **address) {
  uint32_t ref, bin = hk_test_bin(size);
  hk_slab_info_t info = {0};
  take(arena, bin, &ref, 1);
  uint32_t number = ref >> HK_REF_INDEX_BITS;
  EXPECT_EQ(hk_slab_set_exposed(arena, number, true), HK_OK);
  EXPECT_EQ(hk_slab_info(arena, number, &info), HK_OK);
  *address = info.address;
  return info.bytes;
}

/* The same, which must read as zero, and does not any more. */
static size_t spoil(hk_arena_t *arena, size_t size) {
  char *address;
  size_t bytes = show(arena, size, &address);
  EXPECT(hk_is_zero(address, bytes));
  memset(address, 0x5a, bytes);
  return bytes;
}

static void end(hk_arena_t *arena) {
  EXPECT(hk_arena_is_valid(arena));
  hk_test_conceal_all(arena);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(only_an_arena_that_follows_another_begins_a_class_with_a_short_slab) {
  hk_arena_t *arena = first_arena();
  EXPECT_EQ(spoil(arena, 1024), HK_SLAB_BYTES);
  end(arena);
  arena = next_arena();
  uint32_t bin = hk_test_bin(1024);
  EXPECT_EQ(spoil(arena, 1024), HK_SHORT_SLAB_BYTES);
  EXPECT_EQ(bin_stats(arena, bin).capacity, 16);
  take(arena, bin, refs, 15);
  EXPECT_EQ(spoil(arena, 1024), HK_SLAB_BYTES); /* the second slab */
  EXPECT_EQ(bin_stats(arena, bin).capacity, 16 + 64);
  EXPECT(hk_arena_is_valid(arena));
  end(arena);
  hk_counters_drop(left);
}

HK_TEST(long_blocks_and_all_classes_of_an_arena_that_grows_have_whole_slabs) {
  hk_arena_t *arena = first_arena();
  end(arena);
  arena = next_arena();
  EXPECT_EQ(spoil(arena, HK_SHORT_STRIDE_MAX), HK_SHORT_SLAB_BYTES);
  EXPECT_EQ(spoil(arena, HK_SHORT_STRIDE_MAX + 16), HK_SLAB_BYTES);
  for (uint32_t bin = 0; bin < 6; bin++) take(arena, bin, refs, 1);
  EXPECT_EQ(spoil(arena, 1024), HK_SLAB_BYTES);
  end(arena);
  hk_counters_drop(left);
}

HK_TEST(no_arena_sees_what_another_wrote_however_long_its_slabs_are) {
  static const size_t sizes[] = {64, 200, 1024, 4096, 6000, 20000, 60000};
  hk_random_t random = hk_random_begin(17);
  hk_arena_t *arena = first_arena();
  for (int round = 0; round < 2000; round++) {
    uint32_t count = 1 + hk_random_below(&random, 12);
    for (uint32_t i = 0; i < count; i++) {
      size_t size = sizes[hk_random_below(&random, 7)];
      take(arena, hk_test_bin(size), refs, hk_random_below(&random, 20));
      uint32_t large;
      char *address;
      size_t shown = show(arena, size, &address);
      /* A slab that was shown before has this arena's own bytes. */
      EXPECT(hk_is_zero(address, shown) || address[0] == (char)(round | 0x80));
      memset(address, round | 0x80, shown);
      if (hk_random_below(&random, 8) != 0) continue;
      EXPECT_EQ(hk_large_alloc(arena, 3 * HK_SLAB_BYTES, &large), HK_OK);
      EXPECT_EQ(hk_slab_set_exposed(arena, large >> HK_REF_INDEX_BITS, true), HK_OK);
      address = hk_test_address(arena, large);
      EXPECT(hk_is_zero(address, 3 * HK_SLAB_BYTES));
      memset(address, round | 0x80, 3 * HK_SLAB_BYTES);
    }
    end(arena);
    arena = next_arena();
  }
  end(arena);
  hk_counters_drop(left);
}

/* A read that was under way when its arena ended is done when another one has the slab, which is short. */
HK_TEST(a_late_write_behind_a_short_slab_is_wiped_before_anybody_sees_it) {
  fake_os_begin();
  hk_arena_t *arena = first_arena();
  char *late, *address;
  EXPECT_EQ(show(arena, 1024, &late), HK_SLAB_BYTES);
  memset(late, 1, HK_SLAB_BYTES);
  end(arena);
  for (int round = 0; round < 3; round++) {
    arena = next_arena();
    EXPECT_EQ(show(arena, 1024, &address), HK_SHORT_SLAB_BYTES);
    EXPECT(address == late);
    EXPECT(hk_is_zero(late, HK_SLAB_BYTES));
    late[HK_SLAB_BYTES - 1] = round == 2;
    end(arena);
  }
  arena = next_arena();
  EXPECT_EQ(show(arena, 6000, &address), HK_SLAB_BYTES);
  EXPECT(address == late);
  EXPECT(hk_is_zero(late, HK_SLAB_BYTES));
  end(arena);
  hk_counters_drop(left);
  fake_os_end();
}

HK_TEST(a_short_slab_is_lent_given_away_trimmed_and_lost_as_any_other) {
  hk_arena_t *arena = first_arena();
  end(arena);
  arena = next_arena();
  char *address;
  uint32_t bin = hk_test_bin(512);
  EXPECT_EQ(show(arena, 512, &address), HK_SHORT_SLAB_BYTES);
  EXPECT_EQ(hk_slab_give_away(arena, 0), HK_OK);
  EXPECT(hk_arena_is_valid(arena));
  hk_arena_reset(arena);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, false), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_given_away, 0);
  EXPECT(hk_arena_is_valid(arena));
  take(arena, bin, refs, 32);
  memset(hk_test_address(arena, refs[0]), 1, 512);
  flush(arena, bin, refs, 32);
  EXPECT(hk_arena_trim(arena) <= HK_SLAB_BYTES);
  EXPECT_EQ(hk_retire(arena, refs[0] >> HK_REF_INDEX_BITS), HK_OK);
  EXPECT(hk_arena_is_valid(arena));
  end(arena);
  hk_counters_drop(left);
}

HK_TEST_MAIN(only_an_arena_that_follows_another_begins_a_class_with_a_short_slab,
             long_blocks_and_all_classes_of_an_arena_that_grows_have_whole_slabs,
             no_arena_sees_what_another_wrote_however_long_its_slabs_are,
             a_late_write_behind_a_short_slab_is_wiped_before_anybody_sees_it,
             a_short_slab_is_lent_given_away_trimmed_and_lost_as_any_other)

#include <sys/mman.h>

#include "hakmem.h"
#include "support.h"

static const size_t sizes[] = {0,      1,       7,       8,        9,        64,
                               100,    1000,    4096,    65535,    65536,    65537,
                               200000, 2097152, 2097153, 10000000, 100000000};
#define SIZE_COUNT (sizeof sizes / sizeof sizes[0])

static void free_ok(hk_arena_t *arena, void *block) { EXPECT_EQ(hk_free(arena, block), HK_OK); }

/* --- Zeroed ----------------------------------------------------------------------------------- */

HK_TEST(zeroed_blocks_are_zero_after_others_wrote_there) {
  hk_arena_t *arena = hk_test_arena(0);
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i + 1 < SIZE_COUNT; i++) {
      char *block = hk_alloc_zeroed(arena, 1, sizes[i]);
      if (!EXPECT(block != NULL && hk_usable_size(block) >= sizes[i])) continue;
      EXPECT(hk_is_zero(block, sizes[i]));
      memset(block, 0xa5, sizes[i]);
      free_ok(arena, block);
    }
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* Slabs that some class has written to lie next to slabs that nobody has. */
HK_TEST(a_zeroed_run_over_used_and_unused_slabs_is_zero) {
  hk_arena_t *arena = hk_test_arena(0);
  for (size_t used = 1; used <= 8; used++) {
    char *dirty = hk_alloc(arena, used * HK_SLAB_BYTES + 1);
    memset(dirty, 0xa5, used * HK_SLAB_BYTES + 1);
    free_ok(arena, dirty);
    char *zeroed = hk_alloc_zeroed(arena, 12, HK_SLAB_BYTES);
    EXPECT(hk_is_zero(zeroed, 12 * HK_SLAB_BYTES));
    free_ok(arena, zeroed);
    hk_arena_reset(arena);
    hk_arena_trim(arena);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_zeroed_block_is_zero_where_the_os_refuses_to_purge) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  fake_os.purge_result = HK_OS_REFUSED;
  for (int round = 0; round < 3; round++) {
    char *run = hk_alloc_zeroed(arena, 3, HK_SLAB_BYTES);
    char *huge = hk_alloc_zeroed(arena, 3, HK_SUPERSLAB_BYTES);
    EXPECT(hk_is_zero(run, 3 * HK_SLAB_BYTES) && hk_is_zero(huge, 3 * HK_SUPERSLAB_BYTES));
    memset(run, 1, 3 * HK_SLAB_BYTES);
    memset(huge, 1, 3 * HK_SUPERSLAB_BYTES);
    free_ok(arena, run);
    free_ok(arena, huge);
    hk_arena_trim(arena);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

/* Resident memory would show it, but so does a page that was never asked for. */
HK_TEST(memory_fresh_from_the_os_is_not_written) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  char *huge = hk_alloc_zeroed(arena, 1, 64 * HK_MIB);
  unsigned char resident[64 * HK_MIB / 4096];
  size_t pages = 64 * HK_MIB / hk_os_page_bytes(), touched = 0;
  EXPECT_EQ(mincore(huge, 64 * HK_MIB, resident), 0);
  for (size_t i = 0; i < pages; i++) touched += resident[i] & 1;
  EXPECT_EQ(touched, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_array_beyond_any_size_is_null) {
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(hk_alloc_zeroed(arena, SIZE_MAX, 2) == NULL);
  EXPECT(hk_alloc_zeroed(arena, 2, SIZE_MAX) == NULL);
  EXPECT(hk_alloc_zeroed(arena, (size_t)1 << 33, (size_t)1 << 31) == NULL);
  EXPECT(hk_alloc_zeroed(arena, ((size_t)1 << 32) + 1, (size_t)1 << 32) == NULL);
  EXPECT(hk_alloc_zeroed(arena, SIZE_MAX, 1) == NULL);
  void *none = hk_alloc_zeroed(arena, 0, SIZE_MAX);
  EXPECT(none != NULL);
  free_ok(arena, none);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Aligned ---------------------------------------------------------------------------------- */

static void check_aligned(hk_arena_t *arena, size_t size, size_t alignment) {
  char *blocks[5];
  for (uint32_t i = 0; i < 5; i++) {
    blocks[i] = hk_alloc_aligned(arena, size, alignment);
    if (!EXPECT(blocks[i] != NULL)) return;
    EXPECT_EQ((uintptr_t)blocks[i] % alignment, 0);
    EXPECT(hk_usable_size(blocks[i]) >= size);
    hk_pattern_fill(blocks[i], size < 4096 ? size : 4096, i);
  }
  for (uint32_t i = 0; i < 5; i++) {
    EXPECT(hk_pattern_holds(blocks[i], size < 4096 ? size : 4096, i));
    free_ok(arena, blocks[i]);
  }
}

HK_TEST(blocks_of_any_size_are_aligned_to_any_power_of_two_up_to_2_mb) {
  hk_arena_t *arena = hk_test_arena(0);
  for (size_t alignment = 1; alignment <= HK_SUPERSLAB_BYTES; alignment *= 2) {
    for (size_t i = 0; i < SIZE_COUNT; i++) check_aligned(arena, sizes[i], alignment);
  }
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_arena_with_classes_of_its_own_aligns_blocks) {
  static const uint32_t strides[] = {8, 16, 48, 80, 336, 1008};
  hk_arena_options_t options = {.class_sizes = strides, .class_count = 6};
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  for (size_t alignment = 1; alignment <= HK_SLAB_BYTES; alignment *= 2) {
    for (size_t i = 0; i < SIZE_COUNT; i++) check_aligned(arena, sizes[i], alignment);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_alignment_that_is_none_or_too_large_is_null) {
  hk_arena_t *arena = hk_test_arena(0);
  static const size_t bad[] = {0, 3, 12, 48, 65535, 65537, 2097153, 4194304, SIZE_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    EXPECT(hk_alloc_aligned(arena, 100, bad[i]) == NULL);
  }
  EXPECT(hk_alloc_aligned(arena, SIZE_MAX, 16) == NULL);
  EXPECT(hk_alloc_aligned(arena, SIZE_MAX, HK_SUPERSLAB_BYTES) == NULL);
  EXPECT_EQ(hk_test_stats(arena).bytes_used, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Another size ----------------------------------------------------------------------------- */

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

HK_TEST(contents_are_kept_between_any_two_sizes) {
  hk_arena_t *arena = hk_test_arena(0);
  for (size_t from = 0; from + 1 < SIZE_COUNT; from++) {
    for (size_t to = 0; to + 1 < SIZE_COUNT; to++) {
      char *block = hk_alloc(arena, sizes[from]);
      hk_pattern_fill(block, sizes[from], from * 100 + to);
      char *resized = hk_realloc(arena, block, sizes[to]);
      if (!EXPECT(resized != NULL)) continue;
      EXPECT(hk_usable_size(resized) >= sizes[to]);
      EXPECT(hk_pattern_holds(resized, smaller(sizes[from], sizes[to]) / 8 * 8, from * 100 + to));
      free_ok(arena, resized);
    }
  }
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_that_fits_stays_where_it_is) {
  hk_arena_t *arena = hk_test_arena(0);
  char *block = hk_alloc(arena, 1000);
  EXPECT(hk_realloc(arena, block, 1024) == block);
  EXPECT(hk_realloc(arena, block, 512) == block);
  EXPECT(hk_realloc(arena, block, 1) != block);
  char *run = hk_alloc(arena, 300000);
  EXPECT(hk_realloc(arena, run, 5 * HK_SLAB_BYTES) == run);
  EXPECT_EQ(hk_usable_size(run), 5 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Runs, which are slabs in a row ----------------------------------------------------------- */

HK_TEST(a_run_grows_where_it_is_while_the_slabs_behind_it_are_unused) {
  hk_arena_t *arena = hk_test_arena(0);
  char *run = hk_alloc(arena, 100000);
  hk_pattern_fill(run, 100000, 1);
  for (size_t size = 150000; size <= HK_RUN_SIZE_MAX; size += 150000) {
    EXPECT(hk_realloc(arena, run, size) == run);
    EXPECT(hk_usable_size(run) >= size);
    EXPECT_EQ(hk_test_stats(arena).bytes_live, hk_usable_size(run));
    EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT(hk_pattern_holds(run, 100000, 1));
  EXPECT_EQ(hk_realloc(arena, run, HK_RUN_SIZE_MAX + 1) == run, false);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_run_moves_when_somebody_is_behind_it_or_the_superslab_ends) {
  hk_arena_t *arena = hk_test_arena(0);
  char *first = hk_alloc(arena, 2 * HK_SLAB_BYTES), *second = hk_alloc(arena, 2 * HK_SLAB_BYTES);
  EXPECT(second == first + 2 * HK_SLAB_BYTES);
  hk_pattern_fill(first, 2 * HK_SLAB_BYTES, 1);
  hk_pattern_fill(second, 2 * HK_SLAB_BYTES, 2);
  char *moved = hk_realloc(arena, first, 3 * HK_SLAB_BYTES);
  EXPECT(moved != first);
  EXPECT(hk_pattern_holds(moved, 2 * HK_SLAB_BYTES, 1));
  char *last = hk_realloc(arena, second, 31 * HK_SLAB_BYTES);
  EXPECT(last != second);
  EXPECT(hk_pattern_holds(last, 2 * HK_SLAB_BYTES, 2));
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_free(arena, moved), HK_OK);
  EXPECT_EQ(hk_free(arena, last), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_run_shrinks_where_it_is_and_what_it_leaves_serves_others) {
  hk_arena_t *arena = hk_test_arena(0);
  char *run = hk_alloc(arena, HK_RUN_SIZE_MAX);
  hk_pattern_fill(run, 100000, 1);
  EXPECT(hk_realloc(arena, run, 100000) == run);
  EXPECT_EQ(hk_usable_size(run), 2 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_usable_size(run + 2 * HK_SLAB_BYTES), 0);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 2 * HK_SLAB_BYTES);
  EXPECT(hk_arena_is_valid(arena));
  char *other = hk_alloc(arena, 30 * HK_SLAB_BYTES);
  EXPECT(other == run + 2 * HK_SLAB_BYTES);
  hk_pattern_fill(other, 30 * HK_SLAB_BYTES, 2);
  EXPECT(hk_pattern_holds(run, 100000, 1));
  EXPECT_EQ(hk_free(arena, run), HK_OK);
  EXPECT(hk_pattern_holds(other, 30 * HK_SLAB_BYTES, 2));
  EXPECT_EQ(hk_free(arena, other), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(at_the_limit_a_run_grows_only_where_it_is) {
  hk_arena_t *arena = hk_test_arena(8 * HK_SLAB_BYTES);
  char *run = hk_alloc(arena, 5 * HK_SLAB_BYTES);
  EXPECT(hk_realloc(arena, run, 8 * HK_SLAB_BYTES) == run); /* a second one would not fit */
  EXPECT(hk_realloc(arena, run, 9 * HK_SLAB_BYTES) == NULL);
  EXPECT_EQ(hk_usable_size(run), 8 * HK_SLAB_BYTES);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_run_that_another_thread_has_freed_is_not_resized) {
  hk_arena_t *arena = hk_test_arena(0);
  char *run = hk_alloc(arena, 3 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_free(NULL, run), HK_OK);
  EXPECT(hk_realloc(arena, run, 2 * HK_SLAB_BYTES) == NULL);
  EXPECT(hk_realloc(arena, run, 4 * HK_SLAB_BYTES) == NULL);
  (void)hk_arena_trim(arena);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Huge blocks, which are mappings of their own --------------------------------------------- */

static uint64_t os_maps(void) {
  hk_os_stats_t stats;
  hk_os_stats(&stats);
  return stats.map;
}

/* Grows a block by `step` up to `bytes`. Returns how many bytes had to move with a copy, as far as
 * addresses and system calls tell. */
static char *climb(hk_arena_t *arena, size_t bytes, size_t step, size_t *moves) {
  char *block = NULL;
  for (size_t size = step; size <= bytes; size += step) {
    char *grown = hk_realloc(arena, block, size);
    if (!EXPECT(grown != NULL && hk_usable_size(grown) >= size)) return block;
    if (block != NULL && grown != block) ++*moves;
    block = grown;
    hk_pattern_fill(block + size - step, 64, size);
    if (size % (step * 16) == 0) EXPECT(hk_arena_is_valid(arena));
  }
  for (size_t size = step; size <= bytes; size += step) {
    if (!hk_pattern_holds(block + size - step, 64, size)) EXPECT(!"contents lost");
  }
  return block;
}

HK_TEST(a_ladder_to_200_mb_moves_at_most_at_each_class) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  size_t moves = 0;
  uint64_t maps = os_maps();
  char *block = climb(arena, 200 * HK_MIB, HK_MIB / 4, &moves);
  EXPECT(moves <= 7 * 8);
  EXPECT(os_maps() - maps <= 7 * 8 + 1);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.bytes_live, hk_usable_size(block));
  EXPECT(stats.bytes_committed <= 225 * HK_MIB + 2 * HK_SUPERSLAB_BYTES);
  free_ok(arena, block);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* The fake OS has no call that moves pages. */
HK_TEST(without_a_call_that_moves_pages_a_ladder_copies_a_few_times) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  size_t moves = 0;
  char *block = climb(arena, 64 * HK_MIB, HK_MIB / 8, &moves);
  EXPECT(moves <= 20); /* log(32) / log(1.25) beyond 2 MB, and few below */
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(two_blocks_that_grow_in_turns_keep_apart) {
  hk_arena_t *arena = hk_test_arena(0);
  char *blocks[2] = {NULL, NULL};
  size_t moves = 0;
  for (size_t size = HK_SLAB_BYTES; size <= 40 * HK_MIB; size += HK_SLAB_BYTES) {
    for (size_t i = 0; i < 2; i++) {
      char *grown = hk_realloc(arena, blocks[i], size);
      if (!EXPECT(grown != NULL)) return;
      if (grown != blocks[i]) moves++;
      blocks[i] = grown;
      hk_pattern_fill(blocks[i] + size - HK_SLAB_BYTES, 64, size + i);
    }
  }
  for (size_t size = HK_SLAB_BYTES; size <= 40 * HK_MIB; size += HK_SLAB_BYTES) {
    for (size_t i = 0; i < 2; i++) {
      if (!hk_pattern_holds(blocks[i] + size - HK_SLAB_BYTES, 64, size + i)) EXPECT(!"lost");
    }
  }
  EXPECT(moves <= 2 * 60);
  for (size_t i = 0; i < 2; i++) free_ok(arena, blocks[i]);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_huge_block_shrinks_where_it_is_and_its_end_is_nobodys) {
  hk_arena_t *arena = hk_test_arena(0);
  char *block = hk_alloc(arena, 40 * HK_MIB);
  hk_pattern_fill(block, 3 * HK_MIB, 1);
  EXPECT(hk_realloc(arena, block, 30 * HK_MIB) == block);
  EXPECT_EQ(hk_usable_size(block), 40 * HK_MIB);
  EXPECT(hk_realloc(arena, block, 3 * HK_MIB) == block);
  EXPECT_EQ(hk_usable_size(block), 3 * HK_MIB);
  EXPECT(hk_pagemap_find(block + 4 * HK_MIB) == NULL);
  EXPECT_EQ(hk_arena_used_bytes(arena), 3 * HK_MIB);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 3 * HK_MIB);
  EXPECT(hk_pattern_holds(block, 3 * HK_MIB, 1));
  EXPECT(hk_arena_is_valid(arena));
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_that_javascript_has_seen_never_changes_its_address_space) {
  hk_arena_t *arena = hk_test_arena(0);
  char *block = hk_alloc(arena, 5 * HK_MIB);
  uint32_t number = hk_arena_slab_number(&hk_pagemap_find(block)->slabs[0]);
  EXPECT_EQ(hk_slab_set_exposed(arena, number, true), HK_OK);
  EXPECT_EQ(hk_slab_set_exposed(arena, number, false), HK_OK);
  hk_pattern_fill(block, 5 * HK_MIB, 1);
  char *grown = hk_realloc(arena, block, 9 * HK_MIB);
  EXPECT(grown != block);
  EXPECT(hk_pattern_holds(grown, 5 * HK_MIB, 1));
  EXPECT(hk_pagemap_find(block) != NULL); /* still mapped, and nobody else's */
  free_ok(arena, grown);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(at_the_limit_a_huge_block_grows_to_the_last_slab) {
  hk_arena_t *arena = hk_test_arena(20 * HK_MIB);
  char *block = hk_alloc(arena, 18 * HK_MIB);
  block = hk_realloc(arena, block, 20 * HK_MIB - HK_SLAB_BYTES);
  EXPECT_EQ(hk_usable_size(block), 20 * HK_MIB);
  EXPECT(hk_realloc(arena, block, 20 * HK_MIB + 1) == NULL);
  EXPECT_EQ(hk_usable_size(block), 20 * HK_MIB);
  EXPECT(hk_arena_is_valid(arena));
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- All sizes -------------------------------------------------------------------------------- */

HK_TEST(resizing_nothing_allocates) {
  hk_arena_t *arena = hk_test_arena(0);
  void *block = hk_realloc(arena, NULL, 100);
  EXPECT(block != NULL);
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_resize_that_fails_leaves_the_block_as_it_was) {
  hk_arena_t *arena = hk_test_arena(4 * HK_SLAB_BYTES);
  char *block = hk_alloc(arena, 1000);
  hk_pattern_fill(block, 1000, 1);
  EXPECT(hk_realloc(arena, block, SIZE_MAX) == NULL);
  EXPECT(hk_realloc(arena, block, 5 * HK_SLAB_BYTES) == NULL);
  EXPECT(hk_pattern_holds(block, 1000, 1));
  int local = 0;
  EXPECT(hk_realloc(arena, &local, 100) == NULL);
  free_ok(arena, block);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_of_another_arena_moves_into_this_one) {
  hk_arena_t *owner = hk_test_arena(0), *other = hk_test_arena(0);
  char *block = hk_alloc(owner, 1000);
  hk_pattern_fill(block, 1000, 7);
  char *moved = hk_realloc(other, block, 1000);
  EXPECT(hk_owns(other, moved) && hk_pattern_holds(moved, 1000, 7));
  hk_arena_trim(owner);
  EXPECT_EQ(hk_test_stats(owner).bytes_live, 0);
  free_ok(other, moved);
  EXPECT_EQ(hk_arena_destroy(owner), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST_MAIN(
    zeroed_blocks_are_zero_after_others_wrote_there,
    a_zeroed_run_over_used_and_unused_slabs_is_zero,
    a_zeroed_block_is_zero_where_the_os_refuses_to_purge, memory_fresh_from_the_os_is_not_written,
    an_array_beyond_any_size_is_null, blocks_of_any_size_are_aligned_to_any_power_of_two_up_to_2_mb,
    an_arena_with_classes_of_its_own_aligns_blocks, an_alignment_that_is_none_or_too_large_is_null,
    contents_are_kept_between_any_two_sizes, a_block_that_fits_stays_where_it_is,
    a_run_grows_where_it_is_while_the_slabs_behind_it_are_unused,
    a_run_moves_when_somebody_is_behind_it_or_the_superslab_ends,
    a_run_shrinks_where_it_is_and_what_it_leaves_serves_others,
    at_the_limit_a_run_grows_only_where_it_is, a_run_that_another_thread_has_freed_is_not_resized,
    a_ladder_to_200_mb_moves_at_most_at_each_class,
    without_a_call_that_moves_pages_a_ladder_copies_a_few_times,
    two_blocks_that_grow_in_turns_keep_apart,
    a_huge_block_shrinks_where_it_is_and_its_end_is_nobodys,
    a_block_that_javascript_has_seen_never_changes_its_address_space,
    at_the_limit_a_huge_block_grows_to_the_last_slab, resizing_nothing_allocates,
    a_resize_that_fails_leaves_the_block_as_it_was, a_block_of_another_arena_moves_into_this_one)

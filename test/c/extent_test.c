/* Huge mappings that give pages to each other, where the system can move them. */
#include "super/extent.h"

#include "support.h"

#define LONG_BYTES (8 * HK_MIB)
#define GIVEN_BYTES (3 * HK_MIB)

/* The native OS, which refuses one call to move pages: the `nth` from now on; 0: none. */
static uint32_t nth_move, moves;

static hk_os_result_t counted_remap(void *address, size_t bytes, void *to, size_t new_bytes) {
  if (to != NULL && ++moves == nth_move) return HK_OS_NO_MEMORY;
  return hk_os_native.remap(address, bytes, to, new_bytes);
}

/* false: this system cannot move pages. */
static bool begin(uint32_t nth) {
  static hk_os_prims_t prims;
  prims = hk_os_native;
  prims.remap = counted_remap;
  if (hk_os_native.remap == NULL) return false;
  hk_test_empty_cache();
  hk_os_replace(&prims);
  nth_move = nth;
  moves = 0;
  return true;
}

static void end(void) {
  hk_test_empty_cache();
  hk_os_replace(NULL);
}

static uint64_t word_of(uint64_t key, size_t at) { return hk_pattern_word(key, at / 8); }

static hk_superslab_t *filled(size_t bytes, uint64_t key) {
  hk_superslab_t *superslab = hk_superslab_map(bytes);
  for (size_t at = 0; at < bytes; at += 4096)
    *(uint64_t *)(void *)(superslab->base + at) = word_of(key, at);
  superslab->dirty_slots = 1;
  return superslab;
}

/* `bytes` at `address` are those that `key` had at `from`. */
static bool holds(const char *address, size_t bytes, uint64_t key, size_t from) {
  for (size_t at = 0; at < bytes; at += 4096) {
    if (*(const uint64_t *)(const void *)(address + at) != word_of(key, from + at)) return false;
  }
  return true;
}

/* Every chunk of it leads to it. */
static bool is_found(const hk_superslab_t *superslab) {
  for (size_t at = 0; at < superslab->bytes; at += HK_SUPERSLAB_BYTES) {
    if (hk_pagemap_find(superslab->base + at) != superslab) return false;
  }
  return true;
}

typedef struct counts_t {
  uint64_t superslabs, mappings, seams;
} counts_t;

static counts_t counts(void) {
  hk_process_stats_t s;
  hk_process_stats(&s);
  return (counts_t){s.superslabs_mapped - s.superslabs_unmapped, s.os_map - s.os_unmap,
                    hk_superslab_all_seams()};
}

static bool are_as_before(counts_t before) {
  counts_t now = counts();
  return now.superslabs == before.superslabs && now.mappings == before.mappings &&
         now.seams == before.seams;
}

HK_TEST(pages_of_two_and_a_part_of_a_third_become_one) {
  if (!begin(0)) return;
  counts_t before = counts();
  hk_superslab_t *to = hk_superslab_map(16 * HK_MIB);
  hk_superslab_t *from[3];
  for (uint64_t i = 0; i < 3; i++) from[i] = filled(LONG_BYTES - i * HK_SLAB_BYTES, i);
  char *bases[] = {from[0]->base, from[1]->base, from[2]->base};
  size_t at = hk_extent_give(from[0], LONG_BYTES, to, 0);
  EXPECT_EQ(at, LONG_BYTES);
  at += hk_extent_give(from[1], GIVEN_BYTES, to, at);
  at += hk_extent_give(from[2], GIVEN_BYTES, to, at);
  EXPECT_EQ(at, LONG_BYTES + 2 * GIVEN_BYTES);
  EXPECT_EQ(from[0]->bytes, 0);
  EXPECT(holds(to->base, LONG_BYTES, 0, 0));
  EXPECT(holds(to->base + LONG_BYTES, GIVEN_BYTES, 1, LONG_BYTES - HK_SLAB_BYTES - GIVEN_BYTES));
  EXPECT(holds(from[1]->base, from[1]->bytes, 1, 0) && holds(from[2]->base, from[2]->bytes, 2, 0));
  EXPECT(hk_is_zero(to->base + at, to->bytes - at));
  EXPECT(is_found(to) && is_found(from[1]) && is_found(from[2]));
  EXPECT(hk_pagemap_find(bases[0]) != from[0]);
  EXPECT_EQ(to->seam_count, 3);
  /* It gives them on, from both sides of a seam. */
  hk_superslab_t *last = hk_superslab_map(LONG_BYTES);
  EXPECT(hk_extent_resize(to, at));
  EXPECT_EQ(hk_extent_give(to, 2 * GIVEN_BYTES + HK_MIB, last, 0), 2 * GIVEN_BYTES + HK_MIB);
  EXPECT(holds(last->base, HK_MIB, 0, LONG_BYTES - HK_MIB));
  EXPECT(holds(last->base + HK_MIB, GIVEN_BYTES, 1, LONG_BYTES - HK_SLAB_BYTES - GIVEN_BYTES));
  EXPECT_EQ(to->bytes, LONG_BYTES - HK_MIB);
  EXPECT_EQ(to->seam_count, 0);
  for (int i = 0; i < 3; i++) EXPECT(hk_superslab_unmap(from[i]));
  EXPECT(hk_superslab_unmap(to) && hk_superslab_unmap(last));
  EXPECT(are_as_before(before));
  end();
}

HK_TEST(pages_that_went_back_are_none_to_give) {
  if (!begin(0)) return;
  hk_superslab_t *to = hk_superslab_map(LONG_BYTES), *from = filled(LONG_BYTES, 1);
  from->purged_bytes = HK_MIB;
  EXPECT_EQ(hk_extent_give(from, GIVEN_BYTES, to, 0), GIVEN_BYTES);
  EXPECT(holds(to->base, GIVEN_BYTES, 1, LONG_BYTES - HK_MIB - GIVEN_BYTES));
  EXPECT_EQ(from->bytes, LONG_BYTES - HK_MIB - GIVEN_BYTES);
  EXPECT_EQ(from->purged_bytes, 0);
  EXPECT(hk_superslab_unmap(from) && hk_superslab_unmap(to));
  end();
}

HK_TEST(a_system_that_moves_nothing_changes_nothing) {
  if (!begin(1)) return;
  hk_superslab_t *to = hk_superslab_map(LONG_BYTES), *from = filled(LONG_BYTES, 1);
  EXPECT_EQ(hk_extent_give(from, GIVEN_BYTES, to, 0), 0);
  EXPECT(from->bytes == LONG_BYTES && is_found(from) && holds(from->base, LONG_BYTES, 1, 0));
  EXPECT(hk_is_zero(to->base, LONG_BYTES));
  EXPECT(to->seam_count == 0 && is_found(to));
  EXPECT(hk_superslab_unmap(from) && hk_superslab_unmap(to));
  end();
}

HK_TEST(what_a_system_refuses_to_move_after_a_part_is_lost_and_nobodys) {
  if (!begin(3)) return;
  counts_t before = counts();
  hk_superslab_t *to = hk_superslab_map(LONG_BYTES), *first = filled(GIVEN_BYTES, 1);
  EXPECT_EQ(hk_extent_give(first, GIVEN_BYTES, to, 0), GIVEN_BYTES);
  hk_superslab_t *last = hk_superslab_map(LONG_BYTES); /* `to` has two parts now */
  EXPECT_EQ(hk_extent_give(to, LONG_BYTES, last, 0), GIVEN_BYTES);
  EXPECT(to->bytes == 0 && holds(last->base, GIVEN_BYTES, 1, 0));
  EXPECT(hk_is_zero(last->base + GIVEN_BYTES, LONG_BYTES - GIVEN_BYTES));
  EXPECT(hk_superslab_unmap(first) && hk_superslab_unmap(to) && hk_superslab_unmap(last));
  EXPECT(are_as_before(before));
  end();
}

HK_TEST(a_mapping_never_has_more_seams_than_its_record_holds) {
  enum { GIVERS = 80 };
  if (!begin(0)) return;
  counts_t before = counts();
  hk_superslab_t *to = hk_superslab_map(GIVERS * HK_SLAB_BYTES), *from = filled(LONG_BYTES, 1);
  size_t at = 0;
  for (int i = 0; i < GIVERS; i++) at += hk_extent_give(from, HK_SLAB_BYTES, to, at);
  EXPECT(to->seam_count <= HK_SUPERSLAB_SEAMS_MAX && at >= 60 * HK_SLAB_BYTES);
  EXPECT_EQ(from->bytes, LONG_BYTES - at);
  EXPECT_EQ(hk_superslab_all_seams(), before.seams + to->seam_count);
  hk_superslab_t *last = hk_superslab_map(GIVERS * HK_SLAB_BYTES);
  size_t moved = hk_extent_give(to, GIVERS * HK_SLAB_BYTES, last, 0);
  EXPECT(moved > 0 && moved <= GIVERS * HK_SLAB_BYTES);
  EXPECT(last->seam_count <= HK_SUPERSLAB_SEAMS_MAX);
  EXPECT(hk_superslab_unmap(from) && hk_superslab_unmap(to) && hk_superslab_unmap(last));
  EXPECT(are_as_before(before));
  end();
}

HK_TEST_MAIN(pages_of_two_and_a_part_of_a_third_become_one, pages_that_went_back_are_none_to_give,
             a_system_that_moves_nothing_changes_nothing,
             what_a_system_refuses_to_move_after_a_part_is_lost_and_nobodys,
             a_mapping_never_has_more_seams_than_its_record_holds)

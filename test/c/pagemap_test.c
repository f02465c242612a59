#include "super/pagemap.h"

#include "support.h"

/* One leaf of the page map covers this much address space. */
#define LEAF_BYTES ((uintptr_t)1 << 35)

/* The page map never looks at the memory itself, so a made-up address does. */
static hk_superslab_t superslab_at(uintptr_t base, size_t bytes) {
  return (hk_superslab_t){.base = (char *)base, .bytes = bytes};
}

static bool enter(hk_superslab_t *superslab) {
  return hk_pagemap_insert(superslab->base, superslab->bytes, superslab);
}

static void leave(const hk_superslab_t *superslab) {
  hk_pagemap_remove(superslab->base, superslab->bytes);
}

/* Must run first, while the page map has no leaf at all. */
HK_TEST(a_lookup_before_anything_is_mapped_finds_nothing) {
  int local;
  EXPECT(hk_pagemap_find(NULL) == NULL);
  EXPECT(hk_pagemap_find(&local) == NULL);
  EXPECT(hk_pagemap_find((void *)UINTPTR_MAX) == NULL);
}

HK_TEST(every_address_of_a_superslab_finds_it_and_its_neighbours_do_not) {
  uintptr_t base = 40 * LEAF_BYTES + 8 * HK_SUPERSLAB_BYTES;
  hk_superslab_t first = superslab_at(base, HK_SUPERSLAB_BYTES);
  hk_superslab_t second = superslab_at(base + HK_SUPERSLAB_BYTES, 3 * HK_SUPERSLAB_BYTES);
  EXPECT(enter(&first));
  EXPECT(enter(&second));
  for (uintptr_t at = 0; at < HK_SUPERSLAB_BYTES; at += 4093) {
    EXPECT_EQ(hk_pagemap_find((void *)(base + at)), &first);
  }
  EXPECT_EQ(hk_pagemap_find(second.base), &second);
  EXPECT_EQ(hk_pagemap_find(second.base + second.bytes - 1), &second);
  EXPECT(hk_pagemap_find((void *)(base - 1)) == NULL);
  EXPECT(hk_pagemap_find(second.base + second.bytes) == NULL);
  leave(&first);
  EXPECT(hk_pagemap_find((void *)base) == NULL);
  EXPECT_EQ(hk_pagemap_find(second.base), &second);
  leave(&second);
  EXPECT(hk_pagemap_find(second.base) == NULL);
}

HK_TEST(a_mapping_across_the_border_of_two_leaves_is_found_on_both_sides) {
  hk_superslab_t across =
      superslab_at(50 * LEAF_BYTES - HK_SUPERSLAB_BYTES, 2 * HK_SUPERSLAB_BYTES);
  EXPECT(enter(&across));
  EXPECT_EQ(hk_pagemap_find(across.base), &across);
  EXPECT_EQ(hk_pagemap_find((void *)(50 * LEAF_BYTES - 1)), &across);
  EXPECT_EQ(hk_pagemap_find((void *)(50 * LEAF_BYTES)), &across);
  leave(&across);
  EXPECT(hk_pagemap_find(across.base) == NULL);
  EXPECT(hk_pagemap_find((void *)(50 * LEAF_BYTES)) == NULL);
}

HK_TEST(a_mapping_longer_than_a_leaf_is_found_everywhere) {
  hk_superslab_t vast = superslab_at(60 * LEAF_BYTES + HK_SUPERSLAB_BYTES, 2 * LEAF_BYTES);
  EXPECT(enter(&vast));
  EXPECT(hk_pagemap_find(vast.base - 1) == NULL);
  for (uintptr_t at = 0; at < vast.bytes; at += LEAF_BYTES / 7) {
    EXPECT_EQ(hk_pagemap_find(vast.base + at), &vast);
  }
  EXPECT_EQ(hk_pagemap_find(vast.base + vast.bytes - 1), &vast);
  leave(&vast);
  EXPECT(hk_pagemap_find(vast.base + LEAF_BYTES) == NULL);
}

HK_TEST(a_leaf_refused_by_the_os_leaves_nothing_entered) {
  fake_os_begin();
  hk_superslab_t across =
      superslab_at(70 * LEAF_BYTES - HK_SUPERSLAB_BYTES, 2 * HK_SUPERSLAB_BYTES);
  for (uint64_t allowed = 0; allowed < 2; allowed++) {
    fake_os.maps_allowed = allowed;
    EXPECT(!enter(&across));
    EXPECT(hk_pagemap_find(across.base) == NULL);
    EXPECT(hk_pagemap_find((void *)(70 * LEAF_BYTES)) == NULL);
  }
  fake_os.maps_allowed = 1; /* the other leaf is there since the second try */
  EXPECT(enter(&across));
  EXPECT_EQ(hk_pagemap_find(across.base), &across);
  leave(&across);
  fake_os_end();
}

HK_TEST(an_address_beyond_48_bits_is_refused) {
  hk_superslab_t beyond = superslab_at((uintptr_t)1 << 48, HK_SUPERSLAB_BYTES);
  EXPECT(!enter(&beyond));
  EXPECT(hk_pagemap_find(beyond.base) == NULL);
  hk_superslab_t last = superslab_at(((uintptr_t)1 << 48) - HK_SUPERSLAB_BYTES, HK_SUPERSLAB_BYTES);
  EXPECT(enter(&last));
  EXPECT_EQ(hk_pagemap_find(last.base), &last);
  leave(&last);
}

HK_TEST(a_leaf_is_mapped_once_and_kept) {
  fake_os_begin();
  hk_superslab_t superslab = superslab_at(80 * LEAF_BYTES, HK_SUPERSLAB_BYTES);
  for (int round = 0; round < 3; round++) {
    EXPECT(enter(&superslab));
    leave(&superslab);
    EXPECT_EQ(fake_os.maps, 1);
  }
  fake_os_end();
}

/* Tables that grow with the address space are mapped on demand, not static. */
HK_TEST(static_data_of_the_whole_core_stays_below_a_megabyte) {
#if defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
  extern char edata[], end[];
  EXPECT(end - edata < (ptrdiff_t)HK_MIB);
#endif
}

HK_TEST_MAIN(a_lookup_before_anything_is_mapped_finds_nothing,
             every_address_of_a_superslab_finds_it_and_its_neighbours_do_not,
             a_mapping_across_the_border_of_two_leaves_is_found_on_both_sides,
             a_mapping_longer_than_a_leaf_is_found_everywhere,
             a_leaf_refused_by_the_os_leaves_nothing_entered, an_address_beyond_48_bits_is_refused,
             a_leaf_is_mapped_once_and_kept, static_data_of_the_whole_core_stays_below_a_megabyte)

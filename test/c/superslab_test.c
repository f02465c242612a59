#include "super/superslab.h"

#include "super/pagemap.h"
#include "support.h"

#define ALL_SLOTS UINT32_MAX

/* Must run first: only then does the address map still lack a leaf. */
HK_TEST(an_os_that_refuses_any_of_the_maps_leaves_nothing_behind) {
  fake_os_begin();
  uint64_t refusals = 0;
  hk_superslab_t *superslab = NULL;
  while (superslab == NULL && refusals < 10) {
    fake_os.maps_allowed = refusals;
    superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
    if (superslab == NULL) EXPECT_EQ(fake_os.mapped_bytes, 0);
    refusals++;
  }
  EXPECT_EQ(refusals, 4); /* after metadata, slabs and leaf */
  EXPECT(hk_superslab_unmap(superslab));
  fake_os_end();
}

HK_TEST(a_new_superslab_is_aligned_zeroed_and_unused) {
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  EXPECT_EQ((uintptr_t)superslab->base % HK_SUPERSLAB_BYTES, 0);
  EXPECT_EQ(superslab->bytes, HK_SUPERSLAB_BYTES);
  EXPECT_EQ(superslab->used_slots, 0);
  EXPECT_EQ(superslab->dirty_slots, 0);
  EXPECT(!superslab->was_exposed);
  EXPECT(!hk_superslab_is_huge(superslab));
  EXPECT(hk_is_zero(superslab->base, superslab->bytes));
  for (uint32_t slot = 0; slot < HK_SUPERSLAB_SLABS; slot++) {
    EXPECT_EQ(superslab->slabs[slot].state, HK_SLAB_UNUSED);
    EXPECT_EQ(superslab->slabs[slot].superslab, superslab);
    EXPECT_EQ(superslab->slabs[slot].slot, slot);
    EXPECT_EQ(hk_superslab_address(superslab, slot), superslab->base + slot * HK_SLAB_BYTES);
  }
  EXPECT(hk_superslab_is_valid(superslab));
  EXPECT(hk_superslab_unmap(superslab));
}

HK_TEST(writing_every_byte_of_the_slabs_touches_no_record) {
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  static hk_superslab_t before;
  memcpy(&before, superslab, sizeof before);
  memset(superslab->base, 0xff, superslab->bytes);
  EXPECT_EQ(memcmp(&before, superslab, sizeof before), 0);
  EXPECT(hk_superslab_unmap(superslab));
}

HK_TEST(a_superslab_is_found_by_address_until_it_is_unmapped) {
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  char *base = superslab->base;
  EXPECT_EQ(hk_pagemap_find(base), superslab);
  EXPECT_EQ(hk_pagemap_find(base + HK_SUPERSLAB_BYTES - 1), superslab);
  EXPECT(hk_superslab_unmap(superslab));
  EXPECT(hk_pagemap_find(base) == NULL);
}

HK_TEST(an_os_that_refuses_to_unmap_costs_address_space_and_no_more) {
  fake_os_begin();
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  char *base = superslab->base;
  hk_superslab_use(superslab, 0, 1);
  hk_superslab_unuse(superslab, 0, 1);
  fake_os.unmap_result = HK_OS_NO_MEMORY;
  uint64_t purges = fake_os.purges;
  EXPECT(!hk_superslab_unmap(superslab));
  EXPECT_EQ(fake_os.purges, purges + 1);
  EXPECT(hk_pagemap_find(base) == NULL);
  fake_os_end();
}

static int find_run_by_search(uint32_t used, uint32_t slabs, uint32_t alignment) {
  for (uint32_t start = 0; start + slabs <= 32; start += alignment) {
    bool fits = true;
    for (uint32_t i = start; i < start + slabs; i++) fits = fits && (used >> i & 1) == 0;
    if (fits) return (int)start;
  }
  return -1;
}

HK_TEST(the_lowest_run_of_free_slots_is_found_for_any_mask_and_length) {
  hk_random_t random = hk_random_begin(4711);
  static hk_superslab_t superslab; /* only its mask is read */
  for (int round = 0; round < 3000; round++) {
    uint32_t used = (uint32_t)hk_random_next(&random);
    for (uint32_t sparser = hk_random_below(&random, 4); sparser > 0; sparser--) {
      used &= (uint32_t)hk_random_next(&random);
    }
    if (round == 0) used = 0;
    if (round == 1) used = ALL_SLOTS;
    superslab.used_slots = used;
    for (uint32_t i = 0; i < 32 * 4; i++) {
      uint32_t slabs = 1 + i / 4, alignment = 1u << i % 4;
      int found = hk_superslab_find_run(&superslab, slabs, alignment);
      if (found != find_run_by_search(used, slabs, alignment)) {
        EXPECT_EQ(found, find_run_by_search(used, slabs, alignment));
        printf("    mask 0x%08x, %u slabs\n", used, slabs);
      }
    }
  }
}

HK_TEST(slots_are_marked_used_and_stay_dirty_after_use) {
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  hk_superslab_use(superslab, 3, 2);
  EXPECT_EQ(superslab->used_slots, 0x18);
  hk_superslab_use(superslab, 31, 1);
  EXPECT_EQ(superslab->used_slots, 0x80000018);
  hk_superslab_unuse(superslab, 3, 2);
  EXPECT_EQ(superslab->used_slots, 0x80000000);
  EXPECT_EQ(superslab->dirty_slots, 0x80000018);
  hk_superslab_unuse(superslab, 31, 1);
  hk_superslab_use(superslab, 0, 32);
  EXPECT_EQ(superslab->used_slots, ALL_SLOTS);
  hk_superslab_unuse(superslab, 0, 32);
  EXPECT_EQ(superslab->used_slots, 0);
  EXPECT(hk_superslab_unmap(superslab));
}

/* All slots written to, those of `used` still in use. */
static hk_superslab_t *dirty_superslab(uint32_t used) {
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  memset(superslab->base, 0x77, superslab->bytes);
  superslab->dirty_slots = ALL_SLOTS;
  superslab->used_slots = used;
  return superslab;
}

/* true: exactly the slots of `kept` still hold what dirty_superslab wrote, the others are zero. */
static bool holds_only(const hk_superslab_t *superslab, uint32_t kept) {
  for (uint32_t slot = 0; slot < 32; slot++) {
    const char *at = hk_superslab_address(superslab, slot);
    bool wanted = (kept >> slot & 1) != 0;
    if (hk_is_zero(at, HK_SLAB_BYTES) == wanted) return false;
    if (wanted && (at[0] != 0x77 || at[HK_SLAB_BYTES - 1] != 0x77)) return false;
  }
  return true;
}

HK_TEST(a_purge_takes_the_dirty_unused_slots_and_no_others) {
  static const uint32_t masks[] = {0, ALL_SLOTS, 1, 0x80000000, 0x0ff00ff0, 0xaaaaaaaa, 0x7fffffff};
  for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
    hk_superslab_t *superslab = dirty_superslab(masks[i]);
    uint32_t unused = 0;
    for (uint32_t slot = 0; slot < 32; slot++) unused += (masks[i] >> slot & 1) == 0;
    EXPECT_EQ(hk_superslab_purge(superslab), unused * HK_SLAB_BYTES);
    EXPECT(holds_only(superslab, masks[i]));
    EXPECT_EQ(superslab->dirty_slots, masks[i]);
    EXPECT_EQ(hk_superslab_purge(superslab), 0);
    superslab->used_slots = 0;
    EXPECT(hk_superslab_unmap(superslab));
  }
}

HK_TEST(neighbouring_slots_are_purged_with_one_call) {
  fake_os_begin();
  hk_superslab_t *superslab = dirty_superslab(0x00ff0000);
  (void)hk_superslab_purge(superslab);
  EXPECT_EQ(fake_os.purges, 2);
  superslab->used_slots = 0;
  EXPECT(hk_superslab_unmap(superslab));
  fake_os_end();
}

HK_TEST(a_refused_purge_gives_nothing_back_and_may_be_tried_again) {
  fake_os_begin();
  hk_superslab_t *superslab = dirty_superslab(2);
  fake_os.purge_result = HK_OS_REFUSED;
  EXPECT_EQ(hk_superslab_purge(superslab), 0);
  EXPECT(holds_only(superslab, ALL_SLOTS));
  fake_os.purge_result = HK_OS_DONE;
  EXPECT_EQ(hk_superslab_purge(superslab), 31 * HK_SLAB_BYTES);
  superslab->used_slots = 0;
  EXPECT(hk_superslab_unmap(superslab));
  fake_os_end();
}

HK_TEST(a_wipe_zeroes_by_hand_where_the_os_refuses_to_purge) {
  static const hk_os_result_t results[] = {HK_OS_DONE, HK_OS_REFUSED, HK_OS_NO_MEMORY};
  for (int i = 0; i < 3; i++) {
    fake_os_begin();
    hk_superslab_t *superslab = dirty_superslab(0x100);
    fake_os.purge_result = results[i];
    hk_superslab_wipe(superslab);
    EXPECT(holds_only(superslab, 0x100));
    EXPECT_EQ(superslab->dirty_slots, 0x100);
    superslab->used_slots = 0;
    EXPECT(hk_superslab_unmap(superslab));
    fake_os_end();
  }
}

HK_TEST(a_wipe_writes_few_slots_that_were_exposed_and_leaves_them_their_pages) {
  fake_os_begin();
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  hk_superslab_use(superslab, 0, 8);
  hk_superslab_note_exposed(superslab, 0, 8);
  memset(superslab->base, 1, 8 * HK_SLAB_BYTES);
  hk_superslab_unuse(superslab, 0, 8);
  hk_superslab_wipe(superslab);
  EXPECT(hk_is_zero(superslab->base, 8 * HK_SLAB_BYTES));
  EXPECT_EQ(fake_os.purges, 0);
  EXPECT_EQ(superslab->dirty_slots, 0xff); /* so that a purge still takes their pages */
  EXPECT_EQ(hk_superslab_purge(superslab), 8 * HK_SLAB_BYTES);
  memset(superslab->base + HK_SLAB_BYTES, 1, HK_SLAB_BYTES); /* a late write */
  hk_superslab_wipe(superslab);
  EXPECT(hk_is_zero(superslab->base, 8 * HK_SLAB_BYTES));
  EXPECT(hk_superslab_unmap(superslab));
  fake_os_end();
}

HK_TEST(a_reset_empties_every_slot_and_forgets_remote_frees) {
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  const hk_classes_t *classes = hk_classes_default();
  uint32_t refs[32];
  for (uint32_t slot = 0; slot < 30; slot++) {
    hk_slab_t *slab = &superslab->slabs[slot];
    hk_superslab_use(superslab, slot, 1);
    hk_slab_bind(slab, slot, &classes->bins[slot], 1,
                 hk_superslab_pool(superslab, slot, classes->bins[slot].stride_bytes));
    uint32_t got = hk_slab_take(slab, 0, refs, 32);
    for (uint32_t i = 0; i < got; i += 3)
      EXPECT_EQ(hk_slab_put_remote(slab, refs[i]) == HK_REMOTE_DOUBLE, false);
    slab->list = HK_SLAB_LIST_PARTIAL;
    atomic_store(&slab->remote_queued, 1);
  }
  hk_superslab_use(superslab, 30, 2);
  superslab->slabs[30].state = HK_SLAB_RUN;
  superslab->slabs[30].span_slabs = 2;
  superslab->slabs[31].state = HK_SLAB_TAIL;
  hk_superslab_reset(superslab);
  EXPECT_EQ(superslab->used_slots, 0);
  EXPECT_EQ(superslab->dirty_slots, ALL_SLOTS);
  EXPECT(hk_superslab_is_valid(superslab));
  for (uint32_t slot = 0; slot < 32; slot++) {
    const hk_slab_t *slab = &superslab->slabs[slot];
    EXPECT_EQ(slab->list, HK_SLAB_LIST_NONE);
    EXPECT_EQ(atomic_load(&slab->remote_queued), 0);
  }
  EXPECT(hk_is_zero(superslab->remote_pool, sizeof superslab->remote_pool));
  EXPECT(hk_superslab_unmap(superslab));
}

/* Bits of neighbouring slabs do not overlap, whatever their strides. */
HK_TEST(every_slab_has_words_of_its_own_for_its_free_bits) {
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  const hk_classes_t *classes = hk_classes_default();
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    const hk_class_t *c = &classes->bins[bin];
    if (c->span_slabs > 1) continue;
    for (uint32_t slot = 0; slot < HK_SUPERSLAB_SLABS; slot++) {
      /* In odd slots other strides than in even ones. */
      const hk_class_t *its = slot % 2 == 0 ? c : &classes->bins[(bin * 7 + slot) % 16];
      hk_slab_bind(&superslab->slabs[slot], bin, its, 1,
                   hk_superslab_pool(superslab, slot, its->stride_bytes));
    }
    for (uint32_t slot = 0; slot < HK_SUPERSLAB_SLABS; slot++) {
      EXPECT(hk_slab_is_valid(&superslab->slabs[slot]));
      hk_slab_unbind(&superslab->slabs[slot]);
    }
  }
  EXPECT(hk_is_zero(superslab->remote_pool, sizeof superslab->remote_pool));
  EXPECT(hk_superslab_unmap(superslab));
}

HK_TEST(a_huge_mapping_has_one_record_and_little_metadata) {
  hk_test_prepare_map();
  fake_os_begin();
  size_t bytes = 5 * HK_SUPERSLAB_BYTES + HK_SLAB_BYTES;
  hk_superslab_t *superslab = hk_superslab_map(bytes);
  EXPECT(hk_superslab_is_huge(superslab));
  EXPECT_EQ(superslab->bytes, bytes);
  EXPECT_EQ((uintptr_t)superslab->base % HK_SUPERSLAB_BYTES, 0);
  EXPECT(fake_os.mapped_bytes < bytes + 4 * hk_os_page_bytes());
  for (size_t at = 0; at < bytes; at += HK_SUPERSLAB_BYTES) {
    EXPECT_EQ(hk_pagemap_find(superslab->base + at), superslab);
  }
  EXPECT_EQ(hk_pagemap_find(superslab->base + bytes - 1), superslab);
  EXPECT(hk_superslab_unmap(superslab));
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
}

HK_TEST(a_huge_mapping_is_purged_and_wiped_as_a_whole) {
  size_t bytes = HK_SUPERSLAB_BYTES + HK_SLAB_BYTES;
  hk_superslab_t *superslab = hk_superslab_map(bytes);
  EXPECT_EQ(hk_superslab_purge(superslab), 0); /* clean */
  superslab->used_slots = superslab->dirty_slots = 1;
  memset(superslab->base, 1, bytes);
  EXPECT_EQ(hk_superslab_purge(superslab), 0); /* in use */
  superslab->used_slots = 0;
  EXPECT_EQ(hk_superslab_purge(superslab), bytes);
  EXPECT(hk_is_zero(superslab->base, bytes));
  superslab->dirty_slots = 1;
  memset(superslab->base, 1, bytes);
  hk_superslab_wipe(superslab);
  EXPECT(hk_is_zero(superslab->base, bytes));
  EXPECT(hk_superslab_unmap(superslab));
}

HK_TEST(a_slot_marked_used_without_a_slab_is_invalid) {
  hk_superslab_t *superslab = hk_superslab_map(HK_SUPERSLAB_BYTES);
  hk_superslab_use(superslab, 0, 1);
  EXPECT(!hk_superslab_is_valid(superslab));
  superslab->slabs[0].state = HK_SLAB_RUN;
  superslab->slabs[0].span_slabs = 1;
  EXPECT(hk_superslab_is_valid(superslab));
  superslab->dirty_slots = 0;
  EXPECT(!hk_superslab_is_valid(superslab));
  hk_superslab_reset(superslab);
  EXPECT(hk_superslab_unmap(superslab));
}

HK_TEST_MAIN(an_os_that_refuses_any_of_the_maps_leaves_nothing_behind,
             a_new_superslab_is_aligned_zeroed_and_unused,
             writing_every_byte_of_the_slabs_touches_no_record,
             a_superslab_is_found_by_address_until_it_is_unmapped,
             an_os_that_refuses_to_unmap_costs_address_space_and_no_more,
             the_lowest_run_of_free_slots_is_found_for_any_mask_and_length,
             slots_are_marked_used_and_stay_dirty_after_use,
             a_purge_takes_the_dirty_unused_slots_and_no_others,
             neighbouring_slots_are_purged_with_one_call,
             a_refused_purge_gives_nothing_back_and_may_be_tried_again,
             a_wipe_zeroes_by_hand_where_the_os_refuses_to_purge,
             a_wipe_writes_few_slots_that_were_exposed_and_leaves_them_their_pages,
             a_reset_empties_every_slot_and_forgets_remote_frees,
             every_slab_has_words_of_its_own_for_its_free_bits,
             a_huge_mapping_has_one_record_and_little_metadata,
             a_huge_mapping_is_purged_and_wiped_as_a_whole,
             a_slot_marked_used_without_a_slab_is_invalid)

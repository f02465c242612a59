#include "super/slab.h"

#include "support.h"

/* Slab records as a SuperSlab would set them up, with canaries around the first one's part of the pool. */
typedef struct fixture_t {
  hk_slab_t slab, tails[HK_SPAN_SLABS_MAX - 1];
  uint64_t before, pool[HK_SLAB_WORDS_MAX], after;
  _Atomic(uint64_t) remote[HK_SLAB_WORDS_MAX];
} fixture_t;

#define CANARY 0xc0ffee00c0ffee00u

static fixture_t fixture;

static hk_slab_t *bound_slab(uint32_t bin) {
  memset(&fixture, 0, sizeof fixture);
  fixture.before = fixture.after = CANARY;
  fixture.slab.remote_bits = fixture.remote;
  const hk_class_t *c = &hk_classes_default()->bins[bin];
  hk_slab_bind(&fixture.slab, bin, c, c->span_slabs, fixture.pool);
  return &fixture.slab;
}

static uint32_t bin_of(size_t size) { return hk_classes_bin(hk_classes_default(), size); }

#define FOR_EACH_BIN(bin) for (uint32_t bin = 0; bin < hk_classes_default()->count; bin++)

HK_TEST(a_bound_slab_has_every_block_of_its_class_free) {
  FOR_EACH_BIN(bin) {
    hk_slab_t *slab = bound_slab(bin);
    uint32_t capacity = hk_classes_default()->bins[bin].capacity;
    EXPECT_EQ(slab->capacity, capacity);
    EXPECT_EQ(slab->free_count, capacity);
    EXPECT_EQ(slab->bin, bin);
    EXPECT(hk_slab_is_free(slab, 0));
    EXPECT(hk_slab_is_free(slab, capacity - 1));
    EXPECT(hk_slab_has_block(slab, capacity - 1));
    EXPECT(!hk_slab_has_block(slab, capacity));
    EXPECT(hk_slab_is_valid(slab));
  }
}

HK_TEST(every_stride_an_arena_may_bring_gives_a_valid_slab) {
  static hk_classes_t table;
  for (uint32_t stride = 8; stride <= HK_CLASS_SIZE_MAX; stride += stride == 8 ? 8 : 16) {
    (void)bound_slab(0);
    hk_slab_unbind(&fixture.slab);
    if (hk_classes_build(&table, &stride, 1) != HK_OK) EXPECT(!"built");
    for (uint32_t span = 1; span <= table.bins[0].span_slabs; span *= 2) {
      hk_slab_bind(&fixture.slab, 0, &table.bins[0], span, fixture.pool);
      if (!hk_slab_is_valid(&fixture.slab)) EXPECT(!"valid");
      if (fixture.slab.free_count != span * HK_SLAB_BYTES / stride) EXPECT(!"all blocks");
      hk_slab_unbind(&fixture.slab);
    }
  }
}

HK_TEST(blocks_come_once_each_and_in_address_order) {
  static uint32_t refs[8192];
  FOR_EACH_BIN(bin) {
    hk_slab_t *slab = bound_slab(bin);
    uint32_t capacity = slab->capacity, base = 5u << HK_REF_INDEX_BITS, taken = 0;
    for (uint32_t want = 1; taken < capacity; want += 3) {
      uint32_t got = hk_slab_take(slab, base, refs + taken, want);
      EXPECT_EQ(got, want < capacity - taken ? want : capacity - taken);
      taken += got;
      if (got == 0) break;
    }
    EXPECT_EQ(taken, capacity);
    EXPECT_EQ(slab->free_count, 0);
    for (uint32_t i = 0; i < capacity; i++) {
      if (refs[i] != base + i) EXPECT_EQ(refs[i], base + i);
    }
    EXPECT_EQ(hk_slab_take(slab, base, refs, 1), 0);
    EXPECT(fixture.before == CANARY && fixture.after == CANARY);
  }
}

HK_TEST(a_batch_stops_at_what_was_asked_for) {
  uint32_t refs[65];
  hk_slab_t *slab = bound_slab(bin_of(16));
  for (uint32_t want = 1; want <= 64; want++) {
    refs[want] = 0xdeadbeef;
    EXPECT_EQ(hk_slab_take(slab, 0, refs, want), want);
    EXPECT_EQ(refs[want], 0xdeadbeef);
    for (uint32_t i = 0; i < want; i++) EXPECT(hk_slab_put(slab, refs[i]));
  }
}

HK_TEST(the_lowest_free_block_is_the_next_one_wherever_it_was_freed) {
  hk_slab_t *slab = bound_slab(bin_of(8));
  static uint32_t refs[8192];
  EXPECT_EQ(hk_slab_take(slab, 0, refs, 8192), 8192);
  static const uint32_t order[] = {4000, 8191, 63, 64, 4001, 0};
  static const uint32_t sorted[] = {0, 63, 64, 4000, 4001, 8191};
  for (int i = 0; i < 6; i++) EXPECT(hk_slab_put(slab, order[i]));
  EXPECT_EQ(hk_slab_take(slab, 0, refs, 6), 6);
  for (int i = 0; i < 6; i++) EXPECT_EQ(refs[i], sorted[i]);
}

HK_TEST(as_addresses_the_lowest_free_blocks_come_with_the_lowest_last) {
  static uint32_t refs[8192];
  void *blocks[5] = {NULL};
  hk_slab_t *slab = bound_slab(bin_of(16));
  char *base = (char *)0x10000; /* nobody looks there */
  uint32_t capacity = slab->capacity;
  EXPECT_EQ(hk_slab_take(slab, 0, refs, capacity), capacity);
  EXPECT_EQ(hk_slab_take_blocks(slab, base, 16, blocks, 4), 0);
  static const uint32_t freed[] = {4095, 63, 64, 700, 0};
  for (int i = 0; i < 5; i++) EXPECT(hk_slab_put(slab, freed[i]));
  EXPECT_EQ(hk_slab_take_blocks(slab, base, 16, blocks, 3), 3);
  static const uint32_t lowest[] = {64, 63, 0};
  for (int i = 0; i < 3; i++) EXPECT(blocks[i] == base + lowest[i] * 16);
  EXPECT(blocks[3] == NULL && hk_slab_is_valid(slab));
  EXPECT_EQ(hk_slab_take_blocks(slab, base, 16, blocks, 5), 2);
  EXPECT(blocks[0] == base + 4095 * 16 && blocks[1] == base + 700 * 16);
  EXPECT(slab->free_count == 0 && hk_slab_is_valid(slab));
}

HK_TEST(a_second_put_of_a_block_is_noticed_and_changes_nothing) {
  uint32_t refs[2];
  hk_slab_t *slab = bound_slab(bin_of(64));
  EXPECT(!hk_slab_put(slab, 0));
  EXPECT_EQ(hk_slab_take(slab, 0, refs, 2), 2);
  EXPECT(hk_slab_put(slab, 1));
  EXPECT(!hk_slab_put(slab, 1));
  EXPECT_EQ(slab->free_count, slab->capacity - 1);
  EXPECT(hk_slab_is_valid(slab));
}

HK_TEST(blocks_put_back_together_are_free_but_those_that_were_or_are_none) {
  static uint32_t refs[8192];
  uint32_t bin = bin_of(48);
  const hk_class_t *c = &hk_classes_default()->bins[bin];
  hk_slab_t *slab = bound_slab(bin);
  char *base = (char *)0x10000;
  uint32_t capacity = slab->capacity;
  EXPECT_EQ(hk_slab_take(slab, 0, refs, capacity), capacity);
  void *blocks[] = {base + 700 * 48,      base + 3 * 48, base + 3 * 48, base + 5 * 48 + 16,
                    base + capacity * 48, base,          base + 64 * 48};
  EXPECT_EQ(hk_slab_put_blocks(slab, c, base, blocks, 7), 4);
  EXPECT_EQ(slab->free_count, 4);
  static const uint32_t free[] = {0, 3, 64, 700};
  for (int i = 0; i < 4; i++) EXPECT(hk_slab_is_free(slab, free[i]));
  EXPECT(hk_slab_is_valid(slab));
  EXPECT_EQ(hk_slab_put_blocks(slab, c, base, blocks, 7), 0);
}

HK_TEST(strides_from_256_bytes_up_touch_no_page_of_the_pool) {
  FOR_EACH_BIN(bin) {
    (void)bound_slab(bin);
    bool untouched = hk_is_zero(fixture.pool, sizeof fixture.pool);
    EXPECT_EQ(untouched, hk_classes_default()->bins[bin].stride_bytes >= 256);
  }
}

HK_TEST(remote_bits_become_free_bits_when_they_are_collected) {
  static uint32_t refs[8192];
  FOR_EACH_BIN(bin) {
    hk_slab_t *slab = bound_slab(bin);
    uint32_t capacity = slab->capacity, freed = 0;
    uint64_t duplicates = 0;
    EXPECT_EQ(hk_slab_take(slab, 0, refs, capacity), capacity);
    for (uint32_t i = 0; i < capacity; i += 2, freed++) {
      EXPECT_EQ(hk_slab_put_remote(slab, i), i % 64 == 0 ? HK_REMOTE_FIRST : HK_REMOTE_JOINED);
    }
    EXPECT_EQ(slab->free_count, 0);
    EXPECT_EQ(hk_slab_collect_remote(slab, &duplicates), freed);
    EXPECT_EQ(duplicates, 0);
    EXPECT_EQ(slab->free_count, freed);
    EXPECT(hk_slab_is_valid(slab));
    EXPECT_EQ(hk_slab_collect_remote(slab, &duplicates), 0);
    EXPECT_EQ(hk_slab_take(slab, 0, refs, capacity), freed);
    for (uint32_t i = 0; i < freed; i++) EXPECT_EQ(refs[i], 2 * i);
  }
}

HK_TEST(a_second_remote_put_of_a_block_is_noticed) {
  uint32_t refs[1];
  hk_slab_t *slab = bound_slab(bin_of(1024));
  EXPECT_EQ(hk_slab_take(slab, 0, refs, 1), 1);
  EXPECT_EQ(hk_slab_put_remote(slab, 0), HK_REMOTE_FIRST);
  EXPECT_EQ(hk_slab_put_remote(slab, 0), HK_REMOTE_DOUBLE);
  EXPECT_EQ(hk_slab_join_remote(slab, 0), HK_REMOTE_DOUBLE);
}

HK_TEST(a_remote_put_joins_others_of_its_word_only) {
  uint32_t refs[2];
  uint64_t duplicates = 0;
  hk_slab_t *slab = bound_slab(bin_of(256));
  EXPECT_EQ(hk_slab_take(slab, 0, refs, 2), 2);
  EXPECT_EQ(hk_slab_join_remote(slab, 1), HK_REMOTE_ALONE);
  EXPECT_EQ(hk_slab_put_remote(slab, 100), HK_REMOTE_FIRST);
  EXPECT_EQ(hk_slab_join_remote(slab, 1), HK_REMOTE_ALONE);
  EXPECT_EQ(hk_slab_put_remote(slab, 0), HK_REMOTE_FIRST);
  EXPECT_EQ(hk_slab_join_remote(slab, 1), HK_REMOTE_JOINED);
  EXPECT_EQ(hk_slab_collect_remote(slab, &duplicates), 2);
  EXPECT_EQ(duplicates, 1);
  EXPECT_EQ(hk_slab_join_remote(slab, 1), HK_REMOTE_ALONE);
}

HK_TEST(a_block_freed_by_owner_and_stranger_both_is_free_once_and_counted_as_duplicate) {
  uint32_t refs[3];
  uint64_t duplicates = 10;
  hk_slab_t *slab = bound_slab(bin_of(1024));
  EXPECT_EQ(hk_slab_take(slab, 0, refs, 3), 3);
  EXPECT(hk_slab_put(slab, 1));
  EXPECT_EQ(hk_slab_put_remote(slab, 1), HK_REMOTE_FIRST);
  EXPECT_EQ(hk_slab_put_remote(slab, 2), HK_REMOTE_JOINED);
  EXPECT_EQ(hk_slab_collect_remote(slab, &duplicates), 1);
  EXPECT_EQ(duplicates, 11);
  EXPECT_EQ(slab->free_count, slab->capacity - 1);
  EXPECT(hk_slab_is_valid(slab));
}

HK_TEST(a_slab_bound_again_remembers_nothing_of_its_last_class) {
  static uint32_t refs[8192];
  hk_slab_t *slab = bound_slab(bin_of(8));
  FOR_EACH_BIN(bin) {
    uint32_t capacity = slab->capacity;
    EXPECT_EQ(hk_slab_take(slab, 0, refs, capacity), capacity);
    for (uint32_t i = 0; i < capacity; i++) (void)hk_slab_put(slab, refs[i]);
    hk_slab_unbind(slab);
    EXPECT_EQ(slab->state, HK_SLAB_UNUSED);
    EXPECT(!hk_slab_has_block(slab, 0));
    const hk_class_t *c = &hk_classes_default()->bins[bin];
    hk_slab_bind(slab, bin, c, c->span_slabs, fixture.pool);
    EXPECT_EQ(slab->free_count, hk_classes_default()->bins[bin].capacity);
    EXPECT(hk_slab_is_valid(slab));
  }
}

HK_TEST(a_wrong_count_a_bit_past_the_end_and_a_wrong_hint_are_all_invalid) {
  uint32_t refs[200];
  hk_slab_t *slab = bound_slab(bin_of(512));
  slab->free_count--;
  EXPECT(!hk_slab_is_valid(slab));

  uint32_t odd = bin_of(80); /* its last word is not full */
  slab = bound_slab(odd);
  slab->free_bits[slab->capacity / 64] |= (uint64_t)1 << 63;
  slab->free_count++;
  EXPECT(!hk_slab_is_valid(slab));

  slab = bound_slab(odd);
  EXPECT_EQ(hk_slab_take(slab, 0, refs, 200), 200);
  slab->low_word++;
  EXPECT(!hk_slab_is_valid(slab));
}

/* Takes, puts and remote puts at random against an array of booleans. */
static void run_model(uint32_t bin, hk_random_t *random) {
  static bool out[8192], remote[8192];
  static uint32_t refs[8192];
  memset(out, 0, sizeof out);
  memset(remote, 0, sizeof remote);
  hk_slab_t *slab = bound_slab(bin);
  uint64_t duplicates = 0;
  for (int step = 0; step < 20000; step++) {
    uint32_t index = hk_random_below(random, slab->capacity);
    switch (hk_random_below(random, 8)) {
      case 0: {
        uint32_t got = hk_slab_take(slab, 0, refs, 1 + hk_random_below(random, 20));
        for (uint32_t i = 0; i < got; i++) {
          if (out[refs[i]]) EXPECT(!out[refs[i]]); /* a live block handed out again */
          out[refs[i]] = true;
        }
        break;
      }
      case 1:
        (void)hk_slab_collect_remote(slab, &duplicates);
        for (uint32_t i = 0; i < slab->capacity; i++) {
          if (remote[i]) out[i] = remote[i] = false;
        }
        break;
      case 2:
      case 3:
        if (!out[index]) break;
        {
          hk_remote_t put = hk_slab_join_remote(slab, index);
          if (put == HK_REMOTE_ALONE) put = hk_slab_put_remote(slab, index);
          if ((put == HK_REMOTE_DOUBLE) != remote[index]) EXPECT(!"remote double free seen");
        }
        remote[index] = true;
        break;
      default:
        if (remote[index]) break;
        if (hk_slab_put(slab, index) != out[index]) EXPECT(!"double free seen");
        out[index] = false;
    }
  }
  uint32_t in = 0;
  for (uint32_t i = 0; i < slab->capacity; i++) in += !out[i];
  EXPECT_EQ(slab->free_count, in);
  EXPECT_EQ(duplicates, 0);
  EXPECT(hk_slab_is_valid(slab));
}

HK_TEST(a_slab_agrees_with_an_array_of_booleans) {
  hk_random_t random = hk_random_begin(20251);
  static const size_t sizes[] = {8, 48, 80, 256, 272, 1024, 5040, 32768, 65536};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) run_model(bin_of(sizes[i]), &random);
}

HK_TEST_MAIN(a_bound_slab_has_every_block_of_its_class_free,
             every_stride_an_arena_may_bring_gives_a_valid_slab,
             blocks_come_once_each_and_in_address_order, a_batch_stops_at_what_was_asked_for,
             the_lowest_free_block_is_the_next_one_wherever_it_was_freed,
             as_addresses_the_lowest_free_blocks_come_with_the_lowest_last,
             a_second_put_of_a_block_is_noticed_and_changes_nothing,
             blocks_put_back_together_are_free_but_those_that_were_or_are_none,
             strides_from_256_bytes_up_touch_no_page_of_the_pool,
             remote_bits_become_free_bits_when_they_are_collected,
             a_second_remote_put_of_a_block_is_noticed, a_remote_put_joins_others_of_its_word_only,
             a_block_freed_by_owner_and_stranger_both_is_free_once_and_counted_as_duplicate,
             a_slab_bound_again_remembers_nothing_of_its_last_class,
             a_wrong_count_a_bit_past_the_end_and_a_wrong_hint_are_all_invalid,
             a_slab_agrees_with_an_array_of_booleans)

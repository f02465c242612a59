/* Spans: neighbouring slabs that serve a class of long blocks as one. */
#include "heap/heap.h"
#include "letters/letters.h"
#include "refs.h"
#include "supply/supply.h"

/* Of every length of span in the table. */
static const size_t sizes[] = {10000, 16401, 26000, 31000, 40000, 50000, 58000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static uint32_t span_of(uint32_t bin) { return hk_classes_default()->bins[bin].span_slabs; }

static size_t span_bytes(uint32_t bin) { return span_of(bin) * HK_SLAB_BYTES; }

static size_t stride_of(uint32_t bin) { return hk_classes_default()->bins[bin].stride_bytes; }

static void end(hk_arena_t *arena) {
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(every_byte_of_blocks_across_slabs_is_the_blocks_own) {
  for (int i = 0; i < SIZES; i++) {
    enum { BLOCKS = 80 };
    hk_arena_t *arena = hk_test_arena(0);
    char *blocks[BLOCKS];
    for (uint32_t n = 0; n < BLOCKS; n++) {
      blocks[n] = hk_alloc(arena, sizes[i]);
      EXPECT_EQ(hk_usable_size(blocks[n]), stride_of(hk_test_bin(sizes[i])));
      hk_pattern_fill(blocks[n], hk_usable_size(blocks[n]), n);
    }
    EXPECT(hk_arena_is_valid(arena));
    for (uint32_t n = 0; n < BLOCKS; n++) {
      EXPECT(hk_pattern_holds(blocks[n], hk_usable_size(blocks[n]), n));
      EXPECT_EQ(hk_free(arena, blocks[n]), HK_OK);
    }
    EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
    (void)hk_arena_trim(arena);
    EXPECT_EQ(hk_test_stats(arena).bytes_used, 0);
    end(arena);
  }
}

HK_TEST(a_class_of_long_blocks_takes_whole_spans_and_counts_all_their_slabs) {
  for (int i = 0; i < SIZES; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t bin = hk_test_bin(sizes[i]), capacity = capacity_of(bin);
    EXPECT_EQ(capacity, span_bytes(bin) / stride_of(bin));
    take(arena, bin, refs, 2 * capacity);
    hk_bin_stats_t stats = bin_stats(arena, bin);
    EXPECT_EQ(stats.slabs, 2 * span_of(bin));
    EXPECT_EQ(stats.capacity, 2 * capacity);
    EXPECT_EQ(hk_arena_used_bytes(arena), 2 * span_bytes(bin));
    /* Two spans, each known by its first slab. */
    EXPECT_EQ(refs[capacity] >> HK_REF_INDEX_BITS, (refs[0] >> HK_REF_INDEX_BITS) + span_of(bin));
    EXPECT_EQ(refs[capacity - 1] & HK_REF_INDEX_MASK, capacity - 1);
    flush(arena, bin, refs, 2 * capacity);
    EXPECT_EQ(hk_test_retire_all(arena), 2);
    EXPECT_EQ(hk_arena_used_bytes(arena), 0);
    EXPECT_EQ(bin_stats(arena, bin).slabs, 0);
    EXPECT_EQ(bin_stats(arena, bin).slabs_retired, 2 * span_of(bin));
    end(arena);
  }
}

HK_TEST(only_the_first_slab_of_a_span_answers_to_its_number) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(16401);
  take(arena, bin, refs, 1);
  hk_slab_info_t info;
  uint32_t slab = refs[0] >> HK_REF_INDEX_BITS;
  EXPECT_EQ(hk_slab_info(arena, slab, &info), HK_OK);
  EXPECT_EQ(info.bytes, span_bytes(bin));
  for (uint32_t n = 1; n < span_of(bin); n++) {
    uint32_t ref = (slab + n) << HK_REF_INDEX_BITS;
    uint64_t ticket;
    EXPECT_EQ(hk_slab_info(arena, slab + n, &info), HK_NOT_OWNED);
    EXPECT_EQ(hk_flush(arena, bin, &ref, 1), HK_NOT_OWNED);
    EXPECT_EQ(hk_large_free(arena, ref), HK_NOT_OWNED);
    EXPECT_EQ(hk_retire(arena, slab + n), HK_NOT_OWNED);
    EXPECT_EQ(hk_slab_set_exposed(arena, slab + n, true), HK_NOT_OWNED);
    EXPECT_EQ(hk_letter_offer(arena, ref, 1, &ticket), HK_NOT_OWNED);
    EXPECT_EQ(hk_large_purge(arena, ref, 0, HK_SLAB_BYTES), 0);
  }
  uint32_t behind = refs[0] + capacity_of(bin);
  EXPECT_EQ(hk_flush(arena, bin, &behind, 1), HK_NOT_OWNED);
  flush(arena, bin, refs, 1);
  end(arena);
}

HK_TEST(nothing_but_the_beginning_of_a_block_of_a_span_can_be_freed) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  for (int i = 0; i < SIZES; i++) {
    uint32_t bin = hk_test_bin(sizes[i]);
    char *block = hk_alloc(arena, sizes[i]);
    char *span = (char *)((uintptr_t)block & ~(span_bytes(bin) - 1));
    for (size_t offset = 0; offset < span_bytes(bin); offset += 8) {
      if (offset % stride_of(bin) == 0 && offset / stride_of(bin) < capacity_of(bin)) continue;
      if (hk_free(arena, span + offset) != HK_NOT_OWNED) EXPECT(!"refused");
      if (hk_free(other, span + offset) != HK_NOT_OWNED) EXPECT(!"refused elsewhere");
    }
    EXPECT_EQ(hk_free(i % 2 == 0 ? arena : other, block), HK_OK);
  }
  end(arena);
  end(other);
}

HK_TEST(other_threads_free_blocks_wherever_in_a_span_they_begin) {
  for (int i = 0; i < SIZES; i++) {
    enum { BLOCKS = 64 };
    hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
    uint32_t bin = hk_test_bin(sizes[i]);
    void *blocks[BLOCKS];
    for (int n = 0; n < BLOCKS; n++) blocks[n] = hk_alloc(arena, sizes[i]);
    for (int n = 0; n < BLOCKS; n++) EXPECT_EQ(hk_free(other, blocks[n]), HK_OK);
    for (int n = 0; n < BLOCKS; n++) EXPECT_EQ(hk_free(other, blocks[n]), HK_DOUBLE_FREE);
    EXPECT_EQ(bin_stats(arena, bin).remote_blocks, BLOCKS);
    hk_remote_drain(arena);
    EXPECT_EQ(bin_stats(arena, bin).drained_blocks, BLOCKS);
    (void)hk_arena_trim(arena);
    EXPECT_EQ(hk_arena_used_bytes(arena), 0);
    end(arena);
    end(other);
  }
}

/* --- Where there is no room for all of it ----------------------------------------------------- */

HK_TEST(under_a_limit_a_class_takes_as_much_of_a_span_as_there_is) {
  for (uint32_t slabs = 1; slabs <= HK_SPAN_SLABS_MAX; slabs++) {
    for (int i = 0; i < SIZES; i++) {
      hk_arena_t *arena = hk_test_arena(slabs * HK_SLAB_BYTES);
      uint32_t bin = hk_test_bin(sizes[i]), got = 0, count = 0;
      while (hk_refill(arena, bin, refs + count, 1, &got) == HK_OK) count += got;
      EXPECT(count * stride_of(bin) + HK_SLAB_BYTES > slabs * HK_SLAB_BYTES);
      EXPECT(hk_arena_used_bytes(arena) == slabs * HK_SLAB_BYTES);
      for (uint32_t n = 0; n < count; n++)
        hk_pattern_fill(hk_test_address(arena, refs[n]), stride_of(bin), n);
      for (uint32_t n = 0; n < count; n++)
        EXPECT(hk_pattern_holds(hk_test_address(arena, refs[n]), stride_of(bin), n));
      EXPECT(hk_arena_is_valid(arena));
      flush(arena, bin, refs, count);
      (void)hk_test_retire_all(arena);
      EXPECT_EQ(hk_arena_used_bytes(arena), 0);
      end(arena);
    }
  }
}

HK_TEST(what_a_short_span_has_no_room_for_is_no_block) {
  hk_arena_t *arena = hk_test_arena(HK_SLAB_BYTES), *other = hk_test_arena(0);
  uint32_t bin = hk_test_bin(16401);
  char *block = hk_alloc(arena, 16401);
  size_t count = HK_SLAB_BYTES / stride_of(bin);
  EXPECT(count * stride_of(bin) < HK_SLAB_BYTES);
  for (int round = 0; round < 2; round++) {
    EXPECT_EQ(hk_free(arena, block + count * stride_of(bin)), HK_NOT_OWNED);
    EXPECT_EQ(hk_free(other, block + count * stride_of(bin)), HK_NOT_OWNED);
    EXPECT_EQ(hk_free(arena, block), HK_OK);
    EXPECT(hk_alloc(arena, 16401) == block);
  }
  EXPECT_EQ(hk_free(arena, block), HK_OK);
  end(arena);
  end(other);
}

HK_TEST(slabs_that_lie_free_serve_a_class_before_another_superslab_comes) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(16401), small = hk_test_bin(1024);
  uint32_t slab_blocks = capacity_of(small);
  take(arena, small, refs, 25 * slab_blocks); /* seven slabs are left: none for a span of eight */
  uint32_t first = 25 * slab_blocks;
  take(arena, bin, refs + first, 15 + 7 + 3); /* of four, two and one */
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 1);
  EXPECT_EQ(hk_arena_used_bytes(arena), HK_SUPERSLAB_BYTES);
  EXPECT(hk_arena_is_valid(arena));
  take(arena, bin, refs + first + 25, 1);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 2);
  EXPECT_EQ(bin_stats(arena, bin).slabs, 7 + span_of(bin));
  EXPECT_EQ(bin_stats(arena, bin).capacity, 25 + capacity_of(bin));
  end(arena);
}

/* --- Spans that come and go ------------------------------------------------------------------- */

HK_TEST(an_exposed_span_is_lost_as_a_whole_and_comes_back_as_a_whole) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(16401);
  take(arena, bin, refs, 3);
  uint32_t slab = refs[0] >> HK_REF_INDEX_BITS;
  EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
  hk_arena_reset(arena);
  EXPECT_EQ(hk_arena_used_bytes(arena), span_bytes(bin));
  EXPECT(hk_arena_is_valid(arena));
  uint32_t run;
  EXPECT_EQ(hk_large_alloc(arena, 24 * HK_SLAB_BYTES, &run), HK_OK);
  EXPECT(run >> HK_REF_INDEX_BITS >= slab + span_of(bin));
  EXPECT_EQ(hk_slab_set_exposed(arena, slab, false), HK_OK);
  EXPECT_EQ(hk_arena_used_bytes(arena), 24 * HK_SLAB_BYTES);
  EXPECT(hk_arena_is_valid(arena));
  take(arena, bin, refs, 1);
  EXPECT_EQ(refs[0] >> HK_REF_INDEX_BITS, slab);
  end(arena);
}

HK_TEST(a_span_is_retired_where_its_superslab_drains) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(10000), capacity = capacity_of(bin);
  EXPECT_EQ(span_of(bin), 2);
  take(arena, bin, refs, 3 * capacity);
  hk_slab_t *first = hk_arena_slab(arena, refs[0] >> HK_REF_INDEX_BITS);
  flush(arena, bin, refs, 2 * capacity);
  EXPECT_EQ(first->superslab->idle_slots, 0xf);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_next_retirable(arena, UINT32_MAX), -1);
  EXPECT(hk_tiers_drain(&arena->supply.tiers, first->superslab, 0));
  int32_t slab;
  for (uint32_t slots = 6; (slab = hk_next_retirable(arena, UINT32_MAX)) >= 0; slots -= 2) {
    EXPECT_EQ(hk_arena_used_bytes(arena), slots * HK_SLAB_BYTES);
    EXPECT_EQ(hk_retire(arena, (uint32_t)slab), HK_OK);
    EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT_EQ(hk_arena_used_bytes(arena), span_bytes(bin));
  end(arena);
}

HK_TEST(slabs_of_a_span_serve_other_classes_and_runs_when_it_is_gone) {
  hk_arena_t *arena = hk_test_arena(HK_SUPERSLAB_BYTES);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < SIZES; i++) {
      void *blocks[4], *small[200], *run;
      for (int n = 0; n < 4; n++) blocks[n] = hk_alloc(arena, sizes[i]);
      for (int n = 0; n < 4; n++) EXPECT_EQ(hk_free(arena, blocks[n]), HK_OK);
      (void)hk_arena_trim(arena);
      for (int n = 0; n < 200; n++) small[n] = hk_alloc(arena, 2000 + (size_t)round);
      EXPECT(hk_arena_is_valid(arena));
      for (int n = 0; n < 200; n++) EXPECT_EQ(hk_free(arena, small[n]), HK_OK);
      (void)hk_arena_trim(arena);
      run = hk_alloc(arena, 30 * HK_SLAB_BYTES);
      EXPECT(run != NULL);
      EXPECT_EQ(hk_free(arena, run), HK_OK);
    }
  }
  end(arena);
}

HK_TEST(a_block_across_slabs_is_lent_and_keeps_its_whole_span) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(16401);
  take(arena, bin, refs, capacity_of(bin));
  uint32_t across = refs[3]; /* 50,688 to 67,584 */
  char *block = hk_test_address(arena, across);
  hk_pattern_fill(block, 16401, 5);
  uint64_t ticket, bytes;
  void *address;
  EXPECT_EQ(hk_letter_offer(arena, across, 16401, &ticket), HK_OK);
  EXPECT_EQ(hk_letter_adopt(ticket, &address, &bytes), HK_OK);
  EXPECT(address == block && bytes == 16401);
  hk_arena_reset(arena);
  EXPECT_EQ(hk_arena_used_bytes(arena), span_bytes(bin));
  for (int i = 0; i < 60; i++) memset(hk_alloc(arena, 30000), 1, 30000);
  EXPECT(hk_pattern_holds(block, 16401, 5));
  hk_arena_reset(arena);
  EXPECT_EQ(hk_letter_return(ticket), HK_OK);
  hk_remote_drain(arena);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  end(arena);
}

/* A model of what is out, beside an arena whose classes all use spans. */
HK_TEST(no_two_blocks_of_spans_ever_share_a_byte) {
  enum { SLOTS = 300, STEPS = 20000 };
  static struct {
    char *block;
    size_t size;
    uint64_t key;
  } slots[SLOTS];
  hk_random_t random = hk_random_begin(99);
  hk_arena_t *arena = hk_test_arena(24 * HK_MIB), *other = hk_test_arena(0);
  for (uint64_t step = 1; step <= STEPS; step++) {
    uint32_t i = hk_random_below(&random, SLOTS);
    if (slots[i].block != NULL) {
      size_t size = slots[i].size;
      if (!hk_pattern_holds(slots[i].block, 64, slots[i].key)) EXPECT(!"its beginning");
      if (!hk_pattern_holds(slots[i].block + size - 64, 64, slots[i].key)) EXPECT(!"its end");
      if (hk_free(step % 5 == 0 ? other : arena, slots[i].block) != HK_OK) EXPECT(!"freed");
    }
    slots[i].size = 8193 + hk_random_below(&random, 57343);
    slots[i].key = step;
    slots[i].block = hk_alloc(arena, slots[i].size);
    if (slots[i].block == NULL) continue; /* the limit */
    hk_pattern_fill(slots[i].block, 64, step);
    hk_pattern_fill(slots[i].block + slots[i].size - 64, 64, step);
    if (step % 1000 == 0) EXPECT(hk_arena_is_valid(arena));
    if (step % 3000 == 0) (void)hk_arena_trim(arena);
  }
  for (uint32_t i = 0; i < SLOTS; i++) {
    if (slots[i].block != NULL) EXPECT_EQ(hk_free(arena, slots[i].block), HK_OK);
  }
  (void)hk_arena_trim(arena);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  end(arena);
  end(other);
}

HK_TEST_MAIN(every_byte_of_blocks_across_slabs_is_the_blocks_own,
             a_class_of_long_blocks_takes_whole_spans_and_counts_all_their_slabs,
             only_the_first_slab_of_a_span_answers_to_its_number,
             nothing_but_the_beginning_of_a_block_of_a_span_can_be_freed,
             other_threads_free_blocks_wherever_in_a_span_they_begin,
             under_a_limit_a_class_takes_as_much_of_a_span_as_there_is,
             what_a_short_span_has_no_room_for_is_no_block,
             slabs_that_lie_free_serve_a_class_before_another_superslab_comes,
             an_exposed_span_is_lost_as_a_whole_and_comes_back_as_a_whole,
             a_span_is_retired_where_its_superslab_drains,
             slabs_of_a_span_serve_other_classes_and_runs_when_it_is_gone,
             a_block_across_slabs_is_lent_and_keeps_its_whole_span,
             no_two_blocks_of_spans_ever_share_a_byte)

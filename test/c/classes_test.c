#include "base/classes.h"

#include "support.h"

static uint32_t bin_by_search(const hk_classes_t *table, size_t size_bytes, size_t alignment) {
  uint32_t bin = 0;
  while (table->bins[bin].stride_bytes < size_bytes ||
         table->bins[bin].stride_bytes % alignment != 0) {
    bin++;
  }
  return bin;
}

HK_TEST(every_size_gets_the_smallest_bin_that_holds_it) {
  const hk_classes_t *table = hk_classes_default();
  for (size_t size = 1; size <= HK_CLASS_SIZE_MAX; size++) {
    uint32_t expected = bin_by_search(table, size, 1);
    if (hk_classes_bin(table, size) != expected) EXPECT_EQ(hk_classes_bin(table, size), expected);
  }
}

HK_TEST(sizes_beside_a_power_of_two_get_the_bin_on_their_side_of_the_edge) {
  const hk_classes_t *table = hk_classes_default();
  for (size_t power = 8; power <= HK_CLASS_SIZE_MAX; power *= 2) {
    EXPECT_EQ(table->bins[hk_classes_bin(table, power)].stride_bytes, power);
    EXPECT_EQ(hk_classes_bin(table, power - 1), hk_classes_bin(table, power));
    if (power == HK_CLASS_SIZE_MAX) break;
    EXPECT_EQ(hk_classes_bin(table, power + 1), hk_classes_bin(table, power) + 1);
  }
}

HK_TEST(both_sides_of_every_bin_edge_are_served_by_the_right_bin) {
  const hk_classes_t *table = hk_classes_default();
  for (uint32_t bin = 0; bin < table->count; bin++) {
    uint32_t stride = table->bins[bin].stride_bytes;
    EXPECT_EQ(hk_classes_bin(table, stride), bin);
    EXPECT_EQ(hk_classes_bin(table, stride - 1), bin);
    if (bin + 1 < table->count) EXPECT_EQ(hk_classes_bin(table, stride + 1), bin + 1);
  }
}

HK_TEST(strides_ascend_in_multiples_of_16_after_8) {
  const hk_classes_t *table = hk_classes_default();
  EXPECT_EQ(table->bins[0].stride_bytes, 8);
  for (uint32_t bin = 1; bin < table->count; bin++) {
    EXPECT_EQ(table->bins[bin].stride_bytes % 16, 0);
    EXPECT(table->bins[bin].stride_bytes > table->bins[bin - 1].stride_bytes);
  }
  EXPECT_EQ(table->bins[table->count - 1].stride_bytes, HK_CLASS_SIZE_MAX);
}

HK_TEST(rounding_up_wastes_15_bytes_or_an_eighth_of_a_block_at_most) {
  const hk_classes_t *table = hk_classes_default();
  for (uint32_t bin = 1; table->bins[bin].stride_bytes <= 8192; bin++) {
    uint32_t stride = table->bins[bin].stride_bytes;
    uint32_t waste = stride - table->bins[bin - 1].stride_bytes - 1;
    if (!EXPECT(waste <= 15 || waste * 8 <= stride)) printf("    stride %u\n", stride);
  }
}

HK_TEST(from_1_kb_on_a_slab_holds_as_many_blocks_as_its_stride_allows) {
  const hk_classes_t *table = hk_classes_default();
  for (uint32_t bin = 0; bin < table->count; bin++) {
    const hk_class_t *c = &table->bins[bin];
    size_t bytes = c->span_slabs * HK_SLAB_BYTES;
    EXPECT_EQ(c->capacity, bytes / c->stride_bytes);
    uint32_t step = c->stride_bytes > 8192 ? 64 : 16;
    /* A stride one step longer would not fit as often: nothing more could be given to a block. */
    if (c->stride_bytes >= 1024) EXPECT((c->stride_bytes + step) * c->capacity > bytes);
  }
}

HK_TEST(every_offset_in_a_slab_maps_to_the_block_it_lies_in) {
  const hk_classes_t *table = hk_classes_default();
  for (uint32_t bin = 0; bin < table->count; bin++) {
    const hk_class_t *c = &table->bins[bin];
    for (uint32_t offset = 0; offset < HK_SLAB_BYTES; offset++) {
      if (hk_classes_index(c, offset) == offset / c->stride_bytes) continue;
      EXPECT_EQ(hk_classes_index(c, offset), offset / c->stride_bytes);
      return;
    }
  }
}

/* Offsets around the beginning of every block, and in steps in between, of which other strides bring others. */
static uint32_t wrong_beginnings(const hk_class_t *c, uint32_t step) {
  uint32_t wrong = 0, bytes = c->span_slabs * (uint32_t)HK_SLAB_BYTES, stride = c->stride_bytes;
  for (uint32_t offset = 0; offset < bytes; offset += step) {
    bool begins = offset % stride == 0 && offset / stride < c->capacity;
    if (hk_classes_is_block(c->check, c->block_limit, offset) != begins) wrong++;
  }
  for (uint32_t block = 0; block <= c->capacity; block++) {
    for (uint32_t near = 0; near <= 64; near++) {
      uint32_t offset = block * stride + near - 32, index = offset / stride;
      bool begins = offset % stride == 0 && index < c->capacity;
      if (offset >= bytes) continue;
      if (hk_classes_is_block(c->check, c->block_limit, offset) != begins) wrong++;
      if (begins && hk_classes_index(c, offset) != index) wrong++;
    }
  }
  return wrong;
}

/* Every stride that a table may have. */
HK_TEST(a_block_begins_at_every_multiple_of_its_stride_and_nowhere_else) {
  uint32_t wrong = 0;
  for (uint32_t stride = 8; stride <= HK_CLASS_SIZE_MAX; stride += stride == 8 ? 8 : 16) {
    static hk_classes_t table;
    EXPECT_EQ(hk_classes_build(&table, &stride, 1), HK_OK);
    const hk_class_t *c = &table.bins[0];
    wrong += wrong_beginnings(c, stride < 1024 ? 8 : 1 + 6 * (c->span_slabs - 1));
  }
  for (uint32_t bin = 0; bin < hk_classes_default()->count; bin++) {
    wrong += wrong_beginnings(&hk_classes_default()->bins[bin], 1);
  }
  EXPECT_EQ(wrong, 0);
}

/* --- Internal waste --------------------------------------------------------------------------- */

/* Bytes of spans, tails included, that a block takes which was asked for with `size_bytes`. */
static double taken_by(size_t size_bytes) {
  const hk_class_t *c =
      &hk_classes_default()->bins[hk_classes_bin(hk_classes_default(), size_bytes)];
  return (double)(c->span_slabs * HK_SLAB_BYTES) / c->capacity;
}

/* Sums over lengths that are asked for with a weight. */
typedef struct waste_t {
  double asked, taken;
} waste_t;

static void ask(waste_t *waste, size_t size_bytes, double weight) {
  waste->asked += weight * (double)size_bytes;
  waste->taken += weight * taken_by(size_bytes);
}

static double percent(const waste_t *waste) {
  return 100 * (waste->taken - waste->asked) / waste->asked;
}

HK_TEST(uniform_lengths_of_1_to_31_kb_waste_at_most_6_percent) {
  waste_t waste = {0};
  for (size_t size = HK_KIB; size <= 31 * HK_KIB; size++) ask(&waste, size, 1);
  if (!EXPECT(percent(&waste) <= 6)) printf("    %.2f %%\n", percent(&waste));
}

HK_TEST(packets_jumbo_frames_and_tls_records_waste_at_most_6_percent) {
  waste_t waste = {0};
  const size_t sizes[] = {1500, 9018, 16401};
  for (int i = 0; i < 3; i++) ask(&waste, sizes[i], 1);
  if (!EXPECT(percent(&waste) <= 6)) printf("    %.2f %%\n", percent(&waste));
}

HK_TEST(log_uniform_lengths_of_16_b_to_64_kb_waste_at_most_10_percent) {
  waste_t waste = {0};
  for (size_t size = 16; size <= 64 * HK_KIB; size++) ask(&waste, size, 1.0 / (double)size);
  if (!EXPECT(percent(&waste) <= 10)) printf("    %.2f %%\n", percent(&waste));
}

HK_TEST(what_is_left_at_the_end_of_a_span_of_the_table_is_a_thirtieth_at_most) {
  const hk_classes_t *table = hk_classes_default();
  for (uint32_t bin = 0; bin < table->count; bin++) {
    const hk_class_t *c = &table->bins[bin];
    size_t bytes = c->span_slabs * HK_SLAB_BYTES, left = bytes - c->capacity * c->stride_bytes;
    if (c->stride_bytes > 8192) EXPECT(left * 30 <= bytes);
    if (c->stride_bytes <= 8192) EXPECT_EQ(c->span_slabs, 1);
  }
}

HK_TEST(an_aligned_request_gets_the_smallest_stride_that_is_a_multiple_of_the_alignment) {
  const hk_classes_t *table = hk_classes_default();
  for (size_t alignment = 1; alignment <= HK_SLAB_BYTES; alignment *= 2) {
    for (size_t size = 1; size <= HK_CLASS_SIZE_MAX; size += 1 + size / 50) {
      uint32_t expected = bin_by_search(table, size, alignment);
      if (hk_classes_bin_aligned(table, size, alignment) == expected) continue;
      EXPECT_EQ(hk_classes_bin_aligned(table, size, alignment), expected);
    }
  }
}

HK_TEST(rows_end_at_powers_of_two_and_a_bin_lies_in_one_row) {
  static const char *const names[] = {"C0", "C1", "C2", "C3", "C4", "C5", "C6",  "C7",
                                      "M0", "M1", "M2", "M3", "M4", "M5", "run", "huge"};
  EXPECT_EQ(HK_ROW_COUNT, sizeof names / sizeof names[0]);
  size_t last = 8;
  for (uint32_t row = 0; row < HK_ROW_run; row++, last *= 2) {
    EXPECT_EQ(hk_classes_row_of_size(last), row);
    EXPECT_EQ(hk_classes_row_of_size(last + 1), row + 1);
    EXPECT_STR_EQ(hk_classes_row_name(row), names[row]);
  }
  EXPECT_EQ(hk_classes_row_of_size(1), HK_ROW_C0);
  EXPECT_EQ(hk_classes_row_of_size(HK_RUN_SIZE_MAX), HK_ROW_run);
  EXPECT_EQ(hk_classes_row_of_size(HK_RUN_SIZE_MAX + 1), HK_ROW_huge);
  EXPECT_EQ(hk_classes_row_of_size(SIZE_MAX), HK_ROW_huge);
  EXPECT_STR_EQ(hk_classes_row_name(HK_ROW_run), "run");
  EXPECT_STR_EQ(hk_classes_row_name(HK_ROW_huge), "huge");
  EXPECT_STR_EQ(hk_classes_row_name(HK_ROW_COUNT), "none");

  const hk_classes_t *table = hk_classes_default();
  for (size_t size = 1; size <= HK_CLASS_SIZE_MAX; size++) {
    uint32_t row = table->bins[hk_classes_bin(table, size)].row;
    if (row != hk_classes_row_of_size(size)) EXPECT_EQ(row, hk_classes_row_of_size(size));
  }
}

HK_TEST(a_table_of_our_own_is_completed_up_to_64_kb) {
  static const uint32_t strides[] = {8, 48, 1504};
  hk_classes_t table;
  EXPECT_EQ(hk_classes_build(&table, strides, 3), HK_OK);
  EXPECT_EQ(table.count, 4);
  EXPECT_EQ(table.bins[3].stride_bytes, HK_CLASS_SIZE_MAX);
  EXPECT_EQ(table.bins[3].capacity, 1);
  EXPECT_EQ(table.bins[2].row, HK_ROW_M0);
  for (size_t size = 1; size <= HK_CLASS_SIZE_MAX; size++) {
    uint32_t expected = bin_by_search(&table, size, 1);
    if (hk_classes_bin(&table, size) != expected) EXPECT_EQ(hk_classes_bin(&table, size), expected);
  }
}

HK_TEST(a_table_of_one_class_serves_every_size) {
  static const uint32_t whole[] = {65536}, tiny[] = {16};
  hk_classes_t table;
  EXPECT_EQ(hk_classes_build(&table, whole, 1), HK_OK);
  EXPECT_EQ(table.count, 1);
  EXPECT_EQ(hk_classes_bin(&table, 1), 0);
  EXPECT_EQ(hk_classes_bin(&table, 65536), 0);
  EXPECT_EQ(hk_classes_build(&table, tiny, 1), HK_OK);
  EXPECT_EQ(table.count, 2);
  EXPECT_EQ(hk_classes_bin(&table, 16), 0);
  EXPECT_EQ(hk_classes_bin(&table, 17), 1);
}

static hk_status_t build(const uint32_t *strides, size_t count) {
  static hk_classes_t table;
  return hk_classes_build(&table, strides, count);
}

HK_TEST(bad_tables_are_refused) {
  EXPECT_EQ(build(NULL, 1), HK_INVALID_ARGUMENT);
  EXPECT_EQ(build((const uint32_t[]){16}, 0), HK_INVALID_ARGUMENT);
  EXPECT_EQ(build((const uint32_t[]){0, 16}, 2), HK_INVALID_ARGUMENT);
  EXPECT_EQ(build((const uint32_t[]){32, 16}, 2), HK_INVALID_ARGUMENT);
  EXPECT_EQ(build((const uint32_t[]){16, 16}, 2), HK_INVALID_ARGUMENT);
  EXPECT_EQ(build((const uint32_t[]){24}, 1), HK_INVALID_ARGUMENT);
  EXPECT_EQ(build((const uint32_t[]){4}, 1), HK_INVALID_ARGUMENT);
  EXPECT_EQ(build((const uint32_t[]){16, 65552}, 2), HK_INVALID_ARGUMENT);
}

HK_TEST(a_table_has_room_for_96_bins_and_no_more) {
  uint32_t strides[HK_BIN_MAX + 1];
  for (uint32_t i = 0; i <= HK_BIN_MAX; i++) strides[i] = 16 * (i + 1);
  EXPECT_EQ(build(strides, HK_BIN_MAX + 1), HK_INVALID_ARGUMENT);
  /* The 64 KB bin that completes a table needs room as well. */
  EXPECT_EQ(build(strides, HK_BIN_MAX), HK_INVALID_ARGUMENT);
  EXPECT_EQ(build(strides, HK_BIN_MAX - 1), HK_OK);
  strides[HK_BIN_MAX - 1] = HK_CLASS_SIZE_MAX;
  EXPECT_EQ(build(strides, HK_BIN_MAX), HK_OK);
}

HK_TEST_MAIN(every_size_gets_the_smallest_bin_that_holds_it,
             sizes_beside_a_power_of_two_get_the_bin_on_their_side_of_the_edge,
             both_sides_of_every_bin_edge_are_served_by_the_right_bin,
             strides_ascend_in_multiples_of_16_after_8,
             rounding_up_wastes_15_bytes_or_an_eighth_of_a_block_at_most,
             from_1_kb_on_a_slab_holds_as_many_blocks_as_its_stride_allows,
             every_offset_in_a_slab_maps_to_the_block_it_lies_in,
             a_block_begins_at_every_multiple_of_its_stride_and_nowhere_else,
             uniform_lengths_of_1_to_31_kb_waste_at_most_6_percent,
             packets_jumbo_frames_and_tls_records_waste_at_most_6_percent,
             log_uniform_lengths_of_16_b_to_64_kb_waste_at_most_10_percent,
             what_is_left_at_the_end_of_a_span_of_the_table_is_a_thirtieth_at_most,
             an_aligned_request_gets_the_smallest_stride_that_is_a_multiple_of_the_alignment,
             rows_end_at_powers_of_two_and_a_bin_lies_in_one_row,
             a_table_of_our_own_is_completed_up_to_64_kb, a_table_of_one_class_serves_every_size,
             bad_tables_are_refused, a_table_has_room_for_96_bins_and_no_more)

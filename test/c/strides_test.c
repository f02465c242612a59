/* Classes that an arena gets and loses in its life. */
#include "front/refill.h"
#include "refs.h"

/* An arena with a table of its own, the default one. */
static hk_arena_t *learning_arena(void) {
  const hk_classes_t *classes = hk_classes_default();
  uint32_t strides[HK_BIN_MAX];
  for (uint32_t bin = 0; bin < classes->count; bin++)
    strides[bin] = classes->bins[bin].stride_bytes;
  hk_arena_t *arena = NULL;
  hk_arena_options_t options = {.class_sizes = strides, .class_count = classes->count};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  return arena;
}

static uint32_t add(hk_arena_t *arena, uint32_t stride) {
  uint32_t bin = HK_BIN_NONE;
  EXPECT_EQ(hk_arena_add_class(arena, stride, &bin), HK_OK);
  return bin;
}

static uint32_t serving(const hk_arena_t *arena, size_t size_bytes) {
  const hk_classes_t *classes = hk_arena_classes(arena);
  return classes->bins[hk_classes_bin(classes, size_bytes)].stride_bytes;
}

static uint32_t slabs_of(hk_arena_t *arena, uint32_t bin) {
  return (uint32_t)bin_stats(arena, bin).slabs;
}

HK_TEST(an_added_class_serves_the_sizes_below_its_stride_until_it_retires) {
  hk_arena_t *arena = learning_arena();
  EXPECT_EQ(serving(arena, 1450), 1488);
  uint32_t bin = add(arena, 1456);
  EXPECT_EQ(bin, hk_classes_default()->count);
  EXPECT_EQ(serving(arena, 1360), 1360);
  EXPECT_EQ(serving(arena, 1361), 1456);
  EXPECT_EQ(serving(arena, 1456), 1456);
  EXPECT_EQ(serving(arena, 1457), 1488);
  uint32_t inner = add(arena, 1424);
  EXPECT_EQ(serving(arena, 1424), 1424);
  EXPECT_EQ(serving(arena, 1425), 1456);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  EXPECT_EQ(serving(arena, 1424), 1424);
  EXPECT_EQ(serving(arena, 1425), 1488);
  EXPECT_EQ(hk_arena_retire_class(arena, inner), HK_OK);
  EXPECT_EQ(serving(arena, 1361), 1488);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_smallest_class_can_be_one_that_was_added) {
  hk_arena_t *arena;
  const uint32_t strides[] = {64};
  hk_arena_options_t options = {.class_sizes = strides, .class_count = 1};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  uint32_t bin = add(arena, 8);
  EXPECT_EQ(serving(arena, 0), 8);
  EXPECT_EQ(serving(arena, 8), 8);
  EXPECT_EQ(serving(arena, 9), 64);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  EXPECT_EQ(serving(arena, 0), 64);
  EXPECT_EQ(serving(arena, 8), 64);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_aligned_request_never_gets_a_smaller_class_than_its_size) {
  hk_arena_t *arena = learning_arena();
  add(arena, 1456);
  add(arena, 1536);
  const hk_classes_t *classes = hk_arena_classes(arena);
  for (size_t alignment = 16; alignment <= HK_SLAB_BYTES; alignment *= 2) {
    uint32_t bin = hk_classes_bin_aligned(classes, 1440, alignment);
    uint32_t stride = classes->bins[bin].stride_bytes;
    EXPECT(stride >= 1440 && stride % alignment == 0);
    if (alignment == 512) EXPECT_EQ(stride, 1536);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(what_cannot_be_added_or_retired_is_refused) {
  uint32_t bin = 7;
  hk_arena_t *shares = hk_test_arena(0), *arena = learning_arena();
  EXPECT_EQ(hk_arena_add_class(shares, 1456, &bin), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_arena_retire_class(shares, 3), HK_INVALID_ARGUMENT);
  const uint32_t bad[] = {0, 24, 1450, 65552, 2048, HK_CLASS_SIZE_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    EXPECT_EQ(hk_arena_add_class(arena, bad[i], &bin), HK_INVALID_ARGUMENT);
  }
  EXPECT_EQ(bin, 7);
  EXPECT_EQ(hk_arena_retire_class(arena, 3), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_arena_retire_class(arena, hk_classes_default()->count), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_arena_retire_class(arena, HK_BIN_RUN), HK_INVALID_ARGUMENT);
  bin = add(arena, 1456);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(shares), HK_OK);
}

HK_TEST(blocks_of_a_retired_class_stay_good_and_its_slabs_go_with_them) {
  hk_arena_t *arena = learning_arena();
  uint32_t bin = add(arena, 1456), count = 100;
  take(arena, bin, refs, count);
  for (uint32_t i = 0; i < count; i++) hk_pattern_fill(hk_test_address(arena, refs[i]), 1456, i);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  EXPECT(hk_arena_is_valid(arena) && slabs_of(arena, bin) == 3);
  for (uint32_t i = 0; i < count; i++)
    EXPECT(hk_pattern_holds(hk_test_address(arena, refs[i]), 1456, i));
  flush(arena, bin, refs, 45);
  for (int32_t slab; (slab = hk_next_retirable(arena, UINT32_MAX)) >= 0;)
    EXPECT_EQ(hk_retire(arena, (uint32_t)slab), HK_OK);
  EXPECT(hk_arena_is_valid(arena) && slabs_of(arena, bin) == 2);
  for (uint32_t i = 45; i < count; i++) EXPECT_EQ(put_remote(arena, refs[i]), HK_OK);
  hk_remote_drain(arena);
  for (int32_t slab; (slab = hk_next_retirable(arena, UINT32_MAX)) >= 0;)
    EXPECT_EQ(hk_retire(arena, (uint32_t)slab), HK_OK);
  EXPECT(hk_arena_is_valid(arena) && slabs_of(arena, bin) == 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_bin_gets_another_class_when_its_last_slab_is_gone) {
  hk_arena_t *arena = learning_arena();
  uint32_t bin = add(arena, 1456), ref;
  take(arena, bin, &ref, 1);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  for (uint32_t i = bin + 1; i < HK_BIN_MAX; i++) EXPECT_EQ(add(arena, 10064 + 16 * i), i);
  uint32_t none;
  EXPECT_EQ(hk_arena_add_class(arena, 1424, &none), HK_INVALID_ARGUMENT); /* the bin has a block */
  EXPECT_EQ(add(arena, 1456), bin);                                       /* but had 1456 */
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  flush(arena, bin, &ref, 1);
  (void)hk_test_retire_all(arena);
  EXPECT_EQ(add(arena, 1424), bin);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_arena_has_96_classes_at_most_and_the_row_decides_which_bin_is_used_again) {
  hk_arena_t *arena = learning_arena();
  uint32_t first = hk_classes_default()->count, bin;
  for (uint32_t i = first; i < HK_BIN_MAX - 1; i++) add(arena, 10064 + 16 * (i - first));
  uint32_t small = add(arena, 1456);
  EXPECT_EQ(hk_arena_add_class(arena, 1424, &bin), HK_INVALID_ARGUMENT);
  EXPECT_EQ(hk_arena_retire_class(arena, first), HK_OK);
  EXPECT_EQ(hk_arena_retire_class(arena, small), HK_OK);
  EXPECT_EQ(add(arena, 1424), small);
  EXPECT_EQ(add(arena, 1440), first);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(the_recorder_says_what_was_learned) {
  const uint32_t strides[] = {1024};
  hk_arena_options_t options = {.class_sizes = strides, .class_count = 1, .trace_events = 4};
  hk_arena_t *arena;
  hk_event_t events[4];
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  uint32_t bin = add(arena, 512);
  EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  EXPECT_EQ(hk_arena_trace(arena, events, 4), 2);
  EXPECT(events[0].kind == HK_EVENT_LEARN && events[1].kind == HK_EVENT_UNLEARN);
  EXPECT(events[0].bin == bin && events[0].amount == 512 && events[1].amount == 512);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

#define MODEL_BLOCKS 600

typedef struct model_t {
  void *blocks[MODEL_BLOCKS];
  uint32_t sizes[MODEL_BLOCKS];
} model_t;

/* true: it was what it should be. */
static bool step(hk_arena_t *arena, model_t *model, uint32_t i, hk_random_t *random) {
  if (model->blocks[i] != NULL) {
    bool holds = hk_pattern_holds(model->blocks[i], model->sizes[i], i);
    holds = holds && hk_free(arena, model->blocks[i]) == HK_OK;
    model->blocks[i] = NULL;
    return holds;
  }
  uint32_t bits = 3 + hk_random_below(random, 14);
  model->sizes[i] = 1 + hk_random_below(random, 1u << bits);
  model->blocks[i] = hk_alloc(arena, model->sizes[i]);
  if (model->blocks[i] == NULL) return false;
  hk_pattern_fill(model->blocks[i], model->sizes[i], i);
  return hk_usable_size(model->blocks[i]) >= model->sizes[i];
}

HK_TEST(blocks_of_the_front_in_c_outlive_their_classes) {
  static model_t model;
  memset(&model, 0, sizeof model);
  hk_random_t random = hk_random_begin(20);
  hk_arena_t *arena = learning_arena();
  uint32_t first = hk_classes_default()->count, bin, added = 0, rounds = hk_test_rounds(400);
  for (uint32_t round = 0; round < rounds; round++) {
    for (int i = 0; i < 200; i++)
      EXPECT(step(arena, &model, hk_random_below(&random, MODEL_BLOCKS), &random));
    uint32_t stride = 16 * (1 + hk_random_below(&random, 1u << hk_random_below(&random, 13)));
    if (hk_arena_add_class(arena, stride, &bin) == HK_OK) added++;
    if (round % 3 != 0) (void)hk_arena_retire_class(arena, first + hk_random_below(&random, 17));
    if (round % 16 == 0) hk_front_flush(arena);
    if (round % 100 == 99) {
      hk_arena_reset(arena);
      memset(model.blocks, 0, sizeof model.blocks);
    }
    EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT(added > 50);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(an_added_class_serves_the_sizes_below_its_stride_until_it_retires,
             the_smallest_class_can_be_one_that_was_added,
             an_aligned_request_never_gets_a_smaller_class_than_its_size,
             what_cannot_be_added_or_retired_is_refused,
             blocks_of_a_retired_class_stay_good_and_its_slabs_go_with_them,
             a_bin_gets_another_class_when_its_last_slab_is_gone,
             an_arena_has_96_classes_at_most_and_the_row_decides_which_bin_is_used_again,
             the_recorder_says_what_was_learned, blocks_of_the_front_in_c_outlive_their_classes)

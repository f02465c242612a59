/* Classes come and go in their owner's hands, while other threads free blocks of them and read statistics. */
#include "heap/remote.h"
#include "threads.h"

enum { FREERS = 2, ROUNDS = 300, BLOCKS_A_ROUND = 40, STRIDES = 6 };

/* Of one size class and of several; two of them between the same two built-in ones. */
static const uint32_t strides[STRIDES] = {1456, 1440, 5808, 11616, 272, 33104};

/* The owner has written the length at both ends. */
static void check_ends(const void *block) {
  const uint32_t *length = block;
  uint32_t end;
  memcpy(&end, (const char *)block + *length - sizeof end, sizeof end);
  if (end != *length) EXPECT(!"overwritten");
}

static void *alloc_filled(hk_arena_t *arena, uint32_t length) {
  char *block = hk_alloc(arena, length);
  EXPECT(block != NULL);
  memcpy(block, &length, sizeof length);
  memcpy(block + length - sizeof length, &length, sizeof length);
  return block;
}

typedef struct reader_t {
  hk_arena_t *arena;
  atomic_bool stop;
  pthread_t thread;
} reader_t;

static bool read_one(hk_arena_t *arena, void *context) {
  static hk_arena_stats_t stats;
  if (arena != context) return true;
  hk_arena_stats(arena, &stats);
  return false;
}

static void *read_statistics(void *context) {
  reader_t *reader = context;
  while (!atomic_load(&reader->stop)) {
    hk_arena_each(read_one, reader->arena);
    sched_yield();
  }
  return NULL;
}

static hk_arena_t *learning_arena(void) {
  const hk_classes_t *classes = hk_classes_default();
  uint32_t sizes[HK_BIN_MAX];
  for (uint32_t bin = 0; bin < classes->count; bin++) sizes[bin] = classes->bins[bin].stride_bytes;
  hk_arena_t *arena = NULL;
  hk_arena_options_t options = {.class_sizes = sizes, .class_count = classes->count};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  return arena;
}

/* Blocks of the class leave before and after it comes, and after it has gone. */
static uint64_t play_round(hk_arena_t *arena, hk_freer_t *freers, uint32_t stride) {
  uint32_t bin = HK_BIN_NONE;
  uint64_t sent = 0;
  for (int phase = 0; phase < 3; phase++) {
    for (int i = 0; i < BLOCKS_A_ROUND; i++) {
      hk_channel_send(&freers[sent++ % FREERS].channel,
                      alloc_filled(arena, stride - (uint32_t)i % 16));
    }
    if (phase == 0) EXPECT_EQ(hk_arena_add_class(arena, stride, &bin), HK_OK);
    if (phase == 1) EXPECT_EQ(hk_arena_retire_class(arena, bin), HK_OK);
  }
  return sent;
}

HK_TEST(blocks_of_classes_that_come_and_go_come_back_from_other_threads) {
  static hk_freer_t freers[FREERS];
  static reader_t reader;
  hk_arena_t *arena = learning_arena();
  reader.arena = arena;
  hk_freers_start(freers, FREERS, check_ends);
  EXPECT_EQ(pthread_create(&reader.thread, NULL, read_statistics, &reader), 0);
  uint64_t sent = 0;
  for (uint32_t round = 0; round < ROUNDS; round++) {
    sent += play_round(arena, freers, strides[round % STRIDES]);
    if (round % 50 == 0) (void)hk_arena_trim(arena);
    if (round % 70 == 0) hk_remote_drain(arena);
  }
  EXPECT_EQ(hk_freers_join(freers, FREERS), sent);
  atomic_store(&reader.stop, true);
  EXPECT_EQ(pthread_join(reader.thread, NULL), 0);
  (void)hk_arena_trim(arena);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(blocks_of_classes_that_come_and_go_come_back_from_other_threads)

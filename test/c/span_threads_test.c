/* Blocks of spans, freed by other threads while their owner takes, trims and retires. */
#include "heap/remote.h"
#include "threads.h"

enum { FREERS = 3, BLOCKS = 6000 };

typedef struct freer_t {
  hk_channel_t channel;
  pthread_t thread;
} freer_t;

static void *free_what_comes(void *context) {
  freer_t *freer = context;
  for (void *block;;) {
    if (!hk_channel_receive(&freer->channel, &block)) {
      sched_yield();
      continue;
    }
    if (block == NULL) return NULL;
    const uint64_t *words = block;
    if (words[0] != words[1024]) EXPECT(!"overwritten");
    if (hk_free(NULL, block) != HK_OK) EXPECT(!"freed");
  }
}

HK_TEST(blocks_that_begin_anywhere_in_a_span_come_back_from_other_threads) {
  static freer_t freers[FREERS];
  hk_random_t random = hk_random_begin(5);
  hk_arena_t *arena = hk_test_arena(48 * HK_MIB);
  for (int i = 0; i < FREERS; i++)
    EXPECT_EQ(pthread_create(&freers[i].thread, NULL, free_what_comes, &freers[i]), 0);
  uint64_t refused = 0;
  for (uint64_t n = 1; n <= BLOCKS; n++) {
    uint64_t *block = hk_alloc(arena, 8200 + hk_random_below(&random, 57000));
    if (block == NULL) {
      refused++;
      sched_yield();
      continue;
    }
    block[0] = block[1024] = n;
    hk_channel_send(&freers[n % FREERS].channel, block);
    if (n % 500 == 0) (void)hk_arena_trim(arena);
    if (n % 1500 == 0) hk_remote_drain(arena);
  }
  for (int i = 0; i < FREERS; i++) {
    hk_channel_send(&freers[i].channel, NULL);
    EXPECT_EQ(pthread_join(freers[i].thread, NULL), 0);
  }
  (void)hk_arena_trim(arena);
  EXPECT(refused < BLOCKS / 2);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(blocks_that_begin_anywhere_in_a_span_come_back_from_other_threads)

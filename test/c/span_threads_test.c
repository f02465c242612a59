/* Blocks of spans, freed by other threads while their owner takes, trims and retires. */
#include "heap/remote.h"
#include "threads.h"

enum { FREERS = 3, BLOCKS = 6000 };

/* The owner has written the same at the beginning and 8 KB behind it. */
static void check_ends(const void *block) {
  const uint64_t *words = block;
  if (words[0] != words[1024]) EXPECT(!"overwritten");
}

HK_TEST(blocks_that_begin_anywhere_in_a_span_come_back_from_other_threads) {
  static hk_freer_t freers[FREERS];
  hk_random_t random = hk_random_begin(5);
  hk_arena_t *arena = hk_test_arena(48 * HK_MIB);
  hk_freers_start(freers, FREERS, check_ends);
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
  (void)hk_freers_join(freers, FREERS);
  (void)hk_arena_trim(arena);
  EXPECT(refused < BLOCKS / 2);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(blocks_that_begin_anywhere_in_a_span_come_back_from_other_threads)

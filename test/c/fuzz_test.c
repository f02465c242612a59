/* The fuzzer's model without a fuzzer: sequences at random, and those that once found something. */
#include "fuzz_edges.h"

#define SEQUENCES 200
#define BYTES_MAX 4096

static void play_at_random(void (*play)(const uint8_t *, size_t), uint64_t seed) {
  static uint8_t bytes[BYTES_MAX];
  hk_random_t random = hk_random_begin(seed);
  hk_test_prepare_map();
  for (int i = 0; i < SEQUENCES; i++) {
    uint32_t count = hk_random_below(&random, BYTES_MAX);
    for (uint32_t n = 0; n < count; n++) bytes[n] = (uint8_t)hk_random_next(&random);
    play(bytes, count);
  }
}

HK_TEST(sequences_of_a_front_in_c_agree_with_the_model) { play_at_random(fuzz_play, 41); }
HK_TEST(sequences_of_another_front_agree_with_the_model) { play_at_random(edges_play, 43); }

HK_TEST_MAIN(sequences_of_a_front_in_c_agree_with_the_model,
             sequences_of_another_front_agree_with_the_model)

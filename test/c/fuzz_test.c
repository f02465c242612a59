/* The fuzzer's model without a fuzzer: sequences at random, and those that once found something. */
#include "fuzz_model.h"

#define SEQUENCES 300
#define BYTES_MAX 4096

HK_TEST(sequences_at_random_agree_with_the_model) {
  static uint8_t bytes[BYTES_MAX];
  hk_random_t random = hk_random_begin(41);
  hk_test_prepare_map();
  for (int i = 0; i < SEQUENCES; i++) {
    uint32_t count = hk_random_below(&random, BYTES_MAX);
    for (uint32_t n = 0; n < count; n++) bytes[n] = (uint8_t)hk_random_next(&random);
    fuzz_play(bytes, count);
  }
}

HK_TEST_MAIN(sequences_at_random_agree_with_the_model)

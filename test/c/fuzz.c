/* The entry of libFuzzer: see fuzz_model.h for what an input means. */
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static bool is_prepared;
  if (!is_prepared) hk_test_prepare_map();
  is_prepared = true;
  fuzz_play(bytes, count);
  return 0;
}

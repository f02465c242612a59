/* The entry of libFuzzer: the first byte chooses the front, the rest is a sequence of
 * operations (fuzz_model.h, fuzz_edges.h). */
#include "fuzz_edges.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static bool is_prepared;
  if (!is_prepared) hk_test_prepare_map();
  is_prepared = true;
  if (count > 0) (bytes[0] % 2 == 0 ? fuzz_play : edges_play)(bytes + 1, count - 1);
  return 0;
}

/* realloc_ladder: grows a block from nothing by `step` bytes up to `bytes`, writes what each step
 * adds, and frees it; so many times. An operation is one step. */
#include <string.h>

#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

void case_realloc_ladder(const uint64_t *arguments) {
  uint64_t rounds = arguments[0], bytes = arguments[1], step = arguments[2], steps = 0;
  heap_t *heap = heap_open();
  bench_start();
  for (uint64_t round = 0; round < rounds; round++) {
    char *block = NULL;
    for (uint64_t size = step; size <= bytes; size += step, steps++) {
      block = heap_realloc(heap, block, size);
      if (block == NULL) bench_fail("no memory");
      memset(block + size - step, (int)(steps & 127), step);
    }
    heap_free(heap, block);
  }
  bench_stop(steps);
}

/* large_churn: one block of `bytes` at a time, allocated, written and freed.
 * malloc_large: 20 slots of 5 to 25 MB; each step frees one, allocates another and writes it, as
 * mimalloc-bench's malloc-large does. An operation is one block. */
#include <string.h>

#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define MIB ((size_t)1 << 20)
#define SLOTS 20

static char *write_new(heap_t *heap, size_t bytes, int value) {
  char *block = heap_alloc(heap, bytes);
  if (block == NULL) bench_fail("no memory");
  memset(block, value, bytes);
  bench_read(block + bytes / 2); /* or the compiler leaves out what is freed unread */
  return block;
}

void case_large_churn(const uint64_t *arguments) {
  uint64_t rounds = arguments[0], bytes = arguments[1];
  heap_t *heap = heap_open();
  bench_start();
  for (uint64_t i = 0; i < rounds; i++) {
    heap_free(heap, write_new(heap, bytes, (int)(i & 127)));
  }
  bench_stop(rounds);
}

void case_malloc_large(const uint64_t *arguments) {
  uint64_t steps = arguments[0], min = arguments[1] * MIB, max = arguments[2] * MIB;
  char *blocks[SLOTS] = {0};
  uint32_t state = 1234567;
  heap_t *heap = heap_open();
  bench_start();
  for (uint64_t i = 0; i < steps; i++) {
    state = bench_random(state);
    uint32_t slot = state % SLOTS;
    state = bench_random(state);
    if (blocks[slot] != NULL) heap_free(heap, blocks[slot]);
    blocks[slot] = write_new(heap, min + state % (max - min), (int)(i & 127));
  }
  for (uint32_t slot = 0; slot < SLOTS; slot++) {
    if (blocks[slot] != NULL) heap_free(heap, blocks[slot]);
  }
  bench_report("rss", bench_rss_bytes());
  bench_stop(steps);
}

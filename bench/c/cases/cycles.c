/* cycles: create a heap, use it, destroy it with blocks still in it. An operation is a cycle. */
#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define BLOCKS 100u

static void cycle(void) {
  heap_t *heap = heap_open();
  for (uint32_t i = 0; i < BLOCKS; i++) {
    unsigned char *block = heap_alloc(heap, 16 + i * 40);
    block[0] = 1;
    if (i % 2 == 0) heap_free(heap, block);
  }
  if (!heap_destroy(heap)) bench_fail("this allocator has no heaps to destroy");
}

void case_cycles(const uint64_t *arguments) {
  cycle();
  bench_report("mappedStart", bench_mapped_bytes());
  bench_start();
  for (uint64_t i = 0; i < arguments[0]; i++) cycle();
  bench_report("mappedEnd", bench_mapped_bytes());
  bench_report("rssEnd", bench_rss_bytes());
  bench_stop(arguments[0]);
}

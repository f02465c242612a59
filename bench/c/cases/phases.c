/* phases: one thread allocates `bytes` of one size and touches them, another one frees them, and then
 * comes the next size, ten in all. An operation is a block. */
#include <string.h>

#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define PHASES 10

typedef struct phases_t {
  uint64_t bytes;
  void **blocks;
} phases_t;

static size_t size_of(int phase) { return 64 + 96 * (size_t)phase; }

static void work(void *context, uint32_t thread) {
  phases_t *p = context;
  heap_t *heap = heap_open();
  bench_ready();
  for (int phase = 0; phase < PHASES; phase++) {
    uint64_t count = p->bytes / size_of(phase);
    for (uint64_t i = 0; i < count && thread == 0; i++) {
      p->blocks[i] = heap_alloc(heap, size_of(phase));
      memset(p->blocks[i], 1, size_of(phase));
    }
    bench_meet();
    for (uint64_t i = 0; i < count && thread == 1; i++) heap_free(heap, p->blocks[i]);
    bench_meet();
  }
  heap_leave(heap);
}

void case_phases(const uint64_t *arguments) {
  static phases_t p;
  uint64_t operations = 0;
  p.bytes = arguments[0];
  p.blocks = bench_memory(p.bytes / size_of(0) * sizeof *p.blocks);
  for (int phase = 0; phase < PHASES; phase++) operations += p.bytes / size_of(phase);
  bench_threads(2, work, &p);
  bench_report("rssEnd", bench_rss_bytes());
  bench_stop(operations);
}

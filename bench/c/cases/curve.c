/* curve: one block at a time, allocated, touched and freed, of every eighth of a doubling between two lengths.
 * What a pair costs when its length was used before, least of so many rounds: a step in the curve is a cliff. */
#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define PAIRS 64 /* timed at once: the clock costs as much as a pair */

static void pair(heap_t *heap, size_t bytes) {
  char *block = heap_alloc(heap, bytes);
  if (block == NULL) bench_fail("no memory");
  *(volatile char *)block = 1;
  heap_free(heap, block);
}

/* Picoseconds of a pair. */
static uint64_t least_ps(heap_t *heap, size_t bytes, uint64_t rounds) {
  uint64_t least = UINT64_MAX;
  for (uint64_t round = 0; round < rounds; round++) {
    uint64_t begun_ns = bench_now_ns();
    for (int i = 0; i < PAIRS; i++) pair(heap, bytes);
    uint64_t ps = (bench_now_ns() - begun_ns) * 1000 / PAIRS;
    if (ps < least) least = ps;
  }
  return least;
}

void case_curve(const uint64_t *arguments) {
  uint64_t rounds = arguments[0], min = arguments[1], max = arguments[2], operations = 0;
  heap_t *heap = heap_open();
  bench_start();
  for (uint64_t doubling = min; doubling <= max; doubling *= 2) {
    for (uint64_t eighths = 8; eighths < 16; eighths++) {
      uint64_t bytes = doubling * eighths / 8;
      if (bytes > max) break;
      pair(heap, bytes);
      bench_report_at("ps", bytes, least_ps(heap, bytes, rounds));
      operations += rounds * PAIRS;
    }
  }
  bench_stop(operations);
}

/* mid_large_mt: 8 to 34 KB in random slots, each thread with slots of its own. */
#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define KIB 1024u

typedef struct mid_t {
  unsigned char **slots; /* threads x count */
  uint64_t cycles;
  uint32_t count, seed;
} mid_t;

static void work(void *context, uint32_t thread) {
  const mid_t *mid = context;
  unsigned char **slots = &mid->slots[(size_t)thread * mid->count];
  uint32_t state = mid->seed + thread;
  bench_divisor_t by = bench_divisor(mid->count);
  heap_t *heap = heap_open();
  bench_ready();
  for (uint64_t i = 0; i < mid->cycles; i++) {
    state = bench_random(state);
    unsigned char **slot = &slots[bench_modulo(state, by)];
    if (*slot != NULL) {
      bench_read(*slot);
      heap_free(heap, *slot);
      *slot = NULL;
    } else {
      unsigned char *block = heap_alloc(heap, ((size_t)8 * KIB << (state % 3)) + (state & 0x7FF));
      block[0] = (unsigned char)state;
      *slot = block;
    }
  }
  for (uint32_t i = 0; i < mid->count; i++) {
    if (slots[i] != NULL) heap_free(heap, slots[i]);
  }
  heap_leave(heap);
}

void case_mid_large(const uint64_t *arguments) {
  uint32_t threads = (uint32_t)arguments[0];
  mid_t mid = {
      .cycles = arguments[1], .count = (uint32_t)arguments[2], .seed = (uint32_t)arguments[3]};
  mid.slots = bench_memory((size_t)threads * mid.count * sizeof *mid.slots);
  bench_threads(threads, work, &mid);
  bench_stop(threads * mid.cycles);
}

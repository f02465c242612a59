/* random_mixed: random sizes in random slots, the random numbers made while the clock runs. */
#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

typedef struct mix_t {
  unsigned char **slots;
  uint32_t count, min, max;
} mix_t;

/* Not inlined: warm-up and run are the same code. */
static __attribute__((noinline)) void play(heap_t *heap, const mix_t *mix, uint64_t iterations,
                                           uint32_t state) {
  bench_divisor_t by = bench_divisor(mix->count);
  for (uint64_t i = 0; i < iterations; i++) {
    state = bench_random(state);
    unsigned char **slot = &mix->slots[bench_modulo(state, by)];
    if (*slot != NULL) {
      bench_read(*slot);
      heap_free(heap, *slot);
      *slot = NULL;
    } else {
      uint32_t size = 16 + (state & 0x3FF);
      size = size < mix->min ? mix->min : size > mix->max ? mix->max : size;
      unsigned char *block = heap_alloc(heap, size);
      block[0] = (unsigned char)state;
      *slot = block;
    }
  }
}

void case_random_mixed(const uint64_t *arguments) {
  uint64_t iterations = arguments[0];
  uint32_t seed = (uint32_t)arguments[2];
  mix_t mix = {.count = (uint32_t)arguments[1],
               .min = (uint32_t)arguments[3],
               .max = (uint32_t)arguments[4]};
  mix.slots = bench_memory(mix.count * sizeof *mix.slots);
  heap_t *heap = heap_open();
  play(heap, &mix, iterations / 10, seed + 0xDEADBEEF);
  bench_start();
  play(heap, &mix, iterations, seed);
  for (uint32_t i = 0; i < mix.count; i++) {
    if (mix.slots[i] != NULL) heap_free(heap, mix.slots[i]);
  }
  bench_stop(iterations);
}

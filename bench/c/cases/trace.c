/* trace: a sequence of slots and sizes made before the clock starts, so that the loop is short.
 * The slots, the random numbers and the sizes are those of `npm run bench`. */
#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define SLOTS 400
#define SEED 1234567u
#define WARM_UP_ROUNDS 1

typedef struct step_t {
  uint16_t slot, size;
} step_t;

static const uint16_t service_mix[8] = {64, 128, 188, 256, 512, 1316, 1500, 4096};

static step_t *make_trace(uint64_t steps, uint32_t min, uint32_t max) {
  step_t *trace = bench_memory(steps * sizeof *trace);
  uint32_t state = SEED;
  for (uint64_t i = 0; i < steps; i++) {
    state = bench_random(state);
    trace[i].slot = (uint16_t)(state % SLOTS);
    state = bench_random(state);
    trace[i].size = (uint16_t)(max == 0 ? service_mix[state % 8] : min + state % (max - min + 1));
  }
  return trace;
}

/* Not inlined: warm-up and run are the same code. */
static __attribute__((noinline)) void play(heap_t *heap, const step_t *trace, uint64_t steps,
                                           unsigned char **slots) {
  for (uint64_t i = 0; i < steps; i++) {
    unsigned char **slot = &slots[trace[i].slot];
    if (*slot != NULL) {
      bench_read(*slot);
      heap_free(heap, *slot);
      *slot = NULL;
    } else {
      unsigned char *block = heap_alloc(heap, trace[i].size);
      block[0] = 1;
      *slot = block;
    }
  }
}

void case_trace(const uint64_t *arguments) {
  uint64_t steps = arguments[0], rounds = arguments[1];
  step_t *trace = make_trace(steps, (uint32_t)arguments[2], (uint32_t)arguments[3]);
  unsigned char **slots = bench_memory(SLOTS * sizeof *slots);
  heap_t *heap = heap_open();
  for (uint64_t i = 0; i < WARM_UP_ROUNDS; i++) play(heap, trace, steps, slots);
  bench_start();
  for (uint64_t i = 0; i < rounds; i++) play(heap, trace, steps, slots);
  bench_stop(steps * rounds);
}

/* alloc_test: a heap that grows and then stays as large as it is, after the allocator test of OLogN
 * Technologies: a step takes a slot, frees the block in it if there is one and allocates one if not.
 * Sizes and lifetimes follow power laws: from 8 bytes on twice as long is half as frequent, and three
 * steps in four go to a quarter of the slots, three in four of these to a quarter of the quarter
 * and so on. Each thread has slots of its own. An operation is a step.
 */
#include "../block.h"
#include "programs.h"

#define SLOTS_HOTTEST_LOG2 6

typedef struct alloc_test_t {
  block_t **slots; /* threads x count */
  uint64_t steps;
  uint32_t count_log2, doublings;
} alloc_test_t;

/* 8 to 15 bytes, 16 to 31 and so on. */
static size_t power_law_size(uint32_t most_doublings, uint32_t random) {
  uint32_t doublings = (uint32_t)__builtin_ctz(random | 1u << most_doublings);
  return ((size_t)8 << doublings) + ((random >> 14) & ((8u << doublings) - 1));
}

/* Pairs of bits that are not both 0 are three in four: each narrows the choice. */
static uint32_t power_law_slot(uint32_t count_log2, uint32_t narrowings, uint32_t random) {
  uint32_t zeros = ~(narrowings | narrowings >> 1) & 0x55555555u;
  uint32_t narrowed = (uint32_t)__builtin_ctz(zeros | 1u << 30); /* 2 for each */
  uint32_t most = count_log2 - SLOTS_HOTTEST_LOG2;
  return random & ((1u << (count_log2 - (narrowed < most ? narrowed : most))) - 1);
}

static void work(void *context, uint32_t thread) {
  const alloc_test_t *test = context;
  block_t **slots = &test->slots[(size_t)thread << test->count_log2];
  uint32_t state = 4711 + thread;
  heap_t *heap = heap_open();
  bench_ready();
  for (uint64_t step = 0; step < test->steps; step++) {
    uint32_t narrowings = state = bench_random(state);
    state = bench_random(state);
    block_t **slot = &slots[power_law_slot(test->count_log2, narrowings, state)];
    if (*slot != NULL) {
      block_end(heap, *slot);
      *slot = NULL;
    } else {
      state = bench_random(state);
      *slot = block_new(heap, power_law_size(test->doublings, state), state);
    }
  }
  for (uint32_t i = 0; i < 1u << test->count_log2; i++) {
    if (slots[i] != NULL) block_end(heap, slots[i]);
  }
  heap_leave(heap);
}

/* threads steps slots (a power of two, as its logarithm) doublings (of sizes) */
void program_alloc_test(const uint64_t *arguments) {
  uint32_t threads = (uint32_t)arguments[0];
  alloc_test_t test = {.steps = arguments[1],
                       .count_log2 = (uint32_t)arguments[2],
                       .doublings = (uint32_t)arguments[3]};
  if (test.count_log2 <= SLOTS_HOTTEST_LOG2) bench_fail("more slots");
  test.slots = bench_memory(((size_t)threads << test.count_log2) * sizeof(block_t *));
  bench_threads(threads, work, &test);
  bench_expect_empty();
  bench_stop(threads * test.steps);
}

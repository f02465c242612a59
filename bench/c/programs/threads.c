/* thread_births: thousands of threads, a few at a time; each fills its share of memory, frees half of
 * it and ends. The other half is freed by the main thread some generations later. left_behind: threads
 * one after another leave all of theirs, the main thread frees it and then fills as much itself: is
 * the memory of threads that have ended good for anybody? An operation is a block.
 */
#include <pthread.h>

#include "../block.h"
#include "programs.h"

#define AT_ONCE_MAX 64
#define HELD_GENERATIONS 4
#define BLOCK_BYTES_MEAN 520 /* of 16..1024 */

typedef struct holder_t {
  _Alignas(128) block_t **left;
  uint32_t count, state; /* blocks to allocate; of `left`, so many are left */
  uint32_t left_one_in;  /* 1: all */
} holder_t;

static void *live(void *context) {
  holder_t *holder = context;
  heap_t *heap = heap_open();
  uint32_t state = holder->state, left = 0;
  for (uint32_t i = 0; i < holder->count; i++) {
    state = bench_random(state);
    block_t *block = block_new(heap, 16 + (state & 1023) % 1009, state);
    if (left > 0 && left * holder->left_one_in > i) {
      block_end(heap, holder->left[left - 1]);
      left--;
    }
    holder->left[left++] = block;
  }
  holder->count = left;
  heap_leave(heap);
  return NULL;
}

static void run_together(holder_t *holders, uint32_t count) {
  pthread_t ids[AT_ONCE_MAX];
  for (uint32_t i = 0; i < count; i++) {
    if (pthread_create(&ids[i], NULL, live, &holders[i]) != 0) bench_fail("no thread");
  }
  for (uint32_t i = 0; i < count; i++) pthread_join(ids[i], NULL);
}

static void free_left(heap_t *heap, holder_t *holder) {
  while (holder->count > 0) block_end(heap, holder->left[--holder->count]);
}

static holder_t *holders_new(uint32_t holders, uint64_t bytes) {
  uint32_t blocks = (uint32_t)(bytes / BLOCK_BYTES_MEAN);
  holder_t *all = bench_memory(holders * sizeof *all);
  for (uint32_t i = 0; i < holders; i++) {
    all[i].left = bench_memory(blocks * sizeof(block_t *));
  }
  return all;
}

/* threads at_once bytes (of each) */
void program_thread_births(const uint64_t *arguments) {
  uint32_t at_once = (uint32_t)arguments[1], blocks = (uint32_t)(arguments[2] / BLOCK_BYTES_MEAN);
  uint32_t generations = (uint32_t)arguments[0] / at_once;
  if (at_once == 0 || at_once > AT_ONCE_MAX) bench_fail("1 to 64 threads");
  holder_t *holders = holders_new(HELD_GENERATIONS * at_once, arguments[2]);
  heap_t *heap = heap_open();
  bench_start();
  for (uint32_t generation = 0; generation < generations; generation++) {
    holder_t *own = &holders[generation % HELD_GENERATIONS * at_once];
    for (uint32_t i = 0; i < at_once; i++) {
      free_left(heap, &own[i]);
      own[i].count = blocks;
      own[i].left_one_in = 2;
      own[i].state = 99 + generation * at_once + i;
    }
    run_together(own, at_once);
  }
  for (uint32_t i = 0; i < HELD_GENERATIONS * at_once; i++) free_left(heap, &holders[i]);
  bench_report("rssEnd", bench_rss_bytes());
  bench_expect_empty();
  bench_stop((uint64_t)generations * at_once * blocks);
}

/* threads bytes (of each) */
void program_left_behind(const uint64_t *arguments) {
  uint32_t threads = (uint32_t)arguments[0], blocks = (uint32_t)(arguments[1] / BLOCK_BYTES_MEAN);
  holder_t *holders = holders_new(threads, arguments[1]);
  heap_t *heap = heap_open();
  bench_start();
  for (uint32_t i = 0; i < threads; i++) {
    holders[i].count = blocks;
    holders[i].left_one_in = 1;
    holders[i].state = 99 + i;
    run_together(&holders[i], 1);
  }
  for (uint32_t i = 0; i < threads; i++) free_left(heap, &holders[i]);
  for (uint32_t i = 0; i < threads; i++) {
    for (uint32_t k = 0; k < blocks; k++) {
      holders[i].left[k] = block_new(heap, 16 + (k * 7919 + i) % 1009, k);
    }
    holders[i].count = blocks;
  }
  bench_report("rssEnd", bench_rss_bytes());
  for (uint32_t i = 0; i < threads; i++) free_left(heap, &holders[i]);
  bench_expect_empty();
  bench_stop(2ull * threads * blocks);
}

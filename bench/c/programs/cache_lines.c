/* cache_thrash and cache_scratch: does an allocator put blocks of two threads into one cache line? After
 * E. Berger et al., "Hoard: a scalable memory allocator for multithreaded applications" (2000). Each
 * thread allocates a small block, writes to it many times and frees it, over and over. In scratch the
 * main thread first gives every thread a block, all of them neighbours, which it frees: an allocator
 * that lets the thread have it again shares its line for ever. An operation is one round of writing.
 */
#include "../block.h"
#include "programs.h"

#define LINE_BYTES 64
#define THREADS_MAX 64

typedef struct lines_t {
  block_t *given[THREADS_MAX];
  uint64_t rounds, writes;
  size_t bytes;
  _Alignas(128) uintptr_t lines[THREADS_MAX]; /* where each thread has just written */
} lines_t;

/* Every byte of the block, and reads it: the head as well, which the caller writes anew. */
static void write_often(block_t *block, size_t bytes, uint64_t times) {
  volatile unsigned char *at = (volatile unsigned char *)block;
  for (uint64_t i = 0; i < times; i++) {
    for (size_t k = 0; k < bytes; k++) {
      at[k] = (unsigned char)k;
      (void)at[k];
    }
  }
}

/* Threads meet with a block in hand each; a build for tests looks whose lines they are. */
static void check(lines_t *lines, uint32_t thread, const block_t *block) {
  lines->lines[thread] = (uintptr_t)block / LINE_BYTES;
  bench_meet();
  for (uint32_t i = 0; i < THREADS_MAX; i++) {
    if (i != thread && lines->lines[i] == lines->lines[thread]) bench_fail("a line is shared");
  }
  bench_meet();
}

static void work(void *context, uint32_t thread) {
  lines_t *lines = context;
  heap_t *heap = heap_open();
  if (lines->given[thread] != NULL) block_end(heap, lines->given[thread]);
  bench_ready();
  for (uint64_t round = 0; round < lines->rounds; round++) {
    block_t *block = block_new(heap, lines->bytes, thread);
    if (CHECKED) check(lines, thread, block);
    write_often(block, lines->bytes, lines->writes);
    block_write(block, lines->bytes, thread);
    block_end(heap, block);
  }
  heap_leave(heap);
}

static void play(const uint64_t *arguments, bool gives) {
  uint32_t threads = (uint32_t)arguments[0];
  lines_t *lines = bench_memory(sizeof *lines);
  lines->rounds = arguments[1];
  lines->bytes = arguments[2];
  lines->writes = arguments[3];
  heap_t *heap = heap_open();
  for (uint32_t i = 0; i < threads && gives; i++) {
    lines->given[i] = block_new(heap, lines->bytes, i);
  }
  bench_threads(threads, work, lines);
  bench_expect_empty();
  bench_stop(threads * lines->rounds);
}

/* threads rounds bytes writes */
void program_cache_thrash(const uint64_t *arguments) { play(arguments, false); }
void program_cache_scratch(const uint64_t *arguments) { play(arguments, true); }

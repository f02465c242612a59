/* Allocator: what every case is written against. One build of all cases for each implementation:
 *
 *   ALLOCATOR=1  hakmem-arena, one arena per thread
 *   ALLOCATOR=2  malloc and free, of whatever library is preloaded
 *   ALLOCATOR=3  mimalloc's own heaps, one per thread
 *
 * The calls that are timed are inline, so that nobody pays for this interface.
 */
#ifndef BENCH_ALLOCATOR_H
#define BENCH_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heap_t heap_t;

/* 1: a build for tests. What is freed must be ours to free, and block.h fills whole blocks. */
#ifndef CHECKED
#define CHECKED 0
#endif

/* A heap for the calling thread, who alone allocates from it. */
heap_t *heap_open(void);

/* The thread is about to end; blocks of the heap may live on. */
void heap_leave(heap_t *heap);

/* Ends a heap and every block of it. false: this allocator has no heaps that can be ended. */
bool heap_destroy(heap_t *heap);

/* Gives back to the OS whatever can be given back. */
void heap_trim(heap_t *heap);

/* Where an allocator gives memory back little by little when it is told the time: tells it. */
void heap_decay(heap_t *heap);

#define ALLOCATOR_ROWS 8 /* C0..C7: up to 8, 16, .. 1024 bytes */

/* What the allocator says about itself; all 0 when it says nothing. */
typedef struct allocator_stats_t {
  uint64_t allocs, live;
  uint64_t slow;                 /* allocs that went behind the front */
  uint64_t rows[ALLOCATOR_ROWS]; /* allocs by row */
} allocator_stats_t;

allocator_stats_t allocator_stats(void);

/* In builds for tests, while all threads are quiet: whether it counts again what it has counted. */
bool allocator_adds_up(void);

#if ALLOCATOR == 1
#include "hakmem.h"

_Noreturn void allocator_refused(hk_status_t status);

static inline void *heap_alloc(heap_t *heap, size_t size) {
  return hk_alloc((hk_arena_t *)heap, size);
}
static inline void heap_free(heap_t *heap, void *block) {
  hk_status_t status = hk_free((hk_arena_t *)heap, block);
  if (CHECKED && status != HK_OK) allocator_refused(status);
}
static inline void *heap_realloc(heap_t *heap, void *block, size_t size) {
  return hk_realloc((hk_arena_t *)heap, block, size);
}

#elif ALLOCATOR == 2
#include <stdlib.h>

static inline void *heap_alloc(heap_t *heap, size_t size) {
  (void)heap;
  return malloc(size);
}
static inline void heap_free(heap_t *heap, void *block) {
  (void)heap;
  free(block);
}
static inline void *heap_realloc(heap_t *heap, void *block, size_t size) {
  (void)heap;
  return realloc(block, size);
}

#elif ALLOCATOR == 3
#include <mimalloc.h>

static inline void *heap_alloc(heap_t *heap, size_t size) {
  return mi_heap_malloc((mi_heap_t *)heap, size);
}
static inline void heap_free(heap_t *heap, void *block) {
  (void)heap;
  mi_free(block);
}
static inline void *heap_realloc(heap_t *heap, void *block, size_t size) {
  return mi_heap_realloc((mi_heap_t *)heap, block, size);
}
#endif

#endif

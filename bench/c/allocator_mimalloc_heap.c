/* mimalloc's own heaps. The blocks of a heap that a thread leaves go to whoever frees them. */
#include "allocator.h"

#include "harness.h"

heap_t *heap_open(void) {
  mi_heap_t *heap = mi_heap_new();
  if (heap == NULL) bench_fail("no heap");
  return (heap_t *)heap;
}

void heap_leave(heap_t *heap) { mi_heap_delete((mi_heap_t *)heap); }

bool heap_destroy(heap_t *heap) {
  mi_heap_destroy((mi_heap_t *)heap);
  return true;
}

void heap_trim(heap_t *heap) {
  mi_heap_collect((mi_heap_t *)heap, true);
  mi_collect(true);
}

void heap_decay(heap_t *heap) { (void)heap; }

allocator_stats_t allocator_stats(void) { return (allocator_stats_t){0}; }

bool allocator_adds_up(void) { return true; }

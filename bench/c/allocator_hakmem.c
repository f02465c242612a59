/* hakmem-arena: one arena for each thread, which abandons it, blocks and all, to the threads to
 * come. */
#include "allocator.h"

#include <pthread.h>

#include "harness.h"
#if CHECKED
#include "stats/valid.h"
#endif

static void register_fork(void) {
  if (pthread_atfork(hk_fork_prepare, hk_fork_parent, hk_fork_child) != 0) bench_fail("no atfork");
}

heap_t *heap_open(void) {
  static pthread_once_t registered = PTHREAD_ONCE_INIT;
  pthread_once(&registered, register_fork);
  hk_arena_t *arena = hk_arena_adopt();
  static const hk_arena_options_t options = {.shares_bytes = true}; /* as the others do */
  if (arena == NULL && hk_arena_create(&options, &arena) != HK_OK) bench_fail("no arena");
  return (heap_t *)arena;
}

void heap_leave(heap_t *heap) {
  if (hk_arena_abandon((hk_arena_t *)heap) != HK_OK) bench_fail("the arena was not abandoned");
}

bool heap_destroy(heap_t *heap) { return hk_arena_destroy((hk_arena_t *)heap) == HK_OK; }

void allocator_refused(hk_status_t status) { bench_fail(hk_status_text(status)); }

void heap_trim(heap_t *heap) { (void)hk_arena_trim((hk_arena_t *)heap); }

void heap_decay(heap_t *heap) { (void)hk_decay((hk_arena_t *)heap, hk_clock_ns()); }

static bool add_arena(hk_arena_t *arena, void *context) {
  allocator_stats_t *sum = context;
  const hk_classes_t *classes = hk_arena_classes(arena);
  hk_arena_stats_t stats;
  hk_arena_stats(arena, &stats);
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    sum->allocs += stats.bins[bin].allocs;
    sum->slow += stats.bins[bin].slow;
    sum->live += stats.bins[bin].live;
  }
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    uint32_t row = classes->bins[bin].row;
    if (row < ALLOCATOR_ROWS) sum->rows[row] += stats.bins[bin].allocs;
  }
  return true;
}

allocator_stats_t allocator_stats(void) {
  allocator_stats_t sum = {0};
  hk_arena_each(add_arena, &sum);
  return sum;
}

#if CHECKED
static bool add_up(hk_arena_t *arena, void *context) {
  bool *all = context;
  *all = *all && hk_arena_is_valid(arena);
  return true;
}
#endif

bool allocator_adds_up(void) {
  bool all = true;
#if CHECKED
  hk_arena_each(add_up, &all);
#endif
  return all;
}

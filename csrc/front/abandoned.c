#include "front/abandoned.h"

#include "heap/heap.h"
#include "heap/remote.h"
#include "supply/superslabs.h"

bool hk_abandoned_enter(hk_arena_t *arena) {
  uint32_t nobody = HK_KEEPER_NOBODY;
  return atomic_compare_exchange_strong(&arena->keeper, &nobody, HK_KEEPER_THREAD);
}

void hk_abandoned_collect(hk_arena_t *arena) {
  hk_heap_retire_gained(arena);
  hk_superslabs_remove_empties(arena, 0);
}

bool hk_abandoned_leave(hk_arena_t *arena) {
  atomic_store(&arena->keeper, HK_KEEPER_NOBODY);
  return atomic_load(&arena->remote_queue) == NULL || !hk_abandoned_enter(arena);
}

void hk_abandoned_visit(hk_arena_t *arena) {
  if (!hk_abandoned_enter(arena)) return;
  do {
    hk_abandoned_collect(arena);
  } while (!hk_abandoned_leave(arena));
}

/* The keeper leaves, and collects what was freed meanwhile. */
static void leave(hk_arena_t *arena) {
  while (!hk_abandoned_leave(arena)) hk_abandoned_collect(arena);
}

hk_status_t hk_abandoned_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index) {
  uint32_t bin = slab->bin;
  hk_status_t status = hk_remote_put_kept(arena, slab, index);
  if (status == HK_OK && slab->free_count == slab->capacity) {
    hk_heap_retire_all_of(arena, bin);
    hk_superslabs_remove_empties(arena, 0);
  }
  leave(arena);
  return status;
}

#include "front/abandoned.h"

#include "heap/heap.h"
#include "heap/remote.h"
#include "supply/superslabs.h"

bool hk_abandoned_enter(hk_arena_t *arena) {
  uint32_t nobody = HK_KEEPER_NOBODY;
  return atomic_compare_exchange_strong(&arena->keeper, &nobody, HK_KEEPER_THREAD);
}

static void collect(hk_arena_t *arena) {
  int32_t slab;
  while ((slab = hk_next_retirable(arena, 0)) >= 0) (void)hk_retire(arena, (uint32_t)slab);
  hk_superslabs_remove_empties(arena, 0);
}

static bool is_due(hk_arena_t *arena) { return atomic_load(&arena->remote_queue) != NULL; }

void hk_abandoned_collect(hk_arena_t *arena) {
  do {
    collect(arena);
    atomic_store(&arena->keeper, HK_KEEPER_NOBODY);
  } while (is_due(arena) && hk_abandoned_enter(arena));
}

void hk_abandoned_visit(hk_arena_t *arena) {
  if (hk_abandoned_enter(arena)) hk_abandoned_collect(arena);
}

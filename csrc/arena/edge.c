/* The slab edge: what a front may know of a slab, and the promise that an exposed one stays put. */
#include "arena/arena.h"
#include "arena/heap.h"
#include "arena/large.h"
#include "arena/supply.h"
#include "base/assert.h"

/* A slab that a front can have blocks of: in a class, or first of a run. */
static hk_slab_t *front_slab(const hk_arena_t *arena, uint32_t slab_number) {
  hk_slab_t *slab = hk_arena_slab(arena, slab_number);
  if (slab == NULL) return NULL;
  return slab->state == HK_SLAB_CLASS || slab->state == HK_SLAB_RUN ? slab : NULL;
}

hk_status_t hk_slab_info(const hk_arena_t *arena, uint32_t slab_number, hk_slab_info_t *info) {
  const hk_slab_t *slab = front_slab(arena, slab_number);
  if (slab == NULL) return HK_NOT_OWNED;
  *info = (hk_slab_info_t){.address = hk_arena_slab_address(slab),
                           .bytes = slab->state == HK_SLAB_RUN ? hk_large_block_bytes(slab)
                                                               : HK_SLAB_BYTES,
                           .bin = slab->bin,
                           .exposed = slab->exposed,
                           .fresh = slab->state == HK_SLAB_RUN && slab->fresh};
  return HK_OK;
}

/* A slab, or all of a run or huge mapping, lost ones included. */
static size_t span_bytes(const hk_slab_t *slab) {
  bool huge = hk_superslab_is_huge(slab->superslab);
  return huge ? slab->superslab->bytes : slab->span_slabs * HK_SLAB_BYTES;
}

hk_status_t hk_slab_give_away(hk_arena_t *arena, uint32_t slab_number) {
  hk_slab_t *slab = hk_arena_slab(arena, slab_number);
  if (slab == NULL || !slab->exposed) return HK_NOT_OWNED;
  if (slab->given) return HK_OK;
  slab->given = true;
  hk_cell_add(&arena->given_bytes, span_bytes(slab));
  if (slab->state == HK_SLAB_CLASS) hk_heap_put_aside(arena, slab);
  return HK_OK;
}

static void take_back(hk_arena_t *arena, hk_slab_t *slab) {
  slab->given = false;
  hk_cell_sub(&arena->given_bytes, span_bytes(slab));
  if (slab->state == HK_SLAB_CLASS) hk_heap_relist(arena, slab);
}

hk_status_t hk_slab_set_exposed(hk_arena_t *arena, uint32_t slab_number, bool exposed) {
  hk_slab_t *slab = hk_arena_slab(arena, slab_number);
  if (slab == NULL) return HK_NOT_OWNED;
  bool lost = slab->state == HK_SLAB_LOST && !exposed;
  if (!lost && front_slab(arena, slab_number) == NULL) return HK_NOT_OWNED;
  if (slab->exposed == exposed) return HK_OK;
  slab->exposed = exposed;
  if (exposed) {
    slab->superslab->seen = true;
    hk_cell_add(&arena->exposed_slabs, 1);
  } else {
    hk_cell_sub(&arena->exposed_slabs, 1);
    if (slab->given) take_back(arena, slab);
    if (lost) hk_supply_give_lost(arena, slab);
  }
  return HK_OK;
}

void hk_slab_conceal_all(hk_arena_t *arena) {
  for (uint32_t i = 0; i < HK_ARENA_SUPERSLABS_MAX; i++) {
    hk_superslab_t *superslab = arena->superslabs[i];
    if (superslab == NULL) continue;
    for (uint32_t slot = 0; slot < superslab->slab_count; slot++) {
      const hk_slab_t *slab = &superslab->slabs[slot];
      if (!slab->exposed || slab->given) continue;
      (void)hk_slab_set_exposed(arena, superslab->index * HK_SUPERSLAB_SLABS + slot, false);
      /* A lost slab may have been the last of its SuperSlab, which is gone then. */
      if (arena->superslabs[i] != superslab) break;
    }
  }
}

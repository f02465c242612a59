#include "heap/bin.h"

#include "base/assert.h"

static uint64_t limit_of(const hk_empty_limit_t *limit, const hk_bin_t *b) {
  if (b->retiring) return 0;
  return limit->slabs + (hk_stat_get(&b->slabs) * limit->share) / HK_EMPTY_SHARE_ONE;
}

uint64_t hk_bin_empty_low(const hk_arena_t *arena, const hk_bin_t *b) {
  return limit_of(&arena->empty_low, b);
}

static bool is_partial(hk_slab_list_t list) {
  return list == HK_SLAB_LIST_PARTIAL || list == HK_SLAB_LIST_LEAVING;
}

static hk_slab_t **head_of(hk_bin_t *b, hk_slab_list_t list) {
  if (list == HK_SLAB_LIST_ASIDE || list == HK_SLAB_LIST_LEAVING) return &b->aside;
  return list == HK_SLAB_LIST_PARTIAL ? &b->partial : &b->empty;
}

void hk_bin_take(hk_arena_t *arena, hk_slab_t *slab) {
  hk_bin_t *b = &arena->bins[slab->bin];
  if (slab->list == HK_SLAB_LIST_CURRENT) {
    b->current = NULL;
    if (slab->free_count != 0 && slab->free_count != slab->capacity)
      hk_stat_add(&b->current_dropped, 1);
  } else if (slab->list != HK_SLAB_LIST_NONE) {
    bool partial = is_partial((hk_slab_list_t)slab->list);
    hk_slab_t **head = head_of(b, (hk_slab_list_t)slab->list);
    *(slab->prev != NULL ? &slab->prev->next : head) = slab->next;
    if (slab->next != NULL) slab->next->prev = slab->prev;
    if (partial) {
      hk_stat_sub(&b->partial_slabs, slab->span_slabs);
    } else if (slab->list == HK_SLAB_LIST_EMPTY) {
      hk_tiers_set_idle(&arena->supply.tiers, slab, false);
      b->empty_slabs -= slab->span_slabs;
      if (b->empty_slabs <= hk_bin_empty_low(arena, b)) b->draining = false;
    }
  }
  slab->list = HK_SLAB_LIST_NONE;
}

void hk_bin_put(hk_arena_t *arena, hk_slab_t *slab, hk_slab_list_t list) {
  hk_bin_t *b = &arena->bins[slab->bin];
  HK_ASSERT(slab->list == HK_SLAB_LIST_NONE);
  slab->list = (uint8_t)list;
  if (list == HK_SLAB_LIST_CURRENT) {
    b->current = slab;
    return;
  }
  hk_slab_t **head = head_of(b, list);
  slab->prev = NULL;
  slab->next = *head;
  if (*head != NULL) (*head)->prev = slab;
  *head = slab;
  if (is_partial(list)) {
    hk_stat_add(&b->partial_slabs, slab->span_slabs);
  } else if (list == HK_SLAB_LIST_EMPTY) {
    hk_stat_add(&b->emptied, 1);
    hk_tiers_set_idle(&arena->supply.tiers, slab, true);
    b->empty_slabs += slab->span_slabs;
    if (b->empty_slabs > limit_of(&arena->empty_high, b)) b->draining = true;
  }
}

void hk_bin_leave(hk_arena_t *arena, hk_slab_t *slab) {
  hk_bin_take(arena, slab);
  bool is_empty = slab->free_count == slab->capacity;
  if (slab->free_count > 0) {
    hk_bin_put(arena, slab, is_empty ? HK_SLAB_LIST_EMPTY : HK_SLAB_LIST_LEAVING);
  }
}

void hk_bin_set_retiring(hk_arena_t *arena, uint32_t bin, bool retiring) {
  hk_bin_t *b = &arena->bins[bin];
  b->retiring = retiring;
  if (!retiring) return;
  if (b->current != NULL) hk_bin_leave(arena, b->current);
  b->draining = b->empty_slabs > 0;
}

hk_slab_t *hk_bin_leaving(const hk_bin_t *b) {
  hk_slab_t *slab = b->aside;
  while (slab != NULL && slab->list != HK_SLAB_LIST_LEAVING) slab = slab->next;
  return slab;
}

hk_slab_t *hk_bin_partial(hk_arena_t *arena, uint32_t bin) {
  hk_bin_t *b = &arena->bins[bin];
  while (b->partial != NULL && b->partial->superslab->draining) {
    hk_bin_leave(arena, b->partial);
  }
  if (b->partial != NULL) return b->partial;
  hk_slab_t *leaving = hk_bin_leaving(b);
  return leaving != NULL && !leaving->superslab->draining ? leaving : NULL;
}

void hk_bin_put_aside(hk_arena_t *arena, hk_slab_t *slab) {
  hk_bin_take(arena, slab);
  hk_bin_put(arena, slab, HK_SLAB_LIST_ASIDE);
}

void hk_bin_relist(hk_arena_t *arena, hk_slab_t *slab) {
  if (slab->list == HK_SLAB_LIST_CURRENT || slab->given) return;
  hk_slab_list_t wanted = slab->free_count == slab->capacity ? HK_SLAB_LIST_EMPTY
                          : slab->free_count > 0             ? HK_SLAB_LIST_PARTIAL
                                                             : HK_SLAB_LIST_NONE;
  if (slab->list == wanted) return;
  if (slab->list == HK_SLAB_LIST_LEAVING && wanted == HK_SLAB_LIST_PARTIAL) return;
  hk_bin_take(arena, slab);
  if (wanted != HK_SLAB_LIST_NONE) hk_bin_put(arena, slab, wanted);
}

void hk_bin_reset(hk_bin_t *b) {
  b->current = b->partial = b->empty = b->aside = NULL;
  b->empty_slabs = 0;
  b->draining = false;
  hk_stat_set(&b->out, 0);
  hk_stat_add(&b->retired, hk_stat_get(&b->slabs));
  hk_stat_set(&b->slabs, 0);
  hk_stat_set(&b->capacity, 0);
  hk_stat_set(&b->partial_slabs, 0);
  hk_stat_set(&b->remote_collected, atomic_load(&b->frees_remote));
}

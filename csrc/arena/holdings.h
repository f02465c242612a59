/* Holdings: the SuperSlabs and huge mappings of an arena: how they come, where they are listed, how they go.
 *
 * Owns:      the lists and the index of hk_supply_t; what all arenas of the process hold together, and
 *            the limit on it.
 * Called by: supply, arena (destroy).
 * Calls:     superslab, cache, lock.
 * Threads:   owner only; the sum over all arenas is shared.
 */
#ifndef HK_ARENA_HOLDINGS_H
#define HK_ARENA_HOLDINGS_H

#include "arena/arena.h"

/* Bytes that the arena's limit lets it still take into use. */
static inline uint64_t hk_holdings_room(const hk_arena_t *arena) {
  if (arena->max_bytes == 0) return UINT64_MAX;
  uint64_t used = hk_cell_get(&arena->supply.used_bytes);
  return used < arena->max_bytes ? arena->max_bytes - used : 0;
}

static inline hk_superslab_t **hk_holdings_list_of(hk_supply_t *supply,
                                                   const hk_superslab_t *superslab) {
  bool full = hk_superslab_is_huge(superslab) || superslab->used_slots == UINT32_MAX;
  return full ? &supply->full : &supply->open;
}

/* Takes a SuperSlab off its list: to be called before its slots change, and hk_holdings_list after. */
static inline void hk_holdings_unlist(hk_supply_t *supply, hk_superslab_t *superslab) {
  hk_superslab_t **head = hk_holdings_list_of(supply, superslab);
  *(superslab->prev != NULL ? &superslab->prev->next : head) = superslab->next;
  if (superslab->next != NULL) superslab->next->prev = superslab->prev;
}

static inline void hk_holdings_list(hk_supply_t *supply, hk_superslab_t *superslab) {
  hk_superslab_t **head = hk_holdings_list_of(supply, superslab);
  superslab->prev = NULL;
  superslab->next = *head;
  if (*head != NULL) (*head)->prev = superslab;
  *head = superslab;
}

/* Takes a SuperSlab, or for more than its bytes a huge mapping, from the cache or from the OS. It is
 * empty, listed, and the arena's. HK_OUT_OF_MEMORY_*: the arena is as it was, but for empty SuperSlabs
 * that made room. */
hk_status_t hk_holdings_adopt(hk_arena_t *arena, size_t bytes, hk_superslab_t **superslab);

/* Hands one without a used slot to the cache, which owns it then. Pages that go back to the OS on the way count
 * as returned by the arena. */
void hk_holdings_release(hk_arena_t *arena, hk_superslab_t *superslab);

/* Hands empty SuperSlabs to the cache until `keep` are left. */
void hk_holdings_release_empties(hk_arena_t *arena, uint64_t keep);

#endif

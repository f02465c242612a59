/* SuperSlabs of an arena: how SuperSlabs and huge mappings come, how they go.
 *
 * Owns:      the table and the indices of hk_supply_t; what all arenas of the process hold together,
 *            and the limit on it.
 * Called by: supply, arena (destroy).
 * Calls:     tiers, demand, superslab, extent, cache, join, lock, ram.
 * Threads:   owner only; the sum over all arenas is shared (atomic, relaxed).
 */
#ifndef HK_SUPPLY_SUPERSLABS_H
#define HK_SUPPLY_SUPERSLABS_H

#include "supply/record.h"

/* Bytes that the arena's limit lets it still take into use. */
static inline uint64_t hk_superslabs_room(const hk_arena_t *arena) {
  if (arena->max_bytes == 0) return UINT64_MAX;
  uint64_t used = hk_stat_get(&arena->supply.used_bytes);
  return used < arena->max_bytes ? arena->max_bytes - used : 0;
}

/* true: the process may hold so many bytes several times over beyond what it holds. */
bool hk_superslabs_are_ample(uint64_t bytes);

/* The size that is mapped for a huge block of `bytes`: eight for each doubling, so that mappings
 * fit again; at most an eighth more. A SuperSlab is mapped as it is. */
size_t hk_superslabs_round(size_t bytes);

/* Bytes of the largest huge mapping from `bytes` to `bytes_max` that is kept with its pages for this
 * arena; 0: none. */
size_t hk_superslabs_warm(const hk_arena_t *arena, size_t bytes, size_t bytes_max);

/* Bytes that all arenas of the process may hold; 0: any. Any thread. */
uint64_t hk_superslabs_limit(void);

/* Takes a SuperSlab from the cache or the OS, or for more than its size a huge mapping of at least
 * `bytes`. It is empty, listed and the arena's. HK_OUT_OF_MEMORY_*: nothing changed, except that
 * empty SuperSlabs may have gone to the cache to make room. */
hk_status_t hk_superslabs_add(hk_arena_t *arena, size_t bytes, hk_superslab_t **superslab);

/* Resizes a huge mapping in use, without a copy. false: nothing changed; a limit is reached,
 * JavaScript has seen it, or the system cannot. */
bool hk_superslabs_resize(hk_arena_t *arena, hk_superslab_t *superslab, size_t bytes);

/* Hands a SuperSlab without used slots to the cache, which owns it from then on. Pages that go back
 * to the OS on the way count as returned by the arena. */
void hk_superslabs_remove(hk_arena_t *arena, hk_superslab_t *superslab);

/* Hands empty SuperSlabs to the cache until `keep` are left. */
void hk_superslabs_remove_empties(hk_arena_t *arena, uint64_t keep);

#endif

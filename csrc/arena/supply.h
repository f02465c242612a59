/* Supply: where an arena's slabs come from and go to.
 *
 * Owns:      which slots of the arena's SuperSlabs are used, and the limit on them.
 * Called by: heap (one slab), large (runs, huge), arena (reset, trim, destroy).
 * Calls:     holdings, superslab, cache.
 * Threads:   owner only.
 * Stages of an acquire: a free slot of the arena's SuperSlabs, a cached SuperSlab, the OS.
 */
#ifndef HK_ARENA_SUPPLY_H
#define HK_ARENA_SUPPLY_H

#include "arena/arena.h"

/* Takes SuperSlabs for `bytes`, touches them, and keeps them until a trim. HK_OUT_OF_MEMORY_*: those taken
 * so far stay. */
hk_status_t hk_supply_prewarm(hk_arena_t *arena, uint64_t bytes);

/* Takes `count` (1..32) neighbouring slabs and marks their slots used. `*slab` is the first; its
 * record is UNUSED still, but for `fresh`, and the caller binds it. HK_OUT_OF_MEMORY_*. */
hk_status_t hk_supply_take(hk_arena_t *arena, uint32_t count, hk_slab_t **slab);

/* Makes the `count` slabs from `slab` on `wanted` (more), if those behind them are unused and the limit
 * allows. false: nothing changed. */
bool hk_supply_extend(hk_arena_t *arena, const hk_slab_t *slab, uint32_t count, uint32_t wanted);

/* Gives them back; their records must be UNUSED again. Exposed ones are lost until they are concealed.
 * A second empty SuperSlab goes to the cache. */
void hk_supply_give(hk_arena_t *arena, hk_slab_t *slab, uint32_t count);

/* The same for a huge mapping of at least `bytes`. */
hk_status_t hk_supply_take_huge(hk_arena_t *arena, size_t bytes, hk_slab_t **slab);
void hk_supply_give_huge(hk_arena_t *arena, hk_slab_t *slab);

/* Makes every slot unused, but those of exposed slabs, which are lost until they are concealed. Huge
 * mappings go to the cache, SuperSlabs stay. */
void hk_supply_reset(hk_arena_t *arena);

/* Gives all back that no exposed slab needs, and keeps nothing from here on. */
void hk_supply_end(hk_arena_t *arena);

/* Gives back a lost slab, or run or huge mapping, that is no longer exposed. */
void hk_supply_give_lost(hk_arena_t *arena, hk_slab_t *slab);

/* Purges unused slots, gives all empty SuperSlabs to the cache, and trims that. */
void hk_supply_trim(hk_arena_t *arena);

#endif

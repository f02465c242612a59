/* Supply: where an arena's slabs come from and where they go.
 *
 * Owns:      which slots of the arena's SuperSlabs are used, which SuperSlabs drain, and the arena's
 *            limit on slots.
 * Called by: heap (spans), run (runs, huge mappings), expose (lost slabs), trim, decay, arena.
 * Calls:     superslabs, tiers, demand, superslab, cache.
 * Threads:   owner only.
 * Stages of a take: an unused slot of the arena's SuperSlabs in the order of their tiers, a cached
 *            SuperSlab, the OS.
 */
#ifndef HK_SUPPLY_SUPPLY_H
#define HK_SUPPLY_SUPPLY_H

#include "supply/record.h"

/* Adds SuperSlabs for `bytes`, touches their pages, and keeps them until a trim.
 * HK_OUT_OF_MEMORY_*: those added so far stay. */
hk_status_t hk_supply_prewarm(hk_arena_t *arena, uint64_t bytes);

/* Takes `count` (1..32) neighbouring slabs and makes their slots used. `*slab` is the first of
 * them; their records are still UNUSED, with `fresh` set in the first, and the caller binds them.
 * HK_OUT_OF_MEMORY_*. */
hk_status_t hk_supply_take(hk_arena_t *arena, uint32_t count, hk_slab_t **slab);

/* The same of a span for a class: `wanted` (1, 2, 4 or 8) slabs; or fewer, where the limit has no room for all, or
 * another SuperSlab would be needed for them. `*count`: how many; it begins at a multiple of so many slots. */
hk_status_t hk_supply_take_span(hk_arena_t *arena, uint32_t wanted, hk_slab_t **slab,
                                uint32_t *count);

/* Extends the `count` slabs from `slab` on to `wanted` (more), if the slabs behind them are unused
 * and the limit allows it. false: nothing changed. */
bool hk_supply_extend(hk_arena_t *arena, const hk_slab_t *slab, uint32_t count, uint32_t wanted);

/* Puts `count` slabs back; their records must be UNUSED again. Exposed ones are lost until they are
 * concealed. A second empty SuperSlab goes to the cache. */
void hk_supply_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t count);

/* Take and put for a huge mapping of at least `bytes`. */
hk_status_t hk_supply_take_huge(hk_arena_t *arena, size_t bytes, hk_slab_t **slab);
void hk_supply_put_huge(hk_arena_t *arena, hk_slab_t *slab);

/* Puts back a lost slab, run or huge mapping that is no longer exposed. */
void hk_supply_put_lost(hk_arena_t *arena, hk_slab_t *slab);

/* Makes every slot unused, except those of exposed slabs, which are lost until they are concealed.
 * Huge mappings go to the cache, SuperSlabs stay. */
void hk_supply_reset(hk_arena_t *arena);

/* Hands all empty SuperSlabs to the cache, where nothing of the arena stays warm: it has ended. */
void hk_supply_leave(hk_arena_t *arena);

/* Removes every SuperSlab that no exposed slab needs and purges unused slots of the others. The
 * arena has ended, so from then on none is kept. */
void hk_supply_end(hk_arena_t *arena);

/* Looks at some SuperSlabs, others each time, and lets those drain that hold little but what their
 * classes do not need. */
void hk_supply_look_around(hk_arena_t *arena);

/* Purges unused slots beyond those that may soon be needed again, until `until_ns`, but at least
 * one SuperSlab. true: none is left; sets decay.is_waiting if some are kept. */
bool hk_supply_decay(hk_arena_t *arena, uint64_t until_ns);

/* Purges unused slots, removes all empty SuperSlabs, and trims the spare mappings and the cache. */
void hk_supply_trim(hk_arena_t *arena);

#endif

/* Shelf: runs and huge mappings that their owner freed, kept whole for its next allocation of their size.
 *
 * Owns:       which large blocks stay in the front in C.
 * Called by:  alloc, realloc, refill (flush, decay, end of the front).
 * Calls:      run, demand, superslabs (whether memory is short).
 * Threads:    owner only.
 * Invariants: what is kept was freed, for the program and in the counters of frees, and the core has it out: it
 *             counts as held by the front (I2, I3). It is claimed, so that nobody else frees it.
 *
 * It serves whoever wants the same sizes again and again: a size comes here once it was freed, allocated and freed
 * again. Who wants another one finds everything in the core as if nothing had been kept, because hk_shelf_miss comes
 * before memory is taken there. A few sizes in turn are kept side by side.
 */
#ifndef HK_FRONT_SHELF_H
#define HK_FRONT_SHELF_H

#include "supply/record.h"

/* Takes a block that is as long as a new one would be for `size_bytes`, more than 64 KB; the caller owns it, live, and
 * counts it. NULL: none is kept. */
hk_slab_t *hk_shelf_take(hk_arena_t *arena, size_t size_bytes);

/* To be called when there was none, before the core is asked: remembers the size, and gives the core all blocks of that
 * kind, unless the size is one of those that are kept. */
void hk_shelf_miss(hk_arena_t *arena, size_t size_bytes);

/* Keeps a block that the caller has claimed, or gives it back to the core. */
void hk_shelf_put(hk_arena_t *arena, hk_slab_t *slab, size_t block_bytes);

/* Gives all blocks back to the core. */
void hk_shelf_clear(hk_arena_t *arena);

/* The same of blocks that were not put since the last call. */
void hk_shelf_age(hk_arena_t *arena);

/* The same once in an epoch of demand. false: it is not over. */
bool hk_shelf_age_if_due(hk_arena_t *arena);

/* Forgets them: to be called when the core has taken all blocks away at once. */
void hk_shelf_drop(hk_arena_t *arena);

bool hk_shelf_is_empty(const hk_arena_t *arena);

#endif

/* Remote free: blocks given back by threads that do not own the arena.
 *
 * Owns:      the queue of slabs with remote frees, collection of their bits.
 * Called by: front (put), heap and large (drain before taking new slabs), arena (trim, reset).
 * Threads:   put from any thread that holds a live block of the arena; drain owner only.
 * A slab is queued by the first remote free since its last collection; the owner takes the whole
 * queue at once, so there is no pop to race with. A run or huge mapping has one block, so being queued
 * says that it is free, and its record is nobody's but the owner's from then on.
 */
#ifndef HK_ARENA_REMOTE_H
#define HK_ARENA_REMOTE_H

#include "arena/arena.h"

/* Hands a live block back to the owner. HK_DOUBLE_FREE: its remote bit is set already. */
hk_status_t hk_remote_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index);

/* The same for a run or huge mapping. HK_DOUBLE_FREE: somebody has freed it already. */
hk_status_t hk_remote_put_large(hk_arena_t *arena, hk_slab_t *slab);

/* Collects all remote frees of the arena: blocks into free bits, large ones into the supply. */
void hk_remote_drain(hk_arena_t *arena);

#endif

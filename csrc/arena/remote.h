/* Remote free: blocks given back by threads that do not own the arena.
 *
 * Owns:      the queue of slabs with remote frees, collection of their bits.
 * Called by: front (put), heap (drain before taking a new slab), arena (trim).
 * Threads:   put from any thread that holds a live block of the arena; drain owner only.
 * A slab is queued by the first remote free since its last collection; the owner takes the whole
 * queue at once, so there is no pop to race with.
 */
#ifndef HK_ARENA_REMOTE_H
#define HK_ARENA_REMOTE_H

#include "arena/arena.h"

/* Hands a live block back to the owner. HK_DOUBLE_FREE: its remote bit is set already. */
hk_status_t hk_remote_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index);

/* Collects all remote frees of the arena into free bits. */
void hk_remote_drain(hk_arena_t *arena);

#endif

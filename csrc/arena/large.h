/* Large: blocks beyond 64 KB.
 *
 * Owns:      the pseudo bins run (64 KB .. 2 MB, neighbouring slabs) and huge (a mapping each).
 * Called by: the fronts, through hk_large_alloc and hk_large_free.
 * Calls:     supply.
 * Threads:   owner only.
 */
#ifndef HK_ARENA_LARGE_H
#define HK_ARENA_LARGE_H

#include "arena/arena.h"

/* Size of the block that begins at this slab (state RUN). */
size_t hk_large_block_bytes(const hk_slab_t *slab);

void hk_large_reset(hk_arena_t *arena);

#endif

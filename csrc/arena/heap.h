/* Heap: the size classes of an arena; the far side of the block edge.
 *
 * Owns:       hk_heap_bin_t: current, partial and empty slabs of each class, and their counts.
 * Called by:  the fronts, through hk_refill, hk_flush, hk_next_retirable and hk_retire.
 * Calls:      slab, supply, remote.
 * Threads:    owner only.
 * Invariants: a slab with free blocks is current, partial or empty; a full one is on no list;
 *             a retired slab had every block free and was not exposed (I4).
 * Stages of a refill: current slab, partial slab, empty slab kept, then supply.
 */
#ifndef HK_ARENA_HEAP_H
#define HK_ARENA_HEAP_H

#include "arena/arena.h"

/* Puts a slab that has just gained free blocks on the list where it belongs now. */
void hk_heap_relist(hk_arena_t *arena, hk_slab_t *slab);

/* Forgets every slab, when all slots are taken away at once. Statistics settle at "nothing out". */
void hk_heap_reset(hk_arena_t *arena);

#endif

/* Heap: the size classes of an arena; the far side of the block edge.
 *
 * Owns:       hk_heap_bin_t: current, partial, empty and given away slabs of each class, and their counts.
 * Called by:  fronts of other languages, through hk_refill, hk_flush, hk_next_retirable, hk_retire;
 *             the front in C, by the slab.
 * Calls:      slab, supply, remote.
 * Threads:    owner only.
 * Invariants: a slab with free blocks is current, partial or empty; a full one is on no list;
 *             one that was given away is aside, whatever it has;
 *             a retired slab had every block free and was not exposed (I4).
 * Stages of a refill: current slab, partial slab, empty slab kept, then supply.
 */
#ifndef HK_ARENA_HEAP_H
#define HK_ARENA_HEAP_H

#include "arena/arena.h"

/* The slab that blocks of `bin` are taken from now; it has at least one free. With `grow` false only one
 * that the class has already. HK_OUT_OF_MEMORY_*. */
hk_status_t hk_heap_current(hk_arena_t *arena, uint32_t bin, bool grow, hk_slab_t **slab);

/* Puts a block back into its slab, which serves a class. HK_DOUBLE_FREE: it was free already. */
hk_status_t hk_heap_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index);

/* Counts a batch of `taken` or `flushed` blocks: to be called once for each. */
void hk_heap_count_refill(hk_arena_t *arena, uint32_t bin, uint32_t taken);
void hk_heap_count_flush(hk_arena_t *arena, uint32_t bin, uint32_t flushed);

/* Counts an allocation that its front could not serve. */
void hk_heap_count_slow(hk_arena_t *arena, uint32_t bin);

/* Puts a slab that has just gained free blocks on the list where it belongs now. One that was given away
 * stays aside. */
void hk_heap_relist(hk_arena_t *arena, hk_slab_t *slab);

/* Sets a slab aside that was given away: no block of it is handed out from here on. */
void hk_heap_put_aside(hk_arena_t *arena, hk_slab_t *slab);

/* Forgets every slab, when all slots are taken away at once. Statistics settle at "nothing out". */
void hk_heap_reset(hk_arena_t *arena);

#endif

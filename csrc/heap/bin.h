/* Bin: the slabs of one size class, in lists by what is free in them.
 *
 * Owns:       hk_bin_t: its lists and their lengths, and how many empty slabs are too many.
 * Called by:  remote (relist), heap, expose.
 * Calls:      slab, tiers (idle slabs).
 * Threads:    owner only.
 * Invariants: a slab with free blocks is current, partial, leaving or empty; a full one is on no list;
 *             a slab that was given away is aside, whatever it has.
 */
#ifndef HK_HEAP_BIN_H
#define HK_HEAP_BIN_H

#include "supply/record.h"

/* Empty slabs that a draining bin keeps; those of spans count one by one. */
uint64_t hk_bin_empty_low(const hk_arena_t *arena, const hk_bin_t *b);

/* Puts a slab that is on no list on one; as current the bin must have none. */
void hk_bin_put(hk_arena_t *arena, hk_slab_t *slab, hk_slab_list_t list);

/* Takes a slab off its list, if it is on one. */
void hk_bin_take(hk_arena_t *arena, hk_slab_t *slab);

/* Moves a slab that has just gained free blocks to the list where it belongs. One that was given
 * away stays aside, and the current one current. */
void hk_bin_relist(hk_arena_t *arena, hk_slab_t *slab);

/* The partial slab to take from, in a SuperSlab that does not drain; NULL: there is none. Those of
 * others that it comes across are leaving from then on. */
hk_slab_t *hk_bin_partial(hk_arena_t *arena, uint32_t bin);

/* A slab to take from when no other has blocks; NULL: there is none. */
hk_slab_t *hk_bin_leaving(const hk_bin_t *b);

/* Puts a slab, which may be current, where no block is taken from before all others. */
void hk_bin_leave(hk_arena_t *arena, hk_slab_t *slab);

/* true: no class takes blocks of the bin any more, and it offers each slab that is empty. */
void hk_bin_set_retiring(hk_arena_t *arena, uint32_t bin, bool retiring);

/* Sets a slab aside that was given away: no block of it is handed out until it is relisted. */
void hk_bin_put_aside(hk_arena_t *arena, hk_slab_t *slab);

/* Forgets every slab, when all slots are taken away at once. Its statistics settle at "none
 * out". */
void hk_bin_reset(hk_bin_t *b);

#endif

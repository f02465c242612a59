/* Remote free: blocks freed by threads that do not own the arena.
 *
 * Owns:      the queue of slabs with remote frees, and the collection of their bits.
 * Called by: front (put), heap and large (drain before they take new slabs), trim, arena (finish); everybody, as
 *            hk_letters_collect, hk_letter_reserve and hk_letter_take_large.
 * Calls:     slab, bin, run, letters, supply (lost slabs).
 * Threads:   put from any thread that holds a live block of the arena; drain by the owner only.
 *
 * The first remote free since a slab's last collection queues the slab; the owner takes the whole
 * queue at once, so there is no pop to race with. A run or huge mapping has one block: once queued
 * it is free, and from then on its record belongs to the owner alone.
 */
#ifndef HK_HEAP_REMOTE_H
#define HK_HEAP_REMOTE_H

#include "supply/record.h"

/* Hands a live block back to its owner; hk_remote_count follows. HK_DOUBLE_FREE: its remote bit is
 * already set, and nothing is to be counted. */
hk_status_t hk_remote_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index);

/* The same by a thread that acts as the owner: the block is collected at once. HK_DOUBLE_FREE: it was free. */
hk_status_t hk_remote_put_kept(hk_arena_t *arena, hk_slab_t *slab, uint32_t index);

/* The same for a run or huge mapping; hk_remote_count_large follows. */
hk_status_t hk_remote_put_large(hk_arena_t *arena, hk_slab_t *slab);

/* Count the free of a block, whose slab may serve others by now: its bin and bytes were read before.
 * Last of all that a thread does to the arena: see hk_remote_finish. */
void hk_remote_count(hk_arena_t *arena, uint32_t bin);
void hk_remote_count_large(hk_arena_t *arena, uint32_t bin, uint64_t bytes);

/* Collects all remote frees of the arena: blocks into free bits, large blocks into the supply; and the letters
 * that borrowers have returned. */
void hk_remote_drain(hk_arena_t *arena);

/* Drains, and waits until every thread whose block was collected has left hk_free. To be called
 * before the arena forgets its slabs or ends.
 *
 * A thread counts its free last, when it has done all else to the arena and its slabs. So whoever
 * reads that a block is not live knows one of two things: the free was counted, and its thread is
 * done; or the block was collected, and then this waits for the count. */
void hk_remote_finish(hk_arena_t *arena);

#endif

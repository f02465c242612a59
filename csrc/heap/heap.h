/* Heap: the size classes of an arena; the core's side of the block edge.
 *
 * Owns:       which slab a bin takes blocks from, and a bin's counts of batches.
 * Called by:  fronts of other languages, through hk_refill, hk_flush, hk_next_retirable, hk_retire;
 *             the front in C, slab by slab.
 * Calls:      bin, remote (drain), slab, supply, failures.
 * Threads:    owner only.
 * Invariants: a retired slab had every block free and was not exposed (I4).
 * Stages of a refill: the current slab, a partial slab, an empty slab, the supply. See hk_stage_t.
 */
#ifndef HK_HEAP_HEAP_H
#define HK_HEAP_HEAP_H

#include "supply/record.h"

/* Finds the slab that blocks of `bin` are taken from now; at least one of its blocks is free. With
 * `grow` false the class gets no new slab. `*stage`: where it was found. HK_OUT_OF_MEMORY_*. */
hk_status_t hk_heap_current(hk_arena_t *arena, uint32_t bin, bool grow, hk_slab_t **slab,
                            hk_stage_t *stage);

/* Puts a block back into its slab, which serves a class. HK_DOUBLE_FREE: it was free already. */
hk_status_t hk_heap_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index);

/* Puts blocks of `bin` back that lie in one slab, if it serves that class still. Returns how many were handed out. */
uint32_t hk_heap_put_blocks(hk_arena_t *arena, hk_slab_t *slab, uint32_t bin, void *const *blocks,
                            uint32_t count);

/* Count a batch of `taken` or `flushed` blocks; to be called once for each batch. */
void hk_heap_count_refill(hk_arena_t *arena, uint32_t bin, hk_stage_t stage, uint32_t taken);
void hk_heap_count_flush(hk_arena_t *arena, uint32_t bin, uint32_t flushed);

/* Counts an allocation that its front could not serve; the first block of its batch came from
 * `stage`. */
void hk_heap_count_slow(hk_arena_t *arena, uint32_t bin, hk_stage_t stage);

/* The next slab that the arena should retire so that each bin has `keep` empty ones; UINT32_MAX: what
 * the retire policy says, which keeps none where a SuperSlab drains. NULL: none is left. */
hk_slab_t *hk_heap_next_retirable(hk_arena_t *arena, uint32_t keep);

/* Gives such a slab back to the supply. */
void hk_heap_retire(hk_arena_t *arena, hk_slab_t *slab);

/* Retires all of them. */
void hk_heap_retire_surplus(hk_arena_t *arena, uint32_t keep);

/* Retires the empty ones of one bin. */
void hk_heap_retire_all_of(hk_arena_t *arena, uint32_t bin);

/* Collects what other threads have freed, and retires the slabs that are empty by it: all that there are in an arena
 * where hk_heap_retire_surplus has kept none before and nobody frees but other threads. */
void hk_heap_retire_gained(hk_arena_t *arena);

/* Forgets every slab, when all slots are taken away at once. Statistics settle at "none out". */
void hk_heap_reset(hk_arena_t *arena);

#endif

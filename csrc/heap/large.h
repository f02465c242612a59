/* Large: the block edge for blocks beyond 64 KB.
 *
 * Owns:      nothing.
 * Called by: fronts of other languages, through hk_large_alloc, hk_large_free and hk_large_purge, which
 *            know blocks by reference; the front in C, by slab.
 * Calls:     run, remote (drain), trim, failures, os.
 * Threads:   owner only.
 */
#ifndef HK_HEAP_LARGE_H
#define HK_HEAP_LARGE_H

#include "supply/record.h"

/* Takes a run or huge mapping for `size_bytes`, more than 64 KB; the caller owns the block that begins
 * at `*slab`, and counts it. HK_OUT_OF_MEMORY_*: a refusal is the caller's to count. */
hk_status_t hk_large_take(hk_arena_t *arena, uint64_t size_bytes, hk_slab_t **slab);

#endif

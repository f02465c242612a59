/* Trim: pages that no block needs go back to the OS; their addresses stay.
 *
 * Owns:      which pages of a slab are purged, and whether it may have more.
 * Called by: arena (hk_arena_trim: all of them), decay (those nobody needed for a while), large.
 * Calls:     remote (drain), supply, slab, os.
 * Threads:   owner only.
 */
#ifndef HK_HEAP_TRIM_H
#define HK_HEAP_TRIM_H

#include "supply/record.h"

/* true: the slab serves a class, and blocks of it came or went since its free pages were purged. */
static inline bool hk_trim_is_due(const hk_slab_t *slab) {
  return slab->state == HK_SLAB_CLASS && !slab->trimmed && !slab->given;
}

/* true: the slab is not exposed, or its front says that what it sees there is still its own. */
bool hk_trim_is_ours(const hk_arena_t *arena, const hk_slab_t *slab);

/* Purges the pages of free blocks of a slab that is due, except of blocks never handed out. The
 * front is asked first whether what it sees there is its own. Returns bytes given back. */
size_t hk_trim_slab(hk_arena_t *arena, hk_slab_t *slab);

/* Gives back the pages of free blocks, of unused slabs and of empty SuperSlabs, and counts them as
 * returned. Blocks that a front keeps are not free. */
void hk_heap_trim(hk_arena_t *arena);

#endif

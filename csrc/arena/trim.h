/* Trim: pages that no block needs go back to the OS, and the addresses stay.
 *
 * Owns:      nothing.
 * Called by: front (hk_arena_trim).
 * Calls:     slab, supply, os.
 * Threads:   owner only.
 */
#ifndef HK_ARENA_TRIM_H
#define HK_ARENA_TRIM_H

#include "arena/arena.h"

/* Gives back pages of free blocks, of unused slabs and of empty SuperSlabs. Blocks that a front holds are
 * not free. What went back counts as returned. */
void hk_trim_arena(hk_arena_t *arena);

#endif

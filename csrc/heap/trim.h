/* Trim: pages that no block needs go back to the OS; their addresses stay.
 *
 * Owns:      nothing.
 * Called by: arena (hk_arena_trim).
 * Calls:     remote (drain), supply, slab, os.
 * Threads:   owner only.
 */
#ifndef HK_HEAP_TRIM_H
#define HK_HEAP_TRIM_H

#include "supply/record.h"

/* Gives back the pages of free blocks, of unused slabs and of empty SuperSlabs, and counts them as
 * returned. Blocks that a front keeps are not free. */
void hk_heap_trim(hk_arena_t *arena);

#endif

/* Address map: which SuperSlab an address belongs to.
 *
 * Owns:      a two-level table by 2 MB chunk; leaves are mapped on demand and kept.
 * Called by: superslab (insert, remove), arena (free, owns).
 * Threads:   find is lock-free; insert and remove take the map lock.
 */
#ifndef HK_SUPER_MAP_H
#define HK_SUPER_MAP_H

#include "super/superslab.h"

/* Enters all chunks of a SuperSlab. false: no memory for a leaf, nothing entered. */
bool hk_map_insert(hk_superslab_t *superslab);
void hk_map_remove(hk_superslab_t *superslab);

/* NULL: not our memory. The answer may go stale unless the caller holds a block of it. */
hk_superslab_t *hk_map_find(const void *address);

#endif

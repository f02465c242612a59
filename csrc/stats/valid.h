/* Valid: counts an arena again from its bitmaps and slots, and compares with its statistics.
 *
 * Owns:      nothing.
 * Called by: everybody, as hk_arena_verify; arena, in debug builds; tests.
 * Calls:     stats.
 * Threads:   any, while the arena is quiet.
 */
#ifndef HK_STATS_VALID_H
#define HK_STATS_VALID_H

#include "supply/record.h"

/* O(everything): I2 and I3 hold. */
bool hk_arena_is_valid(hk_arena_t *arena);

#endif

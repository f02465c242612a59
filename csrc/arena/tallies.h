/* Tallies: reads what the fronts of an arena counted, each length on its own, and adds it up by bin.
 *
 * Called by: stats.
 * Threads:   any, while the fronts go on counting. What must be seen whole (see hk_counters_begin_move)
 *            is read again until it was, a few times.
 */
#ifndef HK_ARENA_TALLIES_H
#define HK_ARENA_TALLIES_H

#include "arena/arena.h"

/* Fills in, of `stats`, which is zero: `allocs`, `frees_local` and `live_bytes` of every bin, and what a
 * front counts of the whole arena (pinned bytes, detached slabs, leaked blocks, refused frees). */
void hk_tallies_read(hk_arena_t *arena, hk_arena_stats_t *stats);

#endif

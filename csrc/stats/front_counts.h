/* Front counts: reads what the fronts of an arena counted by length, and adds it up by bin.
 *
 * Owns:      allocs_reported of a magazine.
 * Called by: stats.
 * Calls:     nothing.
 * Threads:   any, while the fronts go on counting. Counts under the seqlock are read again until
 *            they are consistent, a few times at most (see hk_counters_write_begin).
 */
#ifndef HK_STATS_FRONT_COUNTS_H
#define HK_STATS_FRONT_COUNTS_H

#include "supply/record.h"

/* Fills in, of a zeroed `stats`: `allocs`, `frees_local` and `live_bytes` of every bin, and what a
 * front counts of the whole arena (pinned bytes, detached slabs, leaked blocks, refused frees). */
void hk_front_counts_read(hk_arena_t *arena, hk_arena_stats_t *stats);

#endif

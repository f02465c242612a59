/* Settle: the counters of an arena whose blocks have all become free at once.
 *
 * Owns:      nothing.
 * Called by: the arena, at a reset and at its end.
 * Calls:     front, run.
 * Threads:   owner only.
 */
#ifndef HK_ARENA_SETTLE_H
#define HK_ARENA_SETTLE_H

#include "supply/record.h"

/* Makes the counters of an arena that has ended zero, which nobody reads any more. */
void hk_settle_for_next(hk_arena_t *arena);

/* Counts everything that was live as freed, by the owner unless another thread has freed it. */
void hk_settle_counters(hk_arena_t *arena);

#endif

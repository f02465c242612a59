/* Demand: how many bytes of large blocks an arena lately used more than now, which is how many of
 * them it keeps when they are free.
 *
 * Owns:      hk_demand_t.
 * Called by: run (before blocks leave), supply and superslabs (what stays).
 * Calls:     os (clock).
 * Threads:   owner only.
 */
#ifndef HK_SUPPLY_DEMAND_H
#define HK_SUPPLY_DEMAND_H

#include "supply/record.h"

/* A peak is remembered for one to two epochs: longer than the pauses of a service that has work,
 * shorter than an operator waits for memory to come back. */
#define HK_DEMAND_EPOCH_NS ((uint64_t)10 * 1000000000)

/* Notes the bytes in use, to be called before they become less, so that no peak is missed. */
void hk_demand_note(hk_arena_t *arena);

/* Bytes of free large blocks that the arena may keep. 0 where options want nothing kept. */
uint64_t hk_demand_room(const hk_arena_t *arena);

#endif

/* Demand: how many bytes of large blocks an arena lately used more than now, which is how many of
 * them stay warm in the cache when they are free.
 *
 * Owns:      hk_demand_t.
 * Called by: run (blocks that come and go), supply (a reset), superslabs (what stays warm).
 * Calls:     age (TTL), os (clock).
 * Threads:   owner only.
 */
#ifndef HK_SUPPLY_DEMAND_H
#define HK_SUPPLY_DEMAND_H

#include "supply/record.h"

/* A peak is remembered for one to two epochs: longer than the pauses of a service that has work,
 * shorter than an operator waits for memory to come back. */
#define HK_DEMAND_EPOCH_NS ((uint64_t)10 * 1000000000)

/* `bytes` of large blocks are in use from now on, or no longer. */
void hk_demand_rise(hk_arena_t *arena, uint64_t bytes);
void hk_demand_fall(hk_arena_t *arena, uint64_t bytes);

/* true: options want memory kept that may soon be needed again. */
bool hk_demand_keeps(const hk_arena_t *arena);

/* Bytes of free large blocks that are worth keeping. 0 where options want nothing kept, and when the
 * arena has ended. */
uint64_t hk_demand_room(const hk_arena_t *arena);

#endif

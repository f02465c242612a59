/* Demand: how many bytes of SuperSlabs and huge mappings an arena lately held more than now, which is
 * how many of those that it gives to the cache stay warm there.
 *
 * Owns:      hk_demand_t.
 * Called by: superslabs, shelf of the front in C.
 * Calls:     age (TTL), os (clock).
 * Threads:   owner only.
 */
#ifndef HK_SUPPLY_DEMAND_H
#define HK_SUPPLY_DEMAND_H

#include "supply/record.h"

/* A peak is remembered for one to two epochs: longer than the pauses of a service that has work,
 * shorter than an operator waits for memory to come back. */
#define HK_DEMAND_EPOCH_NS ((uint64_t)10 * 1000000000)

/* More is held than before. */
void hk_demand_rise(hk_arena_t *arena);

/* To be called before less is held. */
void hk_demand_fall(hk_arena_t *arena);

/* true: an epoch has ended since the last call of any of these, so that what was not used in it may go. */
bool hk_demand_turns(hk_arena_t *arena);

/* true: options want memory kept that may soon be needed again. */
bool hk_demand_keeps(const hk_arena_t *arena);

/* Bytes that are free and worth keeping. 0 where options want nothing kept, and when the arena has
 * ended. */
uint64_t hk_demand_room(const hk_arena_t *arena);

#endif

/* Refill: blocks on their way between the magazines of the front in C and the core.
 *
 * Owns:      how many blocks move at once.
 * Called by: alloc (empty or full magazine), arena (reset, trim, decay).
 * Calls:     stacks, shelf, heap slab by slab, remote (drain), pagemap, failures.
 * Threads:   owner only.
 */
#ifndef HK_FRONT_REFILL_H
#define HK_FRONT_REFILL_H

#include "supply/record.h"

/* Counts everything that was allocated as freed, after hk_front_drop. The caller holds the
 * seqlock. */
void hk_front_settle(hk_arena_t *arena);

/* Collects what other threads have freed, and retires the slabs that became empty by it, as the
 * retire policy says: before memory is taken for one size, other sizes give up what they had. */
void hk_front_collect(hk_arena_t *arena);

/* Fills an empty magazine from the core, and the magazines of other bins that gained remotely freed
 * blocks. false: out of memory, even after all magazines were flushed. */
bool hk_magazine_refill(hk_arena_t *arena, uint32_t bin);

/* Makes room in a full magazine: gives its older half back to the core, or its first stack to one without. */
void hk_magazine_make_room(hk_arena_t *arena, uint32_t bin);

/* Gives all blocks of all magazines and large ones back to the core, and the slabs that are empty then to the
 * supply. */
void hk_front_flush(hk_arena_t *arena);

/* Gives back blocks of magazines that were not needed since the last call: all of one that nobody
 * allocated from, else half of them. And the large blocks that nobody used since then. */
void hk_front_decay(hk_arena_t *arena);

/* Gives the blocks of a bin's magazine back to the core. Those that are freed later stay there until the next decay or
 * flush. */
void hk_front_retire_class(hk_arena_t *arena, uint32_t bin);

/* true: every magazine is empty, and no large block is kept. */
bool hk_front_is_empty(const hk_arena_t *arena);

#endif

/* Abandoned: arenas whose owner has gone while blocks of theirs are live.
 *
 * Owns:      hk_arena_t.keeper.
 * Called by: alloc (a block comes back), arena (abandon, burial).
 * Calls:     heap (retire), remote (put, drain), superslabs.
 * Threads:   any; one at a time is the keeper of an arena and does what its owner would do.
 *
 * Whoever frees a block of an abandoned arena becomes its keeper for a moment, puts the block back, and gives empty
 * SuperSlabs to the cache. Who finds another keeper at work queues the block and asks again: a keeper looks at the
 * queue once more after it has left, so one of the two collects it.
 */
#ifndef HK_FRONT_ABANDONED_H
#define HK_FRONT_ABANDONED_H

#include "supply/record.h"

typedef enum hk_keeper_t {
  HK_KEEPER_OWNER = 0, /* not abandoned */
  HK_KEEPER_NOBODY,
  HK_KEEPER_THREAD, /* some thread, for a moment */
} hk_keeper_t;

static inline bool hk_abandoned_is(const hk_arena_t *arena) {
  return atomic_load_explicit(&arena->keeper, memory_order_seq_cst) != HK_KEEPER_OWNER;
}

/* Becomes the keeper. false: there is one. */
bool hk_abandoned_enter(hk_arena_t *arena);

/* Collects what was freed; for the keeper. */
void hk_abandoned_collect(hk_arena_t *arena);

/* The keeper leaves. false: something was freed meanwhile, so it is the keeper again, and collects.
 * Somebody may bury the arena in between, unless the caller has freed a block and not counted that
 * (hk_remote_count), or holds the lock of the registry. */
bool hk_abandoned_leave(hk_arena_t *arena);

/* Puts a live block back, by its keeper, who leaves then; hk_remote_count follows. HK_DOUBLE_FREE: it was free. */
hk_status_t hk_abandoned_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index);

/* Collects if nobody else is about to. To be called between hk_remote_put and hk_remote_count. */
void hk_abandoned_visit(hk_arena_t *arena);

#endif

/* Large: blocks beyond 64 KB.
 *
 * Owns:      the pseudo bins run (64 KB .. 2 MB, neighbouring slabs) and huge (a mapping each).
 * Called by: the fronts, through hk_large_alloc and hk_large_free; remote (give).
 * Calls:     supply, remote (drain).
 * Threads:   owner only, but for what says otherwise.
 */
#ifndef HK_ARENA_LARGE_H
#define HK_ARENA_LARGE_H

#include "arena/arena.h"

/* Size of the block that begins at this slab (state RUN). */
size_t hk_large_block_bytes(const hk_slab_t *slab);

/* The pseudo bin `bin`. */
static inline hk_large_kind_t *hk_large_kind(hk_arena_t *arena, uint32_t bin) {
  return &arena->large[bin - HK_BIN_MAX];
}

/* Of all who free a live block, from whatever thread, exactly one is told true. */
static inline bool hk_large_claim(hk_slab_t *slab) {
  return atomic_exchange_explicit(&slab->remote_queued, 1, memory_order_acq_rel) == 0;
}

static inline bool hk_large_is_claimed(const hk_slab_t *slab) {
  return atomic_load_explicit(&slab->remote_queued, memory_order_relaxed) != 0;
}

/* Makes a live block beyond 64 KB, before and after, `size_bytes` long where it is. false: there is no room
 * behind it, it is no run or would be none, or JavaScript sees it; nothing changed. */
bool hk_large_resize(hk_arena_t *arena, hk_slab_t *slab, size_t size_bytes);

/* Gives a block that the caller has claimed back to the supply. */
void hk_large_give(hk_arena_t *arena, hk_slab_t *slab);

/* Forgets every block, when all slots are taken away at once. All that was live counts as freed. */
void hk_large_reset(hk_arena_t *arena);

#endif

/* Run: one block of whole slabs, a run proper (64 KB .. 2 MB) or a huge mapping (beyond).
 *
 * Owns:      hk_run_kind_t, one for runs and one for huge mappings; the records of a block's slabs;
 *            the front's counters of these blocks, as far as C writes them.
 * Called by: remote (put, claim), large, expose, the front in C.
 * Calls:     supply, superslabs, slab.
 * Threads:   owner only, unless said otherwise.
 */
#ifndef HK_HEAP_RUN_H
#define HK_HEAP_RUN_H

#include "supply/record.h"

/* What `bin` counts: HK_BIN_RUN or HK_BIN_HUGE. */
static inline hk_run_kind_t *hk_run_kind(hk_arena_t *arena, uint32_t bin) {
  return &arena->runs[bin - HK_BIN_MAX];
}

/* Size of the block that begins at this slab (state RUN). */
static inline size_t hk_run_block_bytes(const hk_slab_t *slab) {
  return slab->bin == HK_BIN_HUGE ? slab->superslab->bytes : hk_slab_bytes(slab);
}

/* Takes a block of at least `bytes`, a multiple of 64 KB. The caller owns it, live. HK_OUT_OF_MEMORY_*. */
hk_status_t hk_run_take(hk_arena_t *arena, size_t bytes, hk_slab_t **slab);

/* Claims a live block for whoever frees it. Of all threads that try, exactly one gets true. */
static inline bool hk_run_claim(hk_slab_t *slab) {
  return atomic_exchange_explicit(&slab->remote_queued, 1, memory_order_acq_rel) == 0;
}

/* Makes a claimed block that has stayed out of the core live again. */
static inline void hk_run_unclaim(hk_slab_t *slab) {
  atomic_store_explicit(&slab->remote_queued, 0, memory_order_relaxed);
}

/* Any thread. */
static inline bool hk_run_is_claimed(const hk_slab_t *slab) {
  return atomic_load_explicit(&slab->remote_queued, memory_order_relaxed) != 0;
}

/* Puts a block that the caller has claimed back into the supply. */
void hk_run_put(hk_arena_t *arena, hk_slab_t *slab);

/* Resizes a live block beyond 64 KB to `size_bytes`, without a copy: a run grows over unused slabs
 * behind it, a huge mapping may get another address; either leaves its end when much of it is too
 * many. false: nothing changed; it must be moved by the caller, or stay as it is. */
bool hk_run_resize(hk_arena_t *arena, hk_slab_t *slab, size_t size_bytes);

/* The block was taken for `size_bytes`, and what it has more is room to grow into. */
static inline void hk_run_set_asked(hk_slab_t *slab, size_t size_bytes) {
  if (slab->bin == HK_BIN_HUGE) slab->superslab->asked_bytes = size_bytes;
}

/* Forgets every block, when all slots are taken away at once. */
void hk_run_reset(hk_arena_t *arena);

/* Count in the front's counters what the front in C did with a block; a front in JavaScript counts
 * for itself. The front in C knows no lengths, so sizes of blocks stand for them. */
void hk_run_count_alloc(hk_arena_t *arena, const hk_slab_t *slab);
void hk_run_count_resize(hk_arena_t *arena, const hk_slab_t *slab, size_t before_bytes);
void hk_run_count_free(hk_arena_t *arena, uint32_t bin, size_t bytes);

/* The bytes of a remotely freed block are no longer live, whatever the front. The free itself was
 * counted when the block was claimed. */
void hk_run_count_collected(hk_arena_t *arena, const hk_slab_t *slab);

/* Every live block counts as freed. The caller holds the seqlock. */
void hk_run_settle(hk_arena_t *arena);

#endif

/* Magazine: the hot front for C callers. Per bin a stack of free block addresses.
 *
 * Owns:      which block is handed out next.
 * Called by: C programs, through hk_alloc and hk_free.
 * Calls:     batches (an empty or a full magazine), large, map (address -> SuperSlab).
 * Threads:   owner only, but hk_free hands blocks of other arenas to remote free.
 */
#include "front/magazine.h"

#include "arena/large.h"
#include "arena/remote.h"
#include "base/compiler.h"
#include "super/map.h"

static HK_NOINLINE void *alloc_large(hk_arena_t *arena, size_t size_bytes) {
  if (arena->front == NULL && !hk_magazine_create_all(arena)) return NULL;
  uint32_t ref;
  hk_status_t status = hk_large_alloc(arena, size_bytes, &ref);
  if (status != HK_OK) {
    hk_magazine_flush_all(arena);
    bool cured = hk_large_alloc(arena, size_bytes, &ref) == HK_OK;
    hk_note_retry(arena, status, cured);
    if (!cured) return NULL;
  }
  const hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  double bytes = (double)hk_large_block_bytes(slab);
  hk_counter_add(&arena->counters->allocs.by_bin[slab->bin], 1);
  hk_counter_add(&arena->counters->live_bytes[slab->bin], bytes);
  hk_counter_add(&arena->counters->live_block_bytes[slab->bin], bytes);
  return hk_arena_slab_address(slab);
}

/* The magazine is empty, or not there yet. */
static HK_NOINLINE void *alloc_slow(hk_arena_t *arena, uint32_t bin) {
  if (arena->front == NULL && !hk_magazine_create_all(arena)) return NULL;
  if (!hk_magazine_refill(arena, bin)) return NULL;
  hk_magazine_t *m = &arena->magazines[bin];
  void **top = hk_magazine_top(m) - 1;
  hk_magazine_set_top(m, top);
  return *top;
}

HK_HOT void *hk_alloc(hk_arena_t *arena, size_t size_bytes) {
  if (HK_UNLIKELY(size_bytes > HK_CLASS_SIZE_MAX)) return alloc_large(arena, size_bytes);
  hk_magazine_t *m = hk_magazine_at(arena, hk_classes_bin_x64(arena->classes, size_bytes));
  void **top = hk_magazine_top(m) - 1;
  void *block = *top;
  if (HK_UNLIKELY(block == NULL)) return alloc_slow(arena, hk_magazine_bin(arena, m));
  hk_magazine_set_top(m, top);
  return block;
}

/* Slab of an address inside `superslab`; a huge mapping has one record for all of it. */
static hk_slab_t *slab_at(hk_superslab_t *superslab, const void *address) {
  return &superslab->slabs[hk_superslab_is_huge(superslab) ? 0 : hk_slot_of(address)];
}

static hk_status_t free_large(hk_arena_t *arena, const hk_slab_t *slab) {
  uint32_t bin = slab->bin;
  double bytes = (double)hk_large_block_bytes(slab);
  hk_status_t status = hk_large_free(arena, hk_arena_base_ref(slab));
  if (status != HK_OK) return status;
  hk_counter_add(&arena->counters->frees.by_bin[bin], 1);
  hk_counter_add(&arena->counters->live_bytes[bin], -bytes);
  hk_counter_add(&arena->counters->live_block_bytes[bin], -bytes);
  return HK_OK;
}

static hk_status_t free_remote(hk_arena_t *owner, hk_slab_t *slab, const void *block) {
  if (slab->state == HK_SLAB_RUN) return hk_remote_put_large(owner, slab);
  const hk_class_t *c = &owner->classes->bins[slab->bin];
  uint32_t offset = hk_offset_in_slab(block);
  if (!hk_classes_is_block(c->reciprocal, c->begins, offset)) return HK_NOT_OWNED;
  return hk_remote_put(owner, slab, hk_classes_index(c, offset));
}

static inline hk_status_t push(hk_magazine_t *m, void **top, void *block) {
  *top = block;
  hk_magazine_set_top(m, top + 1);
  hk_cell_add(&m->frees, 1);
  return HK_OK;
}

/* Makes room in a full magazine by flushing its older half. Ends the free itself, so that hk_free has
 * nothing to come back to and needs no stack frame. */
static HK_NOINLINE hk_status_t free_to_full(hk_arena_t *arena, hk_magazine_t *m, void *block) {
  hk_magazine_flush_half(arena, hk_magazine_bin(arena, m));
  return push(m, hk_magazine_top(m), block);
}

/* A block of a class of the caller's own arena. `block` may be any address inside its slab. */
static inline hk_status_t free_own(hk_arena_t *arena, hk_magazine_t *m, void *block) {
  uint32_t offset = hk_offset_in_slab(block);
  if (HK_UNLIKELY(!hk_classes_is_block(m->reciprocal, m->begins, offset))) return HK_NOT_OWNED;
  void **top = hk_magazine_top(m);
  if (HK_UNLIKELY(top[-1] == block)) return HK_DOUBLE_FREE;
#if HK_DEBUG /* 0.2 to 0.9 ns, which is too much for a check that sees some double frees and not others */
  const hk_slab_t *slab = &hk_map_find(block)->slabs[hk_slot_of(block)];
  if (hk_slab_is_free(slab, hk_magazine_index(m, hk_offset_in_slab(block)))) return HK_DOUBLE_FREE;
#endif
  if (HK_UNLIKELY(top == m->full)) return free_to_full(arena, m, block);
  return push(m, top, block);
}

/* Whatever slab_bins does not know. `arena` may be NULL. */
static HK_NOINLINE hk_status_t free_slow(hk_arena_t *arena, void *block) {
  if (block == NULL) return HK_OK;
  hk_superslab_t *superslab = hk_map_find(block);
  if (superslab == NULL) return HK_NOT_OWNED;
  hk_arena_t *owner = atomic_load_explicit(&superslab->owner, memory_order_acquire);
  if (owner == NULL) return HK_NOT_OWNED;
  hk_slab_t *slab = slab_at(superslab, block);
  bool is_first = hk_arena_slab_address(slab) == block;
  if (slab->state == HK_SLAB_UNUSED && slab->bin == HK_BIN_RUN && is_first) return HK_DOUBLE_FREE;
  if (slab->state != HK_SLAB_CLASS && !(slab->state == HK_SLAB_RUN && is_first))
    return HK_NOT_OWNED;
  if (owner != arena) return free_remote(owner, slab, block);
  if (slab->state == HK_SLAB_RUN) return free_large(arena, slab);
  if (arena->front == NULL) return HK_NOT_OWNED; /* another front's block */
  hk_magazine_t *m = &arena->magazines[slab->bin];
  *hk_arena_slab_bin(arena, block) = hk_slab_bin_of(block, slab->bin * sizeof *m);
  return free_own(arena, m, block);
}

HK_HOT hk_status_t hk_free(hk_arena_t *arena, void *block) {
  if (HK_UNLIKELY(arena == NULL)) return free_slow(arena, block);
  uint64_t at = hk_slab_bin_place(*hk_arena_slab_bin(arena, block), block);
  if (HK_UNLIKELY(at >= sizeof arena->magazines)) return free_slow(arena, block);
  return free_own(arena, hk_magazine_at(arena, at), block);
}

/* The SuperSlab that an address lies in. The map knows chunks of 2 MB, and the last chunk of a huge
 * mapping may belong to somebody else from where the mapping ends. */
static hk_superslab_t *superslab_around(const void *address) {
  hk_superslab_t *superslab = hk_map_find(address);
  if (superslab == NULL) return NULL;
  size_t offset = (size_t)((const char *)address - superslab->base);
  return offset < superslab->bytes ? superslab : NULL;
}

size_t hk_usable_size(const void *block) {
  hk_superslab_t *superslab = superslab_around(block);
  hk_arena_t *owner =
      superslab != NULL ? atomic_load_explicit(&superslab->owner, memory_order_acquire) : NULL;
  if (owner == NULL) return 0;
  const hk_slab_t *slab = slab_at(superslab, block);
  if (slab->state == HK_SLAB_RUN) return hk_large_block_bytes(slab);
  if (slab->state == HK_SLAB_CLASS) return owner->classes->bins[slab->bin].stride_bytes;
  return 0;
}

bool hk_owns(const hk_arena_t *arena, const void *address) {
  hk_superslab_t *superslab = superslab_around(address);
  return superslab != NULL &&
         atomic_load_explicit(&superslab->owner, memory_order_acquire) == arena;
}

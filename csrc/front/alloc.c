/* Alloc: hk_alloc and hk_free, the hot front for C callers.
 *
 * Owns:      which block is handed out next.
 * Called by: C programs.
 * Calls:     refill (an empty or a full magazine), shelf, abandoned, large and run, remote, pagemap.
 * Threads:   owner only; hk_free hands blocks of other arenas to remote.
 */
#include "base/compiler.h"
#include "front/abandoned.h"
#include "front/magazine.h"
#include "front/refill.h"
#include "front/shelf.h"
#include "front/stacks.h"
#include "heap/large.h"
#include "heap/remote.h"
#include "heap/run.h"
#include "super/pagemap.h"

/* A run or huge mapping, in the worst case after the magazines have given back what they hold. */
static hk_slab_t *take_large(hk_arena_t *arena, size_t size_bytes) {
  hk_slab_t *slab;
  hk_status_t status = hk_large_take(arena, size_bytes, &slab);
  if (status == HK_OK) return slab;
  hk_note_refusal(arena, status);
  hk_front_flush(arena);
  hk_status_t again = hk_large_take(arena, size_bytes, &slab);
  if (again != HK_OK) hk_note_refusal(arena, again);
  hk_note_retry(arena, status, again == HK_OK);
  return again == HK_OK ? slab : NULL;
}

static HK_NOINLINE hk_slab_t *take_large_slow(hk_arena_t *arena, size_t size_bytes) {
  if (arena->front == NULL && !hk_front_create(arena)) return NULL;
  hk_front_collect(arena);
  hk_slab_t *slab = hk_shelf_take(arena, size_bytes);
  if (slab != NULL) return slab;
  hk_shelf_miss(arena, size_bytes);
  return take_large(arena, size_bytes);
}

static HK_NOINLINE void *alloc_large(hk_arena_t *arena, size_t size_bytes) {
  bool waits = atomic_load_explicit(&arena->remote_queue, memory_order_relaxed) != NULL;
  hk_slab_t *slab = waits ? NULL : hk_shelf_take(arena, size_bytes);
  if (HK_UNLIKELY(slab == NULL)) slab = take_large_slow(arena, size_bytes);
  if (slab == NULL) return NULL;
  hk_run_count_alloc(arena, slab);
  return hk_arena_slab_address(slab);
}

/* The magazine is empty, or has no memory yet. */
static HK_NOINLINE void *alloc_slow(hk_arena_t *arena, uint32_t bin) {
  if (arena->front == NULL && !hk_front_create(arena)) return NULL;
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

/* The record for an address in `superslab`: that of its slab, or of its run or span. A huge mapping has only one. */
static hk_slab_t *slab_at(hk_superslab_t *superslab, const void *address) {
  bool huge = hk_superslab_is_huge(superslab);
  return huge ? &superslab->slabs[0] : hk_slab_first(&superslab->slabs[hk_slot_of(address)]);
}

static hk_status_t free_large(hk_arena_t *arena, hk_slab_t *slab) {
  uint32_t bin = slab->bin;
  size_t bytes = hk_run_block_bytes(slab);
  if (!hk_run_claim(slab)) return HK_DOUBLE_FREE;
  hk_shelf_put(arena, slab, bytes);
  hk_run_count_free(arena, bin, bytes);
  return HK_OK;
}

static hk_status_t free_remote_large(hk_arena_t *owner, hk_slab_t *slab) {
  uint32_t bin = slab->bin;
  size_t bytes = hk_run_block_bytes(slab);
  hk_status_t status = hk_remote_put_large(owner, slab);
  if (status != HK_OK) return status;
  if (hk_abandoned_is(owner)) hk_abandoned_visit(owner);
  hk_remote_count_large(owner, bin, bytes);
  return HK_OK;
}

/* true: a block of this slab's begins there. Where there was no room for a whole span, the last of its blocks are
 * missing. */
static bool begins_block(const hk_arena_t *owner, const hk_slab_t *slab, const void *block) {
  const hk_class_t *c = &owner->classes->bins[slab->bin];
  uint32_t offset = hk_offset_in_span(slab, block);
  return hk_classes_is_block(c->check, c->block_limit, offset) &&
         hk_classes_index(c, offset) < slab->capacity;
}

static hk_status_t free_remote(hk_arena_t *owner, hk_slab_t *slab, const void *block) {
  if (slab->state == HK_SLAB_RUN) return free_remote_large(owner, slab);
  uint32_t bin = slab->bin;
  if (!begins_block(owner, slab, block)) return HK_NOT_OWNED;
  uint32_t index = hk_classes_index(&owner->classes->bins[bin], hk_offset_in_span(slab, block));
  bool is_kept = hk_abandoned_is(owner) && hk_abandoned_enter(owner);
  hk_status_t status =
      is_kept ? hk_abandoned_put(owner, slab, index) : hk_remote_put(owner, slab, index);
  if (status != HK_OK) return status;
  if (!is_kept && hk_abandoned_is(owner)) hk_abandoned_visit(owner);
  hk_remote_count(owner, bin);
  return HK_OK;
}

static inline hk_status_t push(hk_magazine_t *m, void **top, void *block) {
  *top = block;
  hk_magazine_set_top(m, top + 1);
  hk_stat_add(&m->frees, 1);
  return HK_OK;
}

/* Flushes the older half of a full magazine, then pushes the block. It ends the free itself, so
 * that hk_free makes only tail calls and needs no stack frame. */
static HK_NOINLINE hk_status_t free_to_full(hk_arena_t *arena, hk_magazine_t *m, void *block) {
  hk_magazine_make_room(arena, hk_magazine_bin(arena, m));
  return push(m, hk_magazine_top(m), block);
}

/* Frees a block of a class of the caller's own arena. */
static inline hk_status_t free_block(hk_arena_t *arena, hk_magazine_t *m, void *block) {
  void **top = hk_magazine_top(m);
  if (HK_UNLIKELY(top[-1] == block)) return HK_DOUBLE_FREE;
#if HK_DEBUG /* 0.2 to 0.9 ns: too much for a check that sees only some double frees */
  const hk_slab_t *slab = hk_slab_first(&hk_pagemap_find(block)->slabs[hk_slot_of(block)]);
  const hk_class_t *c = &arena->classes->bins[slab->bin];
  if (hk_slab_is_free(slab, hk_classes_index(c, hk_offset_in_span(slab, block))))
    return HK_DOUBLE_FREE;
#endif
  if (HK_UNLIKELY(top == m->full)) return free_to_full(arena, m, block);
  return push(m, top, block);
}

/* The same of any address inside a whole span of it. */
static inline hk_status_t free_own(hk_arena_t *arena, hk_magazine_t *m, void *block) {
  uint32_t offset = (uint32_t)(uintptr_t)block & m->offset_mask;
  if (HK_UNLIKELY(!hk_classes_is_block(m->check, m->block_limit, offset))) return HK_NOT_OWNED;
  return free_block(arena, m, block);
}

/* Frees what the slab-to-magazine cache does not know. `arena` may be NULL. */
static HK_NOINLINE hk_status_t free_slow(hk_arena_t *arena, void *block) {
  if (block == NULL) return HK_OK;
  hk_superslab_t *superslab = hk_pagemap_find(block);
  if (superslab == NULL) return HK_NOT_OWNED;
  hk_arena_t *owner = atomic_load_explicit(&superslab->owner, memory_order_acquire);
  if (owner == NULL) return HK_NOT_OWNED;
  hk_slab_t *slab = slab_at(superslab, block);
  bool is_first = hk_arena_slab_address(slab) == block;
  if (slab->state == HK_SLAB_RUN && is_first && owner == arena) return free_large(arena, slab);
  if (slab->state == HK_SLAB_UNUSED && slab->bin == HK_BIN_RUN && is_first) return HK_DOUBLE_FREE;
  if (slab->state != HK_SLAB_CLASS && !(slab->state == HK_SLAB_RUN && is_first))
    return HK_NOT_OWNED;
  if (owner != arena) return free_remote(owner, slab, block);
  if (arena->front == NULL) return HK_NOT_OWNED; /* a block of another front */
  hk_magazine_t *m = &arena->magazines[slab->bin];
  if (!begins_block(arena, slab, block)) return HK_NOT_OWNED;
  /* What the cache knows is a whole span: only of that the magazine's mask gives the offset. */
  if (slab->span_slabs == arena->classes->bins[slab->bin].span_slabs) {
    *hk_arena_slab_bin(arena, block) = hk_slab_bin_of(block, slab->bin * sizeof *m);
  }
  return free_block(arena, m, block);
}

HK_HOT hk_status_t hk_free(hk_arena_t *arena, void *block) {
  if (HK_UNLIKELY(arena == NULL)) return free_slow(arena, block);
  uint64_t offset = hk_slab_bin_offset(*hk_arena_slab_bin(arena, block), block);
  if (HK_UNLIKELY(offset >= sizeof arena->magazines)) return free_slow(arena, block);
  return free_own(arena, hk_magazine_at(arena, (size_t)offset), block);
}

/* The SuperSlab around an address. The page map knows chunks of 2 MB, but behind the end of a huge
 * mapping the rest of its last chunk may belong to somebody else. */
static hk_superslab_t *superslab_around(const void *address) {
  hk_superslab_t *superslab = hk_pagemap_find(address);
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
  bool is_behind =
      hk_offset_in_span(slab, block) >= HK_SLAB_BYTES && !hk_superslab_is_huge(superslab);
  if (slab->state == HK_SLAB_RUN)
    return is_behind || hk_run_is_claimed(slab) ? 0 : hk_run_block_bytes(slab);
  if (slab->state == HK_SLAB_CLASS) return owner->classes->bins[slab->bin].stride_bytes;
  return 0;
}

bool hk_owns(const hk_arena_t *arena, const void *address) {
  hk_superslab_t *superslab = superslab_around(address);
  return superslab != NULL &&
         atomic_load_explicit(&superslab->owner, memory_order_acquire) == arena;
}

/* Magazine: the stack of free block addresses of one bin; accessors only.
 *
 * Owns:      hk_magazine_t of the arena's record.
 * Called by: alloc (hk_alloc, hk_free), refill, realloc.
 * Threads:   owner only; statistics read the atomic fields.
 */
#ifndef HK_FRONT_MAGAZINE_H
#define HK_FRONT_MAGAZINE_H

#include "base/compiler.h"
#include "supply/record.h"

static inline void **hk_magazine_top(const hk_magazine_t *m) {
  return atomic_load_explicit((_Atomic(void **) *)&m->top, memory_order_relaxed);
}

static inline void hk_magazine_set_top(hk_magazine_t *m, void **top) {
  atomic_store_explicit(&m->top, top, memory_order_relaxed);
}

static inline void **hk_magazine_bottom(const hk_magazine_t *m) {
  return atomic_load_explicit((_Atomic(void **) *)&m->bottom, memory_order_relaxed);
}

/* Blocks in the magazine. */
static inline uint32_t hk_magazine_count(const hk_magazine_t *m) {
  return (uint32_t)(hk_magazine_top(m) - hk_magazine_bottom(m));
}

/* Blocks that it holds when full, until it grows. */
static inline uint32_t hk_magazine_capacity(const hk_magazine_t *m) {
  return (uint32_t)(m->full - hk_magazine_bottom(m));
}

/* The magazine at a byte offset from the first one. */
static inline hk_magazine_t *hk_magazine_at(hk_arena_t *arena, size_t offset) {
  hk_magazine_t *m = (hk_magazine_t *)((char *)arena->magazines + offset);
  HK_OPAQUE(m);
  return m;
}

static inline uint32_t hk_magazine_bin(const hk_arena_t *arena, const hk_magazine_t *m) {
  return (uint32_t)(m - arena->magazines);
}

static inline uint32_t hk_slot_of(const void *address) {
  return (uint32_t)((uintptr_t)address >> HK_SLAB_SHIFT) % HK_SUPERSLAB_SLABS;
}

/* Where in its span an address is. */
static inline uint32_t hk_offset_in_span(const hk_slab_t *slab, const void *address) {
  return (uint32_t)((const char *)address - hk_arena_slab_address(slab));
}

#endif

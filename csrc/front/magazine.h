/* Magazine: what the hot front for C callers and its cold half know of each other.
 *
 * Owns:      hk_magazine_t in the arena's record: the stack of a bin and its counts.
 * Called by: magazine.c (hk_alloc, hk_free), batches.c, trim.
 * Threads:   owner only, but what statistics read are cells.
 */
#ifndef HK_FRONT_MAGAZINE_H
#define HK_FRONT_MAGAZINE_H

#include "arena/arena.h"
#include "base/compiler.h"

/* Only the owner writes a top; readers of statistics see it move. */
static inline void **hk_magazine_top(const hk_magazine_t *m) {
  return atomic_load_explicit((_Atomic(void **) *)&m->top, memory_order_relaxed);
}

static inline void hk_magazine_set_top(hk_magazine_t *m, void **top) {
  atomic_store_explicit(&m->top, top, memory_order_relaxed);
}

/* The magazine that begins `place` bytes behind the first one. */
static inline hk_magazine_t *hk_magazine_at(hk_arena_t *arena, size_t place) {
  hk_magazine_t *m = (hk_magazine_t *)((char *)arena->magazines + place);
  HK_OPAQUE(m);
  return m;
}

static inline uint32_t hk_magazine_bin(const hk_arena_t *arena, const hk_magazine_t *m) {
  return (uint32_t)(m - arena->magazines);
}

/* Block index of an offset in a slab of the magazine's class. */
static inline uint32_t hk_magazine_index(const hk_magazine_t *m, uint32_t offset) {
  return (uint32_t)(((uint64_t)offset * m->reciprocal) >> 32);
}

static inline uint32_t hk_slot_of(const void *address) {
  return (uint32_t)((uintptr_t)address >> HK_SLAB_SHIFT) % HK_SUPERSLAB_SLABS;
}

static inline uint32_t hk_offset_in_slab(const void *address) {
  return (uint32_t)((uintptr_t)address & (HK_SLAB_BYTES - 1));
}

/* Finds the memory for the stacks of an arena that has none. false: the OS refused. */
bool hk_magazine_create_all(hk_arena_t *arena);

/* Fills an empty magazine from the core, and those of other bins whose blocks other threads have freed
 * meanwhile. false: out of memory, whatever other magazines could spare. */
bool hk_magazine_refill(hk_arena_t *arena, uint32_t bin);

/* Gives the older half of a full magazine back to the core. */
void hk_magazine_flush_half(hk_arena_t *arena, uint32_t bin);

/* Gives all blocks of all magazines back to the core, and the slabs that are empty then back to the
 * supply. */
void hk_magazine_flush_all(hk_arena_t *arena);

#endif

/* Address map: which SuperSlab an address belongs to.
 *
 * Owns:      a two-level table by 2 MB chunk; leaves are mapped on demand and kept.
 * Called by: superslab (insert, remove), arena (free, owns).
 * Threads:   find is lock-free; insert and remove take the map lock.
 */
#ifndef HK_SUPER_MAP_H
#define HK_SUPER_MAP_H

#include "base/compiler.h"
#include "super/superslab.h"

/* Enters all chunks of a SuperSlab. false: no memory for a leaf, nothing entered. */
bool hk_map_insert(hk_superslab_t *superslab);
void hk_map_remove(hk_superslab_t *superslab);

/* 48 address bits: 21 inside the chunk, 14 in a leaf, 13 in the root (64 KB, touched by the page). */
#define HK_MAP_LEAF_BITS 14
#define HK_MAP_ROOT_SIZE ((size_t)1 << 13)
#define HK_MAP_LEAF_SIZE ((size_t)1 << HK_MAP_LEAF_BITS)

typedef _Atomic(hk_superslab_t *) hk_map_entry_t;

/* A leaf, once published (release), stays for ever; readers load acquire. */
extern _Atomic(hk_map_entry_t *) hk_map_root[HK_MAP_ROOT_SIZE];

/* NULL: not our memory. The answer may go stale unless the caller holds a block of it. Inline,
 * because every free of the front in C begins here. */
static inline hk_superslab_t *hk_map_find(const void *address) {
  uintptr_t chunk = (uintptr_t)address >> HK_SUPERSLAB_SHIFT;
  if (HK_UNLIKELY(chunk >> HK_MAP_LEAF_BITS >= HK_MAP_ROOT_SIZE)) return NULL;
  hk_map_entry_t *leaf =
      atomic_load_explicit(&hk_map_root[chunk >> HK_MAP_LEAF_BITS], memory_order_acquire);
  if (HK_UNLIKELY(leaf == NULL)) return NULL;
  return atomic_load_explicit(&leaf[chunk & (HK_MAP_LEAF_SIZE - 1)], memory_order_acquire);
}

#endif

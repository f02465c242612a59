/* Page map: which SuperSlab an address belongs to.
 *
 * Owns:      a two-level table by 2 MB chunk; leaves are mapped on demand and kept for ever.
 * Called by: superslab (insert, remove), front (free, realloc, owns).
 * Calls:     os.
 * Threads:   find takes no lock; insert and remove take the page map's lock.
 */
#ifndef HK_SUPER_PAGEMAP_H
#define HK_SUPER_PAGEMAP_H

#include <stdatomic.h>

#include "base/compiler.h"
#include "base/config.h"

/* The page map stores the pointer and never looks behind it. */
typedef struct hk_superslab_t hk_superslab_t;

/* Enters `superslab` for every chunk of the mapping [base, base + bytes). false: the OS refused
 * memory for a leaf, and nothing was entered. */
bool hk_pagemap_insert(const char *base, size_t bytes, hk_superslab_t *superslab);

/* Clears every chunk of a mapping that was entered. */
void hk_pagemap_remove(const char *base, size_t bytes);

/* Hold the lock while the process forks. */
void hk_pagemap_lock(void);
void hk_pagemap_unlock(void);

/* 48 address bits: 21 inside the chunk, 14 in a leaf, 13 in the root (64 KB, touched by the
 * page). */
#define HK_PAGEMAP_LEAF_BITS 14
#define HK_PAGEMAP_ROOT_SIZE ((size_t)1 << 13)
#define HK_PAGEMAP_LEAF_SIZE ((size_t)1 << HK_PAGEMAP_LEAF_BITS)

typedef _Atomic(hk_superslab_t *) hk_pagemap_entry_t;

/* Leaves are published with release and read with acquire; a published leaf stays for ever. */
extern _Atomic(hk_pagemap_entry_t *) hk_pagemap_root[HK_PAGEMAP_ROOT_SIZE];

/* NULL: the address is not ours. The answer may be stale unless the caller holds a block of the
 * SuperSlab. Inline, because every free of the front in C begins here. */
static inline hk_superslab_t *hk_pagemap_find(const void *address) {
  uintptr_t chunk = (uintptr_t)address >> HK_SUPERSLAB_SHIFT;
  if (HK_UNLIKELY(chunk >> HK_PAGEMAP_LEAF_BITS >= HK_PAGEMAP_ROOT_SIZE)) return NULL;
  hk_pagemap_entry_t *leaf =
      atomic_load_explicit(&hk_pagemap_root[chunk >> HK_PAGEMAP_LEAF_BITS], memory_order_acquire);
  if (HK_UNLIKELY(leaf == NULL)) return NULL;
  return atomic_load_explicit(&leaf[chunk & (HK_PAGEMAP_LEAF_SIZE - 1)], memory_order_acquire);
}

#endif

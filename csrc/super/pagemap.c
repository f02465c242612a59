#include "super/pagemap.h"

#include "os/lock.h"
#include "os/os.h"

_Atomic(hk_pagemap_entry_t *) hk_pagemap_root[HK_PAGEMAP_ROOT_SIZE];
static hk_lock_t lock = HK_LOCK_INIT(HK_LOCK_RANK_PAGEMAP);

static inline uintptr_t chunk_of(const void *address) {
  return (uintptr_t)address >> HK_SUPERSLAB_SHIFT;
}

static hk_pagemap_entry_t *leaf_for(uintptr_t chunk) {
  size_t r = chunk >> HK_PAGEMAP_LEAF_BITS;
  if (r >= HK_PAGEMAP_ROOT_SIZE) return NULL;
  hk_pagemap_entry_t *leaf = atomic_load_explicit(&hk_pagemap_root[r], memory_order_acquire);
  if (leaf == NULL) {
    leaf =
        hk_os_map_metadata(hk_os_round_to_pages(HK_PAGEMAP_LEAF_SIZE * sizeof(hk_pagemap_entry_t)));
    if (leaf != NULL) atomic_store_explicit(&hk_pagemap_root[r], leaf, memory_order_release);
  }
  return leaf;
}

static void set_chunks(uintptr_t first, uintptr_t end, hk_superslab_t *value) {
  for (uintptr_t chunk = first; chunk < end; chunk++) {
    hk_pagemap_entry_t *leaf =
        atomic_load_explicit(&hk_pagemap_root[chunk >> HK_PAGEMAP_LEAF_BITS], memory_order_relaxed);
    atomic_store_explicit(&leaf[chunk & (HK_PAGEMAP_LEAF_SIZE - 1)], value, memory_order_release);
  }
}

bool hk_pagemap_insert(const char *base, size_t bytes, hk_superslab_t *superslab) {
  uintptr_t first = chunk_of(base), end = chunk_of(base + bytes - 1) + 1;
  bool complete = true;
  hk_lock_acquire(&lock);
  for (uintptr_t chunk = first; chunk < end && complete; chunk += HK_PAGEMAP_LEAF_SIZE) {
    complete = leaf_for(chunk) != NULL;
  }
  complete = complete && leaf_for(end - 1) != NULL;
  if (complete) set_chunks(first, end, superslab);
  hk_lock_release(&lock);
  return complete;
}

void hk_pagemap_remove(const char *base, size_t bytes) {
  hk_lock_acquire(&lock);
  set_chunks(chunk_of(base), chunk_of(base + bytes - 1) + 1, NULL);
  hk_lock_release(&lock);
}

void hk_pagemap_lock(void) { hk_lock_acquire(&lock); }
void hk_pagemap_unlock(void) { hk_lock_release(&lock); }

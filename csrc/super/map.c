#include "super/map.h"

#include "os/lock.h"
#include "os/os.h"

/* 48 address bits: 21 inside the chunk, 14 in a leaf, 13 in the root (64 KB, touched by the page). */
#define LEAF_BITS 14
#define ROOT_BITS 13
#define LEAF_SIZE ((size_t)1 << LEAF_BITS)
#define ROOT_SIZE ((size_t)1 << ROOT_BITS)

typedef _Atomic(hk_superslab_t *) entry_t;

/* A leaf, once published (release), stays for ever; readers load acquire. */
static _Atomic(entry_t *) root[ROOT_SIZE];
static hk_lock_t lock = HK_LOCK_INIT(HK_LOCK_RANK_MAP);

static inline uintptr_t chunk_of(const void *address) {
  return (uintptr_t)address >> HK_SUPERSLAB_SHIFT;
}

static entry_t *leaf_for(uintptr_t chunk) {
  size_t r = chunk >> LEAF_BITS;
  if (r >= ROOT_SIZE) return NULL;
  entry_t *leaf = atomic_load_explicit(&root[r], memory_order_acquire);
  if (leaf == NULL) {
    leaf = hk_os_map(hk_os_round_to_pages(LEAF_SIZE * sizeof(entry_t)), 1);
    if (leaf != NULL) atomic_store_explicit(&root[r], leaf, memory_order_release);
  }
  return leaf;
}

static void set_chunks(uintptr_t first, uintptr_t end, hk_superslab_t *value) {
  for (uintptr_t chunk = first; chunk < end; chunk++) {
    entry_t *leaf = atomic_load_explicit(&root[chunk >> LEAF_BITS], memory_order_relaxed);
    atomic_store_explicit(&leaf[chunk & (LEAF_SIZE - 1)], value, memory_order_release);
  }
}

bool hk_map_insert(hk_superslab_t *superslab) {
  uintptr_t first = chunk_of(superslab->base);
  uintptr_t end = chunk_of(superslab->base + superslab->bytes - 1) + 1;
  bool complete = true;
  hk_lock_acquire(&lock);
  for (uintptr_t chunk = first; chunk < end && complete; chunk += LEAF_SIZE) {
    complete = leaf_for(chunk) != NULL;
  }
  complete = complete && leaf_for(end - 1) != NULL;
  if (complete) set_chunks(first, end, superslab);
  hk_lock_release(&lock);
  return complete;
}

void hk_map_remove(hk_superslab_t *superslab) {
  hk_lock_acquire(&lock);
  set_chunks(chunk_of(superslab->base), chunk_of(superslab->base + superslab->bytes - 1) + 1, NULL);
  hk_lock_release(&lock);
}

hk_superslab_t *hk_map_find(const void *address) {
  uintptr_t chunk = chunk_of(address);
  if (chunk >> LEAF_BITS >= ROOT_SIZE) return NULL;
  entry_t *leaf = atomic_load_explicit(&root[chunk >> LEAF_BITS], memory_order_acquire);
  if (leaf == NULL) return NULL;
  return atomic_load_explicit(&leaf[chunk & (LEAF_SIZE - 1)], memory_order_acquire);
}

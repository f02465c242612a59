#include "os/os.h"

#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/options.h"

static const hk_os_prims_t *prims = &hk_os_native;

static struct {
#define COUNTER(field) _Atomic uint64_t field;
  HK_OS_STATS(COUNTER)
#undef COUNTER
} counters;

static _Atomic bool purge_disabled;

#define ADD(field, amount) \
  atomic_fetch_add_explicit(&counters.field, amount, memory_order_relaxed)
#define COUNT(field) ADD(field, 1)

static void *map(size_t bytes, size_t alignment) {
  HK_ASSERT(bytes > 0 && bytes % hk_os_page_bytes() == 0);
  HK_ASSERT(alignment > 0 && (alignment & (alignment - 1)) == 0);
  void *address = prims->map(bytes, alignment);
  if (address == NULL) {
    COUNT(map_failed);
    return NULL;
  }
  HK_ASSERT((uintptr_t)address % alignment == 0);
  return address;
}

static bool unmap(void *address, size_t bytes) {
  bool done = prims->unmap(address, bytes) == HK_OS_DONE;
  if (!done) COUNT(unmap_failed);
  return done;
}

static void add_metadata(size_t bytes) { ADD(metadata_bytes, bytes); }

void *hk_os_map(size_t bytes, size_t alignment) {
  void *address = map(bytes, alignment);
  if (address != NULL) COUNT(map);
  return address;
}

bool hk_os_unmap(void *address, size_t bytes) {
  bool done = bytes == 0 || unmap(address, bytes);
  if (done) {
    COUNT(unmap);
  } else {
    add_metadata(bytes);
  }
  return done;
}

void *hk_os_map_metadata(size_t bytes) {
  void *address = map(bytes, 1);
  if (address == NULL) return NULL;
  COUNT(map_metadata);
  add_metadata(bytes);
  return address;
}

bool hk_os_unmap_metadata(void *address, size_t bytes) {
  if (!unmap(address, bytes)) return false;
  COUNT(unmap_metadata);
  atomic_fetch_sub_explicit(&counters.metadata_bytes, bytes, memory_order_relaxed);
  return true;
}

bool hk_os_can_move(void) { return prims->remap != NULL; }

bool hk_os_resize(void *address, size_t bytes, size_t new_bytes) {
  return hk_os_can_move() && prims->remap(address, bytes, NULL, new_bytes) == HK_OS_DONE;
}

bool hk_os_move(void *address, size_t bytes, void *to, size_t new_bytes) {
  HK_ASSERT(new_bytes >= bytes);
  if (!hk_os_can_move() || prims->remap(address, bytes, to, new_bytes) != HK_OS_DONE) return false;
  COUNT(unmap); /* the old addresses, as the map of the new ones was counted */
  return true;
}

bool hk_os_move_part(void *address, size_t bytes, void *to) {
  return hk_os_can_move() && prims->remap(address, bytes, to, bytes) == HK_OS_DONE;
}

bool hk_os_purge(void *address, size_t bytes) {
  if (atomic_load_explicit(&purge_disabled, memory_order_relaxed)) return false;
  uint64_t begin_ns = hk_os_now_ns();
  hk_os_result_t result = prims->purge(address, bytes);
  ADD(purge_ns, hk_os_now_ns() - begin_ns);
  switch (result) {
    case HK_OS_DONE:
      COUNT(purge);
      ADD(purged_bytes, bytes);
      return true;
    case HK_OS_NO_MEMORY:
      COUNT(purge_enomem);
      atomic_store_explicit(&purge_disabled, true, memory_order_relaxed);
      return false;
    case HK_OS_NEVER:
      return false;
    case HK_OS_REFUSED:
      break;
  }
  COUNT(purge_failed);
  if (hk_options_get()->madvise_strict != 0) {
    atomic_store_explicit(&purge_disabled, true, memory_order_relaxed);
  }
  return false;
}

void hk_os_touch(void *address, size_t bytes) {
  if (prims->zero != NULL) return; /* pages of others */
  for (size_t at = 0; at < bytes; at += hk_os_page_bytes()) *((volatile char *)address + at) = 0;
}

void hk_os_zero(void *address, size_t bytes) {
  if (prims->zero != NULL) {
    prims->zero(address, bytes);
  } else {
    memset(address, 0, bytes);
  }
}

void hk_os_advise_huge(void *address, size_t bytes, bool want) {
  (void)prims->advise_huge(address, bytes, want);
}

uint64_t hk_os_now_ns(void) { return prims->now_ns(); }

uint64_t hk_os_coarse_ns(void) {
  return prims->coarse_ns != NULL ? prims->coarse_ns() : prims->now_ns();
}

uint64_t hk_os_refusals(void) {
  return atomic_load_explicit(&counters.map_failed, memory_order_relaxed);
}

uintptr_t hk_os_thread_id(void) { return hk_os_prim_thread_id(); }

void hk_os_yield(void) { hk_os_prim_yield(); }

size_t hk_os_page_bytes(void) {
  static _Atomic size_t cached;
  size_t bytes = atomic_load_explicit(&cached, memory_order_relaxed);
  if (bytes == 0) {
    bytes = hk_os_prim_page_bytes();
    atomic_store_explicit(&cached, bytes, memory_order_relaxed);
  }
  return bytes;
}

size_t hk_os_round_to_pages(size_t bytes) {
  size_t page = hk_os_page_bytes();
  return (bytes + page - 1) & ~(page - 1);
}

void hk_os_stats(hk_os_stats_t *stats) {
#define READ(field) stats->field = atomic_load_explicit(&counters.field, memory_order_relaxed);
  HK_OS_STATS(READ)
#undef READ
  stats->purge_disabled = atomic_load_explicit(&purge_disabled, memory_order_relaxed);
}

void hk_os_replace(const hk_os_prims_t *replacement) {
  prims = replacement != NULL ? replacement : &hk_os_native;
  atomic_store_explicit(&purge_disabled, false, memory_order_relaxed);
}

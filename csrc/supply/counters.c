/* The counters have a mapping of their own, because a front's view of them may outlive the
 * arena. */
#include "supply/counters.h"

#include <string.h>

#include "cache/cache.h"
#include "os/os.h"
#include "os/spare.h"

typedef struct counters_page_t {
  hk_counters_t counters; /* first: what a front sees */
  _Atomic(uint32_t) holders;
} counters_page_t;

size_t hk_counters_bytes(void) { return hk_os_round_to_pages(sizeof(counters_page_t)); }

/* Writes only where something is not zero: most pages of counters were never touched, and a write
 * would make them take up memory. */
static void zero_used(counters_page_t *page) {
  static const char zeroes[512];
  for (size_t at = 0; at < sizeof *page; at += sizeof zeroes) {
    size_t rest = sizeof *page - at, bytes = rest < sizeof zeroes ? rest : sizeof zeroes;
    char *part = (char *)page + at;
    if (memcmp(part, zeroes, bytes) != 0) memset(part, 0, bytes);
  }
}

bool hk_counters_are_shared(const hk_counters_t *counters) {
  const counters_page_t *page = (const counters_page_t *)counters;
  return atomic_load_explicit((_Atomic(uint32_t) *)&page->holders, memory_order_acquire) > 1;
}

static hk_counters_t *use_again(hk_counters_t *counters) {
  zero_used((counters_page_t *)counters);
  atomic_store_explicit(&((counters_page_t *)counters)->holders, 2, memory_order_relaxed);
  return counters;
}

hk_counters_t *hk_counters_create(hk_counters_t *left) {
  if (left != NULL && !hk_counters_are_shared(left)) return use_again(left);
  bool fresh;
  counters_page_t *page = hk_cache_map_metadata(HK_SPARE_COUNTERS, hk_counters_bytes(), &fresh);
  if (page == NULL) return NULL;
  if (!fresh) zero_used(page);
  atomic_store_explicit(&page->holders, 1, memory_order_relaxed);
  return &page->counters;
}

void hk_counters_hold(hk_counters_t *counters) {
  counters_page_t *page = (counters_page_t *)counters;
  atomic_fetch_add_explicit(&page->holders, 1, memory_order_relaxed);
}

void hk_counters_drop(hk_counters_t *counters) {
  counters_page_t *page = (counters_page_t *)counters;
  if (atomic_fetch_sub_explicit(&page->holders, 1, memory_order_acq_rel) == 1) {
    hk_spare_put(HK_SPARE_COUNTERS, page, hk_counters_bytes());
  }
}

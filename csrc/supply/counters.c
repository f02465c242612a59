/* The counters have a mapping of their own, because a front's view of them may outlive the
 * arena. */
#include "supply/counters.h"

#include <string.h>

#include "base/assert.h"
#include "cache/cache.h"
#include "os/os.h"
#include "os/spare.h"

typedef struct counters_page_t {
  hk_counters_t counters; /* first: what a front sees */
  _Atomic(uint32_t) holders;
  bool are_zero; /* so that nothing is to be done before they are used again */
  bool are_seen; /* somebody beside the core has them, and may have written to any */
} counters_page_t;

size_t hk_counters_bytes(void) { return hk_os_round_to_pages(sizeof(counters_page_t)); }

void hk_counters_zero(void *counters, size_t bytes) {
  static const char zeroes[512];
  for (size_t at = 0; at < bytes; at += sizeof zeroes) {
    size_t rest = bytes - at, count = rest < sizeof zeroes ? rest : sizeof zeroes;
    char *part = (char *)counters + at;
    if (memcmp(part, zeroes, count) != 0) memset(part, 0, count);
  }
}

#if HK_DEBUG
static bool are_all_zero(const hk_counters_t *c) {
  return *(const char *)c == 0 && memcmp(c, (const char *)c + 1, sizeof *c - 1) == 0;
}
#endif

void hk_counters_note_zero(hk_counters_t *counters) {
  HK_ASSERT_SLOW(are_all_zero(counters));
  ((counters_page_t *)counters)->are_zero = true;
}

hk_counters_t *hk_counters_see(hk_counters_t *counters) {
  HK_WRITE_ONCE(((counters_page_t *)counters)->are_seen, true);
  return counters;
}

bool hk_counters_are_shared(const hk_counters_t *counters) {
  const counters_page_t *page = (const counters_page_t *)counters;
  return atomic_load_explicit((_Atomic(uint32_t) *)&page->holders, memory_order_acquire) > 1;
}

/* Zeroes what the core writes: sums of runs and huge mappings. */
static void zero_own(hk_counters_t *c) {
  double *const sums[] = {c->allocs.by_bin, c->frees.by_bin, c->live_bytes, c->live_block_bytes};
  for (int i = 0; i < 4; i++) {
    hk_counters_zero(&sums[i][HK_BIN_MAX], (HK_BIN_COUNT - HK_BIN_MAX) * sizeof(double));
  }
  c->seqlock = 0;
  HK_ASSERT_SLOW(are_all_zero(c));
}

static hk_counters_t *begin(counters_page_t *page, bool are_zero, uint32_t holders) {
  if (!are_zero && HK_READ_ONCE(page->are_seen)) {
    hk_counters_zero(page, sizeof *page);
  } else if (!are_zero) {
    zero_own(&page->counters);
  }
  page->are_zero = false;
  HK_WRITE_ONCE(page->are_seen, holders > 1);
  atomic_store_explicit(&page->holders, holders, memory_order_relaxed);
  return &page->counters;
}

hk_counters_t *hk_counters_create(hk_counters_t *left) {
  counters_page_t *page = (counters_page_t *)left;
  if (left != NULL && !hk_counters_are_shared(left)) return begin(page, page->are_zero, 2);
  bool fresh;
  page = hk_cache_map_metadata(HK_SPARE_COUNTERS, hk_counters_bytes(), &fresh);
  return page != NULL ? begin(page, fresh, 1) : NULL;
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

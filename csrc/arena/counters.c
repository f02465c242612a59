/* Life of the counters: memory of their own, because a front's view of them may outlive the arena. */
#include "arena/counters.h"

#include "arena/arena.h"
#include "os/os.h"

typedef struct counters_page_t {
  hk_counters_t counters; /* first: a front sees these bytes and no others of ours that matter */
  _Atomic(uint32_t) holders;
} counters_page_t;

static size_t page_bytes(void) { return hk_os_round_to_pages(sizeof(counters_page_t)); }

hk_counters_t *hk_counters_create(void) {
  counters_page_t *page = hk_os_map(page_bytes(), 1);
  if (page == NULL) return NULL;
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
    (void)hk_os_unmap(page, page_bytes());
  }
}

#include "cache/find.h"

#include "os/os.h"

hk_superslab_t *hk_find_free(hk_superslab_t *head, const hk_fit_request_t *request,
                             hk_quarantine_t *quarantine) {
  hk_superslab_t *best = NULL;
  uint64_t now_ns = hk_os_now_ns();
  for (hk_superslab_t *s = head; s != NULL; s = s->next) {
    bool waits = hk_quarantine_holds(s, now_ns);
    if (hk_fit_is_good(s, request) && (!waits || hk_fit_is_own(s, request))) {
      if (best == NULL || s->bytes < best->bytes) best = s;
      if (s->bytes == request->bytes) break;
    }
    quarantine->count += waits ? 1 : 0;
    quarantine->bytes += waits ? s->bytes : 0;
  }
  return best;
}

hk_superslab_t *hk_find_oldest(hk_superslab_t *tail, const hk_fit_request_t *request,
                               bool (*accepts)(const hk_superslab_t *, const hk_fit_request_t *)) {
  hk_superslab_t *oldest = tail;
  while (oldest != NULL && !accepts(oldest, request)) oldest = oldest->prev;
  return oldest;
}

hk_superslab_t *hk_find_warm(hk_superslab_t *head, const hk_fit_request_t *request,
                             hk_fit_order_t *is_better) {
  hk_superslab_t *best = NULL;
  for (hk_superslab_t *s = head; s != NULL; s = s->next) {
    if (hk_fit_is_movable(s, request) && is_better(s, best, request)) best = s;
  }
  return best;
}

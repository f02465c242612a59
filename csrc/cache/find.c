#include "cache/find.h"

#include "os/os.h"

/* One that has put none here need not look for it. */
static bool is_of(const hk_superslab_t *superslab, const hk_fit_request_t *request) {
  return !request->has_put || superslab->last_arena_id == request->arena_id;
}

static bool goes_first(const hk_superslab_t *superslab, const hk_superslab_t *best,
                       const hk_fit_request_t *request) {
  if (best == NULL || superslab->bytes != best->bytes)
    return best == NULL || superslab->bytes < best->bytes;
  return is_of(superslab, request) && !is_of(best, request);
}

hk_superslab_t *hk_find_free(hk_superslab_t *head, const hk_fit_request_t *request,
                             hk_quarantine_t *quarantine) {
  hk_superslab_t *best = NULL;
  uint64_t now_ns = hk_os_now_ns();
  for (hk_superslab_t *s = head; s != NULL; s = s->next) {
    bool waits = hk_quarantine_holds(s, now_ns);
    if (hk_fit_is_good(s, request) && (!waits || hk_fit_is_own(s, request))) {
      if (goes_first(s, best, request)) best = s;
      if (best->bytes == request->bytes && is_of(best, request)) break;
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

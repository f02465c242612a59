#include "cache/fit.h"

#include "os/os.h"

bool hk_fit_is_enough(const hk_superslab_t *superslab, const hk_fit_request_t *request) {
  return superslab->bytes >= request->bytes && superslab->bytes <= request->bytes_max &&
         hk_superslab_is_huge(superslab) == (request->bytes > HK_SUPERSLAB_BYTES);
}

bool hk_fit_is_good(const hk_superslab_t *superslab, const hk_fit_request_t *request) {
  return hk_fit_is_enough(superslab, request) &&
         superslab->bytes - request->bytes <= request->bytes / 8;
}

bool hk_fit_is_own(const hk_superslab_t *superslab, const hk_fit_request_t *request) {
  return superslab->last_arena_id == request->arena_id || superslab->cached_by == hk_os_thread_id();
}

bool hk_fit_is_movable(const hk_superslab_t *superslab, const hk_fit_request_t *request) {
  return superslab->warmth == HK_WARM && hk_superslab_is_huge(superslab) &&
         !superslab->was_exposed &&
         (request->shares_bytes || superslab->last_arena_id == request->arena_id);
}

size_t hk_fit_resident_bytes(const hk_superslab_t *superslab) {
  return superslab->bytes - superslab->purged_bytes;
}

/* Bytes of pages to add or to cut until it is as long as the request. */
static size_t distance(const hk_superslab_t *superslab, const hk_fit_request_t *request) {
  size_t there = hk_fit_resident_bytes(superslab), wanted = request->bytes;
  return there > wanted ? there - wanted : wanted - there;
}

bool hk_fit_is_nearer(const hk_superslab_t *superslab, const hk_superslab_t *best,
                      const hk_fit_request_t *request) {
  if (best == NULL) return distance(superslab, request) < request->bytes;
  return distance(superslab, request) < distance(best, request);
}

bool hk_fit_is_longer(const hk_superslab_t *superslab, const hk_superslab_t *best,
                      const hk_fit_request_t *request) {
  (void)request;
  return best == NULL || hk_fit_resident_bytes(superslab) > hk_fit_resident_bytes(best);
}

size_t hk_fit_warm_part(const hk_superslab_t *superslab, uint64_t room) {
  size_t resident = hk_fit_resident_bytes(superslab);
  if (resident <= room) return resident;
  return hk_superslab_is_huge(superslab) ? (size_t)room & ~(HK_SLAB_BYTES - 1) : 0;
}

#include "cache/join.h"

#include "cache/cache.h"
#include "super/extent.h"

/* Mappings that give pages to one that is too short. With two of them hardly a page is faulted in while there are
 * enough of them (malloc-large-like). */
#define DONORS_MAX 2

/* Ends what is too short for a huge mapping. */
static void put_rest(hk_superslab_t *superslab) {
  if (superslab->bytes > HK_SUPERSLAB_BYTES) {
    hk_cache_put_rest(superslab);
  } else {
    (void)hk_superslab_drop(superslab);
  }
}

/* In the cache it is what `of` was there. */
static void resemble(hk_superslab_t *rest, const hk_superslab_t *of) {
  rest->thp = of->thp;
  rest->policy = of->policy;
  rest->last_arena_id = of->last_arena_id;
  rest->cached_at_ns = of->cached_at_ns;
  rest->cached_by = of->cached_by;
}

/* The last `bytes` of its pages, or as many as can, become a mapping of their own, which goes back to the cache. false:
 * none of them. */
static bool cut_tail(hk_superslab_t *superslab, size_t bytes) {
  if (bytes <= HK_SUPERSLAB_BYTES) return false;
  hk_superslab_t *rest = hk_superslab_map(bytes);
  if (rest == NULL) return false;
  size_t moved = hk_extent_give(superslab, bytes, rest, 0);
  resemble(rest, superslab);
  rest->purged_bytes = bytes - moved;
  if (moved > HK_SUPERSLAB_BYTES) {
    hk_cache_put_rest(rest);
  } else {
    (void)hk_superslab_drop(rest);
  }
  return moved > 0;
}

/* Of shorter ones as many are kept as serve in turn, and a donor is missed itself. So they are not rounded, and what they
 * lack must be more. */
#define SHORT_MAX (4 * HK_SUPERSLAB_BYTES)

/* Longer ones are of few parts, because their lengths are multiples of this. */
#define LONG_STEP (HK_SUPERSLAB_BYTES / 4)

/* true: so many pages are faulted in sooner than taken from others, which may lose more. */
static bool is_little(size_t lacking, const hk_fit_request_t *request) {
  bool is_short = request->bytes < SHORT_MAX;
  return lacking <= (is_short ? HK_SUPERSLAB_BYTES : HK_SUPERSLAB_BYTES / 2);
}

/* Another one for a mapping that lacks so many bytes. NULL: none is to be had, or worth it. */
static hk_superslab_t *take_donor(size_t lacking, const hk_fit_request_t *request) {
  return is_little(lacking, request) ? NULL : hk_cache_take_warm(request, hk_fit_is_longer);
}

/* Gives `joined` pages from `at` on that `donor` has, which may be NULL, and others. */
static void fill(hk_superslab_t *joined, size_t at, hk_superslab_t *donor,
                 const hk_fit_request_t *request) {
  for (int i = 1; donor != NULL; i++) {
    size_t lacking = joined->bytes - at, there = hk_fit_resident_bytes(donor);
    size_t wanted = there < lacking ? there : lacking;
    size_t moved = hk_extent_give(donor, wanted, joined, at);
    put_rest(donor);
    at += moved;
    bool goes_on = i < DONORS_MAX && moved == wanted;
    donor = goes_on ? take_donor(joined->bytes - at, request) : NULL;
  }
}

/* Moves the pages of `first`, which are too few, and of others to a new mapping. NULL: nothing changed. */
static hk_superslab_t *gather(hk_superslab_t *first, const hk_fit_request_t *request) {
  hk_superslab_t *joined = hk_superslab_map(request->bytes);
  if (joined == NULL) return NULL;
  size_t all = hk_fit_resident_bytes(first), at = hk_extent_give(first, all, joined, 0);
  if (at == 0) {
    (void)hk_superslab_drop(joined);
    return NULL;
  }
  joined->last_arena_id = request->arena_id;
  put_rest(first);
  fill(joined, at, at == all ? take_donor(request->bytes - at, request) : NULL, request);
  return joined;
}

/* Makes it as long as the request. NULL: nothing changed. */
static hk_superslab_t *fit(hk_superslab_t *superslab, const hk_fit_request_t *request) {
  size_t there = hk_fit_resident_bytes(superslab), bytes = request->bytes;
  bool is_cut = there > bytes && cut_tail(superslab, there - bytes);
  if (is_cut && superslab->bytes == bytes) return superslab;
  /* One that lacks little grows where it is, if it can. */
  bool lacks = there < bytes && !is_little(bytes - there, request);
  if (!lacks && hk_extent_resize(superslab, bytes)) {
    superslab->purged_bytes = 0;
    return superslab;
  }
  hk_superslab_t *joined = there < bytes ? gather(superslab, request) : NULL;
  if (joined != NULL || !lacks) return joined;
  return hk_extent_resize(superslab, bytes) ? superslab : NULL;
}

static size_t length_for(const hk_fit_request_t *request) {
  size_t bytes = (request->bytes + LONG_STEP - 1) & ~(LONG_STEP - 1);
  bool rounds = request->bytes >= SHORT_MAX && bytes <= request->bytes_max;
  return rounds ? bytes : request->bytes;
}

hk_superslab_t *hk_join_take(const hk_fit_request_t *request) {
  if (!hk_os_can_move() || request->bytes <= HK_SUPERSLAB_BYTES) return NULL;
  hk_fit_request_t rounded = *request;
  rounded.bytes = length_for(request);
  hk_superslab_t *nearest = hk_cache_take_warm(&rounded, hk_fit_is_nearer);
  if (nearest == NULL) return NULL;
  hk_superslab_t *fitted = fit(nearest, &rounded);
  if (fitted == NULL) {
    put_rest(nearest);
  } else if (!request->urgent) {
    hk_cache_count_served();
  }
  return fitted;
}

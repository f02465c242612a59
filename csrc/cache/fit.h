/* Fit: which SuperSlab of the cache serves a request, and what of it has pages.
 *
 * Owns:      nothing.
 * Called by: find and cache, under its lock; join.
 * Calls:     os (threads by number).
 * Threads:   any.
 */
#ifndef HK_CACHE_FIT_H
#define HK_CACHE_FIT_H

#include "super/superslab.h"

typedef struct hk_fit_request_t {
  size_t bytes;
  uint64_t bytes_max; /* a huge one may be larger than `bytes`, but not than this */
  uint64_t arena_id;
  bool has_put;      /* the arena has put some into the cache */
  bool shares_bytes; /* what another arena left may stay there */
  bool urgent;       /* the OS refused to map one: even quarantine is no reason to refuse */
} hk_fit_request_t;

/* true: it is long enough, and not longer than the request allows. */
bool hk_fit_is_enough(const hk_superslab_t *superslab, const hk_fit_request_t *request);

/* true: it is long enough, and at most an eighth longer. */
bool hk_fit_is_good(const hk_superslab_t *superslab, const hk_fit_request_t *request);

/* true: the request comes from where late writes to it would come from, too. */
bool hk_fit_is_own(const hk_superslab_t *superslab, const hk_fit_request_t *request);

/* true: it is huge, its pages are there for the request, and nobody sees its addresses. */
bool hk_fit_is_movable(const hk_superslab_t *superslab, const hk_fit_request_t *request);

/* true: it serves the request better than `best`, which may be NULL. */
typedef bool hk_fit_order_t(const hk_superslab_t *superslab, const hk_superslab_t *best,
                            const hk_fit_request_t *request);

/* The one whose pages are nearest in number to the request, if it is not twice as many, comes first; or the one with
 * the most. */
hk_fit_order_t hk_fit_is_nearer, hk_fit_is_longer;

/* Bytes of pages that a warm one has. */
size_t hk_fit_resident_bytes(const hk_superslab_t *superslab);

/* Bytes of them that stay where there is `room`. Other than a huge one it stays whole or not at
 * all. */
size_t hk_fit_warm_part(const hk_superslab_t *superslab, uint64_t room);

#endif

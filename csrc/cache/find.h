/* Find: which entry of the cache serves a request.
 *
 * Owns:      nothing.
 * Called by: cache, under its lock.
 * Calls:     fit, quarantine, os (clock).
 * Threads:   any.
 */
#ifndef HK_CACHE_FIND_H
#define HK_CACHE_FIND_H

#include "cache/fit.h"
#include "cache/quarantine.h"

/* The smallest that fits and may be used at once, of those one that the arena had last, because it needs no zeroes, and
 * is what the arena keeps warm; and the youngest, from `head` on. NULL: none; `*quarantine` is what waits then. */
hk_superslab_t *hk_find_free(hk_superslab_t *head, const hk_fit_request_t *request,
                             hk_quarantine_t *quarantine);

/* The oldest of those that `accepts` likes; `tail` is the oldest of all. NULL: none. */
hk_superslab_t *hk_find_oldest(hk_superslab_t *tail, const hk_fit_request_t *request,
                               bool (*accepts)(const hk_superslab_t *, const hk_fit_request_t *));

/* Of those whose pages can be moved the best from `head` on. NULL: none. */
hk_superslab_t *hk_find_warm(hk_superslab_t *head, const hk_fit_request_t *request,
                             hk_fit_order_t *is_better);

#endif

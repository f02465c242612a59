/* Join: kept huge mappings are cut and joined for a request that none of them fits.
 *
 * Owns:      nothing.
 * Called by: superslabs.
 * Calls:     cache, fit, extent, superslab.
 * Threads:   any; what it works on it has taken from the cache.
 *
 * Lengths that change leave kept mappings of other lengths. Giving pages back where one is too long, and faulting new
 * ones in where it is too short, costs far more than moving them: the tail of one that is too long becomes a mapping
 * of its own, and what one lacks comes from others.
 */
#ifndef HK_CACHE_JOIN_H
#define HK_CACHE_JOIN_H

#include "cache/fit.h"

/* Takes a huge mapping that is as long as the request or hardly longer and has most of its pages; to be called when
 * hk_cache_take has found none. It is hardly rounded, because what is never touched would count as kept. The caller owns
 * it; it holds bytes of no other arena than the request allows. NULL: none is to be had. */
hk_superslab_t *hk_join_take(const hk_fit_request_t *request);

#endif

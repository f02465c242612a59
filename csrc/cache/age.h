/* Age: when the time of a SuperSlab in the cache has come.
 *
 * Owns:      nothing.
 * Called by: cache, under its lock.
 * Threads:   any.
 */
#ifndef HK_CACHE_AGE_H
#define HK_CACHE_AGE_H

#include "super/superslab.h"

/* What is purged between two looks at the clock. */
#define HK_AGE_PART_BYTES ((size_t)2 * HK_MIB)

/* What options say: an entry of that age goes back to the OS. */
uint64_t hk_age_ttl_ns(void);

/* true: it has that age. */
bool hk_age_is_reached(const hk_superslab_t *superslab, uint64_t now_ns);

/* true: its pages are to go back now. */
bool hk_age_is_due(const hk_superslab_t *superslab, uint64_t now_ns);

/* When there is something to do for it: its pages age first, then its addresses. What is warm stays
 * so for `warm_ns`, or until it has its age. */
uint64_t hk_age_due_ns(const hk_superslab_t *superslab, uint64_t warm_ns);

#endif

/* Age: when the time of a SuperSlab in the cache has come, and how long it must wait.
 *
 * Owns:      nothing.
 * Called by: cache, under its lock.
 * Threads:   any.
 */
#ifndef HK_SUPER_AGE_H
#define HK_SUPER_AGE_H

#include "super/superslab.h"

/* Longer than an operation of the system on memory usually takes. No setting shortens it. */
#define HK_QUARANTINE_NS ((uint64_t)10 * 1000000000)

/* The default limits of the cache, so that quarantine alone never makes a process larger than they
 * do. A SuperSlab takes two mappings of the 65,530 that a process may have on Linux: 256 of them
 * take less than a hundredth. */
#define HK_QUARANTINE_COUNT_MAX 256
#define HK_QUARANTINE_BYTES_MAX ((uint64_t)512 * HK_MIB)
/* Beyond so many times those limits, a mapping much larger than the request serves it, too. */
#define HK_QUARANTINE_CRAMMED 16

typedef struct hk_quarantine_t {
  uint64_t count, bytes; /* what waits there */
} hk_quarantine_t;

/* true: more waits than so many times those limits. */
bool hk_age_is_beyond(const hk_quarantine_t *quarantine, uint64_t times);

/* What is purged between two looks at the clock. */
#define HK_AGE_PART_BYTES ((size_t)2 * HK_MIB)

/* What options say: an entry of that age goes back to the OS. */
uint64_t hk_age_ttl_ns(void);

/* true: it has that age. */
bool hk_age_is_reached(const hk_superslab_t *superslab, uint64_t now_ns);

/* true: its pages are to go back now. */
bool hk_age_is_due(const hk_superslab_t *superslab, uint64_t now_ns);

/* true: late writes may still come, see cache.h. */
bool hk_age_is_quarantined(const hk_superslab_t *superslab, uint64_t now_ns);

/* When there is something to do for it: its pages age first, then its addresses. What is warm stays
 * so for `warm_ns`, or until it has its age. */
uint64_t hk_age_due_ns(const hk_superslab_t *superslab, uint64_t warm_ns);

#endif

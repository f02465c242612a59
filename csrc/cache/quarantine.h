/* Quarantine: how long a SuperSlab that JavaScript has seen is kept from others (I6), and how many may wait.
 *
 * Owns:      its length and limits.
 * Called by: cache.
 * Threads:   under the lock of the cache.
 */
#ifndef HK_CACHE_QUARANTINE_H
#define HK_CACHE_QUARANTINE_H

#include "os/os.h"
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

/* It has come to the cache. */
static inline void hk_quarantine_begin(hk_superslab_t *superslab, uint64_t now_ns) {
  bool waits = superslab->was_exposed && !superslab->settled;
  superslab->quarantined_until_ns = waits ? now_ns + HK_QUARANTINE_NS : 0;
  /* Late writes to what was lent may come from any thread. */
  superslab->cached_by = superslab->was_lent ? 0 : hk_os_thread_id();
}

static inline bool hk_quarantine_holds(const hk_superslab_t *superslab, uint64_t now_ns) {
  return superslab->quarantined_until_ns > now_ns;
}

/* What waits. */
typedef struct hk_quarantine_t {
  uint64_t count, bytes;
} hk_quarantine_t;

/* true: more than so many times the limits. */
static inline bool hk_quarantine_is_beyond(const hk_quarantine_t *quarantine, uint64_t times) {
  return quarantine->count > times * HK_QUARANTINE_COUNT_MAX ||
         quarantine->bytes > times * HK_QUARANTINE_BYTES_MAX;
}

#endif

/* Cache: empty SuperSlabs of the whole process, between owners.
 *
 * Owns:      SuperSlabs that belong to no arena; limits by count, bytes and age.
 * Called by: arena (supply, destroy, trim).
 * Calls:     superslab, os.
 * Threads:   any; one lock, never held across a system call.
 *
 * Quarantine (I6): memory that JavaScript has seen may still be written to by an I/O operation
 * under way, so a `seen` SuperSlab is unmapped only when it has been here for the TTL, even over
 * the limits; over the limits its pages are purged, so it costs address space alone.
 */
#ifndef HK_SUPER_CACHE_H
#define HK_SUPER_CACHE_H

#include "super/superslab.h"

typedef struct hk_cache_stats_t {
  uint64_t cached;       /* SuperSlabs here now */
  uint64_t cached_bytes; /* their address space */
  uint64_t put;          /* came here so far */
  uint64_t adopted;      /* handed out again so far */
} hk_cache_stats_t;

/* Takes a SuperSlab of `bytes` (a huge one may be up to an eighth larger, but never larger than
 * `bytes_max`), most recently cached first; NULL when there is none. The caller owns it; slots are
 * unused, contents are those of arena `last_arena_id` where dirty. */
hk_superslab_t *hk_cache_take(size_t bytes, uint64_t bytes_max);

/* Gives an unused SuperSlab to the cache, which owns it from here on. `policy`: HK_FREE_POLICY_KEEP, or
 * BATCH to give its pages back; with `may_wait` those of the last two SuperSlabs given wait for the next,
 * because arenas that come and go would fault them in again each time. Returns bytes purged. */
size_t hk_cache_put(hk_superslab_t *superslab, int64_t policy, bool may_wait);

/* Unmaps what limits and age say. `now_ns`: hk_os_now_ns(). */
void hk_cache_expire(uint64_t now_ns);

/* Gives back whatever may go now: unmaps what JavaScript has not seen, purges the rest. Returns bytes of
 * pages given back. */
size_t hk_cache_trim(void);

void hk_cache_stats(hk_cache_stats_t *stats);

#endif

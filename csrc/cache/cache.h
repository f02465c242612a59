/* Cache: empty SuperSlabs of the whole process, between owners.
 *
 * Owns:      SuperSlabs that belong to no arena; limits by count, bytes and age.
 * Called by: join, supply, stats, arena (decay); arena, counters and refill when they need metadata.
 * Calls:     age, find, fit, superslab, os, spare, lock.
 * Threads:   any; one lock, never held across a system call.
 *
 * Quarantine (I6): an operation of the system that is under way, such as a read or a
 * crypto.randomFill, may still write to memory that JavaScript has seen. So a SuperSlab that was
 * exposed is in quarantine for HK_QUARANTINE_NS after it came here.
 *   - It is not unmapped, whatever age and limits say; only its pages go back when they say so.
 *   - It serves only the arena that had it last and the thread that put it here, so that arenas
 *     that come and go in one thread reuse it. Beyond HK_QUARANTINE_COUNT_MAX or
 *     HK_QUARANTINE_BYTES_MAX, and when the OS refuses to map, the oldest serves anybody.
 *   - There is no quarantine once those who saw it have ended: Node waits for their operations.
 */
#ifndef HK_CACHE_CACHE_H
#define HK_CACHE_CACHE_H

#include "cache/fit.h"
#include "cache/quarantine.h"
#include "os/spare.h"

/* How long what an arena may soon need again keeps its pages, unless the TTL is shorter. */
#define HK_WARM_NS ((uint64_t)10 * 1000000000)

typedef struct hk_cache_stats_t {
  uint64_t cached;       /* SuperSlabs here now */
  uint64_t cached_bytes; /* their address space */
  uint64_t put;          /* put here so far */
  uint64_t adopted;      /* taken again so far */
  uint64_t misses;       /* requests that found nothing, of those that were not urgent */
  uint64_t evicted_count, evicted_bytes, expired; /* unmapped so far: beyond a limit, or by age */
  uint64_t quarantined; /* of those here now, as they are when the statistics are read */
} hk_cache_stats_t;

/* Takes a SuperSlab, the smallest that fits, of those one that the arena had last, and the most recently
 * cached. A huge one is at most an eighth larger than asked for, unless it comes out of an overfull
 * quarantine. The caller owns it. Its slots are unused; dirty ones hold bytes of arena `last_arena_id`, and
 * if it was exposed any slot may hold anything. NULL: the cache has none that fits. */
hk_superslab_t *hk_cache_take(const hk_fit_request_t *request);

/* Takes the best of the huge ones with their pages that nobody sees, for the caller, who owns it, to take pages from:
 * that touches fewer new ones than a new mapping would. NULL: none. */
hk_superslab_t *hk_cache_take_warm(const hk_fit_request_t *request, hk_fit_order_t *is_better);

/* What was taken so serves a request that hk_cache_take has counted as a miss. */
void hk_cache_count_served(void);

/* Puts back what is left of a huge one that was taken so: it is as old and as warm as before. */
void hk_cache_put_rest(hk_superslab_t *superslab);

/* Bytes of the largest that hk_cache_take would find, with its pages, for a request of up to
 * `bytes_max`; 0: none. Others may take it first. */
size_t hk_cache_largest_warm(const hk_fit_request_t *request);

/* What an arena says of a SuperSlab that it puts here. */
typedef struct hk_cache_terms_t {
  int64_t policy;      /* HK_FREE_POLICY_KEEP, or BATCH to give its pages back */
  bool may_wait;       /* the last two put keep their pages until others follow, because arenas that
                        * come and go would fault them in each time */
  uint64_t warm_bytes; /* so much of what the arena put last is warm: no limit applies to it, and it
                        * keeps its pages, until HK_WARM_NS have passed */
} hk_cache_terms_t;

/* Puts an unused SuperSlab into the cache, which owns it from then on. Returns bytes of pages given
 * back. */
size_t hk_cache_put(hk_superslab_t *superslab, const hk_cache_terms_t *terms);

/* Nothing of an arena stays warm. Returns bytes of pages given back. */
size_t hk_cache_cool(uint64_t arena_id);

/* Unmaps SuperSlabs beyond the limits of count, bytes and age. `now_ns`: hk_os_now_ns(). Returns
 * bytes of pages given back. */
size_t hk_cache_expire(uint64_t now_ns);

/* The same bit by bit, until `until_ns`; what is warm stays so for `warm_ns` at most. `*due_ns`: when
 * there is more to do; 0: at once, UINT64_MAX: nothing ages here. Costs little when that is not
 * yet. */
size_t hk_cache_decay(uint64_t now_ns, uint64_t warm_ns, uint64_t until_ns, uint64_t *due_ns);

/* Unmaps every SuperSlab that is not in quarantine and purges the others. Returns bytes of pages
 * given back. */
size_t hk_cache_trim(void);

/* Gives back what the process keeps, spare mappings too, because the OS refused a mapping. true:
 * address space has gone back, so that another try may succeed. */
bool hk_cache_make_room(void);

/* hk_spare_take, tried again after hk_cache_make_room. */
void *hk_cache_map_metadata(hk_spare_kind_t kind, size_t bytes, bool *fresh);

void hk_cache_stats(hk_cache_stats_t *stats);

/* Hold the lock while the process forks. */
void hk_cache_lock(void);
void hk_cache_unlock(void);

#endif

/* Cache: empty SuperSlabs of the whole process, between owners.
 *
 * Owns:      SuperSlabs that belong to no arena; limits by count, bytes and age.
 * Called by: arena (supply, destroy, trim).
 * Calls:     superslab, os.
 * Threads:   any; one lock, never held across a system call.
 *
 * Quarantine (I6): memory that JavaScript has seen may still be written to by an operation of the system that
 * is under way, a read or crypto.randomFill. For HK_QUARANTINE_NS after it came here a `seen` SuperSlab is
 * not unmapped, whatever TTL and limits say (its pages go when they say so, and it costs address space
 * alone), and serves nobody but its last arena and the thread that put it here: arenas that come and go in one thread use the same one again and again. Beyond
 * HK_QUARANTINE_COUNT_MAX or HK_QUARANTINE_BYTES_MAX in quarantine, and when the OS refuses to map, the one
 * that has been there longest serves anybody.
 * Not so when the world that saw it has ended: Node waits for its operations first.
 */
#ifndef HK_SUPER_CACHE_H
#define HK_SUPER_CACHE_H

#include "super/superslab.h"

/* Longer than an operation of the system on memory usually takes; no setting shortens it. */
#define HK_QUARANTINE_NS ((uint64_t)10 * 1000000000)

/* What the cache keeps by default, so that quarantine alone never makes a process larger than it. A SuperSlab
 * takes two of the mappings that a process may have, 65,530 on Linux: these are less than a hundredth. */
#define HK_QUARANTINE_COUNT_MAX 256
#define HK_QUARANTINE_BYTES_MAX ((uint64_t)512 * HK_MIB)
/* So many times that: mappings much larger than what is asked for are used as well. */
#define HK_QUARANTINE_CRAMMED 16

typedef struct hk_cache_stats_t {
  uint64_t cached;       /* SuperSlabs here now */
  uint64_t cached_bytes; /* their address space */
  uint64_t put;          /* came here so far */
  uint64_t adopted;      /* handed out again so far */
} hk_cache_stats_t;

typedef struct hk_cache_request_t {
  size_t bytes;
  uint64_t bytes_max; /* a huge one may be larger than `bytes`, but never than this */
  uint64_t arena_id;
  bool urgent; /* the OS has refused to map one: quarantine is no reason to refuse */
} hk_cache_request_t;

/* Takes a SuperSlab, most recently cached first; NULL when there is none. A huge one is up to an eighth larger
 * than asked for, or more out of an overfull quarantine. The caller owns it; slots are unused, contents are
 * those of arena `last_arena_id` where dirty, and anything where seen. */
hk_superslab_t *hk_cache_take(const hk_cache_request_t *request);

/* Gives an unused SuperSlab to the cache, which owns it from here on. `policy`: HK_FREE_POLICY_KEEP, or
 * BATCH to give its pages back; with `may_wait` those of the last two SuperSlabs given wait for the next,
 * because arenas that come and go would fault them in again each time. Returns bytes of pages given back. */
size_t hk_cache_put(hk_superslab_t *superslab, int64_t policy, bool may_wait);

/* Unmaps what limits and age say. `now_ns`: hk_os_now_ns(). Returns bytes of pages given back. */
size_t hk_cache_expire(uint64_t now_ns);

/* Gives back whatever may go now: unmaps what is not in quarantine, purges the rest. Returns bytes of
 * pages given back. */
size_t hk_cache_trim(void);

void hk_cache_stats(hk_cache_stats_t *stats);

#endif

#include "cache/cache.h"

#include <string.h>

#include "base/assert.h"
#include "base/options.h"
#include "cache/age.h"
#include "cache/find.h"
#include "cache/quarantine.h"
#include "os/lock.h"
#include "os/os.h"
#include "os/spare.h"

/* 4 MB: even a small arena has a slab in most classes, which is more than one SuperSlab. */
#define DEFERRED_MAX 2

/* A list of more is too long to be searched with every block that comes or goes. */
#define WARM_MAX 256

/* All fields under the lock. `head` is the most recently cached. */
static struct {
  hk_lock_t lock;
  hk_superslab_t *head, *tail;
  hk_superslab_t *deferred[DEFERRED_MAX]; /* those whose purge is deferred, youngest first */
  hk_cache_stats_t stats;
  uint64_t warm, warm_bytes; /* of them */
  uint64_t cooled;           /* no longer warm, and their pages are still to go */
  uint64_t due_ns;           /* hk_cache_decay has nothing to do before; 0: it is not known */
} cache = {.lock = HK_LOCK_INIT(HK_LOCK_RANK_CACHE)};

static void set_warmth(hk_superslab_t *superslab, hk_warmth_t warmth) {
  if (superslab->warmth == HK_WARM) {
    cache.warm--;
    cache.warm_bytes -= superslab->bytes;
  }
  cache.cooled -= superslab->warmth == HK_COOLED;
  superslab->warmth = warmth;
  cache.cooled += warmth == HK_COOLED;
  if (warmth == HK_WARM) {
    cache.warm++;
    cache.warm_bytes += superslab->bytes;
  }
}

static void unlink_entry(hk_superslab_t *superslab) {
  set_warmth(superslab, HK_COLD);
  for (int i = 0; i < DEFERRED_MAX; i++) {
    if (cache.deferred[i] == superslab) cache.deferred[i] = NULL;
  }
  *(superslab->prev != NULL ? &superslab->prev->next : &cache.head) = superslab->next;
  *(superslab->next != NULL ? &superslab->next->prev : &cache.tail) = superslab->prev;
  superslab->next = superslab->prev = NULL;
  cache.stats.cached--;
  cache.stats.cached_bytes -= superslab->bytes;
}

/* Inserts by age: at the head, unless its purge was deferred. */
static void insert_entry(hk_superslab_t *superslab) {
  hk_superslab_t *younger = NULL, *next = cache.head;
  while (next != NULL && next->cached_at_ns > superslab->cached_at_ns) {
    younger = next;
    next = next->next;
  }
  superslab->prev = younger;
  superslab->next = next;
  *(younger != NULL ? &younger->next : &cache.head) = superslab;
  *(next != NULL ? &next->prev : &cache.tail) = superslab;
  cache.due_ns = 0;
  cache.stats.cached++;
  cache.stats.cached_bytes += superslab->bytes;
}

/* What is warm is bounded by what arenas need, not by the limits of the cache. */
static bool is_over_count(uint64_t coming) {
  uint64_t count = cache.stats.cached - cache.warm + coming;
  return count > (uint64_t)hk_options_get()->superslab_max_cached;
}

static bool is_over_bytes(uint64_t coming) {
  uint64_t bytes = cache.stats.cached_bytes - cache.warm_bytes + coming;
  return bytes > (uint64_t)hk_options_get()->superslab_max_memory_mb * HK_MIB;
}

hk_superslab_t *hk_cache_take(const hk_fit_request_t *request) {
  hk_lock_acquire(&cache.lock);
  hk_quarantine_t quarantine = {0};
  hk_superslab_t *found = hk_find_free(cache.head, request, &quarantine);
  if (found == NULL && (hk_quarantine_is_beyond(&quarantine, 1) || request->urgent)) {
    found = hk_find_oldest(cache.tail, request, hk_fit_is_good);
  }
  /* A much larger mapping is worth its waste only where address space would grow without end. */
  if (found == NULL &&
      (hk_quarantine_is_beyond(&quarantine, HK_QUARANTINE_CRAMMED) || request->urgent)) {
    found = hk_find_oldest(cache.tail, request, hk_fit_is_enough);
  }
  if (found != NULL) {
    unlink_entry(found);
    cache.stats.adopted++;
  } else if (!request->urgent) {
    cache.stats.misses++;
  }
  hk_lock_release(&cache.lock);
  return found;
}

hk_superslab_t *hk_cache_take_warm(const hk_fit_request_t *request, hk_fit_order_t *is_better) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *best = hk_find_warm(cache.head, request, is_better);
  if (best != NULL) {
    unlink_entry(best);
    cache.stats.adopted++;
  }
  hk_lock_release(&cache.lock);
  return best;
}

void hk_cache_count_served(void) {
  hk_lock_acquire(&cache.lock);
  cache.stats.misses--;
  hk_lock_release(&cache.lock);
}

void hk_cache_put_rest(hk_superslab_t *superslab) {
  superslab->kept_bytes = 0;
  hk_lock_acquire(&cache.lock);
  insert_entry(superslab);
  set_warmth(superslab, HK_WARM);
  cache.stats.put++;
  hk_lock_release(&cache.lock);
}

size_t hk_cache_largest_warm(const hk_fit_request_t *request) {
  size_t largest = 0;
  hk_lock_acquire(&cache.lock);
  for (const hk_superslab_t *s = cache.head; s != NULL; s = s->next) {
    bool serves = hk_fit_is_movable(s, request) && hk_fit_is_enough(s, request);
    if (serves && s->bytes > largest) largest = s->bytes;
  }
  hk_lock_release(&cache.lock);
  return largest;
}

/* Defers the purge of `superslab`. Returns the one deferred longest, taken off the list, if it has
 * waited long enough, else NULL. */
static hk_superslab_t *defer_purge(hk_superslab_t *superslab) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *before = cache.deferred[DEFERRED_MAX - 1];
  if (before != NULL) unlink_entry(before);
  for (int i = DEFERRED_MAX - 1; i > 0; i--) cache.deferred[i] = cache.deferred[i - 1];
  insert_entry(superslab);
  cache.deferred[0] = superslab;
  hk_lock_release(&cache.lock);
  return before;
}

static void put_entry(hk_superslab_t *superslab) {
  hk_lock_acquire(&cache.lock);
  insert_entry(superslab);
  hk_lock_release(&cache.lock);
}

/* Its pages are to go now, but for `kept_bytes` at its beginning, unless they stay with it as its
 * arena's policy says. */
static void cool(hk_superslab_t *superslab, size_t kept_bytes) {
  superslab->kept_bytes = kept_bytes;
  set_warmth(superslab, superslab->policy == HK_FREE_POLICY_BATCH ? HK_COOLED : HK_COLD);
}

/* Of what an arena put here the youngest stay warm, as far as `room` reaches: to the byte, because
 * what goes beyond is soon to be faulted in again. */
static void cool_beyond(uint64_t arena_id, uint64_t room) {
  uint64_t count = 0;
  for (hk_superslab_t *s = cache.head; s != NULL; s = s->next) {
    if (s->warmth != HK_WARM) continue;
    size_t stays = ++count <= WARM_MAX ? hk_fit_resident_bytes(s) : 0;
    if (stays != 0 && s->last_arena_id == arena_id) {
      stays = hk_fit_warm_part(s, room);
      room -= stays;
    }
    if (stays < hk_fit_resident_bytes(s)) cool(s, stays);
  }
}

/* true: it came in, warm. */
static bool put_warm(hk_superslab_t *superslab, uint64_t room) {
  bool is_warm = superslab->bytes <= room;
  hk_lock_acquire(&cache.lock);
  cache.stats.put++;
  if (is_warm) {
    insert_entry(superslab);
    set_warmth(superslab, HK_WARM);
  }
  if (cache.warm > 0) cool_beyond(superslab->last_arena_id, room);
  hk_lock_release(&cache.lock);
  return is_warm;
}

/* Returns bytes of pages given back. */
static size_t put_cold(hk_superslab_t *superslab, bool may_wait) {
  hk_lock_acquire(&cache.lock);
  bool over = is_over_count(1) || is_over_bytes(superslab->bytes);
  hk_lock_release(&cache.lock);
  bool purge = superslab->policy == HK_FREE_POLICY_BATCH || over;
  if (purge && may_wait && !over && !hk_superslab_is_huge(superslab)) {
    superslab = defer_purge(superslab);
  }
  size_t purged = purge && superslab != NULL ? hk_superslab_purge(superslab) : 0;
  if (superslab != NULL) put_entry(superslab);
  return purged;
}

size_t hk_cache_put(hk_superslab_t *superslab, const hk_cache_terms_t *terms) {
  HK_ASSERT(superslab->used_slots == 0 && superslab->warmth == HK_COLD);
  HK_ASSERT(atomic_load_explicit(&superslab->owner, memory_order_relaxed) == NULL);
  uint64_t now_ns = superslab->cached_at_ns = hk_os_now_ns();
  superslab->purged_bytes = superslab->kept_bytes = 0;
  hk_quarantine_begin(superslab, now_ns);
  superslab->policy = (uint8_t)terms->policy;
  bool is_warm = put_warm(superslab, terms->warm_bytes);
  size_t purged = is_warm ? 0 : put_cold(superslab, terms->may_wait);
  return purged + hk_cache_expire(now_ns);
}

/* Warmth ends with age, at `warm_ns` at the latest. Entries are ordered by age. */
static void cool_aged(uint64_t now_ns, uint64_t warm_ns) {
  uint64_t ttl_ns = hk_age_ttl_ns(), age_ns = ttl_ns < warm_ns ? ttl_ns : warm_ns;
  for (hk_superslab_t *s = cache.tail; s != NULL; s = s->prev) {
    if (s->cached_at_ns + age_ns > now_ns) return;
    if (s->warmth == HK_WARM) cool(s, 0);
  }
}

/* Takes the oldest entry that may be unmapped off the list. NULL: none. */
static hk_superslab_t *take_expired(uint64_t now_ns) {
  hk_lock_acquire(&cache.lock);
  if (cache.warm > 0) cool_aged(now_ns, HK_WARM_NS);
  hk_superslab_t *oldest = cache.tail;
  bool over_count = is_over_count(0), over = over_count || is_over_bytes(0);
  while (oldest != NULL && (oldest->warmth == HK_WARM || hk_quarantine_holds(oldest, now_ns))) {
    oldest = oldest->prev;
  }
  /* If the oldest is young only the limits can ask for it. */
  bool aged = oldest != NULL && hk_age_is_reached(oldest, now_ns);
  if (!over && !aged) oldest = NULL;
  if (oldest != NULL) {
    unlink_entry(oldest);
    hk_cache_stats_t *s = &cache.stats;
    ++*(aged ? &s->expired : over_count ? &s->evicted_count : &s->evicted_bytes);
  }
  hk_lock_release(&cache.lock);
  return oldest;
}

/* Takes an entry off the list whose pages are to go back. NULL: none. */
static hk_superslab_t *take_due(uint64_t now_ns) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *oldest = cache.tail;
  while (oldest != NULL && !hk_age_is_due(oldest, now_ns)) {
    bool more = cache.cooled > 0 || hk_age_is_reached(oldest, now_ns);
    oldest = more ? oldest->prev : NULL;
  }
  if (oldest != NULL) unlink_entry(oldest);
  hk_lock_release(&cache.lock);
  return oldest;
}

/* Purges a part of an entry that take_due took. Returns bytes of pages given back. */
static size_t purge_part(hk_superslab_t *superslab, bool whole) {
  bool is_over;
  size_t bytes = hk_superslab_purge_part(superslab, whole ? SIZE_MAX : HK_AGE_PART_BYTES, &is_over);
  hk_lock_acquire(&cache.lock);
  insert_entry(superslab);
  if (!is_over)
    set_warmth(superslab, HK_COOLED);
  else if (superslab->kept_bytes != 0)
    set_warmth(superslab, HK_WARM);
  hk_lock_release(&cache.lock);
  return bytes;
}

/* Works until `until_ns`; sets `*is_over` if that was enough. Returns bytes of pages given back. */
static size_t age(uint64_t now_ns, uint64_t until_ns, bool *is_over) {
  size_t bytes = 0, purged = 1;
  hk_superslab_t *superslab;
  while ((superslab = take_expired(now_ns)) != NULL) {
    bytes += hk_superslab_drop(superslab);
    if (hk_os_now_ns() >= until_ns) return bytes;
  }
  while (purged != 0 && (superslab = take_due(now_ns)) != NULL) {
    bytes += purged = purge_part(superslab, until_ns == UINT64_MAX);
    if (hk_os_now_ns() >= until_ns) return bytes;
  }
  *is_over = true;
  return bytes;
}

size_t hk_cache_expire(uint64_t now_ns) {
  bool is_over;
  return age(now_ns, UINT64_MAX, &is_over);
}

size_t hk_cache_decay(uint64_t now_ns, uint64_t warm_ns, uint64_t until_ns, uint64_t *due_ns) {
  bool is_over = false;
  hk_lock_acquire(&cache.lock);
  *due_ns = cache.due_ns;
  if (*due_ns <= now_ns) cool_aged(now_ns, warm_ns);
  hk_lock_release(&cache.lock);
  if (*due_ns > now_ns) return 0;
  size_t bytes = age(now_ns, until_ns, &is_over);
  hk_lock_acquire(&cache.lock);
  cache.due_ns = is_over ? UINT64_MAX : 0;
  for (const hk_superslab_t *s = cache.head; s != NULL && is_over; s = s->next) {
    uint64_t due = hk_age_due_ns(s, warm_ns);
    if (due < cache.due_ns) cache.due_ns = due;
  }
  *due_ns = cache.due_ns;
  hk_lock_release(&cache.lock);
  return bytes;
}

size_t hk_cache_cool(uint64_t arena_id) {
  hk_lock_acquire(&cache.lock);
  if (cache.warm > 0) cool_beyond(arena_id, 0);
  hk_lock_release(&cache.lock);
  return hk_cache_expire(hk_os_now_ns());
}

/* Takes every entry, the youngest first. */
static hk_superslab_t *take_all(void) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *all = cache.head;
  for (hk_superslab_t *s = all; s != NULL; s = s->next) {
    set_warmth(s, HK_COLD);
    cache.stats.cached_bytes -= s->bytes;
  }
  cache.stats.cached = 0;
  cache.head = cache.tail = NULL;
  memset(cache.deferred, 0, sizeof cache.deferred);
  hk_lock_release(&cache.lock);
  return all;
}

size_t hk_cache_trim(void) {
  size_t bytes = 0;
  uint64_t now_ns = hk_os_now_ns();
  hk_superslab_t *next;
  for (hk_superslab_t *s = take_all(); s != NULL; s = next) {
    next = s->next;
    if (hk_quarantine_holds(s, now_ns)) {
      bytes += hk_superslab_purge(s);
      put_entry(s);
    } else {
      bytes += hk_superslab_drop(s);
    }
  }
  return bytes;
}

bool hk_cache_make_room(void) {
  hk_superslab_stats_t before, after;
  hk_superslab_stats(&before);
  (void)hk_cache_trim();
  hk_superslab_stats(&after);
  return hk_spare_trim() > 0 || after.unmapped != before.unmapped;
}

void *hk_cache_map_metadata(hk_spare_kind_t kind, size_t bytes, bool *fresh) {
  void *address = hk_spare_take(kind, bytes, fresh);
  if (address == NULL && hk_cache_make_room()) address = hk_spare_take(kind, bytes, fresh);
  return address;
}

void hk_cache_stats(hk_cache_stats_t *stats) {
  uint64_t now_ns = hk_os_now_ns();
  hk_lock_acquire_to_read(&cache.lock);
  *stats = cache.stats;
  for (const hk_superslab_t *s = cache.head; s != NULL; s = s->next) {
    if (s->cached_at_ns + HK_QUARANTINE_NS < now_ns) break;
    stats->quarantined += hk_quarantine_holds(s, now_ns);
  }
  hk_lock_release(&cache.lock);
}

void hk_cache_lock(void) { hk_lock_acquire(&cache.lock); }
void hk_cache_unlock(void) { hk_lock_release(&cache.lock); }

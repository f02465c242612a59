#include "super/cache.h"

#include <string.h>

#include "base/assert.h"
#include "base/options.h"
#include "os/lock.h"
#include "os/os.h"
#include "os/spare.h"

/* 4 MB: even a small arena has a slab in most classes, which is more than one SuperSlab. */
#define DEFERRED_MAX 2

/* All fields under the lock. `head` is the most recently cached. */
static struct {
  hk_lock_t lock;
  hk_superslab_t *head, *tail;
  hk_superslab_t *deferred[DEFERRED_MAX]; /* those whose purge is deferred, youngest first */
  hk_cache_stats_t stats;
} cache = {.lock = HK_LOCK_INIT(HK_LOCK_RANK_CACHE)};

static void unlink_entry(hk_superslab_t *superslab) {
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
  cache.stats.cached++;
  cache.stats.cached_bytes += superslab->bytes;
}

static bool is_over_limits(uint64_t count, uint64_t bytes) {
  const hk_options_t *options = hk_options_get();
  return count > (uint64_t)options->superslab_max_cached ||
         bytes > (uint64_t)options->superslab_max_memory_mb * HK_MIB;
}

static bool is_quarantined(const hk_superslab_t *superslab, uint64_t now_ns) {
  return superslab->quarantined_until_ns > now_ns;
}

static bool fits(const hk_superslab_t *superslab, const hk_cache_request_t *request) {
  return superslab->bytes >= request->bytes && superslab->bytes <= request->bytes_max &&
         hk_superslab_is_huge(superslab) == (request->bytes > HK_SUPERSLAB_BYTES);
}

static bool fits_well(const hk_superslab_t *superslab, const hk_cache_request_t *request) {
  return fits(superslab, request) && superslab->bytes - request->bytes <= request->bytes / 8;
}

/* true: the request comes from where late writes to it would come from, too. */
static bool is_own(const hk_superslab_t *superslab, const hk_cache_request_t *request) {
  return superslab->last_arena_id == request->arena_id || superslab->cached_by == hk_os_thread_id();
}

typedef struct quarantine_t {
  uint64_t count, bytes;
} quarantine_t;

static bool is_beyond(const quarantine_t *quarantine, uint64_t times) {
  return quarantine->count > times * HK_QUARANTINE_COUNT_MAX ||
         quarantine->bytes > times * HK_QUARANTINE_BYTES_MAX;
}

/* The youngest that fits and may be used at once. NULL: none; `*quarantine` is what waits then. */
static hk_superslab_t *find_free(const hk_cache_request_t *request, quarantine_t *quarantine) {
  uint64_t now_ns = hk_os_now_ns();
  for (hk_superslab_t *s = cache.head; s != NULL; s = s->next) {
    bool waits = is_quarantined(s, now_ns);
    if (fits_well(s, request) && (!waits || is_own(s, request))) return s;
    quarantine->count += waits ? 1 : 0;
    quarantine->bytes += waits ? s->bytes : 0;
  }
  return NULL;
}

static hk_superslab_t *find_oldest(const hk_cache_request_t *request,
                                   bool (*accepts)(const hk_superslab_t *,
                                                   const hk_cache_request_t *)) {
  hk_superslab_t *oldest = cache.tail;
  while (oldest != NULL && !accepts(oldest, request)) oldest = oldest->prev;
  return oldest;
}

hk_superslab_t *hk_cache_take(const hk_cache_request_t *request) {
  hk_lock_acquire(&cache.lock);
  quarantine_t quarantine = {0};
  hk_superslab_t *found = find_free(request, &quarantine);
  if (found == NULL && (is_beyond(&quarantine, 1) || request->urgent)) {
    found = find_oldest(request, fits_well);
  }
  /* A much larger mapping is worth its waste only where address space would grow without end. */
  if (found == NULL && (is_beyond(&quarantine, HK_QUARANTINE_CRAMMED) || request->urgent)) {
    found = find_oldest(request, fits);
  }
  if (found != NULL) {
    unlink_entry(found);
    cache.stats.adopted++;
  }
  hk_lock_release(&cache.lock);
  return found;
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

static void set_quarantine(hk_superslab_t *superslab, uint64_t now_ns) {
  bool waits = superslab->was_exposed && !superslab->settled;
  superslab->quarantined_until_ns = waits ? now_ns + HK_QUARANTINE_NS : 0;
  superslab->cached_by = hk_os_thread_id();
}

static void put_entry(hk_superslab_t *superslab) {
  hk_lock_acquire(&cache.lock);
  insert_entry(superslab);
  hk_lock_release(&cache.lock);
}

size_t hk_cache_put(hk_superslab_t *superslab, int64_t policy, bool may_wait) {
  HK_ASSERT(superslab->used_slots == 0);
  HK_ASSERT(atomic_load_explicit(&superslab->owner, memory_order_relaxed) == NULL);
  hk_lock_acquire(&cache.lock);
  cache.stats.put++;
  hk_cache_stats_t now = cache.stats;
  hk_lock_release(&cache.lock);
  bool over = is_over_limits(now.cached + 1, now.cached_bytes + superslab->bytes);
  bool purge = policy == HK_FREE_POLICY_BATCH || over;
  uint64_t now_ns = superslab->cached_at_ns = hk_os_now_ns();
  set_quarantine(superslab, now_ns);
  if (purge && may_wait && !over && !hk_superslab_is_huge(superslab)) {
    superslab = defer_purge(superslab);
  }
  size_t purged = purge && superslab != NULL ? hk_superslab_purge(superslab) : 0;
  if (superslab != NULL) put_entry(superslab);
  return purged + hk_cache_expire(now_ns);
}

static bool is_aged(const hk_superslab_t *superslab, uint64_t now_ns) {
  uint64_t ttl_ns = (uint64_t)hk_options_get()->superslab_ttl_sec * 1000000000u;
  return superslab->cached_at_ns + ttl_ns <= now_ns;
}

/* Takes the oldest entry that may be unmapped off the list. NULL: none. */
static hk_superslab_t *take_expired(uint64_t now_ns) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *oldest = cache.tail;
  bool over = is_over_limits(cache.stats.cached, cache.stats.cached_bytes);
  while (oldest != NULL && is_quarantined(oldest, now_ns)) oldest = oldest->prev;
  /* Entries are ordered by age, so if the oldest is young only the limits can ask for it. */
  if (oldest != NULL && !over && !is_aged(oldest, now_ns)) oldest = NULL;
  if (oldest != NULL) unlink_entry(oldest);
  hk_lock_release(&cache.lock);
  return oldest;
}

/* Takes an entry in quarantine off the list that is old enough to give its pages back. NULL:
 * none. */
static hk_superslab_t *take_touched(uint64_t now_ns) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *oldest = cache.tail;
  while (oldest != NULL && is_aged(oldest, now_ns) && oldest->dirty_slots == 0) {
    oldest = oldest->prev;
  }
  if (oldest != NULL && !is_aged(oldest, now_ns)) oldest = NULL;
  if (oldest != NULL) unlink_entry(oldest);
  hk_lock_release(&cache.lock);
  return oldest;
}

/* Returns bytes of pages given back. */
static size_t unmap_entry(hk_superslab_t *superslab) {
  size_t bytes = hk_superslab_dirty_bytes(superslab);
  return hk_superslab_unmap(superslab) ? bytes : 0;
}

size_t hk_cache_expire(uint64_t now_ns) {
  size_t bytes = 0, purged = 1;
  hk_superslab_t *superslab;
  while ((superslab = take_expired(now_ns)) != NULL) bytes += unmap_entry(superslab);
  while (purged != 0 && (superslab = take_touched(now_ns)) != NULL) {
    purged = hk_superslab_purge(superslab);
    bytes += purged;
    put_entry(superslab);
  }
  return bytes;
}

/* Takes every entry, the youngest first. */
static hk_superslab_t *take_all(void) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *all = cache.head;
  for (hk_superslab_t *s = all; s != NULL; s = s->next) cache.stats.cached_bytes -= s->bytes;
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
    if (is_quarantined(s, now_ns)) {
      bytes += hk_superslab_purge(s);
      put_entry(s);
    } else {
      bytes += unmap_entry(s);
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

void *hk_cache_map_metadata(size_t bytes, bool *fresh) {
  void *address = hk_spare_take(bytes, fresh);
  if (address == NULL && hk_cache_make_room()) address = hk_spare_take(bytes, fresh);
  return address;
}

void hk_cache_stats(hk_cache_stats_t *stats) {
  hk_lock_acquire(&cache.lock);
  *stats = cache.stats;
  hk_lock_release(&cache.lock);
}

void hk_cache_lock(void) { hk_lock_acquire(&cache.lock); }
void hk_cache_unlock(void) { hk_lock_release(&cache.lock); }

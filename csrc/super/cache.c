#include "super/cache.h"

#include "base/assert.h"
#include "base/options.h"
#include "os/lock.h"
#include "os/os.h"

/* All fields: the lock. `head` is the most recently cached. */
static struct {
  hk_lock_t lock;
  hk_superslab_t *head, *tail;
  hk_cache_stats_t stats;
} cache = {.lock = HK_LOCK_INIT(HK_LOCK_RANK_CACHE)};

static void unlink_entry(hk_superslab_t *superslab) {
  *(superslab->prev != NULL ? &superslab->prev->next : &cache.head) = superslab->next;
  *(superslab->next != NULL ? &superslab->next->prev : &cache.tail) = superslab->prev;
  superslab->next = superslab->prev = NULL;
  cache.stats.cached--;
  cache.stats.cached_bytes -= superslab->bytes;
}

static void push_entry(hk_superslab_t *superslab) {
  superslab->prev = NULL;
  superslab->next = cache.head;
  *(cache.head != NULL ? &cache.head->prev : &cache.tail) = superslab;
  cache.head = superslab;
  cache.stats.cached++;
  cache.stats.cached_bytes += superslab->bytes;
}

static bool is_over_limits(uint64_t count, uint64_t bytes) {
  const hk_options_t *options = hk_options_get();
  return count > (uint64_t)options->superslab_max_cached ||
         bytes > (uint64_t)options->superslab_max_memory_mb * HK_MIB;
}

static bool fits(const hk_superslab_t *superslab, size_t bytes, uint64_t bytes_max) {
  return superslab->bytes >= bytes && superslab->bytes - bytes <= bytes / 8 &&
         superslab->bytes <= bytes_max &&
         hk_superslab_is_huge(superslab) == (bytes > HK_SUPERSLAB_BYTES);
}

hk_superslab_t *hk_cache_take(size_t bytes, uint64_t bytes_max) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *found = cache.head;
  while (found != NULL && !fits(found, bytes, bytes_max)) found = found->next;
  if (found != NULL) {
    unlink_entry(found);
    cache.stats.adopted++;
  }
  hk_lock_release(&cache.lock);
  return found;
}

size_t hk_cache_put(hk_superslab_t *superslab, int64_t policy) {
  HK_ASSERT(superslab->used_slots == 0);
  HK_ASSERT(atomic_load_explicit(&superslab->owner, memory_order_relaxed) == NULL);
  hk_cache_stats_t now;
  hk_cache_stats(&now);
  bool purge = policy == HK_FREE_POLICY_BATCH ||
               is_over_limits(now.cached + 1, now.cached_bytes + superslab->bytes);
  size_t purged = purge ? hk_superslab_purge(superslab) : 0;
  superslab->cached_at_ns = hk_os_now_ns();
  uint64_t now_ns = superslab->cached_at_ns;
  hk_lock_acquire(&cache.lock);
  push_entry(superslab);
  cache.stats.put++;
  hk_lock_release(&cache.lock);
  hk_cache_expire(now_ns);
  return purged;
}

/* The oldest entry that may go now, taken off the list; NULL: none. */
static hk_superslab_t *take_expired(uint64_t now_ns) {
  uint64_t ttl_ns = (uint64_t)hk_options_get()->superslab_ttl_sec * 1000000000u;
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *oldest = cache.tail;
  bool over = is_over_limits(cache.stats.cached, cache.stats.cached_bytes);
  while (oldest != NULL) {
    bool aged = oldest->cached_at_ns + ttl_ns <= now_ns;
    if (aged || (over && !oldest->seen)) break;
    /* Entries are ordered by age: past the first young one, only the limits can ask for more. */
    oldest = over ? oldest->prev : NULL;
  }
  if (oldest != NULL) unlink_entry(oldest);
  hk_lock_release(&cache.lock);
  return oldest;
}

void hk_cache_expire(uint64_t now_ns) {
  hk_superslab_t *superslab;
  while ((superslab = take_expired(now_ns)) != NULL) (void)hk_superslab_unmap(superslab);
}

/* Takes the whole list off the cache, oldest last. */
static hk_superslab_t *take_all(void) {
  hk_lock_acquire(&cache.lock);
  hk_superslab_t *all = cache.head;
  for (hk_superslab_t *s = all; s != NULL; s = s->next) cache.stats.cached_bytes -= s->bytes;
  cache.stats.cached = 0;
  cache.head = cache.tail = NULL;
  hk_lock_release(&cache.lock);
  return all;
}

/* Puts one back behind those that have come meanwhile, which are younger. */
static void append_entry(hk_superslab_t *superslab) {
  hk_lock_acquire(&cache.lock);
  superslab->next = NULL;
  superslab->prev = cache.tail;
  *(cache.tail != NULL ? &cache.tail->next : &cache.head) = superslab;
  cache.tail = superslab;
  cache.stats.cached++;
  cache.stats.cached_bytes += superslab->bytes;
  hk_lock_release(&cache.lock);
}

size_t hk_cache_trim(void) {
  size_t bytes = 0;
  hk_superslab_t *next;
  for (hk_superslab_t *s = take_all(); s != NULL; s = next) {
    next = s->next;
    if (s->seen) {
      bytes += hk_superslab_purge(s);
      append_entry(s);
    } else {
      bytes += hk_superslab_dirty_bytes(s);
      (void)hk_superslab_unmap(s);
    }
  }
  return bytes;
}

void hk_cache_stats(hk_cache_stats_t *stats) {
  hk_lock_acquire(&cache.lock);
  *stats = cache.stats;
  hk_lock_release(&cache.lock);
}

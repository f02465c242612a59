/* Tests of the cache: its limits, on an OS and a clock of their own. */
#ifndef HK_TEST_CACHE_LIMITS_H
#define HK_TEST_CACHE_LIMITS_H

#include "support.h"

#define SECOND_NS ((uint64_t)1000000000)

/* Every test starts with an empty cache, a fake OS and these limits. */
static inline hk_options_t *begin(int64_t max_cached, int64_t ttl_sec, int64_t policy) {
  fake_os_begin();
  hk_options_t *options = hk_test_options();
  options->superslab_max_cached = max_cached;
  options->superslab_max_memory_mb = 512;
  options->superslab_ttl_sec = ttl_sec;
  options->free_policy = policy;
  return options;
}

static inline void end(void) { fake_os_end(); }

static inline uint64_t cached(void) {
  hk_cache_stats_t stats;
  hk_cache_stats(&stats);
  return stats.cached;
}

#endif

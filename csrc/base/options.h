/* Process-wide options: one table, read from the environment once.
 *
 * Owns:      names, defaults, ranges and values of the HAKMEM_* variables.
 * Called by: everybody.
 * Threads:   any; the first hk_options_get reads the environment, then the values are constant.
 * A bad value counts as the default and leaves a warning as data, because the core never prints.
 */
#ifndef HK_BASE_OPTIONS_H
#define HK_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(field, environment name, default, min, max, choices or NULL, unit, meaning).
 * An option with choices takes one of their words, and its value is the index of the word. */
#define HK_OPTION_LIST(X)                                                                         \
  X(policy_profile, "HAKMEM_TINY_POLICY_PROFILE", 0, 0, 6,                                        \
    "default|lean|legacy|c5_7_only|tinyplus_all|bench|larson_guard", "",                          \
    "lean: keeps less: other defaults where HK_LEAN_LIST says so, fewer empty slabs; the other "  \
    "names are those of old, and default here")                                                   \
  X(max_memory_mb, "HAKMEM_MAX_MEMORY_MB", 0, 0, 134217728, NULL, "MB",                           \
    "limit on the address space of all SuperSlabs and huge mappings that arenas hold; 0: none, "  \
    "auto: three quarters of the memory that the machine, or its control group, lets the "        \
    "process have")                                                                               \
  X(superslab_max_cached, "HAKMEM_SUPERSLAB_MAX_CACHED", 256, 0, 1048576, NULL, "SuperSlabs",     \
    "empty SuperSlabs kept for reuse")                                                            \
  X(superslab_max_memory_mb, "HAKMEM_SUPERSLAB_MAX_MEMORY_MB", 512, 0, 1048576, NULL, "MB",       \
    "address space of the SuperSlabs kept for reuse")                                             \
  X(superslab_ttl_sec, "HAKMEM_SUPERSLAB_TTL_SEC", 60, 0, 86400, NULL, "s",                       \
    "age at which a kept SuperSlab is unmapped; one that was exposed, never before 10 s")         \
  X(purge_delay_ms, "HAKMEM_PURGE_DELAY_MS", 2000, -1, 86400000, NULL, "ms",                      \
    "age at which pages of free memory have gone back to the OS; 0: at once, -1: never")          \
  X(free_policy, "HAKMEM_FREE_POLICY", 1, 0, 1, "keep|batch", "",                                 \
    "keep: pages stay when a SuperSlab is kept for reuse; batch: they go back to the OS")         \
  X(thp, "HAKMEM_THP", 0, 0, 2, "auto|always|never", "",                                          \
    "transparent huge pages for SuperSlabs; auto leaves the system's setting alone")              \
  X(madvise_strict, "HAKMEM_SS_MADVISE_STRICT", 0, 0, 1, NULL, "",                                \
    "1: a purge refused with EINVAL also stops further purging")                                  \
  X(tiny_heap_v2, "HAKMEM_TINY_HEAP_V2", 1, 0, 1, NULL, "",                                       \
    "0: fronts in JavaScript keep blocks, but no views, unless an arena says otherwise")          \
  X(heap_stats_dump, "HAKMEM_TINY_HEAP_STATS_DUMP", 0, 0, 1, NULL, "",                            \
    "1: print the HEAP_STATS lines at exit")                                                      \
  X(ss_stats_dump, "HAKMEM_SS_STATS_DUMP", 0, 0, 1, NULL, "",                                     \
    "1: print the SS_STATS lines at exit")                                                         \
  X(ss_os_stats, "HAKMEM_SS_OS_STATS", 0, 0, 1, NULL, "",                                         \
    "1: print the SS_OS_STATS line at exit") \
  X(c7_page_stats_dump, "HAKMEM_TINY_C7_PAGE_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the C7_PAGE_STATS line at exit") \
  X(warm_stats_dump, "HAKMEM_WARM_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the WARM lines at exit") \
  X(tiny_stats_dump, "HAKMEM_TINY_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the TINY_STATS lines at exit") \
  X(ss_os_stats_dump, "HAKMEM_SS_OS_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the SS_OS_STATS line at exit") \
  X(cache_stats_dump, "HAKMEM_CACHE_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the CACHE_STATS line at exit") \
  X(lock_stats_dump, "HAKMEM_LOCK_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the LOCK_STATS line at exit") \
  X(mem_stats_dump, "HAKMEM_MEM_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the MEM_STATS line at exit") \
  X(front_stats_dump, "HAKMEM_FRONT_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the FRONT lines at exit") \
  X(decay_stats_dump, "HAKMEM_DECAY_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the DECAY line at exit") \
  X(policy_stats_dump, "HAKMEM_POLICY_STATS_DUMP", 0, 0, 1, NULL, "", "1: print the POLICY line at exit")

/* X(field, default of the profile `lean`). */
#define HK_LEAN_LIST(X) \
  X(superslab_max_cached, 16) X(superslab_max_memory_mb, 32) X(superslab_ttl_sec, 10)

/* Value of HAKMEM_MAX_MEMORY_MB=auto. */
enum { HK_MAX_MEMORY_AUTO = -1 };
enum { HK_PROFILE_DEFAULT, HK_PROFILE_LEAN };
enum { HK_FREE_POLICY_KEEP, HK_FREE_POLICY_BATCH };
enum { HK_THP_AUTO, HK_THP_ALWAYS, HK_THP_NEVER };

typedef struct hk_options_t {
#define HK_OPTION_FIELD(field, env, def, min, max, choices, unit, meaning) int64_t field;
  HK_OPTION_LIST(HK_OPTION_FIELD)
#undef HK_OPTION_FIELD
} hk_options_t;

/* One row of the table as data, for reports and for checks of the documentation. */
typedef struct hk_option_info_t {
  const char *name, *choices, *unit, *meaning;
  int64_t default_value, min, max;
  size_t offset; /* of the value in hk_options_t */
} hk_option_info_t;

/* The options of this process. */
const hk_options_t *hk_options_get(void);

/* The table; `*count` receives its length. */
const hk_option_info_t *hk_options_table(size_t *count);

/* Parses one value into `*value`. false: bad value, `*value` untouched. */
bool hk_options_parse(const hk_option_info_t *info, const char *text, int64_t *value);

/* Name of the i-th variable whose value was bad; NULL: there are no more. */
const char *hk_options_warning(size_t i);

#endif

/* hakmem-arena: the C API, statistics: what arenas and the process have and did, the map of the heap, the last events,
 * and the counters of a front. hakmem.h includes it.
 *
 * Fields with `bytes` in their name are bytes, now_ns is nanoseconds, all others are counts. For
 * any thread, unless said otherwise. */
#ifndef HAKMEM_STATS_H
#define HAKMEM_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/classes.h"

typedef struct hk_arena_t hk_arena_t;
typedef struct hk_counters_t hk_counters_t;

#define HK_STATS_VERSION 2

/* Where the core found a block for an allocation that its front could not serve, in the order in which it
 * looks. X(NAME, field, meaning). */
#define HK_STAGE_LIST(X)                                                                    \
  X(CURRENT, current, "the slab that the class takes from")                                 \
  X(PARTIAL, partial, "another slab of the class with some blocks out")                     \
  X(EMPTY, empty, "a slab of the class without blocks out")                                 \
  X(SLOT, slot, "unused slabs of the arena's SuperSlabs")                                   \
  X(CACHED, cached, "a SuperSlab of the process-wide cache")                                \
  X(OS, os, "a SuperSlab, or a huge mapping, fresh from the OS")

typedef enum hk_stage_t {
#define HK_STAGE_ENUM(name, field, meaning) HK_STAGE_##name,
  HK_STAGE_LIST(HK_STAGE_ENUM)
#undef HK_STAGE_ENUM
      HK_STAGE_COUNT
} hk_stage_t;

/* What the front says of one bin: arrays of hk_counters_t, and fields of the bin's statistics. X(field). */
#define HK_FRONT_BIN_STATS(X)                                                               \
  X(front_cap)     /* blocks that it may keep of the class now */                           \
  X(front_batch)   /* blocks that it asks for next */                                       \
  X(front_dropped) /* views that it gave up, because less of them was in demand */          \
  X(front_refused) /* times that no length of the class got more room */                    \
  X(front_to_stack) /* frees that ended their view: no bucket kept it */

/* X(field) of one bin. capacity = live + front_blocks + away + free_blocks + remote_blocks, and
 * blocks_out - blocks_in is that without free_blocks. `away`: in the hands of other threads, or come
 * back and not collected. `slow`: allocations that the front could not serve by
 * itself; the sum of stage_*. `high_water`: most blocks out of the core at once. slabs_*: bound to the
 * class, retired from it, and how often one became empty. prepared_*: how often the class needed
 * another current slab; without one before, and one that it had. current_dropped: slabs that
 * stopped being current although some of their blocks were free. warm_hits and warm_misses: those
 * of the slabs that became current whose pages were all there, and all others. prefilled: batches
 * for a magazine that had not missed yet. drains: slabs whose remotely freed blocks were collected,
 * drained_blocks: these. front_to_bucket: of local frees those without front_to_stack, by a front in JavaScript. */
#define HK_BIN_STATS(X)                                                                     \
  X(allocs) X(slow) X(refills) X(flushes) X(frees_local) X(frees_remote) X(live) X(live_bytes) \
  X(block_bytes) X(front_blocks) X(away) X(free_blocks) X(remote_blocks) X(capacity) X(slabs)       \
  X(partial_slabs) X(high_water) X(stage_current) X(stage_partial) X(stage_empty) X(stage_slot) \
  X(stage_cached) X(stage_os) X(blocks_out) X(blocks_in) X(slabs_bound) X(slabs_retired)    \
  X(slabs_emptied) X(prepared_without_current) X(prepared_from_partial) X(prepared_from_empty) \
  X(current_dropped) X(warm_hits) X(warm_misses) X(prefilled) X(drains) X(drained_blocks)   \
  X(front_to_bucket) HK_FRONT_BIN_STATS(X)

/* Counted by the front, one number for the whole arena: a member of hk_counters_t, and a field of the arena's
 * statistics. X(field). */
#define HK_FRONT_STATS(X)                                                                   \
  X(bytes_pinned)   /* of views that somebody retains */                                    \
  X(detached_slabs) /* whose ArrayBuffer somebody took away */                              \
  X(leaked_blocks)  /* whose view was collected without a free */                           \
  X(double_frees)   /* frees refused; the core adds those that only it could find */        \
  X(stale_frees)                                                                            \
  X(foreign_frees)

/* X(field) of an arena, beside its bins. bytes_live + bytes_front + bytes_away + bytes_free_in_slab +
 * bytes_free_slabs + bytes_slack = bytes_committed; bytes_pinned and bytes_given_away are parts of
 * it. bytes_metadata: the mappings of the arena's records and counters, which are not part of it.
 * bytes_decayed: of pages that hk_decay gave back, in decay_turns calls and decay_ns nanoseconds.
 * bytes_returned: all pages that went back for it, by trims too; bytes_retaken: of purged pages, by
 * trims and by others too, that were needed again. bytes_dirty: part of bytes_free_slabs that may
 * have pages. decay_epochs: sixths of the purge delay that have gone by while it had one. class_changes: size
 * classes added and retired, so that who knows the classes knows when to ask again.
 * superslabs_*: SuperSlabs and huge mappings; hot + draining + empties = live (see hk_tier_t; huge ones are hot),
 * adopted from the cache and released to it so far. failures_*: requests refused by the OS or by a
 * limit; failures_retried: those that a second try of the front cured. letters_offered = recalled + revoked + returned
 * + away; returned ones count when the owner has collected them. */
#define HK_ARENA_STATS(X)                                                                   \
  X(superslabs_live) X(superslabs_hot) X(superslabs_draining) X(superslabs_empties)      \
  X(superslabs_adopted) X(superslabs_released) X(bytes_live) X(bytes_front) \
  X(bytes_free_in_slab) X(bytes_free_slabs) X(bytes_slack) X(bytes_committed) X(bytes_used)  \
  X(bytes_given_away) X(bytes_dirty) X(bytes_decayed) X(bytes_returned) X(decay_epochs) X(class_changes) X(bytes_retaken) X(decay_turns) X(decay_ns) X(bytes_metadata) X(bytes_max) X(failures_os) X(failures_limit)       \
  X(failures_retried) X(bytes_away) X(letters_offered) X(letters_adopted) X(letters_recalled) \
  X(letters_revoked) X(letters_returned) X(letters_away) HK_FRONT_STATS(X)

/* X(field) of the process. now_ns: the monotonic clock at the reading. tickets_refused: by whomever they were given. superslabs_*: SuperSlabs and
 * huge mappings so far, that were mapped, put into the cache, adopted from it, unmapped. Everything
 * mapped is bytes_committed of all arenas + bytes_cached + bytes_metadata, which are records of
 * arenas and SuperSlabs, counters, fronts, letters, the page map, and spare mappings. os_map and os_unmap
 * count calls for SuperSlabs, os_map_metadata and os_unmap_metadata those for metadata; refused
 * calls of both kinds are counted together. cache_*: requests that found nothing there; SuperSlabs
 * that left it for the OS beyond its limits by count and by bytes, and by age; and those that are in quarantine now.
 * os_purged_bytes: of purges that were not refused; os_purge_ns: of all. arenas_*: created, and of them with the
 * record of one that had ended. locks_*: all locks of the process, but not for reading statistics. bytes_max: what all arenas may hold
 * (HAKMEM_MAX_MEMORY_MB); 0: any. */
#define HK_PROCESS_STATS(X)                                                                 \
  X(now_ns) X(superslabs_mapped) X(superslabs_put) X(superslabs_adopted) X(superslabs_unmapped) \
  X(superslabs_cached) X(bytes_cached) X(os_map) X(os_map_failed)                           \
  X(os_unmap) X(os_unmap_failed) X(os_purge) X(os_purge_enomem) X(os_purge_failed)          \
  X(os_purge_disabled) X(os_map_metadata) X(os_unmap_metadata) X(bytes_metadata)            \
  X(cache_misses) X(cache_evicted_count) X(cache_evicted_bytes) X(cache_expired)            \
  X(cache_quarantined) X(locks_acquired) X(locks_contended) X(tickets_refused)   \
  X(os_purged_bytes) X(os_purge_ns) X(arenas_created) X(arenas_from_kept) X(bytes_max)

#define HK_STATS_FIELD(field) uint64_t field;
typedef struct hk_bin_stats_t {
  HK_BIN_STATS(HK_STATS_FIELD)
} hk_bin_stats_t;

typedef struct hk_arena_stats_t {
  HK_ARENA_STATS(HK_STATS_FIELD)
  hk_bin_stats_t bins[HK_BIN_COUNT];
} hk_arena_stats_t;

typedef struct hk_process_stats_t {
  HK_PROCESS_STATS(HK_STATS_FIELD)
} hk_process_stats_t;
#undef HK_STATS_FIELD

/* Read from any thread, without stopping owners: exact while they are quiet. */
void hk_arena_stats(hk_arena_t *arena, hk_arena_stats_t *stats);
void hk_process_stats(hk_process_stats_t *stats);

/* Allocations by the size that was requested. A front counts every length up to 1024 by itself, longer
 * ones while they repeat: `first` = `last`. What is not counted so is told by class. */
typedef struct hk_length_stats_t {
  uint64_t first, last; /* lengths; what was aligned or resized may be shorter */
  uint64_t allocs, live, live_bytes;
} hk_length_stats_t;

/* Calls `visit` for every length, or class, that was allocated, in no order; a length may come twice.
 * Any thread. */
void hk_arena_lengths(const hk_arena_t *arena,
                      void (*visit)(const hk_length_stats_t *length, void *context), void *context);

/* What happened behind the front. X(NAME, word, what its amount is). */
#define HK_EVENT_LIST(X)                                                                    \
  X(REFILL, "refill", "blocks that the front took")                                         \
  X(FLUSH, "flush", "blocks that it gave back")                                             \
  X(BIND, "bind", "1: a class got a slab")                                                  \
  X(RETIRE, "retire", "1: a slab left its class")                                           \
  X(PURGE, "purge", "bytes of pages that went back to the OS")                              \
  X(ADOPT, "adopt", "bytes of a SuperSlab from the cache")                                  \
  X(MAP, "map", "bytes of a SuperSlab from the OS")                                         \
  X(GIVE, "give", "bytes of a SuperSlab that went to the cache")                            \
  X(REFUSE, "refuse", "the status of a request that was refused")                           \
  X(LEARN, "learn", "bytes of a block of a class that was added")                           \
  X(UNLEARN, "unlearn", "the same of one that was retired")

typedef enum hk_event_kind_t {
#define HK_EVENT_ENUM(name, word, amount) HK_EVENT_##name,
  HK_EVENT_LIST(HK_EVENT_ENUM)
#undef HK_EVENT_ENUM
      HK_EVENT_COUNT
} hk_event_kind_t;

typedef struct hk_event_t {
  uint64_t at_ns; /* hk_clock_ns */
  uint64_t amount;
  uint8_t kind;  /* hk_event_kind_t */
  uint8_t bin;   /* HK_BIN_NONE: of no class */
  uint8_t stage; /* hk_stage_t of a REFILL and a BIND */
} hk_event_t;

/* The last events of an arena with `trace_events`, up to `max` of them, oldest first. Returns how many. */
uint32_t hk_arena_trace(const hk_arena_t *arena, hk_event_t *events, uint32_t max);

/* A number that is not what counting again says. */
typedef struct hk_difference_t {
  const char *what; /* name of a field of the statistics, or of what is wrong with a slab */
  uint32_t bin;     /* HK_BIN_NONE: of the whole arena */
  uint32_t slab;    /* its number; UINT32_MAX: of no slab */
  uint64_t counted, recorded; /* again, from bitmaps and slots; by the statistics */
} hk_difference_t;

/* Counts the arena again, and calls `visit`, if there is one, for every number that differs. Returns how
 * many did. O(everything). Owner only. */
uint32_t hk_arena_verify(hk_arena_t *arena,
                         void (*visit)(const hk_difference_t *difference, void *context),
                         void *context);

/* Calls `visit` for every arena of the process, oldest first, until it returns false. The registry
 * lock is held: `visit` must not create or destroy arenas. Any thread. */
void hk_arena_each(bool (*visit)(hk_arena_t *arena, void *context), void *context);

/* What a slab is doing. */
typedef enum hk_slab_use_t {
  HK_SLAB_USE_NONE = 0,
  HK_SLAB_USE_CLASS, /* serves one size class */
  HK_SLAB_USE_LARGE, /* first slab of a run, or all of a huge mapping */
  HK_SLAB_USE_TAIL,  /* a further slab of the run before it */
  HK_SLAB_USE_LOST   /* waits to be concealed */
} hk_slab_use_t;

typedef struct hk_mapped_slab_t {
  uint8_t use;       /* hk_slab_use_t */
  uint8_t bin;       /* CLASS, LARGE */
  bool touched;      /* false: its pages take up no memory */
  uint16_t taken;    /* CLASS: blocks out of the core, live or in the front */
  uint16_t capacity; /* CLASS: all its blocks */
  uint16_t away;     /* blocks that other threads have or may get; of any use but NONE */
} hk_mapped_slab_t;

/* What becomes of a SuperSlab. X(NAME, word, meaning). */
#define HK_TIER_LIST(X)                                                                     \
  X(HOT, "hot", "new slabs come from it, the fullest first")                                \
  X(DRAINING, "draining", "it has little in use, and others have room: it is to become empty") \
  X(FREE, "free", "none of its slabs is in use; few are kept")

typedef enum hk_tier_t {
#define HK_TIER_ENUM(name, word, meaning) HK_TIER_##name,
  HK_TIER_LIST(HK_TIER_ENUM)
#undef HK_TIER_ENUM
} hk_tier_t;

typedef struct hk_mapped_superslab_t {
  uint64_t bytes;      /* 2 MB; more: a huge mapping */
  uint32_t index;      /* in its arena; constant while the arena has it */
  uint32_t slab_count; /* 32, or 1: huge */
  uint8_t tier;        /* hk_tier_t */
  hk_mapped_slab_t slabs[HK_SUPERSLAB_SLABS];
} hk_mapped_superslab_t;

/* Describes up to `max` SuperSlabs of an arena, lowest index first. Returns how many there are. Any
 * thread, without stopping the owner: exact while it is quiet; otherwise each number was true a
 * moment ago, but not all of them at the same moment. */
uint32_t hk_arena_heap_map(hk_arena_t *arena, hk_mapped_superslab_t *superslabs, uint32_t max);

/* Counters that the front writes and statistics read: doubles, exact to 2^53, and some integers, in
 * memory of their own. The owner thread alone writes. A block is counted once, by its length, which
 * is the size that was requested:
 *   - a length up to 1024 has a counter of its own;
 *   - a longer length may have a slot for a while; slot_lengths says whose it is (0: nobody's);
 *   - all other lengths count in their bin, where `live_bytes` is the sum of live lengths.
 * Only lengths of bins with refills are read: blocks come from hk_refill or hk_large_alloc.
 * Lengths, slots and bins share an index space, and `frees` lies behind `allocs` in the same order,
 * so a front needs one index for both. `live_block_bytes`: sizes of live runs and huge mappings.
 *
 * `seqlock` guards counts that move from a slot to its bin: the front adds 1 to it (sequentially
 * consistent) before and after, and a reader that meets an odd or a changed value reads again. */
#define HK_COUNTER_SLOTS 1536

typedef struct hk_front_counts_t {
  double by_length[HK_EXACT_LENGTH_MAX + 1];
  double by_slot[HK_COUNTER_SLOTS];
  double by_bin[HK_BIN_COUNT];
} hk_front_counts_t;

struct hk_counters_t {
  hk_front_counts_t allocs, frees;
  uint32_t slot_lengths[HK_COUNTER_SLOTS];
  double live_bytes[HK_BIN_COUNT];
  double live_block_bytes[HK_BIN_COUNT];
#define HK_FRONT_BIN_COUNTER(field) double field[HK_BIN_MAX];
  HK_FRONT_BIN_STATS(HK_FRONT_BIN_COUNTER)
#undef HK_FRONT_BIN_COUNTER
#define HK_FRONT_COUNTER(field) double field;
  HK_FRONT_STATS(HK_FRONT_COUNTER)
#undef HK_FRONT_COUNTER
  uint32_t seqlock; /* odd: a write is under way */
  uint32_t padding;
};

/* The arena's counters. hk_counters_hold adds a holder, hk_counters_drop ends one; the counters
 * outlive the arena while somebody holds them. Any thread. */
hk_counters_t *hk_arena_counters(hk_arena_t *arena);
void hk_counters_hold(hk_counters_t *counters);
void hk_counters_drop(hk_counters_t *counters);

#endif

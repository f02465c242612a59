/* hakmem-arena: the C API.
 *
 * An arena owns memory; one thread owns an arena. Two kinds of callers:
 *   - C programs use hk_alloc and hk_free (last part), with a pointer magazine in front.
 *   - A front of another language (the JavaScript binding) keeps its own free blocks and crosses
 *     two edges: blocks (hk_refill, hk_flush, hk_large_*) and slabs (hk_slab_*, hk_retire).
 * One arena has one front: do not mix the two kinds on the same arena.
 *
 * No function prints, none throws. Functions that can fail return a status; on failure nothing has
 * changed unless said otherwise. What takes an arena is for its owner thread, unless said otherwise.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "base/classes.h"
#include "base/options.h"
#include "base/status.h"

typedef struct hk_arena_t hk_arena_t;

/* Functions so short that the detour through a shared library's procedure linkage table would be a tenth of
 * them: callers jump to where the loader found them. Without a shared library it is a plain call. */
#if defined(__ELF__) && defined(__has_attribute)
#if __has_attribute(noplt)
#define HK_DIRECT __attribute__((noplt))
#endif
#endif
#ifndef HK_DIRECT
#define HK_DIRECT
#endif

/* --- Life of an arena -------------------------------------------------------------------------- */

#define HK_ARENA_NAME_MAX 63

/* What an arena can be given as a number: X(field, name in JavaScript, max, choices or NULL, meaning). 0 is the
 * default of each. An option with choices is 1 + the index of the word; 0: as the process has it. */
#define HK_ARENA_OPTION_LIST(X)                                                                    \
  X(max_bytes, "maxBytes", HK_SIZE_MAX, NULL,                                                      \
    "limit on slabs, runs and huge mappings in use; 0: none")                                      \
  X(thp, "thp", 1 + HK_THP_NEVER, "auto|always|never", "transparent huge pages")                   \
  X(policy, "policy", 1 + HK_FREE_POLICY_BATCH, "keep|batch",                                      \
    "what becomes of the pages of SuperSlabs that are given up")                                   \
  X(prewarm_bytes, "prewarm", HK_ARENA_SUPERSLABS_MAX * HK_SUPERSLAB_BYTES, NULL,                  \
    "mapped and touched at creation, in SuperSlabs of 2 MB, and kept until a trim")                \
  X(scrubs, "scrubs", 1, NULL,                                                                     \
    "1: what a reset or the end of the arena leaves is zeroed at once, in the cache, too, and so " \
    "is a slab when those it was given away to let go of it. Single blocks are zeroed by who "     \
    "frees them")

typedef struct hk_arena_options_t {
  const char *name;            /* copied; up to HK_ARENA_NAME_MAX bytes; NULL: "arena-<id>" */
  const uint32_t *class_sizes; /* strides as hk_classes_build takes them; NULL: the default table */
  size_t class_count;
#define HK_ARENA_OPTION_FIELD(field, name, max, choices, meaning) uint64_t field;
  HK_ARENA_OPTION_LIST(HK_ARENA_OPTION_FIELD)
#undef HK_ARENA_OPTION_FIELD
  /* For C callers. true: new blocks may hold what other arenas of this kind wrote, as with malloc, which makes
   * arenas that come and go cheap. false: memory that another arena has used is zeroed before this one gets it. */
  bool shares_bytes;
} hk_arena_options_t;

/* Creates an arena owned by the calling thread. `options` may be NULL. The caller owns `*arena` and
 * ends it with hk_arena_destroy. HK_OUT_OF_MEMORY_OS, HK_OUT_OF_MEMORY_PROCESS, HK_INVALID_ARGUMENT
 * (a name too long, class sizes, a choice that is none, more to prewarm than max_bytes or than an arena can have). */
hk_status_t hk_arena_create(const hk_arena_options_t *options, hk_arena_t **arena);

/* Gives all memory to the process-wide cache and ends the arena. NULL is ignored. Any thread may
 * destroy an arena whose owner no longer uses it. No slab may be exposed: HK_SLAB_BUSY. */
hk_status_t hk_arena_destroy(hk_arena_t *arena);

/* The same, as far as it can be done now: HK_SLAB_BUSY when slabs are exposed. Then all blocks are free, all
 * memory but those slabs goes to the cache, and the arena does nothing any more but wait for them to be
 * concealed; call it again after the last one. Until then they belong to whoever sees them. */
hk_status_t hk_arena_end(hk_arena_t *arena);

/* Says that no operation of the system writes to the arena's memory any more, late ones included: what was
 * exposed needs no quarantine when the arena ends. Owner only. */
void hk_arena_settle(hk_arena_t *arena);

/* Frees every block at once and keeps the SuperSlabs. A slab that is still exposed is lost to the
 * arena until hk_slab_set_exposed says that it is not any more. */
void hk_arena_reset(hk_arena_t *arena);

/* Gives back to the OS what is not in use: pages of free blocks, slabs and SuperSlabs, and the
 * process-wide cache but for SuperSlabs that were exposed until less than 10 s ago, of which the address space
 * stays. Blocks in the magazines of C callers count as free, those of another front do not.
 * Owner only. Returns bytes of pages given back, those of slabs that its way emptied included. */
size_t hk_arena_trim(hk_arena_t *arena);

uint64_t hk_arena_id(const hk_arena_t *arena);
const char *hk_arena_name(const hk_arena_t *arena);
const hk_classes_t *hk_arena_classes(const hk_arena_t *arena);

/* Bytes of pages given back to the OS so far on behalf of the arena, by a trim or on the way. */
uint64_t hk_arena_returned_bytes(const hk_arena_t *arena);

/* Bytes in slabs, runs and huge mappings in use, and the limit on them (0: none). */
uint64_t hk_arena_used_bytes(const hk_arena_t *arena);
uint64_t hk_arena_max_bytes(const hk_arena_t *arena);

/* --- Edge 1: blocks ---------------------------------------------------------------------------- */

/* Takes up to `want` (1..2048) free blocks of `bin` and writes their references. The caller owns
 * `*got` >= 1 blocks. HK_OUT_OF_MEMORY_*, HK_INVALID_ARGUMENT. */
hk_status_t hk_refill(hk_arena_t *arena, uint32_t bin, uint32_t *refs, uint32_t want,
                      uint32_t *got);

/* Gives blocks of `bin` back. References that are not blocks of this bin (HK_NOT_OWNED) or are free
 * already (HK_DOUBLE_FREE) are left out and the first such status is returned; all others are taken. */
hk_status_t hk_flush(hk_arena_t *arena, uint32_t bin, const uint32_t *refs, uint32_t count);

/* Allocates a block beyond 64 KB: a run of slabs or a huge mapping. The caller owns the block
 * `*ref`, whose index is 0. HK_OUT_OF_MEMORY_*, HK_INVALID_ARGUMENT (size). */
hk_status_t hk_large_alloc(hk_arena_t *arena, uint64_t size_bytes, uint32_t *ref);

/* Frees it; while it is exposed its memory waits (see hk_slab_set_exposed). HK_NOT_OWNED,
 * HK_DOUBLE_FREE. */
hk_status_t hk_large_free(hk_arena_t *arena, uint32_t ref);

/* For a front that tries again after it gave blocks back: says that its last but one call above was refused with
 * `refusal`, and whether the last was not. Of the two at most one counts as refused then: failures are those
 * of the front's own callers. */
void hk_note_retry(hk_arena_t *arena, hk_status_t refusal, bool cured);

/* Counts a request that the front itself had to refuse: HK_OUT_OF_MEMORY_OS, or for a limit any other. */
void hk_note_refusal(hk_arena_t *arena, hk_status_t refusal);

/* --- Edge 2: slabs ----------------------------------------------------------------------------- */

typedef struct hk_slab_info_t {
  void *address;
  size_t bytes; /* 64 KB, or all of a run or huge mapping */
  uint32_t bin;
  bool exposed;
  bool fresh; /* of a run or huge mapping: it read as zero when it was allocated */
} hk_slab_info_t;

/* Describes slab `slab` (= reference >> 13). HK_NOT_OWNED: no such slab in use. */
hk_status_t hk_slab_info(const hk_arena_t *arena, uint32_t slab, hk_slab_info_t *info);

/* Says that the slab's memory becomes visible to a front, or stops being so. A slab that is freed,
 * retired or reset while exposed is lost: used, but of no use, until it is said to be exposed no more.
 * HK_NOT_OWNED. */
hk_status_t hk_slab_set_exposed(hk_arena_t *arena, uint32_t slab, bool exposed);

/* Says that an exposed slab's memory belongs to somebody else now, who got the ArrayBuffer. Until
 * hk_slab_set_exposed says that it is exposed no more, no block of it is handed out, and those that are out
 * can only be given back. HK_NOT_OWNED: it is not exposed. */
hk_status_t hk_slab_give_away(hk_arena_t *arena, uint32_t slab);

/* Says of every slab that was not given away that it is exposed no more. */
void hk_slab_conceal_all(hk_arena_t *arena);

/* The next empty slab that the arena would like to take out of its class, or -1. A class keeps
 * `keep` empty slabs; UINT32_MAX: what the retire policy says. */
int32_t hk_next_retirable(hk_arena_t *arena, uint32_t keep);

/* true: every block of this slab is free, so hk_retire would take it. */
bool hk_slab_is_retirable(const hk_arena_t *arena, uint32_t slab);

/* Takes an empty slab out of its class. HK_SLAB_BUSY: it has blocks out. */
hk_status_t hk_retire(hk_arena_t *arena, uint32_t slab);

/* --- Statistics -------------------------------------------------------------------------------- */

/* Fields named bytes are bytes, now_ns is nanoseconds, all others are counts. For any thread. */

#define HK_STATS_VERSION 2

/* Per bin. allocs = fast + slow; capacity = live + front_blocks + free_blocks + remote_blocks.
 * X(field). `high_water`: most blocks out of the core at once. */
#define HK_BIN_STATS(X)                                                                     \
  X(allocs) X(slow) X(refills) X(flushes) X(frees_local) X(frees_remote) X(live) X(live_bytes) \
  X(block_bytes) X(front_blocks) X(free_blocks) X(remote_blocks) X(capacity) X(slabs)       \
  X(partial_slabs) X(high_water)

/* Counted by the front, one number for the whole arena: a member of hk_counters_t, and a field of the arena's
 * statistics. X(field). */
#define HK_FRONT_STATS(X)                                                                   \
  X(bytes_pinned)   /* of views that somebody retains */                                    \
  X(detached_slabs) /* whose ArrayBuffer somebody took away */                              \
  X(leaked_blocks)  /* whose view was collected without a free */                           \
  X(double_frees)   /* frees refused; the core adds those that only it could find */        \
  X(stale_frees)                                                                            \
  X(foreign_frees)

/* Per arena, beside the bins. bytes_live + bytes_front + bytes_free_in_slab + bytes_free_slabs +
 * bytes_slack = bytes_committed; bytes_pinned and bytes_given_away are parts of it. bytes_metadata: of the mappings
 * beside it that hold what the arena is. `empties`: SuperSlabs without a used slab. Failures: requests
 * refused to callers, by the OS, and by a limit; `retried`: those that another try of the front cured. */
#define HK_ARENA_STATS(X)                                                                   \
  X(superslabs_live) X(superslabs_empties) X(superslabs_adopted) X(bytes_live) X(bytes_front) \
  X(bytes_free_in_slab) X(bytes_free_slabs) X(bytes_slack) X(bytes_committed) X(bytes_used)  \
  X(bytes_given_away) X(bytes_metadata) X(bytes_max) X(failures_os) X(failures_limit)       \
  X(failures_retried) HK_FRONT_STATS(X)

/* Of the process. now_ns: the monotonic clock when it was read. SuperSlabs, huge mappings included, so far:
 * mapped, put into the cache, adopted from it, unmapped. All that is mapped is bytes_committed of all arenas +
 * bytes_cached + bytes_metadata: records of arenas and SuperSlabs, counters, fronts, the address map, and spare
 * mappings for them. os_map and os_unmap are calls for SuperSlabs, the others those for metadata; refused calls
 * are counted together. */
#define HK_PROCESS_STATS(X)                                                                 \
  X(now_ns) X(superslabs_mapped) X(superslabs_put) X(superslabs_adopted) X(superslabs_unmapped) \
  X(superslabs_cached) X(bytes_cached) X(os_map) X(os_map_failed)                           \
  X(os_unmap) X(os_unmap_failed) X(os_purge) X(os_purge_enomem) X(os_purge_failed)          \
  X(os_purge_disabled) X(os_map_metadata) X(os_unmap_metadata) X(bytes_metadata)

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

/* Reads one arena from any thread without stopping its owner: exact while the owner is quiet. */
void hk_arena_stats(hk_arena_t *arena, hk_arena_stats_t *stats);
void hk_process_stats(hk_process_stats_t *stats);

/* Calls `visit` for every arena of the process, oldest first, under the registry lock: `visit` must
 * not create or destroy arenas. Stops when it returns false. */
void hk_arena_each(bool (*visit)(hk_arena_t *arena, void *context), void *context);

/* What a slab is doing. */
typedef enum hk_slab_use_t {
  HK_SLAB_USE_NONE = 0,
  HK_SLAB_USE_CLASS, /* serves one size class */
  HK_SLAB_USE_LARGE, /* first slab of a run, or all of a huge mapping */
  HK_SLAB_USE_TAIL,  /* a further slab of the run before it */
  HK_SLAB_USE_LOST   /* waits for JavaScript to let go of it */
} hk_slab_use_t;

typedef struct hk_mapped_slab_t {
  uint8_t use;       /* hk_slab_use_t */
  uint8_t bin;       /* CLASS, LARGE */
  bool touched;      /* its pages may take up memory; else never used, or given back to the OS */
  uint16_t taken;    /* CLASS: blocks out of the core, live or kept by the front */
  uint16_t capacity; /* CLASS: all its blocks */
} hk_mapped_slab_t;

typedef struct hk_mapped_superslab_t {
  uint64_t bytes;      /* 2 MB; more: a huge mapping */
  uint32_t index;      /* in its arena, stable while the arena has it */
  uint32_t slab_count; /* 32, or 1: huge */
  hk_mapped_slab_t slabs[HK_SUPERSLAB_SLABS];
} hk_mapped_superslab_t;

/* Describes the SuperSlabs of an arena, lowest index first, at most `max` of them. Returns how many
 * there are. From any thread, without stopping the owner: exact while it is quiet; else each number
 * was true a moment ago, though not all of them at the same one. */
uint32_t hk_arena_heap_map(hk_arena_t *arena, hk_mapped_superslab_t *superslabs, uint32_t max);

/* Counters that the front keeps and statistics read: plain doubles, and some integers, in memory of their own, exact to
 * 2^53, written by the owner thread only. A block is counted in one place, by its requested length:
 *   - lengths up to 1024: in the cell of that length;
 *   - a longer length that the front keeps views of: in a cell it has for a while, whose length is
 *     in `cell_lengths` (0: cell not in use);
 *   - all others: by bin, where `live_bytes` is the sum of requested lengths now live.
 * What is counted came from hk_refill, or hk_large_alloc: lengths of a bin without any are not read.
 * Cells and bins share an index space, and `frees` lies behind `allocs` in the same order, so a
 * front needs one index for both. `live_block_bytes`: sizes of live runs and huge mappings. Counts that
 * move from a cell to its bin are in both or in neither for a moment: the front adds 1 to `moves`
 * (sequentially consistent) before and after, so that a reader can tell. */
#define HK_COUNTER_CELLS 1536

typedef struct hk_tallies_t {
  double by_length[HK_EXACT_LENGTH_MAX + 1];
  double by_cell[HK_COUNTER_CELLS];
  double by_bin[HK_BIN_COUNT];
} hk_tallies_t;

typedef struct hk_counters_t {
  hk_tallies_t allocs, frees;
  uint32_t cell_lengths[HK_COUNTER_CELLS];
  double live_bytes[HK_BIN_COUNT];
  double live_block_bytes[HK_BIN_COUNT];
#define HK_FRONT_COUNTER(field) double field;
  HK_FRONT_STATS(HK_FRONT_COUNTER)
#undef HK_FRONT_COUNTER
  uint32_t moves; /* odd: counts are moving */
  uint32_t padding;
} hk_counters_t;

/* The arena's counters. They outlive the arena while somebody holds them: hk_counters_hold adds a
 * holder, hk_counters_drop ends one. */
hk_counters_t *hk_arena_counters(hk_arena_t *arena);
void hk_counters_hold(hk_counters_t *counters);
void hk_counters_drop(hk_counters_t *counters);

/* --- Allocation for C callers ------------------------------------------------------------------ */

/* Allocates `size_bytes` (0 counts as 1), contents undefined. NULL: out of memory or limit. The
 * caller owns the block and frees it with hk_free. Owner thread only. */
HK_DIRECT void *hk_alloc(hk_arena_t *arena, size_t size_bytes);

/* The same for an array of `count` elements of `size_bytes`, all zero. NULL also when the product is more
 * than a size_t holds. Memory that the OS has just given is not written again. */
void *hk_alloc_zeroed(hk_arena_t *arena, size_t count, size_t size_bytes);

/* The same at a multiple of `alignment`: a power of two up to 2 MB (HK_SUPERSLAB_BYTES); NULL for any
 * other. Without it blocks are aligned to 16 bytes, those of up to 8 to 8. Beyond 64 KB of alignment a
 * block has a mapping of its own, with more than 2 MB of address space. */
void *hk_alloc_aligned(hk_arena_t *arena, size_t size_bytes, size_t alignment);

/* Changes the size of a live block to `size_bytes` (0 counts as 1). Contents are kept up to the smaller
 * size; what is new is undefined, and no alignment beyond that of hk_alloc is kept. The caller owns the
 * block returned, which may be the same one (beyond 64 KB whenever there is room behind it); else the old
 * one is freed. NULL: as for hk_alloc, or the
 * block is not ours, and the old block is as it was. A NULL block is an allocation. Blocks of another
 * arena move into this one. */
void *hk_realloc(hk_arena_t *arena, void *block, size_t size_bytes);

/* Frees a block of any arena. `arena` is the caller's own, or NULL for a thread without one; a block
 * of another arena is handed to its owner. NULL blocks are ignored. HK_NOT_OWNED: no block of ours, or
 * one whose memory has left its arena since. HK_DOUBLE_FREE is exact for a block that was freed remotely.
 * Of a local one it is told when the block is the last that was freed; else the core finds it out when
 * the magazine is flushed and counts it in `double_frees`. Debug builds know every block in the core. */
HK_DIRECT hk_status_t hk_free(hk_arena_t *arena, void *block);

/* Bytes usable in a live block; 0: not ours. */
size_t hk_usable_size(const void *block);

/* true: the address lies in memory of this arena. */
bool hk_owns(const hk_arena_t *arena, const void *address);

#ifdef __cplusplus
}
#endif

#endif

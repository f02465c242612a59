/* hakmem-arena: the C API.
 *
 * An arena owns memory; one thread owns an arena. Two kinds of callers:
 *   - C programs use hk_alloc and hk_free (last part), with a magazine of free blocks in front.
 *   - A front of another language (the JavaScript binding) keeps its own free blocks and crosses
 *     two edges: blocks (hk_refill, hk_flush, hk_large_*) and slabs (hk_slab_*, hk_retire).
 * One arena has one front: do not mix the two kinds on the same arena.
 *
 * No function prints, none throws, none changes errno. Functions that can fail return a status; on failure nothing has
 * changed unless said otherwise. A function that takes an arena is for the arena's owner thread,
 * unless said otherwise.
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
typedef struct hk_counters_t hk_counters_t;

#include "hakmem_stats.h"

/* For functions so short that a shared library's procedure linkage table would cost a tenth of
 * them: callers jump straight to the address that the loader found. In a static program it is a
 * plain call. */
#if defined(__ELF__) && defined(__has_attribute)
#if __has_attribute(noplt)
#define HK_DIRECT __attribute__((noplt))
#endif
#endif
#ifndef HK_DIRECT
#define HK_DIRECT
#endif

/* --- Life of an arena ------------------------------------------------------------------------- */

#define HK_ARENA_NAME_MAX 63

/* 24 MB of them; see hk_event_t. */
#define HK_TRACE_EVENTS_MAX (1 << 20)

/* A day; see hk_arena_options_t. */
#define HK_PURGE_DELAY_MAX (2 + 86400000)

/* What an arena can be given as a number: X(field, name in JavaScript, max, choices or NULL, meaning). 0 is the
 * default of each. An option with choices is 1 + the index of the word; 0: as the process has it. */
#define HK_ARENA_OPTION_LIST(X)                                                                    \
  X(max_bytes, "maxBytes", HK_SIZE_MAX, NULL,                                                      \
    "limit on slabs, runs and huge mappings in use; 0: none")                                      \
  X(thp, "thp", 1 + HK_THP_NEVER, "auto|always|never", "transparent huge pages")                   \
  X(policy, "policy", 1 + HK_FREE_POLICY_BATCH, "keep|batch",                                      \
    "what becomes of the pages of SuperSlabs that are given up")                                   \
  X(purge_delay, "purgeDelay", HK_PURGE_DELAY_MAX, NULL,                                           \
    "2 + milliseconds at which pages of free memory have gone back to the OS; 1: never; 0: as the " \
    "process has it")                                                                              \
  X(prewarm_bytes, "prewarm", (uint64_t)HK_ARENA_SUPERSLABS_MAX * HK_SUPERSLAB_BYTES, NULL,        \
    "mapped and touched at creation, in SuperSlabs of 2 MB, and kept until a trim")                \
  X(trace_events, "trace", HK_TRACE_EVENTS_MAX, NULL,                                              \
    "events of the way between front, core and OS that are kept, the last ones; 0: none")          \
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
  /* For C callers. true: new blocks may hold bytes of other arenas that share, as with malloc; arenas
   * that come and go are cheaper so. false: memory that another arena has used is zeroed before this
   * one gets it. */
  bool shares_bytes;
  /* Counters of an arena that has ended; the new one holds them too, from zero on, unless somebody
   * beside the caller does. NULL: new ones. */
  hk_counters_t *counters;
} hk_arena_options_t;

/* Empty slabs that a size class keeps: `slabs`, and a share of those that it has, in 1/65536. */
typedef struct hk_empty_limit_t {
  uint32_t slabs, share;
} hk_empty_limit_t;

#define HK_EMPTY_SLABS_MAX 65536
#define HK_EMPTY_SHARE_ONE 65536

/* What can be changed in the life of an arena. A class that has more than `empty_high` empty slabs offers them to be
 * retired until it has `empty_low`, which is never more. */
typedef struct hk_arena_policy_t {
  int64_t purge_delay_ms; /* -1: never; as HAKMEM_PURGE_DELAY_MS */
  uint32_t free_policy;   /* 0: keep, 1: batch; as HAKMEM_FREE_POLICY */
  hk_empty_limit_t empty_high, empty_low;
} hk_arena_policy_t;

/* Creates an arena, owned by the calling thread. `options` may be NULL. The caller owns `*arena`
 * and ends it with hk_arena_destroy. HK_OUT_OF_MEMORY_OS, HK_OUT_OF_MEMORY_PROCESS,
 * HK_INVALID_ARGUMENT (the name is too long, the class sizes are bad, a choice does not exist, or
 * prewarm_bytes is more than max_bytes or than an arena can have). */
hk_status_t hk_arena_create(const hk_arena_options_t *options, hk_arena_t **arena);

/* Ends the arena and gives all its memory to the process-wide cache. NULL is ignored. Any thread
 * may destroy an arena whose owner no longer uses it. Threads that have freed a block of it, but
 * are not out of hk_free yet, are waited for. Blocks in the hands of other threads stay as they are, and the record
 * ends with the last of them. HK_SLAB_BUSY: a slab is exposed. */
hk_status_t hk_arena_destroy(hk_arena_t *arena);

/* The calling thread, which owns the arena, lets go of it: nobody allocates from it any more, and its
 * live blocks may be freed by any thread (hk_free). Their memory serves all arenas as it becomes free;
 * the arena itself is gone some time after its last block. The pointer must not be used again.
 * HK_SLAB_BUSY: a slab is exposed, or a block handed over, and nothing has changed. */
hk_status_t hk_arena_abandon(hk_arena_t *arena);

/* The calling thread becomes the owner of an arena that was abandoned, blocks and options as they are,
 * which is cheaper than to create one. NULL: there is none, or the OS has no memory. */
hk_arena_t *hk_arena_adopt(void);

/* Destroys the arena as far as possible now. HK_SLAB_BUSY: slabs are exposed. Then all blocks are
 * free, all memory but those slabs is in the cache, and the arena only waits for them to be
 * concealed; call this again after the last one. Until then exposed slabs belong to whoever sees
 * them. */
hk_status_t hk_arena_end(hk_arena_t *arena);

/* Promises that no operation of the system writes to the arena's memory any more, so that what was
 * exposed needs no quarantine when the arena ends. */
void hk_arena_settle(hk_arena_t *arena);

/* Promises that nobody reads the arena's counters once it has ended. They are zero then, so that they can serve the
 * next one for less (hk_arena_options_t). */
void hk_arena_leave_counters(hk_arena_t *arena);

/* Frees every block at once and keeps the SuperSlabs. A slab that is still exposed, or has a block that another
 * thread has adopted, is lost to the arena until it is concealed (hk_slab_set_exposed) and the block returned. What
 * was offered is taken back. */
void hk_arena_reset(hk_arena_t *arena);

/* What the arena goes by, and another policy from now on. HK_INVALID_ARGUMENT: a value is out of range, or a low limit
 * above the high one, and nothing has changed. */
void hk_arena_policy(const hk_arena_t *arena, hk_arena_policy_t *policy);
hk_status_t hk_arena_set_policy(hk_arena_t *arena, const hk_arena_policy_t *policy);

/* Adds a class for lengths that the arena sees often, in a bin that no class has: from now on sizes up to `stride` are
 * served by it that the next longer class served. Blocks that are out stay where they are. Only an arena that was created
 * with class sizes of its own can have more; HK_BIN_MAX is the most. Other threads read the statistics of such an arena
 * within hk_arena_each only. HK_INVALID_ARGUMENT: it shares its table, there is no unused bin, or `stride` is none or
 * serves already. */
hk_status_t hk_arena_add_class(hk_arena_t *arena, uint32_t stride, uint32_t *bin);

/* Retires such a class: the next longer one serves its sizes, blocks that are out stay good, and no slab of it is kept
 * once its blocks are free. HK_INVALID_ARGUMENT: `bin` is no class that was added, or is retired. */
hk_status_t hk_arena_retire_class(hk_arena_t *arena, uint32_t bin);

/* Gives back to the OS what is not in use: pages of free blocks, slabs and SuperSlabs, and the
 * process-wide cache. Of cached SuperSlabs that were exposed within the last 10 s the address space
 * stays. Blocks in the magazines of C callers count as free, blocks that another front keeps do
 * not. Returns bytes of pages given back. */
size_t hk_arena_trim(hk_arena_t *arena);

/* Gives back what nobody needed for a while, bit by bit: pages of free blocks and slabs, which stay
 * where they are, and of the process-wide cache. What was in use lately is kept, because it may be
 * needed again: all of it for half of the purge delay (HAKMEM_PURGE_DELAY_MS, or the arena's own), from
 * there on less and less, and nothing at its end. To be called from time to time while the program
 * is not in the middle of work. It works for about a millisecond from `now_ns` on, so that calls for
 * several arenas with the same `now_ns` share that; and it costs nothing when nothing is due.
 * `now_ns`: hk_clock_ns(). Returns when it is to be called again; UINT64_MAX: not before memory has
 * been freed. NULL: only the cache, by the delay of the process. */
uint64_t hk_decay(hk_arena_t *arena, uint64_t now_ns);

/* The monotonic clock, in nanoseconds. Any thread. */
uint64_t hk_clock_ns(void);

/* For a front that exposes slabs: before pages of free blocks in an exposed slab go back, `is_ours` is
 * asked whether its ArrayBuffer is still the front's own. false: it is not; by then the front may
 * have given the slab away (hk_slab_give_away), and must have done nothing else. */
void hk_arena_ask_before_purge(hk_arena_t *arena, bool (*is_ours)(void *context, uint32_t slab),
                               void *context);

/* Gives the pages of [from, from + bytes) of a live block beyond 64 KB back, both multiples of 64 KB: its
 * front keeps it, nobody uses it, and it reads as zero from then on. Returns their bytes; 0: it is
 * no such block, or the OS refused. */
size_t hk_large_purge(hk_arena_t *arena, uint32_t ref, size_t from, size_t bytes);

uint64_t hk_arena_id(const hk_arena_t *arena);
const char *hk_arena_name(const hk_arena_t *arena);
const hk_classes_t *hk_arena_classes(const hk_arena_t *arena);

/* Bytes of pages given back to the OS for this arena so far, by trims or on other occasions. */
uint64_t hk_arena_returned_bytes(const hk_arena_t *arena);

/* Bytes in slabs, runs and huge mappings in use, and the limit on them (0: none). */
uint64_t hk_arena_used_bytes(const hk_arena_t *arena);
uint64_t hk_arena_max_bytes(const hk_arena_t *arena);

/* --- Fork ------------------------------------------------------------------------------------- */

/* For programs that fork while other threads use the allocator, and whose children use it too before
 * they call exec. The program registers them once:
 *
 *   pthread_atfork(hk_fork_prepare, hk_fork_parent, hk_fork_child);
 *
 * or calls the first before fork and, in the same thread, one of the others after it. Between them
 * nothing else of this API may be called. In the child, arenas of the thread that forked go on as
 * they were. Arenas of all other threads have lost their owner in the middle of something: their
 * blocks can be read, freed and left alone; their statistics can be read; nothing else.
 * The addon does not register them: Node's child processes call exec at once. */
void hk_fork_prepare(void);
void hk_fork_parent(void);
void hk_fork_child(void);

/* --- Edge 1: blocks --------------------------------------------------------------------------- */

/* Takes up to `want` (1..2048) free blocks of `bin` and writes their references. The caller owns
 * the `*got` >= 1 blocks. HK_OUT_OF_MEMORY_*, HK_INVALID_ARGUMENT. */
hk_status_t hk_refill(hk_arena_t *arena, uint32_t bin, uint32_t *refs, uint32_t want,
                      uint32_t *got);

/* Gives blocks of `bin` back. References that are not blocks of this bin (HK_NOT_OWNED) or are free
 * already (HK_DOUBLE_FREE) are skipped, and the first such status is returned; all others are
 * taken. */
hk_status_t hk_flush(hk_arena_t *arena, uint32_t bin, const uint32_t *refs, uint32_t count);

/* Allocates a block beyond 64 KB: a run of slabs or a huge mapping. The caller owns the block
 * `*ref`, whose index is 0. HK_OUT_OF_MEMORY_*, HK_INVALID_ARGUMENT (size). */
hk_status_t hk_large_alloc(hk_arena_t *arena, uint64_t size_bytes, uint32_t *ref);

/* Frees such a block. Exposed memory is lost until it is concealed (see hk_slab_set_exposed).
 * HK_NOT_OWNED, HK_DOUBLE_FREE, HK_SLAB_BUSY: it was handed over. */
hk_status_t hk_large_free(hk_arena_t *arena, uint32_t ref);

/* Reports that the front tried again after it gave blocks back: its last call but one above was
 * refused with `refusal`, and `cured` says whether the last one succeeded. Failures count requests
 * of the front's callers, so of the two calls at most one then counts as refused. */
void hk_note_retry(hk_arena_t *arena, hk_status_t refusal, bool cured);

/* Counts a request that the front itself refused: HK_OUT_OF_MEMORY_OS, or any other status for a
 * limit. */
void hk_note_refusal(hk_arena_t *arena, hk_status_t refusal);

/* --- Edge 2: slabs ---------------------------------------------------------------------------- */

typedef struct hk_slab_info_t {
  void *address;
  size_t bytes; /* 64 KB, or all of a run or huge mapping */
  uint32_t bin;
  bool exposed;
  bool fresh; /* a run or huge mapping that read as zero when it was allocated */
} hk_slab_info_t;

/* Describes slab number `slab` (a reference >> 13). HK_NOT_OWNED: there is no such slab in use. */
hk_status_t hk_slab_info(const hk_arena_t *arena, uint32_t slab, hk_slab_info_t *info);

/* Exposes a slab, whose memory becomes visible to a front, or conceals it. A slab that is freed,
 * retired or reset while exposed is lost: it stays in use and serves nobody until it is concealed.
 * HK_NOT_OWNED. */
hk_status_t hk_slab_set_exposed(hk_arena_t *arena, uint32_t slab, bool exposed);

/* Gives an exposed slab away: somebody else got its ArrayBuffer and owns its memory. Until it is
 * concealed no block of it is handed out, and those that are out can only be given back. An arena
 * that scrubs zeroes it then. HK_NOT_OWNED: it is not exposed. */
hk_status_t hk_slab_give_away(hk_arena_t *arena, uint32_t slab);

/* Number of the next empty slab to retire, if each class keeps `keep` empty slabs; UINT32_MAX: as
 * many as the retire policy says, and none where a SuperSlab drains. -1: there is none. */
int32_t hk_next_retirable(hk_arena_t *arena, uint32_t keep);

/* true: hk_retire would take this slab, because every block of it is free. */
bool hk_slab_is_retirable(const hk_arena_t *arena, uint32_t slab);

/* Retires an empty slab: it leaves its class. HK_SLAB_BUSY: it has blocks out. HK_NOT_OWNED. */
hk_status_t hk_retire(hk_arena_t *arena, uint32_t slab);

/* --- Between threads -------------------------------------------------------------------------- */

/* A block that a front of another language has taken may be handed over to another thread as a letter, named by
 * a ticket, a whole number below 2^53. Whoever adopts the ticket has the block's bytes until the letter is
 * returned, whatever becomes of the arena meanwhile; then the block is free, or its front's again
 * (hk_letter_take_large). Any number may be given as a ticket: what is none, or is not what the call needs, is
 * HK_BAD_TICKET and changes nothing.
 *
 * A ticket is the number of a letter + its generation x 2^20. */
#define HK_LETTER_INDEX_BITS 20
#define HK_LETTERS_MAX ((uint32_t)1 << HK_LETTER_INDEX_BITS)
#define HK_LETTER_GENERATION_MAX (((uint64_t)1 << 33) - 1)

/* Makes sure that the next offer finds a letter. HK_OUT_OF_MEMORY_OS: the system refused, or 2^20 blocks are
 * away. */
hk_status_t hk_letter_reserve(hk_arena_t *arena);

/* Hands over the first `bytes` of a block. The caller must not use it any more. HK_NOT_OWNED: no such block, or
 * it is smaller; HK_DOUBLE_FREE: it is free, or away already; HK_SLAB_BUSY: its slab was given away;
 * HK_ARENA_DESTROYED; HK_OUT_OF_MEMORY_OS as above. */
hk_status_t hk_letter_offer(hk_arena_t *arena, uint32_t ref, uint64_t bytes, uint64_t *ticket);

typedef struct hk_recalled_t {
  uint32_t ref, bin;
  uint64_t bytes;
} hk_recalled_t;

/* Takes a block back that nobody has adopted; it is the caller's again. HK_SLAB_BUSY: it was adopted, or is not
 * offered any more. HK_BAD_TICKET: no ticket of this arena. */
hk_status_t hk_letter_recall(hk_arena_t *arena, uint64_t ticket, hk_recalled_t *recalled);

/* Adopts what was offered: the bytes are the caller's until it returns the letter. Any thread. */
hk_status_t hk_letter_adopt(uint64_t ticket, void **address, uint64_t *bytes);

/* Returns what this ticket has adopted. The bytes must not be used any more. If the arena was destroyed meanwhile,
 * the last one to return ends it. Any thread. */
hk_status_t hk_letter_return(uint64_t ticket);

/* A block beyond 64 KB that has come back, and is the front's again; -1: there is none. */
int64_t hk_letter_take_large(hk_arena_t *arena);

/* Takes back what was returned, which otherwise waits until the arena needs memory. */
void hk_letters_collect(hk_arena_t *arena);

/* --- Allocation for C callers ----------------------------------------------------------------- */

/* Allocates `size_bytes` (0 counts as 1) with undefined contents. The caller owns the block and
 * frees it with hk_free. NULL: out of memory, or a limit is reached. */
HK_DIRECT void *hk_alloc(hk_arena_t *arena, size_t size_bytes);

/* Allocates a zeroed array of `count` elements of `size_bytes`. Memory that comes fresh from the OS
 * is not written again. NULL: as for hk_alloc, or the product overflows. */
void *hk_alloc_zeroed(hk_arena_t *arena, size_t count, size_t size_bytes);

/* Allocates at a multiple of `alignment`, a power of two up to 2 MB (HK_SUPERSLAB_BYTES). hk_alloc
 * aligns to 16 bytes, and blocks of up to 8 bytes to 8. With an alignment beyond 64 KB the block is
 * a huge mapping, which takes more than 2 MB of address space. NULL: as for hk_alloc, or a bad
 * alignment. */
void *hk_alloc_aligned(hk_arena_t *arena, size_t size_bytes, size_t alignment);

/* Resizes a live block to `size_bytes` (0 counts as 1); NULL as `block` allocates. Contents are
 * kept up to the smaller size, the rest is undefined, and only the alignment of hk_alloc is kept.
 * The caller owns the block returned; it is the same one, or the old one is freed. A block beyond
 * 64 KB stays where it is when there is room behind it; a block of another arena moves into this
 * one. NULL: as for hk_alloc, or the block is not ours; the old block is as it was. */
void *hk_realloc(hk_arena_t *arena, void *block, size_t size_bytes);

/* Frees a block of any arena. `arena` is the caller's own, or NULL for a thread without one; a
 * block of another arena is handed to its owner. NULL blocks are ignored. HK_NOT_OWNED: it is no
 * block of ours, or its memory has left its arena since.
 *
 * HK_DOUBLE_FREE is exact for blocks freed by other threads. A local double free is detected at
 * once only if the block was the last one freed; otherwise a flush of the magazine finds it and
 * counts it in `double_frees`. Debug builds detect it for every block that is back in the core. */
HK_DIRECT hk_status_t hk_free(hk_arena_t *arena, void *block);

/* Usable bytes of a live block; 0: it is not ours. Any thread. */
size_t hk_usable_size(const void *block);

/* true: the address lies in memory of this arena. Any thread. */
bool hk_owns(const hk_arena_t *arena, const void *address);

#ifdef __cplusplus
}
#endif

#endif

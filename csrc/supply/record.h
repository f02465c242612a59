/* Record: what an arena is made of, in one struct.
 *
 * Owns:      the layout; every field belongs to the box named above it, which alone writes it.
 * Called by: every room above super.
 * Threads:   owner-only, except fields marked shared, hk_stat_t, which anyone may read, and those
 *            under a lock.
 */
#ifndef HK_SUPPLY_RECORD_H
#define HK_SUPPLY_RECORD_H

#include "hakmem.h"
#include "os/lock.h"
#include "os/os.h"
#include "super/superslab.h"
#include "super/tiers.h"
#include "supply/counters.h"
#include "supply/peaks.h"

/* heap/bin.c: the slabs of one size class, in lists. */
typedef struct hk_bin_t {
  hk_slab_t *current; /* refills take from it; it stays current while it is empty */
  hk_slab_t *partial; /* list: some blocks free, some out */
  hk_slab_t *empty;   /* list: all blocks free; candidates for retirement */
  hk_slab_t *aside;   /* list: given away, so no block of them is handed out; and leaving ones */
  uint32_t empty_slabs;
  bool draining;    /* too many empty slabs: the bin offers them until few are left */
  bool retiring;    /* its class is retired: every empty slab is one too many */
  hk_peaks_t peaks; /* of `out` */
  /* Blocks of slabs that became current again lately. As many may be needed soon, whatever is out:
   * blocks come back elsewhere than where they are taken. `regret`: those that had been purged. Both
   * fall with time, slowly while the bin is in use. */
  uint32_t reach, regret;
  uint32_t stepped_refills; /* `refills` when the last step ended, modulo 2^32 */
  /* `out`: blocks handed to the front and not back, remote frees included until collected. */
  hk_stat_t out, high_water, refills, flushes, remote_collected;
  /* `slabs`, partial ones, and `retired`: all slabs of spans; `capacity`: blocks in them. */
  hk_stat_t slabs, partial_slabs, capacity;
  hk_stat_t stages[HK_STAGE_COUNT]; /* allocations that the front could not serve, by stage */
  hk_stat_t blocks_out, retired, emptied, without_current, from_partial, from_empty,
      current_dropped, warm, prefilled, drains;
  /* shared: any thread adds (release), after all else that it does for a free, so for a moment the
   * owner may have collected more; hk_remote_finish pairs with it (acquire). */
  _Atomic(uint64_t) frees_remote;
} hk_bin_t;

/* heap/run.c: all runs, or all huge mappings, of the arena. */
typedef struct hk_run_kind_t {
  hk_stat_t out, high_water, block_bytes, flushes, remote_collected, bytes_collected;
  hk_stat_t stages[HK_STAGE_COUNT];
  /* shared: frees by other threads and their bytes, as in hk_bin_t. */
  _Atomic(uint64_t) frees_remote, bytes_remote;
} hk_run_kind_t;

/* front/: the magazine of one bin, a stack of free block addresses. It stands here because
 * statistics read it. One cache line holds all that an allocation or a free of the bin needs.
 *
 * Allocations are not counted but derived: blocks that came in (moved_in + frees) less those on the
 * stack. The top is written anyway, and a second store would cost a tenth of an allocation. */
typedef struct hk_magazine_t {
  alignas(
      64) _Atomic(void **) top; /* one past the block handed out next; top[-1] is NULL when empty */
  _Atomic(void **) bottom;      /* where `top` is when empty */
  void **full;                  /* where `top` is when full: the next free flushes half */
  hk_stat_t frees;              /* by the owner thread */
  hk_stat_t moved_in;           /* blocks from the core less blocks back to it, modulo 2^64 */
  _Atomic(uint64_t) allocs_reported; /* shared: the most that statistics ever reported */
  uint32_t offset_mask; /* the bits of an address that say where in a span of the class it is */
  uint32_t check, block_limit; /* of the class */
  uint16_t max_blocks;         /* capacity never grows beyond it */
  uint16_t frees_at_refill;    /* `frees` at the last refill, modulo 2^16 */
} hk_magazine_t;
static_assert(sizeof(hk_magazine_t) == 64, "one cache line, and see hk_classes_bin_x64");

/* front/: a direct-mapped cache from slab to magazine, so that hk_free needs no page map. It covers
 * 128 MB of neighbouring slabs. An entry is the byte offset of the magazine in `magazines` less the
 * key of the slab's address; 0 is an empty entry, for which no key gives a valid offset. */
typedef uint64_t hk_slab_bin_t;
#define HK_SLAB_BINS 2048

/* Exact for the owner. For others exact while nothing moves, else off by the operation under
 * way. */
static inline uint64_t hk_magazine_allocs(const hk_magazine_t *m) {
  /* The stack is read after what came in, so the result is never too high. */
  uint64_t in = atomic_load_explicit((hk_stat_t *)&m->frees, memory_order_acquire);
  in += atomic_load_explicit((hk_stat_t *)&m->moved_in, memory_order_acquire);
  void **bottom = atomic_load_explicit((_Atomic(void **) *)&m->bottom, memory_order_relaxed);
  return in - (uint64_t)(atomic_load_explicit((_Atomic(void **) *)&m->top, memory_order_relaxed) -
                         bottom);
}

/* front/shelf.c: large blocks that their owner freed and the front in C keeps, youngest first. They are out of the
 * core, and claimed, so that a second free of them is seen. `young`: put since hk_shelf_age last looked. */
#define HK_SHELF_BLOCKS 4
typedef struct hk_shelf_t {
  struct {
    hk_slab_t *slab;
    size_t bytes;
    bool young;
  } blocks[HK_SHELF_BLOCKS];
  uint32_t count;
  /* Sizes that were freed lately, with a bit for each that was wanted again since; the next one goes to `oldest`. */
  uint32_t returned, oldest;
  size_t sizes[HK_SHELF_BLOCKS];
  uint64_t refusals; /* of the OS, when a block was put last */
  /* So many puts of blocks no longer than this one need no question whether they may be kept. */
  uint32_t unasked;
  size_t asked_bytes;
} hk_shelf_t;

/* letters/: blocks in the hands of other threads. */
typedef struct hk_letter_t hk_letter_t;
typedef struct hk_mail_t {
  hk_letter_t *batches; /* list: all letters of the arena */
  hk_letter_t *unused;  /* list */
  hk_slab_t *large;     /* list: large blocks that came back, for the front */
  /* shared: letters that borrowers have returned; anyone pushes (release), the owner takes the whole stack
   * (acquire). */
  _Atomic(hk_letter_t *) returned;
  /* arena/arena.c. shared: the owner, and each letter that is offered, adopted or returned to here. Who takes
   * the last away (acquire, release) ends the record. */
  _Atomic(uint64_t) holders;
  _Atomic(uint64_t) adopted; /* shared */
  hk_stat_t offered, recalled, revoked, collected;
} hk_mail_t;

/* letters/: blocks of one bin that other threads have, with their bytes, and those that came back so far. */
typedef struct hk_lent_t {
  hk_stat_t away, away_bytes, returned;
} hk_lent_t;

/* supply/demand.c: what was held lately. */
typedef struct hk_demand_t {
  uint64_t peak_bytes, last_peak_bytes; /* most in use in this epoch, and in the one before */
  uint64_t since_ns;                    /* when this epoch began */
} hk_demand_t;

/* heap/decay.c: what is given back little by little. */
typedef struct hk_decay_t {
  uint64_t delay_ns;   /* arena/policy.c. HK_DECAY_NEVER: not at all */
  uint64_t stepped_ns; /* when the step under way began */
  uint64_t due_ns;     /* nothing is to be done before */
  /* A pass goes over all bins, and where its time is up the next call goes on. */
  bool under_way, is_waiting; /* it is; some of what is free is kept because it may be needed */
  uint32_t bin, slab, left;   /* where it goes on, and how many blocks are still kept there */
  uint32_t seen[HK_BIN_MAX];  /* what came and went in a bin when nothing was left to be purged */
  hk_stat_t bytes, turns, ns; /* given back; calls that did so, and their time */
  hk_stat_t epochs;           /* steps that have ended */
  hk_stat_t
      retaken_bytes; /* heap/heap.c, supply/supply.c: of purged pages that were needed again */
} hk_decay_t;

/* supply/supply.c and superslabs.c: the arena's SuperSlabs. */
typedef struct hk_supply_t {
  hk_tiers_t tiers;   /* super/tiers.c */
  uint64_t prewarmed; /* SuperSlabs that stay although empty, until a trim */
  hk_stage_t source;  /* where what was taken last came from */
  hk_demand_t demand;
  hk_peaks_t peaks; /* of used slabs */
  hk_stat_t count, indexed, empties, adopted, released, committed_bytes, dirty_bytes,
      metadata_bytes, used_bytes, lost_bytes;
  uint64_t index_words[HK_ARENA_SUPERSLABS_MAX / 64]; /* bit set: index in use */
} hk_supply_t;

/* supply/trace.c: the last events. */
typedef struct hk_trace_t {
  hk_event_t *events; /* a ring; NULL: none are kept */
  uint64_t count;     /* of all that were noted */
  uint32_t max;
} hk_trace_t;

struct hk_arena_t {
  /* arena/arena.c; constant but for the policies (arena/policy.c) and the last four flags. */
  uint64_t id;
  uint64_t max_bytes; /* 0: no limit */
  int64_t thp;        /* HK_THP_* */
  int64_t policy;     /* HK_FREE_POLICY_* */
  hk_empty_limit_t empty_high, empty_low;
  bool shares_bytes;    /* its blocks may hold bytes of other arenas */
  bool scrubs;          /* it zeroes what a reset or its end leaves */
  bool follows;         /* it has the counters of an arena that ended: its like come and go */
  bool settled;         /* see hk_arena_settle */
  bool leaves_counters; /* see hk_arena_leave_counters */
  bool inherited;       /* this process was forked after the arena was created */
  bool ended;           /* it only waits for exposed slabs; see hk_arena_end */
  char name[HK_ARENA_NAME_MAX + 1];
  const hk_classes_t *classes; /* the default table, or own_classes */
  hk_counters_t *counters;

  alignas(64) hk_magazine_t magazines[HK_BIN_MAX];
  hk_bin_t bins[HK_BIN_MAX];
  hk_run_kind_t runs[HK_BIN_COUNT - HK_BIN_MAX]; /* runs, huge mappings */
  hk_shelf_t shelves[HK_BIN_COUNT - HK_BIN_MAX]; /* as `runs` */
  hk_supply_t supply;
  hk_decay_t decay;
  hk_trace_t trace;
  hk_mail_t mail;
  /* heap/trim.c asks a front with them, if it is not NULL: see hk_arena_ask_before_purge. */
  bool (*keeps_slab)(void *context, uint32_t slab);
  void *front_context;
  hk_stat_t exposed_slabs, given_bytes;                    /* heap/expose.c */
  hk_stat_t class_changes;                                 /* arena/strides.c */
  hk_stat_t double_frees;                                  /* whoever finds one */
  hk_stat_t returned_bytes;                                /* pages given back to the OS for it */
  hk_stat_t failures_os, failures_limit, failures_retried; /* supply/failures.c */

  /* front/stacks.c: memory for the stacks, NULL until the first hk_alloc, and the bytes mapped for
   * it, 0 without a front in C. */
  void *front;
  size_t front_used; /* pointers of it that stacks were made of */
  hk_stat_t front_bytes;
  uint32_t front_marks
      [HK_BIN_MAX]; /* allocations by each when hk_front_decay last looked, modulo 2^32 */

  hk_arena_t *next, *prev; /* arena/arena.c: under the registry lock */

  /* heap/remote.c. shared: slabs with remote frees; anyone pushes (seq_cst: see abandoned.h), the
   * owner takes the whole list (acquire). */
  _Atomic(hk_slab_t *) remote_queue;
  /* front/abandoned.c: hk_keeper_t. shared: whoever is the keeper acts as the owner. */
  _Atomic(uint32_t) keeper;
  /* heap/heap.c: a bit per bin that ever had a slab. What an arena does for each bin it does for these: few, if it is made
   * for one request. Nothing of the others is ever written. */
  uint64_t used_bins[HK_BIN_WORDS];
  /* A bit per bin that gained remotely freed blocks; the front clears the bits it has used up. */
  uint64_t gained_bins[HK_BIN_WORDS];
  uint64_t unretired_bins
      [HK_BIN_WORDS]; /* heap/heap.c: a bit per bin with an empty slab that could not be retired */

  /* The owner holds it to write `superslabs`, other threads to read them. */
  hk_lock_t table_lock;

  /* Tables come last, because only their touched pages cost memory. */
  /* supply/superslabs.c: what references lead to, superslabs[slab >> 5]. */
  hk_superslab_t *superslabs[HK_ARENA_SUPERSLABS_MAX];
  hk_slab_bin_t slab_bins[HK_SLAB_BINS]; /* all 0 without a front in C */
  hk_lent_t lent[HK_BIN_COUNT];          /* all 0 unless mail.offered is not */
  hk_classes_t own_classes;              /* arena/arena.c: all 0 unless `classes` is it */
};

/* Bytes of the mapping that holds a record. */
static inline size_t hk_arena_record_bytes(void) {
  return hk_os_round_to_pages(sizeof(hk_arena_t));
}

/* true: the front in C has memory for it. */
static inline bool hk_arena_has_front(const hk_arena_t *arena) {
  return HK_FRONT_IN_C && arena->front != NULL;
}

/* The first bin from `bin` on that ever had a slab; HK_BIN_MAX: there is none. */
static inline uint32_t hk_arena_used_bin(const hk_arena_t *arena, uint32_t bin) {
  for (; bin < HK_BIN_MAX; bin = (bin / 64 + 1) * 64) {
    uint64_t bits = arena->used_bins[bin / 64] >> bin % 64;
    if (bits != 0) return bin + hk_ctz64(bits);
  }
  return HK_BIN_MAX;
}

/* Goes over these. */
#define HK_EACH_USED_BIN(arena, bin)                                            \
  for (uint32_t bin = hk_arena_used_bin((arena), 0); bin < HK_BIN_MAX; \
       bin = hk_arena_used_bin((arena), bin + 1))

/* false: no reference leads to the slab, because the arena has too many. Only the front in C, which
 * knows blocks by their addresses, can use it. */
static inline bool hk_arena_has_ref(const hk_slab_t *slab) {
  return slab->superslab->index < HK_ARENA_SUPERSLABS_MAX;
}

/* The slab of a slab number, whatever its state; NULL: there is no such slab. */
static inline hk_slab_t *hk_arena_slab(const hk_arena_t *arena, uint32_t slab_number) {
  uint32_t index = slab_number / HK_SUPERSLAB_SLABS;
  if (index >= HK_ARENA_SUPERSLABS_MAX) return NULL;
  hk_superslab_t *superslab = arena->superslabs[index];
  uint32_t slot = slab_number % HK_SUPERSLAB_SLABS;
  if (superslab == NULL || slot >= superslab->slab_count) return NULL;
  return &superslab->slabs[slot];
}

static inline uint32_t hk_arena_slab_number(const hk_slab_t *slab) {
  return slab->superslab->index * HK_SUPERSLAB_SLABS + slab->slot;
}

/* The reference of the slab's block 0. */
static inline uint32_t hk_arena_base_ref(const hk_slab_t *slab) {
  return hk_arena_slab_number(slab) << HK_REF_INDEX_BITS;
}

static inline char *hk_arena_slab_address(const hk_slab_t *slab) {
  return hk_superslab_address(slab->superslab, slab->slot);
}

/* The only entry of the slab-to-magazine cache that the slab around `address` can have. */
static inline hk_slab_bin_t *hk_arena_slab_bin(hk_arena_t *arena, const void *address) {
  return &arena->slab_bins[((uintptr_t)address >> HK_SLAB_SHIFT) % HK_SLAB_BINS];
}

/* A power of two, so that keys need no multiplication. */
#define HK_SLAB_BIN_STEP ((uint64_t)8192)
static_assert(HK_SLAB_BIN_STEP >= sizeof(hk_magazine_t) * HK_BIN_MAX,
              "no two keys share an offset");

/* Greater than every valid offset, so that an empty entry never yields one. */
static inline uint64_t hk_slab_bin_key(const void *address) {
  return (((uint64_t)(uintptr_t)address >> HK_SLAB_SHIFT) + 1) * HK_SLAB_BIN_STEP;
}

static inline hk_slab_bin_t hk_slab_bin_of(const void *address, uint64_t offset) {
  return offset - hk_slab_bin_key(address);
}

/* Offset of the address's magazine; beyond all magazines: the entry is empty or another slab's. */
static inline uint64_t hk_slab_bin_offset(hk_slab_bin_t entry, const void *address) {
  return entry + hk_slab_bin_key(address);
}

/* Clears the entries of a slab and its tails. To be called before they leave their class. */
static inline void hk_arena_forget_bin(hk_arena_t *arena, const hk_slab_t *slab) {
  for (uint32_t i = 0; i < slab->span_slabs; i++) {
    const char *address = hk_arena_slab_address(slab + i);
    hk_slab_bin_t *entry = hk_arena_slab_bin(arena, address);
    if (hk_slab_bin_offset(*entry, address) < sizeof arena->magazines) *entry = 0;
  }
}

#endif

/* Arena: the record that ties heap, supply, large blocks and statistics together.
 *
 * Owns:      its struct and counters (mappings of their own), its SuperSlabs.
 * Called by: front, binding (through hakmem.h).
 * Calls:     super, os. The boxes of this room (supply, heap, large, remote, stats) share this
 *            struct; each touches only its own part.
 * Threads:   owner-only except `shared`, and statistics cells, which anyone may read.
 */
#ifndef HK_ARENA_ARENA_H
#define HK_ARENA_ARENA_H

#include "arena/counters.h"
#include "hakmem.h"
#include "os/lock.h"
#include "super/superslab.h"

/* heap.c: one size class of an arena. */
typedef struct hk_heap_bin_t {
  hk_slab_t *current; /* refills come from here; kept through being empty */
  hk_slab_t *partial; /* list: some blocks free, some out */
  hk_slab_t *empty;   /* list: all blocks free; retire candidates */
  hk_slab_t *aside;   /* list: given away, so that no block of them is handed out */
  uint32_t empty_count;
  bool draining; /* too many empty slabs: offer them until few are left */
  /* Statistics cells. out: blocks handed to the front and not back (remote frees included until
   * they are collected). */
  hk_cell_t out, high_water, slow, refills, flushes, slabs, partial_slabs, remote_collected;
  _Atomic(uint64_t) frees_remote; /* shared: added to by any thread */
} hk_heap_bin_t;

/* large.c: runs and huge mappings, by pseudo bin. */
typedef struct hk_large_kind_t {
  hk_cell_t out, high_water, block_bytes, refills, flushes, remote_collected;
  /* shared: frees by other threads, and bytes of those not collected yet. */
  _Atomic(uint64_t) frees_remote, remote_bytes;
} hk_large_kind_t;

/* front/: one bin of the front in C, a stack of free block addresses. Here, because statistics read its
 * cells at any time. All that an allocation or a free of the bin needs, in one cache line.
 *
 * Allocations are not counted, they follow: what came in (moved_in, frees) less what is there was
 * handed out. The stack's top is written anyway, and a second store is a tenth of an allocation. */
typedef struct hk_magazine_t {
  _Atomic(void **) top;          /* behind the block that is handed out next; behind NULL: empty */
  _Atomic(void **) bottom;       /* where top is when empty */
  void **full;                   /* top is here: half of it is flushed */
  hk_cell_t frees;               /* by the owner thread */
  hk_cell_t moved_in;            /* blocks from the core less blocks back to it, modulo 2^64 */
  _Atomic(uint64_t) allocs_seen; /* shared: the most that a reader of statistics was told */
  uint32_t stride_bytes, reciprocal; /* of the class */
  uint32_t begins;                   /* of the class */
  uint16_t limit;                    /* most blocks, ever */
  uint16_t frees_seen;               /* `frees` at the last batch from the core, modulo 2^16 */
} hk_magazine_t;
static_assert(sizeof(hk_magazine_t) == 64, "one cache line, and see hk_classes_bin_x64");

/* front/: the magazine that a slab of the arena belongs to, found by the slab's address without the map: a
 * cache, direct-mapped, of the slabs that blocks were freed to; 128 MB in a row have room in it. An entry is
 * such that the key of the slab's address plus the entry is where the magazine begins, in bytes, and that 0
 * stands for nothing whatever is added. */
typedef uint64_t hk_slab_bin_t;
#define HK_SLAB_BINS 2048

/* Exact to the owner. To others while nothing moves, give or take an operation that is under way. */
static inline uint64_t hk_magazine_allocs(const hk_magazine_t *m) {
  /* The stack is read after what came in: never too many. */
  uint64_t in = atomic_load_explicit((hk_cell_t *)&m->frees, memory_order_acquire);
  in += atomic_load_explicit((hk_cell_t *)&m->moved_in, memory_order_acquire);
  void **bottom = atomic_load_explicit((_Atomic(void **) *)&m->bottom, memory_order_relaxed);
  return in - (uint64_t)(atomic_load_explicit((_Atomic(void **) *)&m->top, memory_order_relaxed) -
                         bottom);
}

/* supply.c: the arena's SuperSlabs. */
typedef struct hk_supply_t {
  hk_superslab_t *open; /* list: some slot unused */
  hk_superslab_t *full; /* list: every slot used, and huge ones */
  uint64_t prewarmed;   /* SuperSlabs that stay although empty, until a trim */
  hk_cell_t count, empties, adopted, committed_bytes, metadata_bytes, used_bytes, lost_bytes;
  uint64_t index_words[HK_ARENA_SUPERSLABS_MAX / 64]; /* bit set: index in use */
} hk_supply_t;

struct hk_arena_t {
  uint64_t id;
  uint64_t max_bytes; /* 0: no limit */
  int64_t thp;        /* HK_THP_* */
  int64_t policy;     /* HK_FREE_POLICY_* */
  bool shares_bytes;  /* may see bytes of other arenas */
  bool scrubs;        /* leaves no bytes behind */
  char name[HK_ARENA_NAME_MAX + 1];
  const hk_classes_t *classes; /* the default table, or own_classes */
  hk_classes_t own_classes;
  hk_counters_t *counters;
  alignas(64) hk_magazine_t magazines[HK_BIN_MAX];
  hk_heap_bin_t bins[HK_BIN_MAX];
  hk_large_kind_t large[HK_BIN_COUNT - HK_BIN_MAX];
  hk_supply_t supply;
  bool settled; /* see hk_arena_settle */
  bool ended;   /* holds on to exposed slabs only; see hk_arena_end */
  hk_cell_t exposed_slabs, given_bytes, double_frees;
  hk_cell_t returned_bytes; /* of pages given back to the OS on its behalf */
  hk_cell_t failures_os, failures_limit, failures_retried; /* failures.c */
  void *front;             /* front/: memory of its own, NULL until the first hk_alloc */
  hk_cell_t front_bytes;   /* of the mapping behind it; 0: no front in C */
  hk_arena_t *next, *prev; /* registry lock */
  /* shared: slabs with remote frees waiting; pushed by anyone (release), taken whole by the owner
   * (acquire). */
  _Atomic(hk_slab_t *) remote_queue;
  uint64_t
      gained_bins; /* bit per bin that got blocks from there; a front clears what it has used */
  hk_lock_t table_lock; /* held by the owner to change the table below, by others to read it */
  hk_slab_bin_t slab_bins[HK_SLAB_BINS]; /* all 0 without a front in C */
  /* The table behind references: superslabs[slab >> 5]. Last: only touched pages cost anything. */
  hk_superslab_t *superslabs[HK_ARENA_SUPERSLABS_MAX];
};

/* The slab behind a slab number, whatever its state; NULL: no SuperSlab there. */
static inline hk_slab_t *hk_arena_slab(const hk_arena_t *arena, uint32_t slab_number) {
  uint32_t index = slab_number / HK_SUPERSLAB_SLABS;
  if (index >= HK_ARENA_SUPERSLABS_MAX) return NULL;
  hk_superslab_t *superslab = arena->superslabs[index];
  uint32_t slot = slab_number % HK_SUPERSLAB_SLABS;
  if (superslab == NULL || slot >= superslab->slab_count) return NULL;
  return &superslab->slabs[slot];
}

/* The only conversions between slab, reference and address. */
static inline uint32_t hk_arena_slab_number(const hk_slab_t *slab) {
  return slab->superslab->index * HK_SUPERSLAB_SLABS + slab->slot;
}

static inline uint32_t hk_arena_base_ref(const hk_slab_t *slab) {
  return hk_arena_slab_number(slab) << HK_REF_INDEX_BITS;
}

static inline char *hk_arena_slab_address(const hk_slab_t *slab) {
  return hk_superslab_address(slab->superslab, slab->slot);
}

static inline hk_slab_bin_t *hk_arena_slab_bin(hk_arena_t *arena, const void *address) {
  return &arena->slab_bins[((uintptr_t)address >> HK_SLAB_SHIFT) % HK_SLAB_BINS];
}

/* Never below what a place can be, so that no key makes a place of an entry that is 0. */
static inline uint64_t hk_slab_bin_key(const void *address) {
  return (((uint64_t)(uintptr_t)address >> HK_SLAB_SHIFT) + 1) * sizeof(hk_magazine_t) * HK_BIN_MAX;
}

static inline hk_slab_bin_t hk_slab_bin_of(const void *address, uint64_t place) {
  return place - hk_slab_bin_key(address);
}

/* Where the magazine of an address is; beyond them all: the entry is another slab's. */
static inline uint64_t hk_slab_bin_place(hk_slab_bin_t entry, const void *address) {
  return entry + hk_slab_bin_key(address);
}

/* To be called before a slab of the arena serves its class no more. */
static inline void hk_arena_forget_bin(hk_arena_t *arena, const hk_slab_t *slab) {
  const char *address = hk_arena_slab_address(slab);
  hk_slab_bin_t *entry = hk_arena_slab_bin(arena, address);
  if (hk_slab_bin_place(*entry, address) < sizeof arena->magazines) *entry = 0;
}

/* Finds `bytes` of memory for the stacks of the front in C, zero if `*fresh`. The arena owns it and drops
 * it, blocks and all, at the next reset or destroy. NULL: the OS refused. */
void *hk_arena_add_front(hk_arena_t *arena, size_t bytes, bool *fresh);

/* Of mappings that hold its record, counters, front and the records of its SuperSlabs. */
uint64_t hk_arena_metadata_bytes(const hk_arena_t *arena);

/* valid.c. Debug, O(everything): I2 and I3 recounted from bitmaps and slots. */
bool hk_arena_is_valid(hk_arena_t *arena);

#endif

/* Slab: 64 KB cut into blocks of one size class, and the bitmaps of free blocks. For classes of long blocks several
 * neighbouring slabs are cut as one, a span: then the first one's record is that of all, and the others lead to it.
 *
 * Owns:       the record of a slab, which lies in core memory, never inside the slab.
 * Called by:  superslab (slots), heap (bind, take, put), remote (remote bits), trim.
 * Calls:      nothing.
 * Threads:    fields are owner-only unless marked shared. The owner writes those marked published
 *             with HK_WRITE_ONCE, and stats/heap_map.c reads them from any thread.
 * Invariants: a block's free bit and remote bit are never both set; free_count = set free bits;
 *             no free bit is set in a word below `low_word`.
 */
#ifndef HK_SUPER_SLAB_H
#define HK_SUPER_SLAB_H

#include <stdalign.h>
#include <stdatomic.h>

#include "base/classes.h"
#include "base/config.h"

typedef enum hk_slab_state_t {
  HK_SLAB_UNUSED = 0,
  HK_SLAB_CLASS, /* serves one size class, alone or as the first of a span */
  HK_SLAB_RUN,   /* first slab of a run, or of a huge mapping: one block */
  HK_SLAB_TAIL,  /* the others of a run, and of a span of a class */
  HK_SLAB_LOST,  /* freed, retired or reset while exposed: of no use until concealed */
} hk_slab_state_t;

/* The list of its bin that a slab is on. */
typedef enum hk_slab_list_t {
  HK_SLAB_LIST_NONE = 0, /* full, or not in a class */
  HK_SLAB_LIST_CURRENT,
  HK_SLAB_LIST_PARTIAL,
  HK_SLAB_LIST_EMPTY,
  HK_SLAB_LIST_LEAVING, /* partial, in a SuperSlab that drained when a block was last wanted */
  HK_SLAB_LIST_ASIDE,   /* given away */
  HK_SLAB_LIST_BACK,    /* RUN: its borrower has returned it, and its front has not got it yet */
} hk_slab_list_t;

/* Words of a bitmap for the smallest stride, and words inside the record. Those serve strides of
 * 256 B and more, so that most slabs need no bitmap page. */
#define HK_SLAB_WORDS_MAX (HK_SLAB_BYTES / 8 / 64)
#define HK_SLAB_WORDS_INLINE 4

/* Two cache lines; what a free in C reads is in the first. */
typedef struct hk_slab_t hk_slab_t;
struct hk_slab_t {
  alignas(128) struct hk_superslab_t *superslab; /* constant */
  uint64_t *free_bits;                           /* inline_bits, or this slab's part of the pool */
  uint64_t inline_bits[HK_SLAB_WORDS_INLINE];
  uint16_t capacity;   /* published */
  uint16_t free_count; /* published */
  uint16_t low_word;
  uint8_t state; /* hk_slab_state_t; published */
  uint8_t list;  /* hk_slab_list_t */
  uint8_t
      bin; /* CLASS: bin of the class; RUN: HK_BIN_RUN or HK_BIN_HUGE; TAIL: of the first; published */
  bool exposed;            /* a front sees the memory as an ArrayBuffer */
  bool fresh;              /* it read as zero when it was taken from the supply; RUN: all of it */
  bool trimmed;            /* CLASS: no block came or went since its free pages were purged */
  uint16_t touched_blocks; /* CLASS: blocks from this index on were never handed out */
  uint16_t purged_pages; /* CLASS and its tails: bit per page purged since a block was last taken */

  hk_slab_t *next, *prev; /* in the list `list` of its bin */
  uint32_t slot;          /* constant: 0..31 in its SuperSlab */
  uint32_t
      span_slabs; /* CLASS, RUN, LOST: slabs of the span or run; TAIL: how many lie before it */

  /* shared: threads that free remotely set a bit (OR, release), the owner takes words (exchange,
   * acquire). */
  _Atomic(uint64_t) *remote_bits;
  /* shared: 1 while on the arena's queue of slabs with remote frees. RUN: whoever sets it frees the
   * block. */
  _Atomic(uint32_t) remote_queued;
  /* shared: threads that may still queue this record. Raised before the bit is set (and published
   * by it), lowered last (release); the owner retires the slab only at 0 (acquire). */
  _Atomic(uint32_t) remote_writers;
  hk_slab_t *remote_next; /* shared: written by whoever queues the slab, before that */

  bool given;    /* exposed, and somebody else owns the ArrayBuffer: serves nobody here */
  bool is_short; /* CLASS, LOST, and when they have just become UNUSED: see hk_slab_shorten */
  uint32_t
      borrowers; /* letters of its blocks that other threads have or may get; see letters/letters.h */
};
static_assert(sizeof(hk_slab_t) == 128, "two cache lines");

/* Makes the slabs behind `first` its tails. */
void hk_slab_lead(hk_slab_t *first, uint32_t span_slabs);

/* Makes the slab and its tails unused. */
void hk_slab_disband(hk_slab_t *first);

/* Binds a span of unused slabs to class `c`, with every block free. `pool` has words for the free bits of
 * all blocks, if they do not fit into the record, and must outlive the binding. */
void hk_slab_bind(hk_slab_t *slab, uint32_t bin, const hk_class_t *c, uint32_t span_slabs,
                  uint64_t *pool);

/* Leaves a slab that has just been bound, alone, only the blocks in its first HK_SHORT_SLAB_BYTES. */
void hk_slab_shorten(hk_slab_t *slab, const hk_class_t *c);

/* Makes the span unused again. Every block must be free. */
void hk_slab_unbind(hk_slab_t *slab);

/* Finds the first stretch [*from, *to) of free blocks at or behind `*from`. false: there is
 * none. */
bool hk_slab_next_free(const hk_slab_t *slab, uint32_t *from, uint32_t *to);

/* Takes up to `want` free blocks, lowest address first, and writes base_ref + index for each.
 * Returns how many; the caller owns them. */
uint32_t hk_slab_take(hk_slab_t *slab, uint32_t base_ref, uint32_t *refs, uint32_t want);

/* The same as addresses in a slab that begins at `base`, the lowest last. */
uint32_t hk_slab_take_blocks(hk_slab_t *slab, char *base, uint32_t stride_bytes, void **blocks,
                             uint32_t want);

/* Puts one block back. false: it was free already, and nothing changed. */
bool hk_slab_put(hk_slab_t *slab, uint32_t index);

/* Puts back the blocks that begin at addresses in a slab of class `c`, which begins at `base`. Returns how many; the
 * others are free already, or no blocks of it. */
uint32_t hk_slab_put_blocks(hk_slab_t *slab, const hk_class_t *c, const char *base,
                            void *const *blocks, uint32_t count);

/* Put a block back from a thread that does not own the arena, in two steps.
 *
 * `join` adds its bit to a word that has others. Whoever set the first of them queues the slab, so
 * this thread touches the record no more. HK_REMOTE_ALONE: the word is empty, and nothing was done.
 * Then `put` sets the bit in any case; the caller keeps remote_writers raised around it, and after
 * HK_REMOTE_FIRST it queues the slab. */
typedef enum hk_remote_t {
  HK_REMOTE_JOINED,
  HK_REMOTE_FIRST,
  HK_REMOTE_ALONE,
  HK_REMOTE_DOUBLE, /* the bit was set already */
} hk_remote_t;

hk_remote_t hk_slab_join_remote(hk_slab_t *slab, uint32_t index);
hk_remote_t hk_slab_put_remote(hk_slab_t *slab, uint32_t index);

/* true: its remote bit is set. */
static inline bool hk_slab_is_queued(const hk_slab_t *slab, uint32_t index) {
  uint64_t bits = atomic_load_explicit(&slab->remote_bits[index >> 6], memory_order_relaxed);
  return (bits >> (index & 63) & 1) != 0;
}

/* Moves all remote bits to free bits. Returns how many blocks were gained; adds to `*duplicates`
 * those that were free already, because owner and another thread both freed them. */
uint32_t hk_slab_collect_remote(hk_slab_t *slab, uint64_t *duplicates);

static inline uint32_t hk_slab_words(const hk_slab_t *slab) {
  return ((uint32_t)slab->capacity + 63) / 64;
}

/* The record that stands for a slab: of a run or span the first, else its own. Any thread that has a block of it. */
static inline hk_slab_t *hk_slab_first(const hk_slab_t *slab) {
  return (hk_slab_t *)(slab->state == HK_SLAB_TAIL ? slab - slab->span_slabs : slab);
}

/* Bytes of a slab that serves a class. */
static inline size_t hk_slab_bytes(const hk_slab_t *slab) {
  return slab->span_slabs * HK_SLAB_BYTES;
}

/* The part of them that a front sees. */
static inline size_t hk_slab_shown_bytes(const hk_slab_t *slab) {
  return slab->is_short ? HK_SHORT_SLAB_BYTES : hk_slab_bytes(slab);
}

static inline bool hk_slab_has_block(const hk_slab_t *slab, uint32_t index) {
  return slab->state == HK_SLAB_CLASS && index < slab->capacity;
}

/* true: the block is in the core and not handed out. Owner only. */
static inline bool hk_slab_is_free(const hk_slab_t *slab, uint32_t index) {
  return (slab->free_bits[index >> 6] >> (index & 63) & 1) != 0;
}

/* true: no other thread touches this record, or sees the memory, until a block of it is handed out
 * again. Owner only; meaningful only while every block is free. */
static inline bool hk_slab_is_quiet(const hk_slab_t *slab) {
  return atomic_load_explicit(&slab->remote_writers, memory_order_acquire) == 0 &&
         atomic_load_explicit(&slab->remote_queued, memory_order_relaxed) == 0 &&
         slab->borrowers == 0;
}

/* Debug, O(words): the invariants of the file head. */
bool hk_slab_is_valid(const hk_slab_t *slab);

#endif

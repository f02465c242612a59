/* Slab: 64 KB cut into blocks of one size class, and the bitmaps that say which are free.
 *
 * Owns:       the record of a slab; the record lives in core memory, never inside the slab.
 * Called by:  superslab (slots), heap (take, put), remote (put_remote, collect).
 * Threads:    fields are owner-only except those marked shared; `published` ones are written by the
 *             owner with HK_WRITE_ONCE and looked at by anyone (arena/heap_map.c).
 * Invariants: a block's free bit and remote bit are never both set; free_count = set free bits;
 *             no set bit below word `low_word`.
 */
#ifndef HK_SUPER_SLAB_H
#define HK_SUPER_SLAB_H

#include <stdalign.h>
#include <stdatomic.h>

#include "base/classes.h"
#include "base/config.h"

typedef enum hk_slab_state_t {
  HK_SLAB_UNUSED = 0,
  HK_SLAB_CLASS,    /* serves one size class */
  HK_SLAB_RUN,      /* first slab of a run, or of a huge mapping: one block */
  HK_SLAB_RUN_TAIL, /* the others of a run */
  HK_SLAB_LOST,     /* taken back by a reset while exposed: unusable until it is concealed */
} hk_slab_state_t;

/* Which list of the heap a slab is on. */
typedef enum hk_slab_list_t {
  HK_SLAB_LIST_NONE = 0, /* full, or not in a class */
  HK_SLAB_LIST_CURRENT,
  HK_SLAB_LIST_PARTIAL,
  HK_SLAB_LIST_EMPTY,
  HK_SLAB_LIST_ASIDE, /* given away */
} hk_slab_list_t;

/* Words of a bitmap for the smallest stride, and those kept inside the record: enough for strides
 * of 256 B and more, so that most slabs touch no bitmap page at all. */
#define HK_SLAB_WORDS_MAX (HK_SLAB_BYTES / 8 / 64)
#define HK_SLAB_WORDS_INLINE 4

/* Two cache lines: what a free in C reads comes first. */
typedef struct hk_slab_t hk_slab_t;
struct hk_slab_t {
  alignas(128) struct hk_superslab_t *superslab; /* constant */
  uint64_t *free_bits;                           /* inline_bits or this slab's part of the pool */
  uint64_t inline_bits[HK_SLAB_WORDS_INLINE];
  uint16_t capacity;
  uint16_t free_count; /* published */
  uint16_t low_word;
  uint8_t state; /* hk_slab_state_t; published */
  uint8_t list;  /* hk_slab_list_t */
  uint8_t bin;   /* CLASS: bin of the class; RUN: HK_BIN_RUN or HK_BIN_HUGE; published */
  bool exposed;  /* the memory is visible to a front as an ArrayBuffer */
  bool fresh;    /* read as zero when it was taken into use; RUN: all of it */
  bool trimmed;  /* CLASS: no block came or went since pages of free blocks were given back */
  uint16_t touched_blocks; /* CLASS: from this index on every byte reads as zero */
  uint16_t purged_pages;   /* CLASS: bit per page that was given back since blocks were taken */

  hk_slab_t *next, *prev; /* in the heap's list `list` */
  uint32_t slot;          /* constant: 0..31 in its SuperSlab */
  uint32_t span_slabs;    /* RUN, LOST: slabs of the run; else 1 */

  /* Shared with threads that free blocks of this arena. */
  /* Atomic OR by anyone (release), exchange by the owner (acquire). */
  _Atomic(uint64_t) *remote_bits;
  /* 1 while on the arena's queue of slabs with remote frees. RUN: whoever sets it frees the block. */
  _Atomic(uint32_t) remote_queued;
  /* Threads that may still queue this record. Raised before the bit is set (published by it), lowered
   * last (release); the owner retires only at 0 (acquire). */
  _Atomic(uint32_t) remote_writers;
  hk_slab_t *remote_next; /* written by whoever queued it, before publication */

  bool given; /* exposed, and the ArrayBuffer belongs to somebody else: serves nobody here */
};
static_assert(sizeof(hk_slab_t) == 128, "two cache lines");

/* Turns an unused slab into one of class `c`: all blocks free. `pool` holds HK_SLAB_WORDS_MAX words
 * for this slab's free bits; it must outlive the binding. */
void hk_slab_bind(hk_slab_t *slab, uint32_t bin, const hk_class_t *c, uint64_t *pool);

/* Turns it back. Every block must be free. */
void hk_slab_unbind(hk_slab_t *slab);

/* Finds the first stretch of free blocks at or behind `*from`, and sets [*from, *to). false: none. */
bool hk_slab_next_free(const hk_slab_t *slab, uint32_t *from, uint32_t *to);

/* Takes up to `want` free blocks, lowest address first, and writes base_ref + index for each.
 * Returns how many; the caller owns them. */
uint32_t hk_slab_take(hk_slab_t *slab, uint32_t base_ref, uint32_t *refs, uint32_t want);

/* Gives one block back. false: it was free already, nothing changed. */
bool hk_slab_put(hk_slab_t *slab, uint32_t index);

/* The same from a thread that is not the owner, in two ways. `join` adds the block to a word in which
 * others wait: whoever came first answers for the slab being queued, so this touches the record no
 * more. HK_REMOTE_ALONE: no other waits there, nothing was done; `put` is the way then, between raising
 * and lowering remote_writers, and HK_REMOTE_FIRST makes the caller answer for the queue. */
typedef enum hk_remote_t {
  HK_REMOTE_JOINED,
  HK_REMOTE_FIRST,
  HK_REMOTE_ALONE,
  HK_REMOTE_DOUBLE, /* its remote bit was set already */
} hk_remote_t;

hk_remote_t hk_slab_join_remote(hk_slab_t *slab, uint32_t index);
hk_remote_t hk_slab_put_remote(hk_slab_t *slab, uint32_t index);

/* Moves all remote bits to free bits. Returns blocks gained; adds to `*duplicates` those that were
 * free already (freed by owner and stranger both). */
uint32_t hk_slab_collect_remote(hk_slab_t *slab, uint64_t *duplicates);

static inline uint32_t hk_slab_words(const hk_slab_t *slab) {
  return ((uint32_t)slab->capacity + 63) / 64;
}

static inline bool hk_slab_has_block(const hk_slab_t *slab, uint32_t index) {
  return slab->state == HK_SLAB_CLASS && index < slab->capacity;
}

/* true: the block is in the core and not handed out. Owner only. */
static inline bool hk_slab_is_free(const hk_slab_t *slab, uint32_t index) {
  return (slab->free_bits[index >> 6] >> (index & 63) & 1) != 0;
}

/* true: no other thread touches this record, now or until a block of it is handed out again. Owner
 * only, and of meaning only while every block is free. */
static inline bool hk_slab_is_quiet(const hk_slab_t *slab) {
  return atomic_load_explicit(&slab->remote_writers, memory_order_acquire) == 0 &&
         atomic_load_explicit(&slab->remote_queued, memory_order_relaxed) == 0;
}

/* Debug, O(words): the invariants of the file head. */
bool hk_slab_is_valid(const hk_slab_t *slab);

#endif

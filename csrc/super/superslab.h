/* SuperSlab: 2 MB of address space, 32 slabs that any size class can use.
 *
 * Owns:      the mapping, its metadata (in a mapping of its own), which slots are used or dirty.
 * Called by: cache, arena (supply, runs, huge).
 * Calls:     os, map.
 * Threads:   belongs to one arena (owner thread) or to the cache (its lock) at a time.
 * A huge block is a SuperSlab of its own size with a single slab record.
 */
#ifndef HK_SUPER_SUPERSLAB_H
#define HK_SUPER_SUPERSLAB_H

#include "super/slab.h"

typedef struct hk_superslab_t hk_superslab_t;
struct hk_superslab_t {
  char *base; /* constant; 2 MB aligned */
  /* The arena that owns it, NULL in the cache. Atomic: threads that free remotely read it. */
  _Atomic(void *) owner;
  size_t bytes;        /* constant; HK_SUPERSLAB_BYTES, or more: huge */
  uint32_t slab_count; /* constant; HK_SUPERSLAB_SLABS, or 1: huge */
  uint32_t index;      /* in its arena's table */
  uint32_t used_slots; /* bit per slot that is not UNUSED */
  /* Bit per slot whose pages may be touched: not known to read as zero. Huge: bit 0 for all.
   * Published. */
  uint32_t dirty_slots;
  uint8_t thp;  /* what was last advised: HK_THP_* */
  bool was_exposed; /* some slab was exposed: quarantine, see cache.h */
  bool settled; /* the world that saw it has ended: no operation of its can be under way */
  uint64_t last_arena_id; /* whose bytes the dirty slots hold */
  uint64_t cached_at_ns;
  uint64_t quarantined_until_ns; /* 0: not; of a cached one */
  uintptr_t cached_by;         /* thread that put it into the cache */
  hk_superslab_t *next, *prev;   /* in the arena's list or the cache's */
  hk_slab_t slabs[HK_SUPERSLAB_SLABS];
  /* Bitmap words, touched only where a slab needs them. Absent when huge. */
  uint64_t free_pool[HK_SUPERSLAB_SLABS][HK_SLAB_WORDS_MAX];
  _Atomic(uint64_t) remote_pool[HK_SUPERSLAB_SLABS][HK_SLAB_WORDS_MAX];
};

/* Maps a SuperSlab of `bytes` (HK_SUPERSLAB_BYTES, or more for a huge block) and enters it in the
 * address map. The caller owns it. NULL: the OS refused, nothing changed. */
hk_superslab_t *hk_superslab_map(size_t bytes);

/* Advises huge pages as HK_THP_ALWAYS and HK_THP_NEVER say, unless that was the last advice. */
void hk_superslab_advise(hk_superslab_t *superslab, int64_t thp);

/* Touches every page, so that the first use costs no page faults. No slot may be used. */
void hk_superslab_touch(hk_superslab_t *superslab);

/* Gives it back to the OS. No slot may be used. false: the OS refused to unmap; the address space
 * is lost to us but nothing refers to it any more. */
bool hk_superslab_unmap(hk_superslab_t *superslab);

/* Of the process so far; any thread. */
typedef struct hk_superslab_stats_t {
  uint64_t mapped, unmapped;
} hk_superslab_stats_t;

void hk_superslab_stats(hk_superslab_stats_t *stats);

static inline bool hk_superslab_is_huge(const hk_superslab_t *superslab) {
  return superslab->slab_count == 1;
}

static inline char *hk_superslab_address(const hk_superslab_t *superslab, uint32_t slot) {
  return superslab->base + (size_t)slot * HK_SLAB_BYTES;
}

/* Bytes of the mapping that its record is in. */
size_t hk_superslab_metadata_bytes(const hk_superslab_t *superslab);

/* Free slots in a row for a run of `slabs`: the lowest start, or -1. */
int hk_superslab_find_run(const hk_superslab_t *superslab, uint32_t slabs);

/* true: slabs[slot .. slot + count) are all there and unused. */
bool hk_superslab_is_unused(const hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* Marks the slots of slabs[slot .. slot + count) used (and dirty) or unused. */
void hk_superslab_use(hk_superslab_t *superslab, uint32_t slot, uint32_t count);
void hk_superslab_unuse(hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* Says that a slab reads as zero. It must not be used from here on, until it is marked used again. */
void hk_superslab_set_clean(hk_superslab_t *superslab, uint32_t slot);

/* true: all of slabs[slot .. slot + count) is known to read as zero. */
bool hk_superslab_is_clean(const hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* Returns every slot to UNUSED, whatever it was; the caller answers for what was in it. Exposed slabs
 * stay used and become LOST. Returns the bytes of those. */
size_t hk_superslab_reset(hk_superslab_t *superslab);

/* Gives the pages of dirty unused slots back to the OS. Returns bytes given back. */
size_t hk_superslab_purge(hk_superslab_t *superslab);

/* Bytes whose pages may be touched, in slots used or not. */
size_t hk_superslab_dirty_bytes(const hk_superslab_t *superslab);

/* Makes dirty unused slots read as zero, by purging or, where the OS refuses, by writing: bytes of
 * one arena never reach another. In one that was seen every unused slot counts as dirty, because a late
 * write may have come since its pages were given back. */
void hk_superslab_wipe(hk_superslab_t *superslab);

/* The same for a range of whole slabs, of which nobody looks at any. Always true. */
bool hk_superslab_zero(void *address, size_t bytes);

/* Debug, O(slots). */
bool hk_superslab_is_valid(const hk_superslab_t *superslab);

#endif

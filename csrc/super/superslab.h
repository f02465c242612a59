/* SuperSlab: 2 MB of address space with 32 slabs, each for any size class.
 *
 * Owns:      the mapping, its record (in a mapping of its own), which slots are used or dirty.
 * Called by: cache, supply, extent.
 * Calls:     os, pagemap, slab.
 * Threads:   a SuperSlab belongs to one arena (owner thread) or to the cache (its lock) at a time.
 * A huge mapping is a SuperSlab of its own size with a single slab record.
 */
#ifndef HK_SUPER_SUPERSLAB_H
#define HK_SUPER_SUPERSLAB_H

#include "super/slab.h"

/* So many fit into the record of a huge mapping, which takes a page at least. */
#define HK_SUPERSLAB_SEAMS_MAX 63

/* Words that most strides need beside inline ones. For all slabs they lie in one page, where HK_SLAB_WORDS_MAX each would
 * touch a page for every four slabs. */
#define HK_POOL_WORDS_SMALL 15
#define HK_POOL_STRIDE_SMALL (HK_SLAB_BYTES / (HK_POOL_WORDS_SMALL * 64) + 1)

/* In the cache: WARM keeps its pages; COOLED did, and they are to go back,
 * but for what is kept. */
typedef enum hk_warmth_t { HK_COLD, HK_WARM, HK_COOLED } hk_warmth_t;

typedef struct hk_superslab_t hk_superslab_t;
struct hk_superslab_t {
  char *base; /* 2 MB aligned; constant, unless hk_extent_resize moves a huge one */
  /* shared: the arena that owns it, NULL in the cache; written with release, read with acquire by
   * threads that free. */
  _Atomic(void *) owner;
  size_t bytes;        /* as `base`; HK_SUPERSLAB_BYTES, or more: huge. Published: see slab.h. */
  uint32_t slab_count; /* constant; HK_SUPERSLAB_SLABS, or 1: huge */
  uint32_t index;      /* in its arena's table; HK_ARENA_SUPERSLABS_MAX: it is not in there */
  uint32_t used_slots; /* bit per slot that is not UNUSED */
  uint32_t idle_slots; /* of an arena: bit per used slot whose slab or span its class keeps empty */
  /* Bit per slot that is not known to read as zero, because its pages may be touched. Huge: bit 0
   * stands for all. Published: see slab.h. */
  uint32_t dirty_slots;
  uint8_t thp;         /* what was last advised: HK_THP_* */
  bool was_exposed;    /* some slab was: quarantine, see cache/cache.h */
  bool settled;        /* who saw it has ended, so no write of theirs is under way */
  bool was_lent;       /* other threads than its arena's saw it since `was_exposed` */
  bool draining;       /* of an arena: its tier, see super/tiers.h. Published: see slab.h. */
  uint8_t warmth;      /* hk_warmth_t */
  uint8_t policy;      /* in the cache: HK_FREE_POLICY_*, of the arena that put it there */
  uint32_t seen_slots; /* bit per slot that others saw since `was_exposed`: late writes */
  /* Bit per slot that was used by another than a short slab since the last wipe; that was before, so that a late write
   * may have come behind where a short slab ends; and that the last wipe did not leave out there. */
  uint32_t whole_slots, late_slots, wiped_slots;
  uint32_t
      purged_slots;   /* bit per slot, unused since, whose pages went back to the OS; huge: bit 0 */
  size_t asked_bytes; /* huge, in use: what its user last asked for; less than `bytes` */
  size_t purged_bytes;    /* in the cache: so much at the end of a huge mapping has no pages */
  size_t kept_bytes;      /* in the cache, COOLED: so much at its beginning keeps them */
  uint32_t seam_count;    /* huge: see hk_superslab_seams */
  uint64_t last_arena_id; /* whose bytes dirty slots hold */
  uint64_t cached_at_ns;
  uint64_t quarantined_until_ns; /* in the cache; 0: not in quarantine */
  uintptr_t cached_by;           /* in the cache: the thread that put it there */
  hk_superslab_t *next, *prev;   /* in a list of the arena or of the cache */
  hk_slab_t slabs[HK_SUPERSLAB_SLABS];
  /* Bitmaps for slabs that need more than inline words: see hk_superslab_pool. Absent when huge. */
  uint64_t small_pool[HK_SUPERSLAB_SLABS][HK_POOL_WORDS_SMALL];
  uint64_t free_pool[HK_SUPERSLAB_SLABS][HK_SLAB_WORDS_MAX];
  _Atomic(uint64_t) remote_pool[HK_SUPERSLAB_SLABS][HK_SLAB_WORDS_MAX];
};

/* Maps a SuperSlab of `bytes` (HK_SUPERSLAB_BYTES, or more: huge) and enters it in the page map.
 * The caller owns it. NULL: the OS refused, and nothing changed. */
hk_superslab_t *hk_superslab_map(size_t bytes);

/* Advises huge pages (HK_THP_ALWAYS) or small ones (HK_THP_NEVER), unless that was the last
 * advice. */
void hk_superslab_advise(hk_superslab_t *superslab, int64_t thp);

/* Touches every page, so that its first use causes no page fault. No slot may be used. */
void hk_superslab_touch(hk_superslab_t *superslab);

/* Unmaps it, or what is left of it. No slot may be used. false: the OS refused; the address space is lost,
 * but nothing refers to it any more. */
bool hk_superslab_unmap(hk_superslab_t *superslab);

/* The same. Returns bytes of pages given back. */
size_t hk_superslab_drop(hk_superslab_t *superslab);

/* Places inside a huge mapping where pages from elsewhere begin, as slabs before them, ascending: to the system there
 * are so many mappings more. They lie where others have the records of their slabs. */
static inline uint32_t *hk_superslab_seams(const hk_superslab_t *superslab) {
  return (uint32_t *)(void *)&superslab->slabs[1];
}

/* Sets how many seams it has, of which the caller has set the places. */
void hk_superslab_set_seams(hk_superslab_t *superslab, uint32_t count);

/* Seams of all huge mappings of the process. Any thread. */
uint64_t hk_superslab_all_seams(void);

/* Counts of the process so far; any thread. */
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

/* Words for the free bits of a slab of such a stride. */
static inline uint64_t *hk_superslab_pool(hk_superslab_t *superslab, uint32_t slot,
                                          uint32_t stride_bytes) {
  bool is_small = stride_bytes >= HK_POOL_STRIDE_SMALL;
  return is_small ? superslab->small_pool[slot] : superslab->free_pool[slot];
}

/* Bytes of the mapping that holds its record. */
size_t hk_superslab_metadata_bytes(const hk_superslab_t *superslab);

/* The lowest slot that is a multiple of `alignment` (1, 2, 4 or 8) and from which on `slabs` slots are unused; -1:
 * there is none. */
int hk_superslab_find_run(const hk_superslab_t *superslab, uint32_t slabs, uint32_t alignment);

/* Bit per slot of [slot, slot + count). */
static inline uint32_t hk_superslab_slots(uint32_t slot, uint32_t count) {
  uint32_t ones = count >= 32 ? ~(uint32_t)0 : ((uint32_t)1 << count) - 1;
  return ones << slot;
}

/* true: the slots [slot, slot + count) all exist and are unused. */
bool hk_superslab_is_unused(const hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* Make the slots [slot, slot + count) used, and so dirty, or unused. */
void hk_superslab_use(hk_superslab_t *superslab, uint32_t slot, uint32_t count);
void hk_superslab_unuse(hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* Makes the slots [slot, slot + count) clean: their memory reads as zero, and nobody touches it until they are used
 * again. */
void hk_superslab_set_clean(hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* Makes every slot unused, whatever it held; nobody may hold a block of it. Slabs that are
 * exposed or have borrowers stay used and become LOST. Returns the bytes of lost slabs. */
size_t hk_superslab_reset(hk_superslab_t *superslab);

/* Gives the pages of dirty unused slots back to the OS. Returns their bytes. */
size_t hk_superslab_purge(hk_superslab_t *superslab);

/* The same, of a huge mapping only the next `part_bytes`; no slot may be used. `*is_over`: nothing is
 * left, or the OS refused. */
size_t hk_superslab_purge_part(hk_superslab_t *superslab, size_t part_bytes, bool *is_over);

/* Bytes of dirty slots, used or not. */
size_t hk_superslab_dirty_bytes(const hk_superslab_t *superslab);

/* Bytes of dirty unused slots: what a purge would give back. Huge: 0, because an arena has no unused one. */
size_t hk_superslab_unused_dirty_bytes(const hk_superslab_t *superslab);

/* To be called when slots have become used, with a bit for each. Returns the bytes of their pages that had gone
 * back to the OS: it was too early for these. */
size_t hk_superslab_retake(hk_superslab_t *superslab, uint32_t slots);

/* Makes unused slots read as zero that are dirty, or were exposed: a late write may have come after
 * their pages were purged. Bytes of one arena never reach another. A few slots are written, and stay
 * dirty, because their pages cost more to get back; others are purged, or written if the OS refuses. */
void hk_superslab_wipe(hk_superslab_t *superslab);

/* To be called before anybody has all of the slots [slot, slot + count), which are no short slab: wipes what the last
 * wipe has left out. */
void hk_superslab_wipe_late(hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* true: so little of it is dirty that hk_superslab_wipe writes it. */
bool hk_superslab_is_small(const hk_superslab_t *superslab);

/* `count` slabs from `slot` on are exposed, or a block of them is lent. */
void hk_superslab_note_exposed(hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* Makes a range of whole slabs read as zero; nobody may use it. Always true. */
bool hk_superslab_zero(void *address, size_t bytes);

/* Debug, O(slots). */
bool hk_superslab_is_valid(const hk_superslab_t *superslab);

#endif

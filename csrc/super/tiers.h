/* Tiers: the SuperSlabs of an arena by how many of their slabs are in use, and which of them are to
 * become empty. hk_tier_t has the names.
 *
 * Owns:       hk_tiers_t; `draining`, `idle_slots`, `next`, `prev` of the SuperSlabs of an arena.
 * Called by:  superslabs, supply (slots), bin (idle slabs), heap (what is given up), trim, valid.
 * Calls:      superslab.
 * Threads:    owner only; others may read `draining` of either kind.
 * Invariants: a SuperSlab is on the list that its state says; one without a used slot does not
 *             drain; `room` and `idle` are what hot ones have.
 *
 * New slabs come from the fullest hot SuperSlab, so that the others can become empty. One with
 * little in use drains, if hot ones have something to spare: it serves only when no other can, and
 * classes give up their empty slabs in it. One that has had to serve is hot again; so a load that
 * swings by less than what was to spare changes no tier.
 */
#ifndef HK_SUPER_TIERS_H
#define HK_SUPER_TIERS_H

#include "super/superslab.h"

/* Slabs in use below which a SuperSlab drains, and from which on it is hot again in any case. */
#define HK_TIERS_DRAIN_BELOW (HK_SUPERSLAB_SLABS / 4)
#define HK_TIERS_HOT_FROM (HK_SUPERSLAB_SLABS / 2)

typedef struct hk_tiers_t {
  /* Lists, by used slots. Hot ones without any are free; huge mappings count as full. */
  hk_superslab_t *hot[HK_SUPERSLAB_SLABS + 1], *draining[HK_SUPERSLAB_SLABS + 1];
  uint64_t hot_lists, draining_lists; /* bit per list that is not empty */
  hk_superslab_t *giving;             /* list: those that drain and have idle slabs */
  uint64_t room;                      /* unused slots of hot SuperSlabs that have a used one */
  uint64_t idle;                      /* idle slabs of hot ones: empty, and kept by their class */
  uint32_t looked_at;                 /* supply.c: where it looks next for one that could drain */
  uint32_t drain_count;               /* SuperSlabs that drain; published: see slab.h */
} hk_tiers_t;

/* Take a SuperSlab off its list before its slots change in another way than by the functions below,
 * and put it on its list after that. */
void hk_tiers_unlink(hk_tiers_t *tiers, const hk_superslab_t *superslab);
void hk_tiers_link(hk_tiers_t *tiers, hk_superslab_t *superslab);

/* Takes all of them off their lists, and none drains any more. Returns them, chained by `next`. */
hk_superslab_t *hk_tiers_unlink_all(hk_tiers_t *tiers);

/* The SuperSlab that `count` neighbouring slabs should come from, and where in it, at a multiple of `alignment`
 * slots: the fullest hot one where they fit, a free one, and only then one that drains. NULL: there is none. */
hk_superslab_t *hk_tiers_find(const hk_tiers_t *tiers, uint32_t count, uint32_t alignment,
                              int *slot);

/* The same, but not one that drains. */
hk_superslab_t *hk_tiers_find_hot(const hk_tiers_t *tiers, uint32_t count, uint32_t alignment,
                                  int *slot);

/* true: one slab can come from a SuperSlab of the arena that does not drain. */
static inline bool hk_tiers_have_room(const hk_tiers_t *tiers) {
  return tiers->room != 0 || tiers->hot[0] != NULL;
}

/* Make slots used or unused. */
void hk_tiers_use(hk_tiers_t *tiers, hk_superslab_t *superslab, uint32_t slot, uint32_t count);
void hk_tiers_unuse(hk_tiers_t *tiers, hk_superslab_t *superslab, uint32_t slot, uint32_t count);

/* The class of a slab keeps it although all its blocks are free, or does so no longer. */
void hk_tiers_set_idle(hk_tiers_t *tiers, const hk_slab_t *slab, bool idle);

/* Lets a hot SuperSlab drain if it has little in use, and others have `spare` unused slots. Idle
 * slabs are not in use once their pages went back, because their class did not need them; and if
 * that is why there is little, idle slabs elsewhere are to spare, too. false: it stays as it is. */
bool hk_tiers_drain(hk_tiers_t *tiers, hk_superslab_t *superslab, uint64_t spare);

/* The hot SuperSlab with the fewest used slots, but some; NULL: every one has a quarter. */
hk_superslab_t *hk_tiers_emptiest(const hk_tiers_t *tiers);

/* A SuperSlab that drains and whose idle slabs are to be given up; NULL: there is none. */
static inline hk_superslab_t *hk_tiers_giving(const hk_tiers_t *tiers) { return tiers->giving; }

/* A SuperSlab without a used slot; NULL: there is none. */
static inline hk_superslab_t *hk_tiers_free(const hk_tiers_t *tiers) { return tiers->hot[0]; }

/* All of them, in the order in which slabs are taken from them, full ones last. `next` must not be
 * asked about one that has changed its list meanwhile. */
hk_superslab_t *hk_tiers_first(const hk_tiers_t *tiers);
hk_superslab_t *hk_tiers_next(const hk_tiers_t *tiers, const hk_superslab_t *superslab);

/* Debug, O(slabs): the invariants of the file head. */
bool hk_tiers_are_valid(const hk_tiers_t *tiers);

#endif

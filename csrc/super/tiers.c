#include "super/tiers.h"

#include "base/assert.h"
#include "base/compiler.h"

#define FULL HK_SUPERSLAB_SLABS

static uint32_t used_of(const hk_superslab_t *superslab) {
  return hk_superslab_is_huge(superslab) ? FULL : hk_popcount32(superslab->used_slots);
}

/* What a SuperSlab with so many slots in use has to spare, if it is hot. Free ones do not count, because one that
 * drains would only make them take its place. */
static uint32_t room_beside(const hk_superslab_t *superslab, uint32_t used) {
  return superslab->draining || used == 0 ? 0 : FULL - used;
}

static uint32_t room_of(const hk_superslab_t *superslab) {
  return room_beside(superslab, used_of(superslab));
}

static uint32_t idle_of(const hk_superslab_t *superslab) {
  return superslab->draining ? 0 : hk_popcount32(superslab->idle_slots);
}

static bool gives(const hk_superslab_t *superslab) {
  return superslab->draining && superslab->idle_slots != 0;
}

/* --- Lists ------------------------------------------------------------------------------------ */

static hk_superslab_t **head_for(hk_tiers_t *tiers, const hk_superslab_t *superslab,
                                 uint32_t used) {
  if (gives(superslab)) return &tiers->giving;
  return &(superslab->draining ? tiers->draining : tiers->hot)[used];
}

static hk_superslab_t **head_of(hk_tiers_t *tiers, const hk_superslab_t *superslab) {
  return head_for(tiers, superslab, used_of(superslab));
}

/* Its list may have become empty, or has an entry now. */
static void mark(hk_tiers_t *tiers, const hk_superslab_t *superslab, uint32_t used, bool filled) {
  if (gives(superslab)) return;
  uint64_t *lists = superslab->draining ? &tiers->draining_lists : &tiers->hot_lists;
  uint64_t bit = (uint64_t)1 << used;
  *lists = filled ? *lists | bit : *lists & ~bit;
}

void hk_tiers_unlink(hk_tiers_t *tiers, const hk_superslab_t *superslab) {
  uint32_t used = used_of(superslab);
  hk_superslab_t **head = head_for(tiers, superslab, used);
  *(superslab->prev != NULL ? &superslab->prev->next : head) = superslab->next;
  if (superslab->next != NULL) superslab->next->prev = superslab->prev;
  if (*head == NULL) mark(tiers, superslab, used, false);
  tiers->room -= room_beside(superslab, used);
  if (superslab->idle_slots != 0) tiers->idle -= idle_of(superslab);
}

void hk_tiers_link(hk_tiers_t *tiers, hk_superslab_t *superslab) {
  uint32_t used = used_of(superslab);
  hk_superslab_t **head = head_for(tiers, superslab, used);
  superslab->prev = NULL;
  superslab->next = *head;
  if (*head != NULL) (*head)->prev = superslab;
  *head = superslab;
  mark(tiers, superslab, used, true);
  tiers->room += room_beside(superslab, used);
  if (superslab->idle_slots != 0) tiers->idle += idle_of(superslab);
}

/* To be called while it is on no list. */
static void set_draining(hk_tiers_t *tiers, hk_superslab_t *superslab, bool draining) {
  if (superslab->draining == draining) return;
  HK_WRITE_ONCE(superslab->draining, draining);
  HK_WRITE_ONCE(tiers->drain_count, tiers->drain_count + (draining ? 1 : -(uint32_t)1));
}

hk_superslab_t *hk_tiers_unlink_all(hk_tiers_t *tiers) {
  hk_superslab_t *all = NULL;
  for (hk_superslab_t *s; (s = hk_tiers_first(tiers)) != NULL;) {
    hk_tiers_unlink(tiers, s);
    set_draining(tiers, s, false);
    s->idle_slots = 0;
    s->next = all;
    all = s;
  }
  return all;
}

/* --- Taking ----------------------------------------------------------------------------------- */

static hk_superslab_t *find_in(hk_superslab_t *first, uint32_t count, uint32_t alignment,
                               int *slot) {
  for (hk_superslab_t *s = first; s != NULL; s = s->next) {
    *slot = hk_superslab_find_run(s, count, alignment);
    if (*slot >= 0) return s;
  }
  return NULL;
}

/* Searches lists by used slots, the fullest with `count` unused ones first. */
static hk_superslab_t *find_fullest(hk_superslab_t *const *lists, uint64_t filled, uint32_t count,
                                    uint32_t alignment, int *slot) {
  uint64_t todo = filled & (((uint64_t)2 << (FULL - count)) - 1);
  for (; todo != 0; todo &= ~((uint64_t)1 << hk_log2(todo))) {
    hk_superslab_t *found = find_in(lists[hk_log2(todo)], count, alignment, slot);
    if (found != NULL) return found;
  }
  return NULL;
}

hk_superslab_t *hk_tiers_find_hot(const hk_tiers_t *tiers, uint32_t count, uint32_t alignment,
                                  int *slot) {
  return find_fullest(tiers->hot, tiers->hot_lists, count, alignment, slot);
}

hk_superslab_t *hk_tiers_find(const hk_tiers_t *tiers, uint32_t count, uint32_t alignment,
                              int *slot) {
  hk_superslab_t *found = hk_tiers_find_hot(tiers, count, alignment, slot);
  if (found == NULL)
    found = find_fullest(tiers->draining, tiers->draining_lists, count, alignment, slot);
  return found != NULL ? found : find_in(tiers->giving, count, alignment, slot);
}

void hk_tiers_use(hk_tiers_t *tiers, hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  hk_tiers_unlink(tiers, superslab);
  hk_superslab_use(superslab, slot, count);
  set_draining(tiers, superslab, false);
  hk_tiers_link(tiers, superslab);
}

/* --- Draining --------------------------------------------------------------------------------- */

void hk_tiers_unuse(hk_tiers_t *tiers, hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  hk_tiers_unlink(tiers, superslab);
  hk_superslab_unuse(superslab, slot, count);
  if (superslab->used_slots == 0) set_draining(tiers, superslab, false);
  hk_tiers_link(tiers, superslab);
}

static uint32_t busy_of(const hk_superslab_t *superslab) {
  return hk_popcount32(superslab->used_slots & ~superslab->idle_slots);
}

void hk_tiers_set_idle(hk_tiers_t *tiers, const hk_slab_t *slab, bool idle) {
  hk_superslab_t *superslab = slab->superslab;
  uint32_t slots = hk_superslab_slots(slab->slot, slab->span_slabs);
  HK_ASSERT((superslab->idle_slots & slots) == (idle ? 0 : slots));
  if (HK_LIKELY(!superslab->draining)) { /* then its list does not depend on it */
    superslab->idle_slots ^= slots;
    tiers->idle = idle ? tiers->idle + slab->span_slabs : tiers->idle - slab->span_slabs;
    return;
  }
  hk_tiers_unlink(tiers, superslab);
  superslab->idle_slots ^= slots;
  if (busy_of(superslab) >= HK_TIERS_HOT_FROM) set_draining(tiers, superslab, false);
  hk_tiers_link(tiers, superslab);
}

/* Slots of idle slabs whose pages went back. */
static uint32_t cold_slots(const hk_superslab_t *superslab) {
  uint32_t cold = 0;
  for (uint32_t todo = superslab->idle_slots; todo != 0; todo &= todo - 1) {
    uint32_t slot = hk_ctz32(todo);
    if (hk_slab_first(&superslab->slabs[slot])->trimmed) cold |= (uint32_t)1 << slot;
  }
  return cold;
}

static bool is_little_in_use(const hk_superslab_t *superslab) {
  if (superslab->used_slots == 0 || busy_of(superslab) >= HK_TIERS_DRAIN_BELOW) return false;
  uint32_t in_use = superslab->used_slots & ~cold_slots(superslab);
  return hk_popcount32(in_use) < HK_TIERS_DRAIN_BELOW;
}

bool hk_tiers_drain(hk_tiers_t *tiers, hk_superslab_t *superslab, uint64_t spare) {
  if (superslab->draining || hk_superslab_is_huge(superslab)) return false;
  if (!is_little_in_use(superslab)) return false;
  uint64_t room = tiers->room - room_of(superslab);
  if (used_of(superslab) >= HK_TIERS_DRAIN_BELOW) room += tiers->idle - idle_of(superslab);
  if (room < spare) return false;
  hk_tiers_unlink(tiers, superslab);
  set_draining(tiers, superslab, true);
  hk_tiers_link(tiers, superslab);
  return true;
}

hk_superslab_t *hk_tiers_emptiest(const hk_tiers_t *tiers) {
  uint64_t some = tiers->hot_lists & (((uint64_t)1 << HK_TIERS_DRAIN_BELOW) - 2);
  return some == 0 ? NULL : tiers->hot[hk_ctz64(some)];
}

/* --- All of them ------------------------------------------------------------------------------ */

/* The fullest below `used`. */
static hk_superslab_t *first_below(hk_superslab_t *const *lists, uint64_t filled, uint32_t used) {
  uint64_t some = filled & (((uint64_t)1 << used) - 1);
  return some == 0 ? NULL : lists[hk_log2(some)];
}

static hk_superslab_t *first_that_gives(const hk_tiers_t *tiers) {
  return tiers->giving != NULL ? tiers->giving : tiers->hot[FULL];
}

static hk_superslab_t *first_that_drains(const hk_tiers_t *tiers, uint32_t below) {
  hk_superslab_t *found = first_below(tiers->draining, tiers->draining_lists, below);
  return found != NULL ? found : first_that_gives(tiers);
}

static hk_superslab_t *first_hot(const hk_tiers_t *tiers, uint32_t below) {
  hk_superslab_t *found = first_below(tiers->hot, tiers->hot_lists, below);
  return found != NULL ? found : first_that_drains(tiers, FULL + 1);
}

hk_superslab_t *hk_tiers_first(const hk_tiers_t *tiers) { return first_hot(tiers, FULL); }

hk_superslab_t *hk_tiers_next(const hk_tiers_t *tiers, const hk_superslab_t *superslab) {
  if (superslab->next != NULL) return superslab->next;
  uint32_t used = used_of(superslab);
  if (gives(superslab)) return tiers->hot[FULL];
  if (superslab->draining) return first_that_drains(tiers, used);
  return used == FULL ? NULL : first_hot(tiers, used);
}

static bool is_valid(const hk_superslab_t *superslab) {
  if (superslab->draining && superslab->used_slots == 0) return false;
  uint32_t idle = 0;
  for (uint32_t slot = 0; slot < superslab->slab_count; slot++) {
    const hk_slab_t *slab = hk_slab_first(&superslab->slabs[slot]);
    bool is_idle = slab->state == HK_SLAB_CLASS && slab->list == HK_SLAB_LIST_EMPTY;
    if (is_idle) idle |= (uint32_t)1 << slot;
  }
  return idle == superslab->idle_slots;
}

/* What the SuperSlabs of a list add up to. */
typedef struct sums_t {
  uint64_t room, idle, draining;
  bool valid;
} sums_t;

static void add_list(hk_tiers_t *tiers, hk_superslab_t **head, sums_t *sums) {
  for (const hk_superslab_t *s = *head; s != NULL; s = s->next) {
    sums->valid &= is_valid(s) && head_of(tiers, s) == head;
    sums->room += room_of(s);
    sums->idle += idle_of(s);
    sums->draining += s->draining ? 1 : 0;
  }
}

bool hk_tiers_are_valid(const hk_tiers_t *constant) {
  hk_tiers_t *tiers = (hk_tiers_t *)constant; /* read only */
  sums_t sums = {.valid = true};
  for (uint32_t used = 0; used <= FULL; used++) {
    add_list(tiers, &tiers->hot[used], &sums);
    add_list(tiers, &tiers->draining[used], &sums);
    sums.valid &= (tiers->hot[used] != NULL) == ((tiers->hot_lists >> used & 1) != 0);
    sums.valid &= (tiers->draining[used] != NULL) == ((tiers->draining_lists >> used & 1) != 0);
  }
  add_list(tiers, &tiers->giving, &sums);
  return sums.valid && sums.room == tiers->room && sums.idle == tiers->idle &&
         sums.draining == tiers->drain_count;
}

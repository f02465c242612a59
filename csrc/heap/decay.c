#include "heap/decay.h"

#include "heap/bin.h"
#include "heap/remote.h"
#include "heap/trim.h"
#include "os/os.h"
#include "supply/supply.h"

/* Slabs that are looked at between two looks at the clock. */
#define LOOKS 64

/* Where a pass begins in a bin, whatever its first slab is. */
#define FIRST_SLAB UINT32_MAX

/* Steps in use in which so much of it goes that a steady rate adds up to as many steps: a delay of
 * what a bin reaches for, and eight of what it regrets. A step without use halves both. */
#define REACH_LASTS HK_PEAKS_STEPS
#define REGRET_LASTS (8 * HK_PEAKS_STEPS)

/* Nobody may have called for long, so there may be more than the bin has blocks. */
static uint32_t fall(uint32_t blocks, uint64_t all, uint32_t lasts) {
  if (blocks > all) blocks = (uint32_t)all;
  return blocks - (blocks + lasts - 1) / lasts;
}

static void end_bin_steps(hk_bin_t *b, uint64_t steps) {
  uint32_t refills = (uint32_t)hk_stat_get(&b->refills);
  bool was_used = refills != b->stepped_refills;
  hk_peaks_step(&b->peaks, steps, (uint32_t)hk_stat_get(&b->out));
  uint64_t all = hk_stat_get(&b->capacity);
  b->reach = fall(b->reach, all, was_used ? REACH_LASTS : 2);
  b->regret = fall(b->regret, all, was_used ? REGRET_LASTS : 2);
  b->stepped_refills = refills;
}

/* Ends the step under way, and those that nobody has ended. */
static void end_steps(hk_arena_t *arena, uint64_t now_ns) {
  hk_decay_t *decay = &arena->decay;
  hk_supply_t *supply = &arena->supply;
  uint64_t steps = (now_ns - decay->stepped_ns) / hk_decay_step_ns(decay);
  if (steps == 0) return;
  /* The first one began with the clock itself. */
  hk_stat_add(&decay->epochs, decay->stepped_ns == 0 ? 1 : steps);
  decay->stepped_ns = now_ns;
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    hk_bin_t *b = &arena->bins[bin];
    if (hk_stat_get(&b->refills) == 0) continue;
    end_bin_steps(b, steps);
  }
  uint64_t used = hk_stat_get(&supply->used_bytes) / HK_SLAB_BYTES;
  hk_peaks_step(&supply->peaks, steps, (uint32_t)used);
}

/* Current slabs in SuperSlabs that drain would hold those for as long as their class is not used. */
static void leave_draining(hk_arena_t *arena) {
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    hk_slab_t *slab = arena->bins[bin].current;
    if (slab != NULL && slab->superslab->draining) hk_bin_leave(arena, slab);
  }
}

/* Free blocks of a bin whose pages stay. */
static uint32_t reserve_of(const hk_arena_t *arena, const hk_bin_t *b) {
  if (arena->decay.delay_ns == 0) return 0;
  return hk_peaks_reserve(&b->peaks, (uint32_t)hk_stat_get(&b->out)) + b->reach + b->regret;
}

/* The list that a bin takes from when `slab` was the last of another; NULL: that was all. */
static hk_slab_t *next_list(const hk_bin_t *b, hk_slab_list_t list) {
  if (list == HK_SLAB_LIST_CURRENT && b->partial != NULL) return b->partial;
  if (list == HK_SLAB_LIST_LEAVING) return NULL;
  return list == HK_SLAB_LIST_EMPTY || b->empty == NULL ? hk_bin_leaving(b) : b->empty;
}

static hk_slab_t *next_of(const hk_bin_t *b, const hk_slab_t *slab) {
  hk_slab_list_t list = (hk_slab_list_t)slab->list;
  hk_slab_t *next = list == HK_SLAB_LIST_CURRENT ? NULL : slab->next;
  while (next != NULL && next->list != list) next = next->next; /* given away */
  return next != NULL ? next : next_list(b, list);
}

static hk_slab_t *first_of(const hk_bin_t *b) {
  return b->current != NULL ? b->current : next_list(b, HK_SLAB_LIST_CURRENT);
}

/* The slab where the pass goes on, or the bin's first one if that is not among its slabs any more. */
static hk_slab_t *where_it_was(hk_arena_t *arena) {
  hk_decay_t *decay = &arena->decay;
  hk_bin_t *b = &arena->bins[decay->bin];
  hk_slab_t *slab = hk_arena_slab(arena, decay->slab);
  bool is_there = slab != NULL && slab->state == HK_SLAB_CLASS && slab->bin == decay->bin &&
                  slab->list >= HK_SLAB_LIST_PARTIAL && slab->list <= HK_SLAB_LIST_LEAVING;
  if (is_there) return slab;
  decay->left = reserve_of(arena, b);
  return first_of(b);
}

/* Changes with every block that comes or goes. */
static uint32_t traffic(const hk_bin_t *b) {
  return (uint32_t)(hk_stat_get(&b->refills) + hk_stat_get(&b->flushes) +
                    hk_stat_get(&b->remote_collected));
}

/* true: it is certain that nothing is to be purged. */
static bool is_done(const hk_arena_t *arena, uint32_t bin) {
  const hk_bin_t *b = &arena->bins[bin];
  uint64_t blocks = hk_stat_get(&b->capacity);
  if (blocks == 0 || arena->decay.seen[bin] == traffic(b)) return true;
  return blocks - hk_stat_get(&b->out) <= reserve_of(arena, b);
}

/* Purges what lies behind the blocks that are kept. false: time is up. */
static bool decay_slabs(hk_arena_t *arena, uint64_t until_ns) {
  hk_decay_t *decay = &arena->decay;
  hk_bin_t *b = &arena->bins[decay->bin];
  uint32_t looks = 0;
  for (hk_slab_t *next, *slab = where_it_was(arena); slab != NULL; slab = next) {
    bool purges = false;
    next = next_of(b, slab); /* the slab leaves its list if it turns out to be given away */
    if (decay->left > 0) {   /* what only some blocks of are to be kept is kept whole */
      decay->left -= slab->free_count < decay->left ? slab->free_count : decay->left;
    } else if (hk_trim_is_due(slab)) {
      hk_stat_add(&decay->bytes, hk_trim_slab(arena, slab));
      purges = true;
    }
    if (next == NULL) continue;
    /* It goes on where a reference can lead: elsewhere it begins again, and has to get somewhere. */
    bool looks_up = ++looks % LOOKS == 0 && next->superslab->index < HK_ARENA_SUPERSLABS_MAX;
    if (!(purges || looks_up) || hk_os_now_ns() < until_ns) continue;
    decay->slab = hk_arena_slab_number(next);
    return false;
  }
  return true;
}

/* false: time is up. */
static bool decay_bins(hk_arena_t *arena, uint64_t until_ns) {
  hk_decay_t *decay = &arena->decay;
  for (; decay->bin < arena->classes->count; decay->bin++) {
    const hk_bin_t *b = &arena->bins[decay->bin];
    if (hk_stat_get(&b->refills) == 0) continue;
    uint32_t reserve = reserve_of(arena, b);
    if (reserve > 0) decay->is_waiting = true;
    if (decay->slab == FIRST_SLAB && is_done(arena, decay->bin)) continue;
    if (!decay_slabs(arena, until_ns)) return false;
    if (reserve == 0) decay->seen[decay->bin] = traffic(b);
    decay->slab = FIRST_SLAB;
    if (hk_os_now_ns() < until_ns) continue;
    decay->bin++;
    return false;
  }
  return true;
}

bool hk_heap_decay(hk_arena_t *arena, uint64_t now_ns, uint64_t until_ns) {
  hk_decay_t *decay = &arena->decay;
  if (!decay->under_way) {
    hk_remote_drain(arena);
    end_steps(arena, now_ns);
    hk_supply_look_around(arena);
    if (hk_tiers_have_room(&arena->supply.tiers)) leave_draining(arena);
    decay->under_way = true;
    decay->is_waiting = false;
    decay->bin = 0;
    decay->slab = FIRST_SLAB;
  }
  bool is_over = decay_bins(arena, until_ns) && hk_supply_decay(arena, until_ns);
  decay->under_way = !is_over;
  return is_over;
}

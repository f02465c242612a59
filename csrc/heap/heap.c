#include "heap/heap.h"

#include <string.h>

#include "base/compiler.h"
#include "heap/bin.h"
#include "heap/remote.h"
#include "supply/supply.h"
#include "supply/trace.h"

/* Slabs of an arena whose like come and go, for whose classes as little as possible is taken first: all that
 * JavaScript sees is wiped after it, and most of them end before a class needs more. */
#define BRIEF_SLABS 8

static bool begins_short(const hk_arena_t *arena, uint32_t bin) {
  return arena->follows && hk_stat_get(&arena->bins[bin].slabs) == 0 &&
         arena->classes->bins[bin].stride_bytes <= HK_SHORT_STRIDE_MAX &&
         hk_stat_get(&arena->supply.used_bytes) < BRIEF_SLABS * HK_SLAB_BYTES;
}

static hk_status_t bind_new_slab(hk_arena_t *arena, uint32_t bin, hk_slab_t **slab) {
  const hk_class_t *c = &arena->classes->bins[bin];
  bool is_short = begins_short(arena, bin);
  uint32_t span;
  hk_status_t status = hk_supply_take_span(arena, c->span_slabs, slab, &span);
  if (status != HK_OK) return status;
  if (!is_short) hk_superslab_wipe_late((*slab)->superslab, (*slab)->slot, span);
  uint64_t *pool = hk_superslab_pool((*slab)->superslab, (*slab)->slot, c->stride_bytes);
  hk_slab_bind(*slab, bin, c, span, pool);
  if (is_short) hk_slab_shorten(*slab, c);
  arena->used_bins[bin / 64] |= (uint64_t)1 << bin % 64;
  hk_stat_add(&arena->bins[bin].slabs, span);
  hk_stat_add(&arena->bins[bin].capacity, (*slab)->capacity);
  hk_trace_note(arena, HK_EVENT_BIND, bin, arena->supply.source, span);
  return HK_OK;
}

static uint32_t purged_pages(const hk_slab_t *slab) {
  uint32_t pages = 0;
  for (uint32_t i = 0; i < slab->span_slabs; i++) pages += hk_popcount32(slab[i].purged_pages);
  return pages;
}

/* A slab that the class has already is needed again; what of it is purged was so too early. */
static void note_reach(hk_arena_t *arena, hk_bin_t *b, const hk_slab_t *slab) {
  b->reach += slab->free_count;
  uint32_t purged = purged_pages(slab);
  if (purged == 0) hk_stat_add(&b->warm, 1);
  if (purged == 0) return;
  b->regret += slab->free_count;
  hk_stat_add(&arena->decay.retaken_bytes, purged * hk_os_page_bytes());
}

/* A slab for `bin` to take from, from the first stage behind the current slab that has one. */
static hk_status_t find_next(hk_arena_t *arena, uint32_t bin, bool grow, hk_slab_t **slab,
                             hk_stage_t *stage) {
  hk_bin_t *b = &arena->bins[bin];
  *slab = hk_bin_partial(arena, bin);
  if (*slab == NULL) *slab = b->empty;
  /* What drains serves before the arena needs another SuperSlab. */
  if (*slab == NULL && !(grow && hk_tiers_have_room(&arena->supply.tiers)))
    *slab = hk_bin_leaving(b);
  if (*slab == NULL) {
    if (!grow) return HK_OUT_OF_MEMORY_LIMIT;
    hk_status_t status = bind_new_slab(arena, bin, slab);
    *stage = arena->supply.source;
    if (status == HK_OK || hk_bin_leaving(b) == NULL) return status;
    *slab = hk_bin_leaving(b);
  }
  *stage = (*slab)->list == HK_SLAB_LIST_EMPTY ? HK_STAGE_EMPTY : HK_STAGE_PARTIAL;
  hk_stat_add(*stage == HK_STAGE_PARTIAL ? &b->from_partial : &b->from_empty, 1);
  note_reach(arena, b, *slab);
  return HK_OK;
}

/* Replaces an exhausted current slab; with `grow` false only by a slab that the class has
 * already. */
static HK_NOINLINE hk_status_t next_current_slow(hk_arena_t *arena, uint32_t bin, bool grow,
                                                 hk_stage_t *stage) {
  hk_bin_t *b = &arena->bins[bin];
  hk_remote_drain(arena);
  if (b->current != NULL && b->current->free_count > 0) return HK_OK;
  hk_slab_t *next;
  hk_status_t status = find_next(arena, bin, grow, &next, stage);
  if (status != HK_OK) return status;
  if (b->current == NULL) hk_stat_add(&b->without_current, 1);
  if (b->current != NULL) hk_bin_take(arena, b->current);
  hk_bin_take(arena, next);
  hk_bin_put(arena, next, HK_SLAB_LIST_CURRENT);
  return HK_OK;
}

hk_status_t hk_heap_current(hk_arena_t *arena, uint32_t bin, bool grow, hk_slab_t **slab,
                            hk_stage_t *stage) {
  hk_bin_t *b = &arena->bins[bin];
  *stage = HK_STAGE_CURRENT;
  if (b->current == NULL || b->current->free_count == 0) {
    hk_status_t status = next_current_slow(arena, bin, grow, stage);
    if (status != HK_OK) return status;
  }
  *slab = b->current;
  return HK_OK;
}

void hk_heap_count_refill(hk_arena_t *arena, uint32_t bin, hk_stage_t stage, uint32_t taken) {
  hk_bin_t *b = &arena->bins[bin];
  hk_stat_add(&b->out, taken);
  hk_stat_add(&b->blocks_out, taken);
  hk_stat_raise(&b->high_water, hk_stat_get(&b->out));
  hk_peaks_raise(&b->peaks, hk_stat_get(&b->out));
  hk_stat_add(&b->refills, 1);
  hk_trace_note(arena, HK_EVENT_REFILL, bin, stage, taken);
}

void hk_heap_count_slow(hk_arena_t *arena, uint32_t bin, hk_stage_t stage) {
  hk_stat_add(&arena->bins[bin].stages[stage], 1);
}

hk_status_t hk_refill(hk_arena_t *arena, uint32_t bin, uint32_t *refs, uint32_t want,
                      uint32_t *got) {
  if (bin >= arena->classes->count || want == 0 || want > HK_BATCH_MAX) return HK_INVALID_ARGUMENT;
  uint32_t taken = 0;
  hk_stage_t first = HK_STAGE_CURRENT;
  while (taken < want) {
    /* A batch that has a block already is not worth a new slab. */
    hk_slab_t *slab;
    hk_stage_t stage;
    hk_status_t status = hk_heap_current(arena, bin, taken == 0, &slab, &stage);
    if (status == HK_OK && !hk_arena_has_ref(slab)) status = HK_OUT_OF_MEMORY_TABLE;
    if (status != HK_OK && taken == 0) hk_note_refusal(arena, status);
    if (status != HK_OK && taken == 0) return status;
    if (status != HK_OK) break;
    if (taken == 0) first = stage;
    taken += hk_slab_take(slab, hk_arena_base_ref(slab), refs + taken, want - taken);
  }
  hk_heap_count_refill(arena, bin, first, taken);
  hk_heap_count_slow(arena, bin, first);
  *got = taken;
  return HK_OK;
}

hk_status_t hk_heap_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index) {
  if (HK_UNLIKELY(!hk_slab_put(slab, index))) {
    hk_stat_add(&arena->double_frees, 1);
    return HK_DOUBLE_FREE;
  }
  if (slab->free_count == 1 || slab->free_count == slab->capacity) hk_bin_relist(arena, slab);
  return HK_OK;
}

uint32_t hk_heap_put_blocks(hk_arena_t *arena, hk_slab_t *slab, uint32_t bin, void *const *blocks,
                            uint32_t count) {
  uint32_t put = 0;
  if (slab->state == HK_SLAB_CLASS && slab->bin == bin) {
    const hk_class_t *c = &arena->classes->bins[bin];
    put = hk_slab_put_blocks(slab, c, hk_arena_slab_address(slab), blocks, count);
    if (put > 0) hk_bin_relist(arena, slab);
  }
  if (HK_UNLIKELY(put < count)) hk_stat_add(&arena->double_frees, count - put);
  return put;
}

void hk_heap_count_flush(hk_arena_t *arena, uint32_t bin, uint32_t flushed) {
  hk_stat_sub(&arena->bins[bin].out, flushed);
  hk_stat_add(&arena->bins[bin].flushes, 1);
  hk_trace_note(arena, HK_EVENT_FLUSH, bin, HK_STAGE_CURRENT, flushed);
}

static hk_status_t flush_one(hk_arena_t *arena, uint32_t bin, uint32_t ref) {
  hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  uint32_t index = ref & HK_REF_INDEX_MASK;
  if (slab == NULL || !hk_slab_has_block(slab, index) || slab->bin != bin) return HK_NOT_OWNED;
  return hk_heap_put(arena, slab, index);
}

hk_status_t hk_flush(hk_arena_t *arena, uint32_t bin, const uint32_t *refs, uint32_t count) {
  if (bin >= arena->classes->count || count > HK_BATCH_MAX) return HK_INVALID_ARGUMENT;
  hk_status_t first_bad = HK_OK;
  uint32_t flushed = 0;
  for (uint32_t i = 0; i < count; i++) {
    hk_status_t status = flush_one(arena, bin, refs[i]);
    if (status == HK_OK) {
      flushed++;
    } else if (first_bad == HK_OK) {
      first_bad = status;
    }
  }
  hk_heap_count_flush(arena, bin, flushed);
  return first_bad;
}

/* A slab that was given away and is empty now, or NULL. */
static hk_slab_t *empty_aside(const hk_bin_t *b) {
  for (hk_slab_t *slab = b->aside; slab != NULL; slab = slab->next) {
    if (slab->free_count == slab->capacity && hk_slab_is_quiet(slab)) return slab;
  }
  return NULL;
}

/* An empty slab that no other thread is about to leave, or NULL. */
static hk_slab_t *quiet_empty(const hk_bin_t *b) {
  hk_slab_t *slab = b->empty;
  while (slab != NULL && !hk_slab_is_quiet(slab)) slab = slab->next;
  return slab;
}

/* The slab that `bin` would give up when told to keep `keep` empty ones, those of spans counted one by one, or NULL. */
static hk_slab_t *surplus_slab(const hk_bin_t *b, uint32_t keep) {
  if (b->empty_slabs > keep) return quiet_empty(b);
  if (keep > 0) return NULL;
  /* When nothing is to be kept, the current slab goes too if it is empty, and slabs that are
   * aside. */
  bool is_empty = b->current != NULL && b->current->free_count == b->current->capacity;
  return is_empty && hk_slab_is_quiet(b->current) ? b->current : empty_aside(b);
}

/* An empty slab in a SuperSlab that drains, or NULL. */
static hk_slab_t *given_up(const hk_arena_t *arena) {
  hk_superslab_t *superslab = hk_tiers_giving(&arena->supply.tiers);
  uint32_t todo = superslab != NULL ? superslab->idle_slots : 0;
  for (; todo != 0; todo &= todo - 1) {
    hk_slab_t *slab = &superslab->slabs[hk_ctz32(todo)];
    if (slab->state == HK_SLAB_CLASS && hk_slab_is_quiet(slab)) return slab;
  }
  return NULL;
}

hk_slab_t *hk_heap_next_retirable(hk_arena_t *arena, uint32_t keep) {
  bool by_policy = keep == UINT32_MAX;
  if (!by_policy) hk_remote_drain(arena);
  hk_slab_t *given = by_policy ? given_up(arena) : NULL;
  if (given != NULL) return given;
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    const hk_bin_t *b = &arena->bins[bin];
    if (by_policy && !b->draining) continue;
    hk_slab_t *slab = surplus_slab(b, by_policy ? (uint32_t)hk_bin_empty_low(arena, b) : keep);
    if (slab != NULL) return slab;
  }
  return NULL;
}

/* Remembers whether an empty slab had to stay, because another thread was about to leave it. */
static void note_unretired(hk_arena_t *arena, uint32_t bin) {
  const hk_bin_t *b = &arena->bins[bin];
  bool stays =
      b->empty != NULL || (b->current != NULL && b->current->free_count == b->current->capacity);
  uint64_t bit = (uint64_t)1 << bin % 64, *word = &arena->unretired_bins[bin / 64];
  *word = stays ? *word | bit : *word & ~bit;
}

static void retire_given_up(hk_arena_t *arena) {
  for (hk_slab_t *slab; (slab = given_up(arena)) != NULL;) hk_heap_retire(arena, slab);
}

void hk_heap_retire_surplus(hk_arena_t *arena, uint32_t keep) {
  bool by_policy = keep == UINT32_MAX;
  if (by_policy) {
    retire_given_up(arena);
  } else {
    hk_remote_drain(arena);
  }
  HK_EACH_USED_BIN(arena, bin) {
    const hk_bin_t *b = &arena->bins[bin];
    if (by_policy && !b->draining) continue;
    uint32_t left = by_policy ? (uint32_t)hk_bin_empty_low(arena, b) : keep;
    for (hk_slab_t *slab; (slab = surplus_slab(b, left)) != NULL;) {
      hk_heap_retire(arena, slab);
      if (by_policy) retire_given_up(arena);
    }
    if (left == 0) note_unretired(arena, bin);
  }
}

void hk_heap_retire_all_of(hk_arena_t *arena, uint32_t bin) {
  for (hk_slab_t *slab; (slab = surplus_slab(&arena->bins[bin], 0)) != NULL;) {
    hk_heap_retire(arena, slab);
  }
  note_unretired(arena, bin);
}

void hk_heap_retire_gained(hk_arena_t *arena) {
  uint64_t gained[HK_BIN_WORDS];
  memcpy(gained, arena->gained_bins, sizeof gained);
  memcpy(arena->gained_bins, arena->unretired_bins, sizeof gained);
  hk_remote_drain(arena);
  for (uint32_t w = 0; w < HK_BIN_WORDS; w++) {
    for (uint64_t bits = arena->gained_bins[w]; bits != 0; bits &= bits - 1) {
      hk_heap_retire_all_of(arena, w * 64 + hk_ctz64(bits));
    }
    arena->gained_bins[w] |= gained[w];
  }
}

int32_t hk_next_retirable(hk_arena_t *arena, uint32_t keep) {
  const hk_slab_t *slab = hk_heap_next_retirable(arena, keep);
  return slab != NULL && hk_arena_has_ref(slab) ? (int32_t)hk_arena_slab_number(slab) : -1;
}

bool hk_slab_is_retirable(const hk_arena_t *arena, uint32_t slab_number) {
  const hk_slab_t *slab = hk_arena_slab(arena, slab_number);
  return slab != NULL && slab->state == HK_SLAB_CLASS && slab->free_count == slab->capacity &&
         hk_slab_is_quiet(slab);
}

void hk_heap_retire(hk_arena_t *arena, hk_slab_t *slab) {
  hk_bin_t *b = &arena->bins[slab->bin];
  uint32_t span = slab->span_slabs;
  hk_bin_take(arena, slab);
  hk_arena_forget_bin(arena, slab);
  hk_slab_unbind(slab);
  hk_stat_sub(&b->slabs, span);
  hk_stat_sub(&b->capacity, slab->capacity);
  hk_stat_add(&b->retired, span);
  hk_trace_note(arena, HK_EVENT_RETIRE, slab->bin, HK_STAGE_CURRENT, span);
  /* JavaScript may have written to any part of what it has seen, blocks or not. */
  bool is_clean = slab->touched_blocks == 0 && !slab->superslab->was_exposed;
  if (is_clean) hk_superslab_set_clean(slab->superslab, slab->slot, span);
  hk_supply_put(arena, slab, span);
}

hk_status_t hk_retire(hk_arena_t *arena, uint32_t slab_number) {
  hk_slab_t *slab = hk_arena_slab(arena, slab_number);
  if (slab == NULL || slab->state != HK_SLAB_CLASS) return HK_NOT_OWNED;
  if (slab->free_count != slab->capacity) return HK_SLAB_BUSY;
  if (!hk_slab_is_quiet(slab)) return HK_SLAB_BUSY;
  hk_heap_retire(arena, slab);
  return HK_OK;
}

void hk_heap_reset(hk_arena_t *arena) {
  for (uint32_t w = 0; w < HK_BIN_WORDS; w++) arena->gained_bins[w] = arena->unretired_bins[w] = 0;
  HK_EACH_USED_BIN(arena, bin) hk_bin_reset(&arena->bins[bin]);
}

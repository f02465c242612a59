#include "heap/run.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "supply/superslabs.h"
#include "supply/supply.h"
#include "supply/trace.h"

static size_t round_to_slabs(size_t bytes) {
  return (bytes + HK_SLAB_BYTES - 1) & ~(HK_SLAB_BYTES - 1);
}

static void bind(hk_slab_t *first, uint32_t bin, uint32_t span) {
  HK_WRITE_ONCE(first->bin, bin);
  HK_WRITE_ONCE(first->state, HK_SLAB_RUN);
  first->is_short = false;
  hk_superslab_wipe_late(first->superslab, first->slot, span);
  hk_slab_lead(first, span);
}

static hk_status_t take_slabs(hk_arena_t *arena, size_t bytes, hk_slab_t **slab) {
  if (bytes > HK_RUN_SIZE_MAX) {
    hk_status_t status = hk_supply_take_huge(arena, bytes, slab);
    if (status != HK_OK) return status;
    bind(*slab, HK_BIN_HUGE, 1);
    (*slab)->superslab->asked_bytes = bytes;
    return HK_OK;
  }
  uint32_t span = (uint32_t)(bytes / HK_SLAB_BYTES);
  hk_status_t status = hk_supply_take(arena, span, slab);
  if (status == HK_OK) bind(*slab, HK_BIN_RUN, span);
  return status;
}

hk_status_t hk_run_take(hk_arena_t *arena, size_t bytes, hk_slab_t **slab) {
  hk_status_t status = take_slabs(arena, bytes, slab);
  if (status != HK_OK) return status;
  hk_run_kind_t *kind = hk_run_kind(arena, (*slab)->bin);
  hk_stat_add(&kind->stages[arena->supply.source], 1);
  hk_trace_note(arena, HK_EVENT_REFILL, (*slab)->bin, arena->supply.source, 1);
  hk_stat_add(&kind->out, 1);
  hk_stat_raise(&kind->high_water, hk_stat_get(&kind->out));
  hk_stat_add(&kind->block_bytes, hk_run_block_bytes(*slab));
  return HK_OK;
}

void hk_run_put(hk_arena_t *arena, hk_slab_t *slab) {
  hk_run_kind_t *kind = hk_run_kind(arena, slab->bin);
  hk_stat_add(&kind->flushes, 1);
  hk_trace_note(arena, HK_EVENT_FLUSH, slab->bin, HK_STAGE_CURRENT, 1);
  hk_stat_sub(&kind->out, 1);
  hk_stat_sub(&kind->block_bytes, hk_run_block_bytes(slab));
  uint32_t span = slab->span_slabs;
  hk_slab_disband(slab);
  hk_run_unclaim(slab);
  if (slab->bin == HK_BIN_HUGE) {
    hk_supply_put_huge(arena, slab);
  } else {
    hk_supply_put(arena, slab, span);
  }
}

/* The slabs behind the first `span` leave the run. */
static void cut(hk_arena_t *arena, hk_slab_t *first, uint32_t span) {
  uint32_t rest = first->span_slabs - span;
  for (uint32_t i = 0; i < rest; i++) HK_WRITE_ONCE(first[span + i].state, HK_SLAB_UNUSED);
  hk_supply_put(arena, first + span, rest);
}

/* false: there is no room behind it. */
static bool resize_run(hk_arena_t *arena, hk_slab_t *slab, size_t size_bytes) {
  uint32_t before = slab->span_slabs;
  uint32_t span = (uint32_t)((size_bytes + HK_SLAB_BYTES - 1) / HK_SLAB_BYTES);
  if (span > before && !hk_supply_extend(arena, slab, before, span)) return false;
  /* Little is left to a block that goes up and down. */
  if (span < before && span * 4 >= before * 3) return true;
  if (span < before) cut(arena, slab, span);
  bind(slab, HK_BIN_RUN, span);
  return true;
}

/* true: it stays as it is. One that grows has its room; one that shrinks leaves little unused. */
static bool is_resized_enough(const hk_superslab_t *superslab, size_t size_bytes) {
  size_t before = superslab->bytes;
  bool grows = size_bytes >= superslab->asked_bytes;
  return size_bytes <= before && (grows || size_bytes >= before / 2);
}

/* false: it cannot be resized without a copy. */
static bool resize_huge(hk_arena_t *arena, hk_superslab_t *superslab, size_t size_bytes) {
  size_t whole = round_to_slabs(size_bytes);
  /* As for a new block, rounding must not be what a limit refuses. */
  bool done = is_resized_enough(superslab, size_bytes) ||
              hk_superslabs_resize(arena, superslab, hk_superslabs_round(whole)) ||
              hk_superslabs_resize(arena, superslab, whole);
  if (done) superslab->asked_bytes = size_bytes;
  return done;
}

bool hk_run_resize(hk_arena_t *arena, hk_slab_t *slab, size_t size_bytes) {
  HK_ASSERT(slab->state == HK_SLAB_RUN && !hk_run_is_claimed(slab));
  if (slab->exposed || size_bytes <= HK_CLASS_SIZE_MAX || size_bytes > HK_MAPPING_MAX) return false;
  bool huge = slab->bin == HK_BIN_HUGE;
  if (huge != (size_bytes > HK_RUN_SIZE_MAX)) return false;
  size_t before = hk_run_block_bytes(slab);
  bool done =
      huge ? resize_huge(arena, slab->superslab, size_bytes) : resize_run(arena, slab, size_bytes);
  size_t after = hk_run_block_bytes(slab);
  hk_stat_t *sum = &hk_run_kind(arena, slab->bin)->block_bytes;
  hk_stat_set(sum, hk_stat_get(sum) + after - before);
  return done;
}

void hk_run_reset(hk_arena_t *arena) {
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++) {
    hk_run_kind_t *kind = hk_run_kind(arena, bin);
    hk_stat_set(&kind->out, 0);
    hk_stat_set(&kind->block_bytes, 0);
    hk_stat_set(&kind->remote_collected, atomic_load(&kind->frees_remote));
    hk_stat_set(&kind->bytes_collected, atomic_load(&kind->bytes_remote));
  }
}

/* Signed, because that is one instruction. */
static inline void add_live_bytes(hk_counters_t *counters, uint32_t bin, int64_t bytes) {
  double amount = (double)bytes;
  hk_counter_add(&counters->live_bytes[bin], amount);
  hk_counter_add(&counters->live_block_bytes[bin], amount);
}

void hk_run_count_alloc(hk_arena_t *arena, const hk_slab_t *slab) {
  hk_counters_t *counters = arena->counters;
  hk_counter_add(&counters->allocs.by_bin[slab->bin], 1);
  add_live_bytes(counters, slab->bin, (int64_t)hk_run_block_bytes(slab));
}

void hk_run_count_resize(hk_arena_t *arena, const hk_slab_t *slab, size_t before_bytes) {
  int64_t more = (int64_t)hk_run_block_bytes(slab) - (int64_t)before_bytes;
  add_live_bytes(arena->counters, slab->bin, more);
}

void hk_run_count_free(hk_arena_t *arena, uint32_t bin, size_t bytes) {
  hk_counters_t *counters = arena->counters;
  hk_counter_add(&counters->frees.by_bin[bin], 1);
  add_live_bytes(counters, bin, -(int64_t)bytes);
}

void hk_run_count_collected(hk_arena_t *arena, const hk_slab_t *slab) {
  add_live_bytes(arena->counters, slab->bin, -(int64_t)hk_run_block_bytes(slab));
}

void hk_run_settle(hk_arena_t *arena) {
  hk_counters_t *c = arena->counters;
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++) {
    double remote = (double)atomic_load(&hk_run_kind(arena, bin)->frees_remote);
    hk_counter_set(&c->frees.by_bin[bin], hk_counter_get(&c->allocs.by_bin[bin]) - remote);
    hk_counter_set(&c->live_bytes[bin], 0);
    hk_counter_set(&c->live_block_bytes[bin], 0);
  }
}

#include "supply/demand.h"

#include "base/options.h"
#include "cache/age.h"

/* Beyond what was used at once an arena keeps blocks of other sizes: there are 8 classes to a
 * doubling, and an eighth of what the whole cache may hold is what one arena may take of it. */
#define VARIETY_SIZES 8
#define VARIETY_SHARE 8

/* The TTL of the cache is a promise about all empty memory, so an epoch is never longer. */
static uint64_t epoch_ns(void) {
  uint64_t ttl_ns = hk_age_ttl_ns();
  return ttl_ns < HK_DEMAND_EPOCH_NS ? ttl_ns : HK_DEMAND_EPOCH_NS;
}

/* false: the epoch lasts. */
static bool roll(hk_demand_t *demand, uint64_t held_bytes) {
  uint64_t now_ns = hk_os_coarse_ns(), epoch = epoch_ns();
  uint64_t age_ns = now_ns - demand->since_ns;
  if (age_ns < epoch) return false;
  demand->last_peak_bytes = age_ns >= 2 * epoch ? held_bytes : demand->peak_bytes;
  demand->peak_bytes = held_bytes;
  demand->since_ns = now_ns;
  return true;
}

void hk_demand_rise(hk_arena_t *arena) {
  hk_demand_t *demand = &arena->supply.demand;
  uint64_t held_bytes = hk_stat_get(&arena->supply.committed_bytes);
  if (held_bytes > demand->peak_bytes) demand->peak_bytes = held_bytes;
}

bool hk_demand_turns(hk_arena_t *arena) {
  return roll(&arena->supply.demand, hk_stat_get(&arena->supply.committed_bytes));
}

void hk_demand_fall(hk_arena_t *arena) { (void)hk_demand_turns(arena); }

bool hk_demand_keeps(const hk_arena_t *arena) {
  const hk_options_t *options = hk_options_get();
  return arena->decay.delay_ns != 0 && options->superslab_ttl_sec != 0 &&
         options->superslab_max_cached != 0 && options->superslab_max_memory_mb != 0;
}

/* Sizes that change find nothing that fits in what one of them left. A front of another language
 * keeps blocks of many sizes itself, and what it keeps is in use here. */
static uint64_t variety_bytes(const hk_arena_t *arena, uint64_t peak) {
  if (!hk_arena_has_front(arena)) return 0;
  uint64_t most = (uint64_t)hk_options_get()->superslab_max_memory_mb * HK_MIB / VARIETY_SHARE;
  uint64_t wanted = peak * VARIETY_SIZES;
  return wanted < most ? wanted : most;
}

uint64_t hk_demand_room(const hk_arena_t *arena) {
  const hk_demand_t *demand = &arena->supply.demand;
  if (arena->ended || !hk_demand_keeps(arena)) return 0;
  uint64_t peak = demand->peak_bytes, held = hk_stat_get(&arena->supply.committed_bytes);
  if (demand->last_peak_bytes > peak) peak = demand->last_peak_bytes;
  return (peak > held ? peak - held : 0) + variety_bytes(arena, peak);
}

/* Lengths: what was requested, length by length, as far as fronts count it so.
 *
 * Owns:      nothing.
 * Called by: everybody, as hk_arena_lengths.
 * Calls:     nothing; reads counters.
 * Threads:   any, while the fronts go on counting. A length whose counter is taken back meanwhile may be told
 *            twice, or not at all.
 */
#include "supply/record.h"

typedef struct visitor_t {
  void (*visit)(const hk_length_stats_t *length, void *context);
  void *context;
} visitor_t;

/* Negative when blocks were counted in one place and freed in another. */
static uint64_t count_of(double value) { return value > 0 ? (uint64_t)value : 0; }

static void tell(const visitor_t *visitor, uint64_t length, double allocs, double frees) {
  if (allocs == 0) return;
  uint64_t live = count_of(allocs - frees);
  hk_length_stats_t stats = {.first = length,
                             .last = length,
                             .allocs = count_of(allocs),
                             .live = live,
                             .live_bytes = live * length};
  visitor->visit(&stats, visitor->context);
}

static void tell_lengths(const hk_counters_t *c, const visitor_t *visitor) {
  for (uint32_t length = 1; length <= HK_EXACT_LENGTH_MAX; length++) {
    tell(visitor, length, hk_counter_get(&c->allocs.by_length[length]),
         hk_counter_get(&c->frees.by_length[length]));
  }
  for (uint32_t i = 0; i < HK_COUNTER_SLOTS; i++) {
    uint32_t length = HK_READ_ONCE(c->slot_lengths[i]);
    if (length == 0) continue;
    tell(visitor, length, hk_counter_get(&c->allocs.by_slot[i]),
         hk_counter_get(&c->frees.by_slot[i]));
  }
}

/* Lengths that came to `bin` when it was made. */
static void set_bounds(const hk_arena_t *arena, uint32_t bin, hk_length_stats_t *stats) {
  const hk_classes_t *classes = arena->classes;
  if (bin >= HK_BIN_MAX) {
    bool huge = bin == HK_BIN_HUGE;
    stats->first = (huge ? HK_RUN_SIZE_MAX : HK_CLASS_SIZE_MAX) + 1;
    stats->last = huge ? HK_SIZE_MAX : HK_RUN_SIZE_MAX;
    return;
  }
  stats->first = classes->bins[bin].first_bytes;
  stats->last = classes->bins[bin].stride_bytes;
}

/* What the front in C handed out, whose frees do not know the length, counts with its block's size. */
static void add_magazine(const hk_arena_t *arena, uint32_t bin, hk_length_stats_t *stats) {
  uint64_t allocs = hk_magazine_allocs(&arena->magazines[bin]);
  if (allocs == 0) return;
  uint64_t frees =
      hk_stat_get(&arena->magazines[bin].frees) +
      atomic_load_explicit((hk_stat_t *)&arena->bins[bin].frees_remote, memory_order_relaxed);
  uint64_t live = allocs > frees ? allocs - frees : 0;
  stats->allocs += allocs;
  stats->live += live;
  stats->live_bytes += live * arena->classes->bins[bin].stride_bytes;
}

void hk_arena_lengths(const hk_arena_t *arena,
                      void (*visit)(const hk_length_stats_t *length, void *context),
                      void *context) {
  visitor_t visitor = {visit, context};
  const hk_counters_t *c = arena->counters;
  tell_lengths(c, &visitor);
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    double allocs = hk_counter_get(&c->allocs.by_bin[bin]);
    hk_length_stats_t stats = {.allocs = count_of(allocs),
                               .live = count_of(allocs - hk_counter_get(&c->frees.by_bin[bin])),
                               .live_bytes = count_of(hk_counter_get(&c->live_bytes[bin]))};
    set_bounds(arena, bin, &stats);
    if (bin < HK_BIN_MAX) add_magazine(arena, bin, &stats);
    if (stats.allocs > 0) visit(&stats, context);
  }
}

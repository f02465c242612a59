#include "arena/tallies.h"

/* Sums over lengths, as doubles like the counters: every whole number below 2^53 is exact. */
typedef struct tally_t {
  double allocs, live, live_bytes;
} tally_t;

static void add_to_bin(hk_bin_stats_t *bin, const tally_t *tally) {
  bin->allocs += (uint64_t)tally->allocs;
  bin->frees_local += (uint64_t)(tally->allocs - tally->live);
  /* May be negative: a block can be counted by bin and freed by cell; hk_tallies_read clamps the sum. */
  bin->live_bytes += (uint64_t)(int64_t)tally->live_bytes;
}

/* Cells looked at together: a cache line of their lengths. */
#define GROUP 16
static_assert(HK_COUNTER_CELLS % GROUP == 0, "whole groups");

/* Most cells are not in use, and telling so is most of the work of reading them. */
static bool none_in_use(const uint32_t *cell_lengths) {
  const uint64_t *pairs = (const uint64_t *)(const void *)cell_lengths;
  return (HK_OBSERVE(pairs[0]) | HK_OBSERVE(pairs[1]) | HK_OBSERVE(pairs[2]) |
          HK_OBSERVE(pairs[3]) | HK_OBSERVE(pairs[4]) | HK_OBSERVE(pairs[5]) |
          HK_OBSERVE(pairs[6]) | HK_OBSERVE(pairs[7])) == 0;
}

/* Counters of two lengths, added up side by side. */
typedef double pair_t __attribute__((vector_size(16), aligned(8), may_alias));

static inline pair_t get_pair(const double *counters) {
#if HK_THREAD_SANITIZER
  return (pair_t){hk_counter_get(&counters[0]), hk_counter_get(&counters[1])};
#else
  return *(const volatile pair_t *)(const void *)counters; /* see hk_counter_get */
#endif
}

/* Lengths first..last, which `bin` serves: an even number of them, because strides are multiples of 8. */
static void add_lengths(const hk_counters_t *c, hk_bin_stats_t *bin, uint32_t first,
                        uint32_t last) {
  pair_t allocs = {0}, live = {0}, live_bytes = {0}, length = {first, first + 1};
  for (uint32_t at = first; at < last; at += 2, length += 2) {
    pair_t allocs_here = get_pair(&c->allocs.by_length[at]);
    pair_t live_here = allocs_here - get_pair(&c->frees.by_length[at]);
    allocs += allocs_here;
    live += live_here;
    live_bytes += live_here * length;
  }
  tally_t tally = {allocs[0] + allocs[1], live[0] + live[1], live_bytes[0] + live_bytes[1]};
  add_to_bin(bin, &tally);
}

/* Most bins were never used, and then no length of theirs was counted. */
static void add_exact_lengths(const hk_arena_t *arena, hk_bin_stats_t *bins) {
  uint32_t first = 1;
  for (uint32_t bin = 0; first <= HK_EXACT_LENGTH_MAX; bin++) {
    uint32_t stride = arena->classes->bins[bin].stride_bytes;
    uint32_t last = stride < HK_EXACT_LENGTH_MAX ? stride : HK_EXACT_LENGTH_MAX;
    if (hk_cell_get(&arena->bins[bin].refills) != 0)
      add_lengths(arena->counters, &bins[bin], first, last);
    first = last + 1;
  }
}

static void add_cells(const hk_arena_t *arena, hk_bin_stats_t *bins) {
  const hk_counters_t *c = arena->counters;
  for (uint32_t first = 0; first < HK_COUNTER_CELLS; first += GROUP) {
    if (none_in_use(&c->cell_lengths[first])) continue;
    for (uint32_t i = first; i < first + GROUP; i++) {
      uint32_t length = HK_OBSERVE(c->cell_lengths[i]);
      if (length == 0 || length > HK_CLASS_SIZE_MAX) continue;
      hk_bin_stats_t *bin = &bins[hk_classes_bin(arena->classes, length)];
      double allocs = hk_counter_get(&c->allocs.by_cell[i]);
      double live = allocs - hk_counter_get(&c->frees.by_cell[i]);
      tally_t tally = {allocs, live, live * length};
      add_to_bin(bin, &tally);
    }
  }
}

static void read_tallies(const hk_arena_t *arena, hk_arena_stats_t *stats) {
  const hk_counters_t *c = arena->counters;
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    stats->bins[bin].allocs = hk_counter_count(&c->allocs.by_bin[bin]);
    stats->bins[bin].frees_local = hk_counter_count(&c->frees.by_bin[bin]);
    stats->bins[bin].live_bytes = (uint64_t)(int64_t)hk_counter_get(&c->live_bytes[bin]);
  }
  add_exact_lengths(arena, stats->bins);
  add_cells(arena, stats->bins);
}

/* An owner stopped in the middle of a move must not stop us: then the last reading stands. */
#define TALLY_READINGS_MAX 4

static uint32_t moves_before(const hk_counters_t *c) {
  return __atomic_load_n(&c->moves, __ATOMIC_ACQUIRE);
}

/* Whether what was read since `before` met no move. */
static bool nothing_moved(hk_counters_t *c, uint32_t before) {
  /* Adding nothing orders the reads before it, which a load would not. */
  return __atomic_fetch_add(&c->moves, 0, __ATOMIC_ACQ_REL) == before && before % 2 == 0;
}

/* A reading that meets a free between its two stores is too low by one, but a counter must not go down. */
static uint64_t raise_allocs(hk_magazine_t *m, uint64_t allocs) {
  uint64_t seen = atomic_load_explicit(&m->allocs_seen, memory_order_relaxed);
  while (allocs > seen &&
         !atomic_compare_exchange_weak_explicit(&m->allocs_seen, &seen, allocs,
                                                memory_order_relaxed, memory_order_relaxed)) {}
  return allocs > seen ? allocs : seen;
}

/* What the front in C handed out. */
static uint64_t read_magazine(hk_arena_t *arena, uint32_t bin) {
  hk_magazine_t *m = &arena->magazines[bin];
  for (int reading = 0; reading < TALLY_READINGS_MAX; reading++) {
    uint32_t before = moves_before(arena->counters);
    uint64_t allocs = hk_magazine_allocs(m);
    if (allocs == 0) return 0;
    if (nothing_moved(arena->counters, before)) return raise_allocs(m, allocs);
  }
  return atomic_load_explicit(&m->allocs_seen, memory_order_relaxed);
}

void hk_tallies_read(hk_arena_t *arena, hk_arena_stats_t *stats) {
  hk_counters_t *c = arena->counters;
  for (int reading = 0; reading < TALLY_READINGS_MAX; reading++) {
    uint32_t before = moves_before(c);
    read_tallies(arena, stats);
    if (nothing_moved(c, before)) break;
  }
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    if ((int64_t)stats->bins[bin].live_bytes < 0) stats->bins[bin].live_bytes = 0;
  }
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    stats->bins[bin].allocs += read_magazine(arena, bin);
    stats->bins[bin].frees_local += hk_cell_get(&arena->magazines[bin].frees);
  }
#define READ_FRONT_STAT(field) stats->field = hk_counter_count(&c->field);
  HK_FRONT_STATS(READ_FRONT_STAT)
#undef READ_FRONT_STAT
}

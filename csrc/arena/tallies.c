#include "arena/tallies.h"

/* Sums over lengths, as doubles like the counters: every whole number below 2^53 is exact. */
typedef struct tally_t {
  double allocs, frees, live_bytes;
} tally_t;

static void add_to_bin(hk_bin_stats_t *bin, const tally_t *tally) {
  bin->allocs += (uint64_t)tally->allocs;
  bin->frees_local += (uint64_t)tally->frees;
  /* May be negative: a block can be counted by bin and freed by cell; hk_tallies_read clamps the sum. */
  bin->live_bytes += (uint64_t)(int64_t)tally->live_bytes;
}

#define GROUP 8
static_assert(HK_EXACT_LENGTH_MAX % GROUP == 0 && HK_COUNTER_CELLS % GROUP == 0, "whole groups");

/* Most counters are zero, and telling so is most of the work of reading them. */
static bool group_is_zero(const double *counters) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < GROUP; i++) {
    bits |= __atomic_load_n((const uint64_t *)(const void *)&counters[i], __ATOMIC_RELAXED);
  }
  return bits == 0;
}

/* Adds one length. */
static inline void add_length(tally_t *tally, const hk_counters_t *c, uint32_t length) {
  double allocs = hk_counter_get(&c->allocs.by_length[length]);
  double frees = hk_counter_get(&c->frees.by_length[length]);
  tally->allocs += allocs;
  tally->frees += frees;
  tally->live_bytes += (allocs - frees) * length;
}

/* Lengths first..last, which `bin` serves: an even number of them, because strides are multiples of 8. Two
 * sums, because each addition waits for the one before it. */
static void add_lengths(const hk_counters_t *c, hk_bin_stats_t *bin, uint32_t first,
                        uint32_t last) {
  tally_t odd = {0}, even = {0};
  for (uint32_t length = first; length < last; length += 2) {
    add_length(&odd, c, length);
    add_length(&even, c, length + 1);
  }
  add_to_bin(bin, &odd);
  add_to_bin(bin, &even);
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
    if (group_is_zero(&c->cell_lengths[first])) continue;
    for (uint32_t i = first; i < first + GROUP; i++) {
      uint64_t length = hk_counter_count(&c->cell_lengths[i]);
      if (length == 0 || length > HK_CLASS_SIZE_MAX) continue;
      hk_bin_stats_t *bin = &bins[hk_classes_bin(arena->classes, length)];
      double allocs = hk_counter_get(&c->allocs.by_cell[i]);
      double frees = hk_counter_get(&c->frees.by_cell[i]);
      tally_t tally = {allocs, frees, (allocs - frees) * (double)length};
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
  stats->bytes_pinned = hk_counter_count(&c->pinned_bytes);
  stats->detached_slabs = hk_counter_count(&c->detached_slabs);
  stats->leaked_blocks = hk_counter_count(&c->leaked_blocks);
}

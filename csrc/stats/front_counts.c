#include "stats/front_counts.h"

/* Sums over lengths, as doubles like the counters: every whole number below 2^53 is exact. */
typedef struct sums_t {
  double allocs, live, live_bytes;
} sums_t;

static void add_to_bin(hk_bin_stats_t *bin, const sums_t *sums) {
  bin->allocs += (uint64_t)sums->allocs;
  bin->frees_local += (uint64_t)(sums->allocs - sums->live);
  /* Negative when blocks were counted by bin and freed by slot; hk_front_counts_read clamps the
   * sum. */
  bin->live_bytes += (uint64_t)(int64_t)sums->live_bytes;
}

/* Slots looked at together: one cache line of slot_lengths. */
#define GROUP 16
static_assert(HK_COUNTER_SLOTS % GROUP == 0, "whole groups");

/* Most slots are not in use, and finding that out is most of the work of reading them. */
static bool none_in_use(const uint32_t *slot_lengths) {
  const uint64_t *pairs = (const uint64_t *)(const void *)slot_lengths;
  return (HK_READ_ONCE(pairs[0]) | HK_READ_ONCE(pairs[1]) | HK_READ_ONCE(pairs[2]) |
          HK_READ_ONCE(pairs[3]) | HK_READ_ONCE(pairs[4]) | HK_READ_ONCE(pairs[5]) |
          HK_READ_ONCE(pairs[6]) | HK_READ_ONCE(pairs[7])) == 0;
}

/* Counters of two neighbouring lengths, added up side by side. */
typedef double pair_t __attribute__((vector_size(16), aligned(8), may_alias));

static inline pair_t get_pair(const double *counters) {
#if HK_THREAD_SANITIZER
  return (pair_t){hk_counter_get(&counters[0]), hk_counter_get(&counters[1])};
#else
  return *(const volatile pair_t *)(const void *)counters; /* see hk_counter_get */
#endif
}

/* Adds lengths that `bin` serves. Their number is even, because strides are multiples of 8. */
static void add_lengths(const hk_counters_t *c, hk_bin_stats_t *bin, const hk_lengths_t *lengths) {
  uint32_t first = lengths->first;
  pair_t allocs = {0}, live = {0}, live_bytes = {0}, length = {first, first + 1};
  for (uint32_t at = first; at < lengths->last; at += 2, length += 2) {
    pair_t allocs_here = get_pair(&c->allocs.by_length[at]);
    pair_t live_here = allocs_here - get_pair(&c->frees.by_length[at]);
    allocs += allocs_here;
    live += live_here;
    live_bytes += live_here * length;
  }
  sums_t sums = {allocs[0] + allocs[1], live[0] + live[1], live_bytes[0] + live_bytes[1]};
  add_to_bin(bin, &sums);
}

/* Skips bins without refills: they were never used, so no length of theirs was counted. */
static void add_exact_lengths(const hk_arena_t *arena, hk_bin_stats_t *bins) {
  for (hk_lengths_t l = {0}; hk_classes_next_lengths(arena->classes, &l);) {
    if (hk_stat_get(&arena->bins[l.bin].refills) != 0)
      add_lengths(arena->counters, &bins[l.bin], &l);
  }
}

static void add_slots(const hk_arena_t *arena, hk_bin_stats_t *bins) {
  const hk_counters_t *c = arena->counters;
  for (uint32_t first = 0; first < HK_COUNTER_SLOTS; first += GROUP) {
    if (none_in_use(&c->slot_lengths[first])) continue;
    for (uint32_t i = first; i < first + GROUP; i++) {
      uint32_t length = HK_READ_ONCE(c->slot_lengths[i]);
      if (length == 0 || length > HK_CLASS_SIZE_MAX) continue;
      hk_bin_stats_t *bin = &bins[hk_classes_bin(arena->classes, length)];
      double allocs = hk_counter_get(&c->allocs.by_slot[i]);
      double live = allocs - hk_counter_get(&c->frees.by_slot[i]);
      sums_t sums = {allocs, live, live * length};
      add_to_bin(bin, &sums);
    }
  }
}

static void read_counters(const hk_arena_t *arena, hk_arena_stats_t *stats) {
  const hk_counters_t *c = arena->counters;
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    stats->bins[bin].allocs = hk_counter_count(&c->allocs.by_bin[bin]);
    stats->bins[bin].frees_local = hk_counter_count(&c->frees.by_bin[bin]);
    stats->bins[bin].live_bytes = (uint64_t)(int64_t)hk_counter_get(&c->live_bytes[bin]);
  }
  add_exact_lengths(arena, stats->bins);
  add_slots(arena, stats->bins);
}

/* Most readings under the seqlock. An owner that was stopped while it writes must not stop a
 * reader: then the last reading stands. */
#define READINGS_MAX 4

static uint32_t read_begin(const hk_counters_t *c) {
  return __atomic_load_n(&c->seqlock, __ATOMIC_ACQUIRE);
}

/* true: nothing was written since read_begin returned `before`. */
static bool read_is_consistent(hk_counters_t *c, uint32_t before) {
  /* An add of 0 is ordered after the reads before it; a load would not be. */
  return __atomic_fetch_add(&c->seqlock, 0, __ATOMIC_ACQ_REL) == before && before % 2 == 0;
}

/* Returns the greatest number of allocations ever read: a counter must not go down, but a reading
 * between the two stores of a free is too low by one. */
static uint64_t raise_allocs(hk_magazine_t *m, uint64_t allocs) {
  uint64_t reported = atomic_load_explicit(&m->allocs_reported, memory_order_relaxed);
  while (allocs > reported &&
         !atomic_compare_exchange_weak_explicit(&m->allocs_reported, &reported, allocs,
                                                memory_order_relaxed, memory_order_relaxed)) {}
  return allocs > reported ? allocs : reported;
}

/* Blocks that the front in C handed out. */
static uint64_t read_magazine(hk_arena_t *arena, uint32_t bin) {
  hk_magazine_t *m = &arena->magazines[bin];
  for (int reading = 0; reading < READINGS_MAX; reading++) {
    uint32_t before = read_begin(arena->counters);
    uint64_t allocs = hk_magazine_allocs(m);
    if (allocs == 0) return 0;
    if (read_is_consistent(arena->counters, before)) return raise_allocs(m, allocs);
  }
  return atomic_load_explicit(&m->allocs_reported, memory_order_relaxed);
}

void hk_front_counts_read(hk_arena_t *arena, hk_arena_stats_t *stats) {
  hk_counters_t *c = arena->counters;
  for (int reading = 0; reading < READINGS_MAX; reading++) {
    uint32_t before = read_begin(c);
    read_counters(arena, stats);
    if (read_is_consistent(c, before)) break;
  }
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    if ((int64_t)stats->bins[bin].live_bytes < 0) stats->bins[bin].live_bytes = 0;
  }
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    stats->bins[bin].allocs += read_magazine(arena, bin);
    stats->bins[bin].frees_local += hk_stat_get(&arena->magazines[bin].frees);
  }
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
#define READ_FRONT_BIN_STAT(field) \
  stats->bins[bin].field = hk_counter_count(&arena->counters->field[bin]);
    HK_FRONT_BIN_STATS(READ_FRONT_BIN_STAT)
#undef READ_FRONT_BIN_STAT
  }
#define READ_FRONT_STAT(field) stats->field = hk_counter_count(&c->field);
  HK_FRONT_STATS(READ_FRONT_STAT)
#undef READ_FRONT_STAT
}

/* Statistics: reads cells and counters into plain structs and derives what is not counted.
 *
 * Called by: anyone, any thread. Every value was true a moment ago; sums are exact while the owner
 *            is quiet. Differences are clamped at 0, because their two sides are read one after
 *            the other.
 */
#include <string.h>

#include "arena/arena.h"
#include "os/os.h"
#include "super/cache.h"

static uint64_t count_of(const double *counter) {
  double value = hk_counter_get(counter);
  return value > 0 ? (uint64_t)value : 0;
}

static uint64_t minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* Sums over lengths, as doubles like the counters: every whole number below 2^53 is exact. */
typedef struct tally_t {
  double allocs, frees, live_bytes;
} tally_t;

static void add_to_bin(hk_bin_stats_t *bin, const tally_t *tally) {
  bin->allocs += (uint64_t)tally->allocs;
  bin->frees_local += (uint64_t)tally->frees;
  /* May be negative: a block can be counted by bin and freed by cell; read_front_counters clamps the sum. */
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
      uint64_t length = count_of(&c->cell_lengths[i]);
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
    stats->bins[bin].allocs = count_of(&c->allocs.by_bin[bin]);
    stats->bins[bin].frees_local = count_of(&c->frees.by_bin[bin]);
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

static void read_front_counters(hk_arena_t *arena, hk_arena_stats_t *stats) {
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
  stats->bytes_pinned = count_of(&c->pinned_bytes);
  stats->detached_slabs = count_of(&c->detached_slabs);
  stats->leaked_blocks = count_of(&c->leaked_blocks);
}

static void read_class(const hk_arena_t *arena, uint32_t bin, hk_bin_stats_t *s) {
  const hk_heap_bin_t *b = &arena->bins[bin];
  const hk_class_t *c = &arena->classes->bins[bin];
  s->refills = hk_cell_get(&b->refills);
  if (s->refills == 0) return; /* never used: nothing else can be set */
  s->slow = hk_cell_get(&b->slow);
  s->flushes = hk_cell_get(&b->flushes);
  s->slabs = hk_cell_get(&b->slabs);
  s->partial_slabs = hk_cell_get(&b->partial_slabs);
  s->high_water = hk_cell_get(&b->high_water);
  s->frees_remote = atomic_load_explicit(&b->frees_remote, memory_order_relaxed);
  s->remote_blocks = minus(s->frees_remote, hk_cell_get(&b->remote_collected));
  s->capacity = s->slabs * c->capacity;
  s->live = minus(s->allocs, s->frees_local + s->frees_remote);
  uint64_t out = hk_cell_get(&b->out);
  s->front_blocks = minus(out, s->live + s->remote_blocks);
  s->free_blocks = minus(s->capacity, out);
  s->block_bytes = s->live * c->stride_bytes;
  /* A front in C does not know the requested size when it frees: block sizes stand in. */
  if (hk_cell_get(&arena->front_bytes) != 0) s->live_bytes = s->block_bytes;
}

static void read_large(const hk_arena_t *arena, uint32_t bin, hk_bin_stats_t *s) {
  const hk_large_kind_t *kind = &arena->large[bin - HK_BIN_MAX];
  uint64_t out = hk_cell_get(&kind->out);
  uint64_t remote_bytes = atomic_load_explicit(&kind->remote_bytes, memory_order_relaxed);
  s->frees_remote = atomic_load_explicit(&kind->frees_remote, memory_order_relaxed);
  s->remote_blocks = minus(s->frees_remote, hk_cell_get(&kind->remote_collected));
  s->live = minus(s->allocs, s->frees_local + s->frees_remote);
  s->front_blocks = minus(out, s->live + s->remote_blocks);
  s->capacity = out;
  s->high_water = hk_cell_get(&kind->high_water);
  s->slow = s->refills = hk_cell_get(&kind->refills);
  s->flushes = hk_cell_get(&kind->flushes);
  s->slabs = hk_cell_get(&kind->block_bytes) / HK_SLAB_BYTES;
  s->block_bytes = minus(count_of(&arena->counters->live_block_bytes[bin]), remote_bytes);
  s->live_bytes = minus(s->live_bytes, remote_bytes);
}

/* I3: every byte committed is counted under exactly one heading. */
static void sum_bytes(const hk_arena_t *arena, hk_arena_stats_t *s) {
  uint64_t used = 0;
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    const hk_class_t *c = &arena->classes->bins[bin];
    const hk_bin_stats_t *b = &s->bins[bin];
    s->bytes_live += b->live_bytes;
    s->bytes_front += b->front_blocks * c->stride_bytes;
    s->bytes_free_in_slab += (b->free_blocks + b->remote_blocks) * c->stride_bytes;
    s->bytes_slack += minus(b->block_bytes, b->live_bytes);
    s->bytes_slack += b->slabs * (HK_SLAB_BYTES - c->capacity * c->stride_bytes);
    used += b->slabs * HK_SLAB_BYTES;
  }
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++) {
    const hk_bin_stats_t *b = &s->bins[bin];
    uint64_t all = hk_cell_get(&arena->large[bin - HK_BIN_MAX].block_bytes);
    /* What read_large left out. Asking again could give another answer, and then sums would not add up. */
    uint64_t remote = minus(count_of(&arena->counters->live_block_bytes[bin]), b->block_bytes);
    s->bytes_live += b->live_bytes;
    s->bytes_front += minus(all, b->block_bytes + remote);
    s->bytes_free_in_slab += remote;
    s->bytes_slack += minus(b->block_bytes, b->live_bytes);
    used += all;
  }
  /* Lost slabs are used and serve nobody. */
  uint64_t lost = hk_cell_get(&arena->supply.lost_bytes);
  s->bytes_slack += lost;
  used += lost;
  s->bytes_used = hk_cell_get(&arena->supply.used_bytes);
  s->bytes_committed = hk_cell_get(&arena->supply.committed_bytes);
  s->bytes_free_slabs = minus(s->bytes_committed, used);
}

void hk_arena_stats(hk_arena_t *arena, hk_arena_stats_t *stats) {
  memset(stats, 0, sizeof *stats);
  read_front_counters(arena, stats);
  for (uint32_t bin = 0; bin < arena->classes->count; bin++)
    read_class(arena, bin, &stats->bins[bin]);
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++)
    read_large(arena, bin, &stats->bins[bin]);
  stats->superslabs_live = hk_cell_get(&arena->supply.count);
  stats->superslabs_empties = hk_cell_get(&arena->supply.empties);
  stats->superslabs_adopted = hk_cell_get(&arena->supply.adopted);
  stats->bytes_max = arena->max_bytes;
  stats->failures_os = hk_cell_get(&arena->failures_os);
  stats->failures_limit = hk_cell_get(&arena->failures_limit);
  stats->double_frees = hk_cell_get(&arena->double_frees);
  sum_bytes(arena, stats);
}

void hk_process_stats(hk_process_stats_t *stats) {
  hk_superslab_stats_t superslabs;
  hk_cache_stats_t cache;
  hk_os_stats_t os;
  hk_superslab_stats(&superslabs);
  hk_cache_stats(&cache);
  hk_os_stats(&os);
  *stats = (hk_process_stats_t){.now_ns = hk_os_now_ns(),
                                .superslabs_mapped = superslabs.mapped,
                                .superslabs_put = cache.put,
                                .superslabs_unmapped = superslabs.unmapped,
                                .superslabs_cached = cache.cached,
                                .superslabs_adopted = cache.adopted,
                                .bytes_cached = cache.cached_bytes,
                                .os_map = os.map,
                                .os_map_failed = os.map_failed,
                                .os_unmap = os.unmap,
                                .os_unmap_failed = os.unmap_failed,
                                .os_purge = os.purge,
                                .os_purge_enomem = os.purge_enomem,
                                .os_purge_failed = os.purge_failed,
                                .os_purge_disabled = os.purge_disabled ? 1 : 0};
}

/* --- Recount for debug builds and tests --------------------------------------------------------- */

typedef struct recount_t {
  uint64_t free_blocks[HK_BIN_MAX], slabs[HK_BIN_MAX], used_bytes, committed_bytes, superslabs;
  bool valid;
} recount_t;

static void recount_slab(const hk_arena_t *arena, const hk_slab_t *slab, recount_t *r) {
  if (slab->state == HK_SLAB_UNUSED) return;
  if (hk_superslab_is_huge(slab->superslab)) {
    r->used_bytes += slab->superslab->bytes;
    return;
  }
  r->used_bytes += HK_SLAB_BYTES;
  if (slab->state != HK_SLAB_CLASS) return;
  bool listed = slab->list != HK_SLAB_LIST_NONE;
  if (slab->bin >= arena->classes->count || !hk_slab_is_valid(slab)) r->valid = false;
  if (listed != (slab->free_count > 0) && slab->list != HK_SLAB_LIST_CURRENT) r->valid = false;
  r->free_blocks[slab->bin] += slab->free_count;
  r->slabs[slab->bin]++;
}

static recount_t recount(const hk_arena_t *arena) {
  recount_t r = {.valid = true};
  for (uint32_t i = 0; i < HK_ARENA_SUPERSLABS_MAX; i++) {
    const hk_superslab_t *superslab = arena->superslabs[i];
    if (superslab == NULL) continue;
    r.superslabs++;
    r.committed_bytes += superslab->bytes;
    if (superslab->index != i || !hk_superslab_is_valid(superslab)) r.valid = false;
    for (uint32_t slot = 0; slot < superslab->slab_count; slot++) {
      recount_slab(arena, &superslab->slabs[slot], &r);
    }
  }
  return r;
}

bool hk_arena_is_valid(hk_arena_t *arena) {
  hk_arena_stats_t s;
  hk_arena_stats(arena, &s);
  recount_t r = recount(arena);
  bool valid = r.valid && r.superslabs == s.superslabs_live && r.used_bytes == s.bytes_used &&
               r.committed_bytes == s.bytes_committed;
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    const hk_bin_stats_t *b = &s.bins[bin];
    valid = valid && (bin >= HK_BIN_MAX ||
                      (b->free_blocks == r.free_blocks[bin] && b->slabs == r.slabs[bin]));
    valid = valid && b->live + b->front_blocks + b->free_blocks + b->remote_blocks == b->capacity;
  }
  return valid &&
         s.bytes_live + s.bytes_front + s.bytes_free_in_slab + s.bytes_free_slabs + s.bytes_slack ==
             s.bytes_committed;
}

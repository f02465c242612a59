/* Statistics: reads numbers and counters into plain structs, and derives what is not counted.
 *
 * Owns:      nothing.
 * Called by: everybody, as hk_arena_stats and hk_process_stats.
 * Calls:     front_counts, superslab, cache, os.
 * Threads:   any. Every value was true a moment ago; sums are exact while the owner is quiet.
 *            Differences are clamped at 0, because their two sides are read one after the other.
 */
#include <string.h>

#include "base/compiler.h"
#include "cache/cache.h"
#include "letters/letters.h"
#include "os/lock.h"
#include "os/os.h"
#include "os/spare.h"
#include "stats/front_counts.h"
#include "supply/superslabs.h"
#include "supply/trace.h"

static uint64_t minus(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* What other threads have freed. Collected blocks that are not counted yet are among it. */
static uint64_t freed_remotely(const _Atomic(uint64_t) *counted, const hk_stat_t *collected) {
  uint64_t count = atomic_load_explicit(counted, memory_order_acquire);
  uint64_t others = hk_stat_get(collected);
  return count > others ? count : others;
}

/* They are all there is of `slow`, so that a reading while the owner works adds up, too. */
static void read_stages(const hk_stat_t *stages, hk_bin_stats_t *s) {
#define READ_STAGE(name, member, meaning) \
  s->slow += s->stage_##member = hk_stat_get(&stages[HK_STAGE_##name]);
  HK_STAGE_LIST(READ_STAGE)
#undef READ_STAGE
}

static void read_prepared(const hk_bin_t *b, hk_bin_stats_t *s) {
  s->slabs_retired = hk_stat_get(&b->retired);
  s->slabs_bound = s->slabs_retired + s->slabs;
  s->slabs_emptied = hk_stat_get(&b->emptied);
  s->prepared_without_current = hk_stat_get(&b->without_current);
  s->prepared_from_partial = hk_stat_get(&b->from_partial);
  s->prepared_from_empty = hk_stat_get(&b->from_empty);
  s->current_dropped = hk_stat_get(&b->current_dropped);
  s->warm_hits = hk_stat_get(&b->warm);
  uint64_t prepared = s->prepared_from_partial + s->prepared_from_empty + s->slabs_bound;
  s->warm_misses = minus(prepared, s->warm_hits);
  s->prefilled = hk_stat_get(&b->prefilled);
  s->drains = hk_stat_get(&b->drains);
}

/* The front has counted a free for every block that it handed over: of those some are away, and the others were
 * freed by their borrowers. */
static void add_letters(const hk_arena_t *arena, uint32_t bin, hk_bin_stats_t *s) {
  if (hk_stat_get(&arena->mail.offered) == 0) return;
  uint64_t freed = hk_stat_get(&arena->lent[bin].returned);
  s->away = hk_stat_get(&arena->lent[bin].away);
  s->frees_local = minus(s->frees_local, s->away + freed);
  s->frees_remote += freed;
}

static void read_class(const hk_arena_t *arena, uint32_t bin, hk_bin_stats_t *s) {
  const hk_bin_t *b = &arena->bins[bin];
  const hk_class_t *c = &arena->classes->bins[bin];
  s->refills = hk_stat_get(&b->refills);
  if (s->refills == 0) return; /* never used: all else is 0 */
  read_stages(b->stages, s);
  s->flushes = hk_stat_get(&b->flushes);
  s->slabs = hk_stat_get(&b->slabs);
  read_prepared(b, s);
  s->partial_slabs = hk_stat_get(&b->partial_slabs);
  s->high_water = hk_stat_get(&b->high_water);
  s->frees_remote = freed_remotely(&b->frees_remote, &b->remote_collected);
  s->drained_blocks = hk_stat_get(&b->remote_collected);
  s->remote_blocks = minus(s->frees_remote, s->drained_blocks);
  s->capacity = hk_stat_get(&b->capacity);
  add_letters(arena, bin, s);
  s->live = minus(s->allocs, s->frees_local + s->frees_remote + s->away);
  uint64_t out = hk_stat_get(&b->out);
  s->blocks_out = hk_stat_get(&b->blocks_out);
  s->blocks_in = minus(s->blocks_out, out);
  s->front_blocks = minus(out, s->live + s->remote_blocks + s->away);
  s->free_blocks = minus(s->capacity, out);
  s->block_bytes = s->live * c->stride_bytes;
  /* The front in C does not know a block's length when it frees it: block sizes stand for
   * lengths. */
  if (hk_stat_get(&arena->front_bytes) != 0)
    s->live_bytes = s->block_bytes;
  else
    s->front_to_bucket = minus(s->frees_local, s->front_to_stack);
}

static void read_large(const hk_arena_t *arena, uint32_t bin, hk_bin_stats_t *s) {
  const hk_run_kind_t *kind = &arena->runs[bin - HK_BIN_MAX];
  uint64_t out = hk_stat_get(&kind->out);
  uint64_t remote_bytes = minus(freed_remotely(&kind->bytes_remote, &kind->bytes_collected),
                                hk_stat_get(&kind->bytes_collected));
  s->frees_remote = freed_remotely(&kind->frees_remote, &kind->remote_collected);
  s->drains = s->drained_blocks = hk_stat_get(&kind->remote_collected);
  s->remote_blocks = minus(s->frees_remote, s->drained_blocks);
  add_letters(arena, bin, s);
  s->live = minus(s->allocs, s->frees_local + s->frees_remote + s->away);
  s->front_blocks = minus(out, s->live + s->remote_blocks + s->away);
  s->capacity = out;
  s->high_water = hk_stat_get(&kind->high_water);
  read_stages(kind->stages, s);
  s->refills = s->blocks_out = s->slow;
  s->blocks_in = minus(s->blocks_out, out);
  s->flushes = hk_stat_get(&kind->flushes);
  s->slabs = hk_stat_get(&kind->block_bytes) / HK_SLAB_BYTES;
  s->block_bytes = minus(hk_counter_count(&arena->counters->live_block_bytes[bin]), remote_bytes);
  s->live_bytes = minus(s->live_bytes, remote_bytes);
}

/* I3: every committed byte is counted under exactly one heading. */
static void sum_bytes(const hk_arena_t *arena, hk_arena_stats_t *s) {
  uint64_t used = 0;
  for (uint32_t bin = 0; bin < arena->classes->count; bin++) {
    const hk_class_t *c = &arena->classes->bins[bin];
    const hk_bin_stats_t *b = &s->bins[bin];
    s->bytes_live += b->live_bytes;
    s->bytes_front += b->front_blocks * c->stride_bytes;
    s->bytes_away += b->away * c->stride_bytes;
    s->bytes_free_in_slab += (b->free_blocks + b->remote_blocks) * c->stride_bytes;
    s->bytes_slack += minus(b->block_bytes, b->live_bytes);
    s->bytes_slack += minus(b->slabs * HK_SLAB_BYTES, b->capacity * c->stride_bytes);
    used += b->slabs * HK_SLAB_BYTES;
  }
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++) {
    const hk_bin_stats_t *b = &s->bins[bin];
    uint64_t all = hk_stat_get(&arena->runs[bin - HK_BIN_MAX].block_bytes);
    /* Derived from what read_large left out: a second read could differ, and break the sum. */
    uint64_t remote =
        minus(hk_counter_count(&arena->counters->live_block_bytes[bin]), b->block_bytes);
    s->bytes_live += b->live_bytes;
    uint64_t away = b->away == 0 ? 0 : hk_stat_get(&arena->lent[bin].away_bytes);
    s->bytes_front += minus(all, b->block_bytes + remote + away);
    s->bytes_away += away;
    s->bytes_free_in_slab += remote;
    s->bytes_slack += minus(b->block_bytes, b->live_bytes);
    used += all;
  }
  /* Lost slabs are in use and serve nobody. */
  uint64_t lost = hk_stat_get(&arena->supply.lost_bytes);
  s->bytes_slack += lost;
  used += lost;
  s->bytes_used = hk_stat_get(&arena->supply.used_bytes);
  s->bytes_committed = hk_stat_get(&arena->supply.committed_bytes);
  s->bytes_free_slabs = minus(s->bytes_committed, used);
}

/* Mappings of the record, the counters, the front in C and the records of SuperSlabs. */
static uint64_t metadata_bytes(const hk_arena_t *arena) {
  return hk_arena_record_bytes() + hk_counters_bytes() + hk_stat_get(&arena->front_bytes) +
         hk_trace_bytes(arena) + hk_stat_get(&arena->supply.metadata_bytes);
}

static void read_letters(const hk_arena_t *arena, hk_arena_stats_t *s) {
  const hk_mail_t *mail = &arena->mail;
  s->letters_recalled = hk_stat_get(&mail->recalled);
  s->letters_revoked = hk_stat_get(&mail->revoked);
  s->letters_returned = hk_stat_get(&mail->collected);
  s->letters_adopted = hk_stat_get(&mail->adopted);
  s->letters_offered = hk_stat_get(&mail->offered);
  uint64_t ended = s->letters_recalled + s->letters_revoked + s->letters_returned;
  s->letters_away = minus(s->letters_offered, ended);
}

void hk_arena_stats(hk_arena_t *arena, hk_arena_stats_t *stats) {
  memset(stats, 0, sizeof *stats);
  hk_front_counts_read(arena, stats);
  for (uint32_t bin = 0; bin < arena->classes->count; bin++)
    read_class(arena, bin, &stats->bins[bin]);
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++)
    read_large(arena, bin, &stats->bins[bin]);
  stats->superslabs_live = hk_stat_get(&arena->supply.count);
  stats->superslabs_empties = hk_stat_get(&arena->supply.empties);
  stats->superslabs_draining = HK_READ_ONCE(arena->supply.tiers.drain_count);
  stats->superslabs_hot =
      minus(stats->superslabs_live, stats->superslabs_empties + stats->superslabs_draining);
  stats->superslabs_adopted = hk_stat_get(&arena->supply.adopted);
  stats->superslabs_released = hk_stat_get(&arena->supply.released);
  stats->bytes_given_away = hk_stat_get(&arena->given_bytes);
  stats->bytes_metadata = metadata_bytes(arena);
  stats->bytes_decayed = hk_stat_get(&arena->decay.bytes);
  stats->bytes_dirty = hk_stat_get(&arena->supply.dirty_bytes);
  stats->bytes_returned = hk_stat_get(&arena->returned_bytes);
  stats->class_changes = hk_stat_get(&arena->class_changes);
  stats->decay_epochs = hk_stat_get(&arena->decay.epochs);
  stats->bytes_retaken = hk_stat_get(&arena->decay.retaken_bytes);
  stats->decay_turns = hk_stat_get(&arena->decay.turns);
  stats->decay_ns = hk_stat_get(&arena->decay.ns);
  stats->bytes_max = arena->max_bytes;
  stats->failures_os = hk_stat_get(&arena->failures_os);
  stats->failures_limit = hk_stat_get(&arena->failures_limit);
  stats->failures_retried = hk_stat_get(&arena->failures_retried);
  stats->double_frees += hk_stat_get(&arena->double_frees);
  read_letters(arena, stats);
  sum_bytes(arena, stats);
}

void hk_process_stats(hk_process_stats_t *stats) {
  hk_superslab_stats_t superslabs;
  hk_cache_stats_t cache;
  hk_os_stats_t os;
  hk_lock_stats_t locks;
  hk_superslab_stats(&superslabs);
  hk_cache_stats(&cache);
  hk_os_stats(&os);
  hk_lock_stats(&locks);
  uint64_t kept = hk_spare_taken(HK_SPARE_RECORD, false);
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
                                .os_purged_bytes = os.purged_bytes,
                                .os_purge_ns = os.purge_ns,
                                .os_purge_disabled = os.purge_disabled ? 1 : 0,
                                .os_map_metadata = os.map_metadata,
                                .os_unmap_metadata = os.unmap_metadata,
                                .bytes_metadata = os.metadata_bytes,
                                .cache_misses = cache.misses,
                                .cache_evicted_count = cache.evicted_count,
                                .cache_evicted_bytes = cache.evicted_bytes,
                                .cache_expired = cache.expired,
                                .cache_quarantined = cache.quarantined,
                                .locks_acquired = locks.acquired,
                                .locks_contended = locks.contended,
                                .tickets_refused = hk_letters_refused(),
                                .arenas_created = hk_spare_taken(HK_SPARE_RECORD, true) + kept,
                                .arenas_from_kept = kept,
                                .bytes_max = hk_superslabs_limit()};
}

#include "supply/superslabs.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/options.h"
#include "cache/cache.h"
#include "cache/join.h"
#include "os/os.h"
#include "os/ram.h"
#include "super/extent.h"
#include "supply/demand.h"
#include "supply/trace.h"

/* Takes the lowest free index of the table; HK_ARENA_SUPERSLABS_MAX: none is free. */
static uint32_t take_index(hk_supply_t *supply) {
  for (uint32_t w = 0; w < HK_ARENA_SUPERSLABS_MAX / 64; w++) {
    uint64_t unused = ~supply->index_words[w];
    if (unused == 0) continue;
    uint32_t bit = hk_ctz64(unused);
    supply->index_words[w] |= (uint64_t)1 << bit;
    return w * 64 + bit;
  }
  return HK_ARENA_SUPERSLABS_MAX;
}

static void put_index(hk_supply_t *supply, uint32_t index) {
  if (index == HK_ARENA_SUPERSLABS_MAX) return;
  supply->index_words[index / 64] &= ~((uint64_t)1 << (index % 64));
}

/* Bytes of SuperSlabs and huge mappings that all arenas hold. Shared, relaxed. */
static _Atomic(uint64_t) held_bytes;

#define NO_LIMIT UINT64_MAX

/* Of `auto`: the rest is for what is no arena's. */
static uint64_t share_of_ram(void) {
  uint64_t bytes = hk_ram_bytes();
  return bytes != 0 ? bytes / 4 * 3 : NO_LIMIT;
}

/* Bytes that all arenas may hold. */
static uint64_t limit_bytes(void) {
  static _Atomic(uint64_t) share;
  int64_t max_mb = hk_options_get()->max_memory_mb;
  if (max_mb == 0) return NO_LIMIT;
  if (max_mb != HK_MAX_MEMORY_AUTO) return (uint64_t)max_mb * HK_MIB;
  uint64_t known = atomic_load_explicit(&share, memory_order_relaxed);
  if (known == 0) atomic_store_explicit(&share, known = share_of_ram(), memory_order_relaxed);
  return known;
}

uint64_t hk_superslabs_limit(void) {
  uint64_t limit = limit_bytes();
  return limit != NO_LIMIT ? limit : 0;
}

/* Whoever keeps so much less than what is left leaves enough to everybody else. */
#define AMPLE_TIMES 4

bool hk_superslabs_are_ample(uint64_t bytes) {
  uint64_t limit = limit_bytes(), held = atomic_load_explicit(&held_bytes, memory_order_relaxed);
  return held < limit && bytes <= (limit - held) / AMPLE_TIMES;
}

/* Charges `bytes` to the process. false: its limit would be exceeded, and nothing changed. */
static bool charge(uint64_t bytes) {
  uint64_t before = atomic_fetch_add_explicit(&held_bytes, bytes, memory_order_relaxed);
  if (before + bytes <= limit_bytes()) return true;
  atomic_fetch_sub_explicit(&held_bytes, bytes, memory_order_relaxed);
  return false;
}

static void uncharge(uint64_t bytes) {
  atomic_fetch_sub_explicit(&held_bytes, bytes, memory_order_relaxed);
}

/* Zeroes what another arena left. Once no late write can come, the SuperSlab is as good as new. */
static void clean_up(hk_superslab_t *superslab) {
  hk_superslab_wipe(superslab);
  if (superslab->quarantined_until_ns > hk_os_now_ns()) return;
  superslab->was_exposed = superslab->was_lent = false;
  superslab->seen_slots = 0;
}

/* Bytes that stay warm in the cache when `superslab` goes there: what the arena is likely to need
 * again; and of one that was little used its few pages, because an arena may come for every request
 * of a service. What was lent serves nobody for a while. */
static uint64_t warm_bytes(const hk_arena_t *arena, const hk_superslab_t *superslab) {
  bool stays = superslab->was_exposed && !superslab->was_lent && hk_superslab_is_small(superslab);
  return hk_demand_room(arena) + (stays && hk_demand_keeps(arena) ? superslab->bytes : 0);
}

/* Hands it to the cache. Returns bytes of pages given back. */
static size_t put_cached(const hk_arena_t *arena, hk_superslab_t *superslab) {
  return hk_cache_put(superslab, &(hk_cache_terms_t){.policy = arena->policy,
                                                     .may_wait = arena->shares_bytes,
                                                     .warm_bytes = warm_bytes(arena, superslab)});
}

/* Takes one from the cache, clean of other arenas' bytes; `bytes` are charged already. NULL:
 * none. */
static hk_superslab_t *take_cached(hk_arena_t *arena, size_t bytes, bool urgent) {
  /* The arena's limit is on slabs in use, so only a huge mapping can be too large for it. */
  uint64_t bytes_max = bytes > HK_SUPERSLAB_BYTES ? hk_superslabs_room(arena) : bytes;
  hk_fit_request_t request = {.bytes = bytes,
                              .bytes_max = bytes_max,
                              .arena_id = arena->id,
                              .has_put = hk_stat_get(&arena->supply.released) > 0,
                              .shares_bytes = arena->shares_bytes,
                              .urgent = urgent};
  hk_superslab_t *superslab = hk_cache_take(&request);
  if (superslab == NULL) superslab = hk_join_take(&request);
  if (superslab == NULL) return NULL;
  if (!charge(superslab->bytes - bytes)) {
    (void)put_cached(arena, superslab);
    return NULL;
  }
  hk_stat_add(&arena->supply.adopted, 1);
  if (!arena->shares_bytes && superslab->last_arena_id != arena->id) clean_up(superslab);
  return superslab;
}

static bool charge_or_make_room(hk_arena_t *arena, size_t bytes) {
  if (charge(bytes)) return true;
  hk_superslabs_remove_empties(arena, 0);
  return charge(bytes);
}

size_t hk_superslabs_round(size_t bytes) {
  if (bytes <= HK_SUPERSLAB_BYTES) return bytes;
  size_t step = ((size_t)1 << hk_log2(bytes - 1)) / 8;
  return (bytes + step - 1) & ~(step - 1);
}

size_t hk_superslabs_warm(const hk_arena_t *arena, size_t bytes, size_t bytes_max) {
  uint64_t room = hk_superslabs_room(arena);
  hk_fit_request_t request = {
      .bytes = bytes > HK_SUPERSLAB_BYTES ? bytes : HK_SUPERSLAB_BYTES + 1,
      .bytes_max = bytes_max < room ? bytes_max : room,
      .arena_id = arena->id,
      .shares_bytes = arena->shares_bytes,
  };
  return hk_cache_largest_warm(&request);
}

/* Maps one for `bytes`, which are charged already. Rounding is never what a limit refuses. NULL: the
 * OS refused. */
static hk_superslab_t *map_new(const hk_arena_t *arena, size_t bytes) {
  size_t more = hk_superslabs_round(bytes) - bytes;
  if (bytes > HK_SUPERSLAB_BYTES && bytes + more > hk_superslabs_room(arena)) more = 0;
  if (!charge(more)) more = 0;
  hk_superslab_t *superslab = hk_superslab_map(bytes + more);
  if (superslab == NULL) uncharge(more);
  return superslab;
}

/* Maps after everything has gone back to the OS that the arena and the process keep unused. */
static hk_superslab_t *map_into_room(hk_arena_t *arena, size_t bytes) {
  hk_superslabs_remove_empties(arena, 0);
  return hk_cache_make_room() ? map_new(arena, bytes) : NULL;
}

static hk_status_t obtain(hk_arena_t *arena, size_t bytes, hk_superslab_t **superslab) {
  if (!charge_or_make_room(arena, bytes)) return HK_OUT_OF_MEMORY_PROCESS;
  *superslab = take_cached(arena, bytes, false);
  arena->supply.source = *superslab != NULL ? HK_STAGE_CACHED : HK_STAGE_OS;
  if (*superslab == NULL) *superslab = map_new(arena, bytes);
  if (*superslab == NULL) *superslab = take_cached(arena, bytes, true);
  if (*superslab == NULL) *superslab = map_into_room(arena, bytes);
  if (*superslab == NULL) {
    uncharge(bytes);
    return HK_OUT_OF_MEMORY_OS;
  }
  bool adopted = arena->supply.source == HK_STAGE_CACHED;
  hk_trace_note(arena, adopted ? HK_EVENT_ADOPT : HK_EVENT_MAP, HK_BIN_NONE, HK_STAGE_CURRENT,
                (*superslab)->bytes);
  hk_superslab_advise(*superslab, arena->thp);
  return HK_OK;
}

/* Enters a SuperSlab in the arena's table, if it has room. Whoever holds the lock can rely on every SuperSlab in
 * the table staying, and on their count; stats/heap_map.c does. */
static void enter(hk_arena_t *arena, hk_superslab_t *superslab) {
  hk_lock_acquire(&arena->table_lock);
  if (superslab->index < HK_ARENA_SUPERSLABS_MAX) {
    arena->superslabs[superslab->index] = superslab;
    hk_stat_add(&arena->supply.indexed, 1);
  }
  hk_stat_add(&arena->supply.count, 1);
  hk_stat_add(&arena->supply.metadata_bytes, hk_superslab_metadata_bytes(superslab));
  hk_lock_release(&arena->table_lock);
}

static void leave(hk_arena_t *arena, const hk_superslab_t *superslab) {
  hk_lock_acquire(&arena->table_lock);
  if (superslab->index < HK_ARENA_SUPERSLABS_MAX) {
    arena->superslabs[superslab->index] = NULL;
    hk_stat_sub(&arena->supply.indexed, 1);
  }
  hk_stat_sub(&arena->supply.count, 1);
  hk_stat_sub(&arena->supply.metadata_bytes, hk_superslab_metadata_bytes(superslab));
  hk_lock_release(&arena->table_lock);
}

hk_status_t hk_superslabs_add(hk_arena_t *arena, size_t bytes, hk_superslab_t **result) {
  hk_supply_t *supply = &arena->supply;
  uint32_t index = take_index(supply);
  /* The front in C, which has memory then, needs no references. */
  if (index == HK_ARENA_SUPERSLABS_MAX && !hk_arena_has_front(arena)) return HK_OUT_OF_MEMORY_TABLE;
  hk_superslab_t *superslab;
  hk_status_t status = obtain(arena, bytes, &superslab);
  if (status != HK_OK) {
    put_index(supply, index);
    return status;
  }
  superslab->index = index;
  superslab->last_arena_id = arena->id;
  atomic_store_explicit(&superslab->owner, arena, memory_order_release);
  enter(arena, superslab);
  hk_tiers_link(&supply->tiers, superslab);
  hk_stat_add(&supply->committed_bytes, superslab->bytes);
  hk_stat_add(&supply->dirty_bytes, hk_superslab_unused_dirty_bytes(superslab));
  hk_demand_rise(arena);
  if (!hk_superslab_is_huge(superslab)) hk_stat_add(&supply->empties, 1);
  *result = superslab;
  return HK_OK;
}

void hk_superslabs_remove(hk_arena_t *arena, hk_superslab_t *superslab) {
  hk_supply_t *supply = &arena->supply;
  HK_ASSERT(superslab->used_slots == 0);
  hk_tiers_unlink(&supply->tiers, superslab);
  put_index(supply, superslab->index);
  leave(arena, superslab);
  hk_demand_fall(arena);
  hk_stat_add(&supply->released, 1);
  hk_stat_sub(&supply->committed_bytes, superslab->bytes);
  hk_stat_sub(&supply->dirty_bytes, hk_superslab_unused_dirty_bytes(superslab));
  if (!hk_superslab_is_huge(superslab)) hk_stat_sub(&supply->empties, 1);
  atomic_store_explicit(&superslab->owner, NULL, memory_order_release);
  uncharge(superslab->bytes);
  superslab->settled = arena->settled && !superslab->was_lent;
  hk_trace_note(arena, HK_EVENT_GIVE, HK_BIN_NONE, HK_STAGE_CURRENT, superslab->bytes);
  hk_stat_add(&arena->returned_bytes, put_cached(arena, superslab));
}

bool hk_superslabs_resize(hk_arena_t *arena, hk_superslab_t *superslab, size_t bytes) {
  hk_supply_t *supply = &arena->supply;
  size_t before = superslab->bytes, more = bytes > before ? bytes - before : 0;
  if (superslab->was_exposed || more > hk_superslabs_room(arena)) return false;
  if (!hk_os_can_move() || !charge_or_make_room(arena, more)) return false;
  if (!hk_extent_resize(superslab, bytes)) {
    uncharge(more);
    return false;
  }
  if (bytes < before) uncharge(before - bytes);
  hk_demand_fall(arena);
  hk_stat_t *const sums[] = {&supply->used_bytes, &supply->committed_bytes};
  for (int i = 0; i < 2; i++) hk_stat_set(sums[i], hk_stat_get(sums[i]) + bytes - before);
  hk_demand_rise(arena);
  return true;
}

void hk_superslabs_remove_empties(hk_arena_t *arena, uint64_t keep) {
  while (hk_stat_get(&arena->supply.empties) > keep) {
    hk_superslabs_remove(arena, hk_tiers_free(&arena->supply.tiers));
  }
}

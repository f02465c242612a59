/* Arena: creation, reset and end of an arena, and the registry of all arenas.
 *
 * Owns:      the mapping of the record; names, numbers and options of arenas; the registry; forks.
 * Called by: everybody, through hakmem.h.
 * Calls:     front, heap, supply, spare.
 * Threads:   owner only; any thread may destroy an arena that its owner no longer uses. The
 *            registry is shared, under its lock.
 */
#include <stdio.h>
#include <string.h>

#include "arena/policy.h"
#include "arena/settle.h"
#include "base/assert.h"
#include "base/compiler.h"
#include "base/options.h"
#include "cache/cache.h"
#include "front/abandoned.h"
#include "front/refill.h"
#include "front/stacks.h"
#include "heap/decay.h"
#include "heap/heap.h"
#include "heap/remote.h"
#include "heap/run.h"
#include "letters/letters.h"
#include "os/lock.h"
#include "os/spare.h"
#include "stats/valid.h"
#include "super/pagemap.h"
#include "supply/superslabs.h"
#include "supply/supply.h"
#include "supply/trace.h"

/* Every arena of the process, oldest first. All fields are written under the lock. */
static struct {
  hk_lock_t lock;
  hk_arena_t *first, *last;
  uint64_t last_id;
  _Atomic(uint64_t) abandoned; /* of them; any thread may read it */
} registry = {.lock = HK_LOCK_INIT(HK_LOCK_RANK_REGISTRY)};

static void set_name(hk_arena_t *arena, const char *name) {
  if (name != NULL) {
    memcpy(arena->name, name, strlen(name));
  } else {
    (void)snprintf(arena->name, sizeof arena->name, "arena-%llu", (unsigned long long)arena->id);
  }
}

/* Gives it a number, and a name if `name` is NULL. In one step, so that numbers ascend. */
static void register_arena(hk_arena_t *arena, const char *name) {
  hk_lock_acquire(&registry.lock);
  arena->id = ++registry.last_id;
  set_name(arena, name);
  arena->prev = registry.last;
  *(arena->prev != NULL ? &arena->prev->next : &registry.first) = arena;
  registry.last = arena;
  hk_lock_release(&registry.lock);
}

/* Under the lock. */
static void unlink_arena(const hk_arena_t *arena) {
  *(arena->prev != NULL ? &arena->prev->next : &registry.first) = arena->next;
  *(arena->next != NULL ? &arena->next->prev : &registry.last) = arena->prev;
}

static void unregister_arena(const hk_arena_t *arena) {
  hk_lock_acquire(&registry.lock);
  unlink_arena(arena);
  hk_lock_release(&registry.lock);
}

void hk_arena_each(bool (*visit)(hk_arena_t *, void *), void *context) {
  hk_lock_acquire_to_read(&registry.lock);
  hk_arena_t *arena = registry.first;
  while (arena != NULL && visit(arena, context)) arena = arena->next;
  hk_lock_release(&registry.lock);
}

/* A call: where compilers know the length they write a loop in place, which is slow for what is as short as a bin. */
static HK_NOINLINE void zero(hk_arena_t *arena, size_t from, size_t to) {
  memset((char *)arena + from, 0, to - from);
}

static void zero_bin(hk_arena_t *arena, uint32_t bin) {
  size_t from = offsetof(hk_arena_t, bins) + bin * sizeof(hk_bin_t);
  zero(arena, from, from + sizeof(hk_bin_t));
}

/* Zeroes an arena's own classes, and its bins. Without such classes only bins that had slabs were ever written. */
static void zero_bins(hk_arena_t *arena) {
  if (arena->classes == &arena->own_classes) {
    memset(&arena->own_classes, 0, sizeof arena->own_classes);
    memset(arena->bins, 0, sizeof arena->bins);
  } else {
    HK_EACH_USED_BIN(arena, bin) zero_bin(arena, bin);
  }
}

/* Zeroes the record for the next arena. The two tables are skipped: both are all zero once every
 * SuperSlab and the front are gone. So is what was lent if there was none. */
static void put_record(hk_arena_t *arena) {
  hk_trace_end(arena);
  if (hk_stat_get(&arena->mail.offered) != 0) memset(arena->lent, 0, sizeof arena->lent);
  zero_bins(arena);
  zero(arena, 0, offsetof(hk_arena_t, bins));
  zero(arena, offsetof(hk_arena_t, runs), offsetof(hk_arena_t, superslabs));
  hk_spare_put(HK_SPARE_RECORD, arena, hk_arena_record_bytes());
}

/* Every block becomes free. */
static void free_all(hk_arena_t *arena) {
  hk_remote_finish(arena);
  hk_letters_revoke(arena);
  hk_supply_reset(arena);
  hk_heap_reset(arena);
  hk_front_drop(arena);
}

/* The same of an arena that nobody asks any more; its record is zeroed next. */
static void free_for_good(hk_arena_t *arena) {
  hk_remote_finish(arena);
  hk_letters_revoke(arena);
  hk_supply_reset(arena);
  hk_front_end(arena);
}

void hk_arena_reset(hk_arena_t *arena) {
  free_all(arena);
  hk_settle_counters(arena);
  hk_run_reset(arena);
  HK_ASSERT_SLOW(hk_arena_is_valid(arena));
}

static void drop_arena(hk_arena_t *arena) {
  hk_letters_leave(arena);
  hk_counters_drop(arena->counters);
  put_record(arena);
}

/* Whether somebody reads the counters of an arena that ends, and not as they are. */
static bool are_counters_read(const hk_arena_t *arena) {
  bool is_settled = arena->ended && arena->keeper == HK_KEEPER_OWNER;
  return !is_settled && !arena->leaves_counters && hk_counters_are_shared(arena->counters);
}

/* Nobody finds the arena any more, and nobody else holds it. */
static void end_arena(hk_arena_t *arena) {
  bool are_read = are_counters_read(arena);
  arena->ended = true;
  if (are_read) {
    hk_arena_reset(arena);
  } else {
    free_for_good(arena);
  }
  if (arena->leaves_counters) hk_settle_for_next(arena);
  hk_supply_leave(arena);
  drop_arena(arena);
}

static bool are_valid(const hk_arena_options_t *options) {
  if (options->name != NULL && strlen(options->name) > HK_ARENA_NAME_MAX) return false;
#define CHECK_OPTION(field, name, max, choices, meaning) \
  if (options->field > (max)) return false;
  HK_ARENA_OPTION_LIST(CHECK_OPTION)
#undef CHECK_OPTION
  return options->max_bytes == 0 || options->prewarm_bytes <= options->max_bytes;
}

static hk_status_t configure(hk_arena_t *arena, const hk_arena_options_t *options) {
  const hk_options_t *process = hk_options_get();
  if (!are_valid(options)) return HK_INVALID_ARGUMENT;
  arena->thp = options->thp != 0 ? (int64_t)options->thp - 1 : process->thp;
  arena->shares_bytes = options->shares_bytes;
  arena->scrubs = options->scrubs != 0;
  arena->max_bytes = options->max_bytes;
  hk_arena_policy_t policy = hk_policy_default();
  if (options->policy != 0) policy.free_policy = (uint32_t)options->policy - 1;
  if (options->purge_delay != 0) policy.purge_delay_ms = (int64_t)options->purge_delay - 2;
  (void)hk_arena_set_policy(arena, &policy);
  arena->classes = hk_classes_default();
  if (options->class_sizes != NULL) {
    arena->classes = &arena->own_classes;
    return hk_classes_build(&arena->own_classes, options->class_sizes, options->class_count);
  }
  return HK_OK;
}

static bool is_any(const hk_arena_t *arena) { return hk_abandoned_is(arena); }

static bool is_dead(const hk_arena_t *arena) {
  return hk_abandoned_is(arena) && hk_stat_get(&arena->supply.count) == 0;
}

static bool has_abandoned(void) {
  return atomic_load_explicit(&registry.abandoned, memory_order_relaxed) > 0;
}

/* Under the lock: an abandoned arena, whose keeper the caller is now. NULL: there is none, or each
 * has a keeper. */
static hk_arena_t *take_abandoned(bool (*is_wanted)(const hk_arena_t *)) {
  hk_arena_t *arena = has_abandoned() ? registry.first : NULL;
  while (arena != NULL && !(is_wanted(arena) && hk_abandoned_enter(arena))) arena = arena->next;
  if (arena != NULL) registry.abandoned--;
  return arena;
}

/* Ends the abandoned arenas whose last block was freed. What they gave to the cache stays warm there
 * for the threads to come. */
static void bury_dead(void) {
  while (has_abandoned()) {
    hk_lock_acquire(&registry.lock);
    hk_arena_t *arena = take_abandoned(is_dead);
    if (arena != NULL) unlink_arena(arena);
    hk_lock_release(&registry.lock);
    if (arena == NULL) return;
    free_for_good(arena);
    drop_arena(arena);
  }
}

static void register_abandoned(hk_arena_t *arena) {
  hk_lock_acquire(&registry.lock);
  atomic_store(&arena->keeper, HK_KEEPER_THREAD);
  registry.abandoned++;
  hk_lock_release(&registry.lock);
}

/* The keeper collects what was freed and leaves. */
static void leave_abandoned(hk_arena_t *arena) {
  bool is_left;
  do {
    hk_abandoned_collect(arena);
    hk_lock_acquire(&registry.lock);
    is_left = hk_abandoned_leave(arena);
    hk_lock_release(&registry.lock);
  } while (!is_left);
}

hk_arena_t *hk_arena_adopt(void) {
  hk_lock_acquire(&registry.lock);
  hk_arena_t *arena = take_abandoned(is_any);
  hk_lock_release(&registry.lock);
  if (arena == NULL) return NULL;
  /* The front comes first: without one no block of the arena could be freed by its owner. */
  if (arena->front == NULL && !hk_front_create(arena)) {
    register_abandoned(arena);
    leave_abandoned(arena);
    return NULL;
  }
  atomic_store(&arena->keeper, HK_KEEPER_OWNER);
  return arena;
}

hk_status_t hk_arena_create(const hk_arena_options_t *options, hk_arena_t **result) {
  static const hk_arena_options_t defaults;
  if (options == NULL) options = &defaults;
  bury_dead();
  bool fresh; /* not needed: put_record leaves a record zeroed */
  hk_arena_t *arena = hk_cache_map_metadata(HK_SPARE_RECORD, hk_arena_record_bytes(), &fresh);
  if (arena == NULL) return HK_OUT_OF_MEMORY_OS;
  hk_status_t status = configure(arena, options);
  if (status == HK_OK) {
    arena->counters = hk_counters_create(options->counters);
    if (arena->counters == NULL) status = HK_OUT_OF_MEMORY_OS;
    arena->follows = arena->counters != NULL && arena->counters == options->counters;
  }
  if (status == HK_OK && !hk_trace_begin(arena, options->trace_events)) {
    hk_counters_drop(arena->counters);
    status = HK_OUT_OF_MEMORY_OS;
  }
  if (status != HK_OK) {
    put_record(arena);
    return status;
  }
  atomic_store(&arena->mail.holders, 1);
  hk_front_init(arena);
  arena->table_lock = (hk_lock_t)HK_LOCK_INIT(HK_LOCK_RANK_TABLE);
  register_arena(arena, options->name);
  status = hk_supply_prewarm(arena, options->prewarm_bytes);
  if (status != HK_OK) {
    (void)hk_arena_destroy(arena);
    return status;
  }
  *result = arena;
  return HK_OK;
}

/* All but what others see of the arena goes back. */
static void end_early(hk_arena_t *arena) {
  arena->ended = true;
  arena->keeps_slab = NULL;
  hk_arena_reset(arena);
  hk_supply_end(arena);
}

/* Takes a hold away; the last one ends the record, in whatever thread. */
static void drop_hold(hk_arena_t *arena) {
  uint64_t before = atomic_fetch_sub_explicit(&arena->mail.holders, 1, memory_order_acq_rel);
  if (before > 1) return;
  unregister_arena(arena);
  end_arena(arena);
}

hk_status_t hk_letter_return(uint64_t ticket) {
  hk_arena_t *arena;
  hk_status_t status = hk_letters_put_back(ticket, &arena);
  if (status == HK_OK) drop_hold(arena);
  return status;
}

void hk_arena_settle(hk_arena_t *arena) { arena->settled = true; }
void hk_arena_leave_counters(hk_arena_t *arena) { arena->leaves_counters = true; }

hk_status_t hk_arena_end(hk_arena_t *arena) {
  if (hk_stat_get(&arena->exposed_slabs) == 0) return hk_arena_destroy(arena);
  if (!arena->ended) {
    end_early(arena);
  } else {
    hk_remote_drain(arena);
  }
  return HK_SLAB_BUSY;
}

hk_status_t hk_arena_destroy(hk_arena_t *arena) {
  if (arena == NULL) return HK_OK;
  if (hk_stat_get(&arena->exposed_slabs) != 0) return HK_SLAB_BUSY;
  hk_remote_drain(arena);
  hk_letters_revoke(arena);
  if (hk_letters_are_away(arena)) end_early(arena);
  drop_hold(arena);
  return HK_OK;
}

hk_status_t hk_arena_abandon(hk_arena_t *arena) {
  if (hk_stat_get(&arena->exposed_slabs) != 0) return HK_SLAB_BUSY;
  if (hk_letters_are_away(arena)) return HK_SLAB_BUSY;
  hk_front_flush(arena);
  hk_front_drop(arena);
  register_abandoned(arena);
  leave_abandoned(arena);
  bury_dead();
  return HK_OK;
}

/* Holds every lock of the process, so that no thread that the child will not have is inside one. */
void hk_fork_prepare(void) {
  (void)hk_options_get();
  (void)hk_classes_default(); /* built by now: the child must not wait for a builder */
  hk_lock_acquire(&registry.lock);
  hk_cache_lock();
  hk_letters_lock();
  hk_pagemap_lock();
  hk_spare_lock();
}

void hk_fork_parent(void) {
  hk_spare_unlock();
  hk_pagemap_unlock();
  hk_letters_unlock();
  hk_cache_unlock();
  hk_lock_release(&registry.lock);
}

/* Locks of single arenas may have been held by their owners, who do not exist here. */
void hk_fork_child(void) {
  for (hk_arena_t *arena = registry.first; arena != NULL; arena = arena->next) {
    arena->table_lock = (hk_lock_t)HK_LOCK_INIT(HK_LOCK_RANK_TABLE);
    arena->inherited = true;
  }
  hk_fork_parent();
}

uint64_t hk_arena_id(const hk_arena_t *arena) { return arena->id; }
const char *hk_arena_name(const hk_arena_t *arena) { return arena->name; }
const hk_classes_t *hk_arena_classes(const hk_arena_t *arena) { return arena->classes; }
uint64_t hk_arena_max_bytes(const hk_arena_t *arena) { return arena->max_bytes; }
hk_counters_t *hk_arena_counters(hk_arena_t *arena) { return hk_counters_see(arena->counters); }

uint64_t hk_arena_returned_bytes(const hk_arena_t *arena) {
  return hk_stat_get(&arena->returned_bytes);
}

uint64_t hk_arena_used_bytes(const hk_arena_t *arena) {
  return hk_stat_get(&arena->supply.used_bytes);
}

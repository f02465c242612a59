#include "arena/arena.h"

#include <stdio.h>
#include <string.h>

#include "arena/failures.h"
#include "arena/heap.h"
#include "arena/holdings.h"
#include "arena/large.h"
#include "arena/remote.h"
#include "arena/supply.h"
#include "base/assert.h"
#include "os/lock.h"
#include "os/os.h"
#include "os/spare.h"

/* Every arena of the process, oldest first. All fields: the lock. */
static struct {
  hk_lock_t lock;
  hk_arena_t *first, *last;
  uint64_t last_id;
} registry = {.lock = HK_LOCK_INIT(HK_LOCK_RANK_REGISTRY)};

static void register_arena(hk_arena_t *arena) {
  hk_lock_acquire(&registry.lock);
  arena->prev = registry.last;
  *(registry.last != NULL ? &registry.last->next : &registry.first) = arena;
  registry.last = arena;
  hk_lock_release(&registry.lock);
}

static void unregister_arena(hk_arena_t *arena) {
  hk_lock_acquire(&registry.lock);
  *(arena->prev != NULL ? &arena->prev->next : &registry.first) = arena->next;
  *(arena->next != NULL ? &arena->next->prev : &registry.last) = arena->prev;
  hk_lock_release(&registry.lock);
}

static uint64_t next_id(void) {
  hk_lock_acquire(&registry.lock);
  uint64_t id = ++registry.last_id;
  hk_lock_release(&registry.lock);
  return id;
}

void hk_arena_each(bool (*visit)(hk_arena_t *, void *), void *context) {
  hk_lock_acquire(&registry.lock);
  hk_arena_t *arena = registry.first;
  while (arena != NULL && visit(arena, context)) arena = arena->next;
  hk_lock_release(&registry.lock);
}

static size_t arena_bytes(void) { return hk_os_round_to_pages(sizeof(hk_arena_t)); }

uint64_t hk_arena_metadata_bytes(const hk_arena_t *arena) {
  return arena_bytes() + hk_counters_bytes() + hk_cell_get(&arena->front_bytes) +
         hk_cell_get(&arena->supply.metadata_bytes);
}

/* Leaves it as zero for the next arena. The tables of SuperSlabs and of their bins are, once all are gone, and
 * own classes that nobody had are. */
static void give_record(hk_arena_t *arena) {
  if (arena->classes == &arena->own_classes) memset(&arena->own_classes, 0, sizeof(hk_classes_t));
  memset(arena, 0, offsetof(hk_arena_t, own_classes));
  size_t rest = offsetof(hk_arena_t, counters);
  memset((char *)arena + rest, 0, offsetof(hk_arena_t, slab_bins) - rest);
  hk_spare_give(arena, arena_bytes());
}

static void set_name(hk_arena_t *arena, const char *name) {
  if (name != NULL) {
    (void)snprintf(arena->name, sizeof arena->name, "%s", name);
  } else {
    (void)snprintf(arena->name, sizeof arena->name, "arena-%llu", (unsigned long long)arena->id);
  }
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
  arena->policy = options->policy != 0 ? (int64_t)options->policy - 1 : process->free_policy;
  arena->shares_bytes = options->shares_bytes;
  arena->scrubs = options->scrubs != 0;
  arena->max_bytes = options->max_bytes;
  arena->classes = hk_classes_default();
  if (options->class_sizes != NULL) {
    arena->classes = &arena->own_classes;
    return hk_classes_build(&arena->own_classes, options->class_sizes, options->class_count);
  }
  return HK_OK;
}

/* The stack of a magazine that has none: empty and full at once. Never written. */
static void *no_stack[1];

static void set_no_stack(hk_magazine_t *m) {
  void **end = no_stack + 1;
  atomic_store_explicit(&m->top, end, memory_order_relaxed);
  atomic_store_explicit(&m->bottom, end, memory_order_relaxed);
  m->full = end;
}

hk_status_t hk_arena_create(const hk_arena_options_t *options, hk_arena_t **result) {
  static const hk_arena_options_t defaults;
  if (options == NULL) options = &defaults;
  bool fresh; /* one that is not was left as zero by give_record */
  hk_arena_t *arena = hk_spare_map(arena_bytes(), &fresh);
  if (arena == NULL) return HK_OUT_OF_MEMORY_OS;
  hk_status_t status = configure(arena, options);
  if (status == HK_OK) {
    arena->counters = hk_counters_create();
    if (arena->counters == NULL) status = HK_OUT_OF_MEMORY_OS;
  }
  if (status != HK_OK) {
    give_record(arena);
    return status;
  }
  arena->id = next_id();
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) set_no_stack(&arena->magazines[bin]);
  arena->table_lock = (hk_lock_t)HK_LOCK_INIT(HK_LOCK_RANK_TABLE);
  set_name(arena, options->name);
  register_arena(arena);
  status = hk_supply_prewarm(arena, options->prewarm_bytes);
  if (status != HK_OK) {
    (void)hk_arena_destroy(arena);
    return status;
  }
  *result = arena;
  return HK_OK;
}

void *hk_arena_add_front(hk_arena_t *arena, size_t bytes, bool *fresh) {
  size_t mapped = hk_os_round_to_pages(bytes);
  void *front = hk_spare_map(mapped, fresh);
  if (front == NULL) {
    hk_note_refusal(arena, HK_OUT_OF_MEMORY_OS);
    return NULL;
  }
  hk_cell_set(&arena->front_bytes, mapped);
  arena->front = front;
  return front;
}

/* Its blocks are the core's again, and what was allocated stays known. */
static void drop_magazine(hk_magazine_t *m) {
  hk_cell_set(&m->moved_in, hk_magazine_allocs(m) - hk_cell_get(&m->frees));
  set_no_stack(m);
}

static void drop_front(hk_arena_t *arena) {
  if (arena->front == NULL) return;
  hk_counters_begin_move(arena->counters);
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) drop_magazine(&arena->magazines[bin]);
  hk_counters_end_move(arena->counters);
  memset(arena->slab_bins, 0, sizeof arena->slab_bins);
  hk_spare_give(arena->front, hk_cell_get(&arena->front_bytes));
  arena->front = NULL;
  hk_cell_set(&arena->front_bytes, 0);
}

/* All that was live counts as freed. */
static void settle_counters(hk_arena_t *arena) {
  hk_counters_t *c = arena->counters;
  hk_counters_begin_move(c);
  for (uint32_t i = 0; i <= HK_EXACT_LENGTH_MAX; i++) {
    hk_counter_set(&c->frees.by_length[i], hk_counter_get(&c->allocs.by_length[i]));
  }
  for (uint32_t i = 0; i < HK_COUNTER_CELLS; i++) {
    hk_counter_set(&c->frees.by_cell[i], hk_counter_get(&c->allocs.by_cell[i]));
  }
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    hk_counter_set(&c->frees.by_bin[bin], hk_counter_get(&c->allocs.by_bin[bin]));
    hk_counter_set(&c->live_bytes[bin], 0);
    hk_counter_set(&c->live_block_bytes[bin], 0);
  }
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    hk_magazine_t *m = &arena->magazines[bin]; /* empty: see drop_front */
    uint64_t allocs = hk_magazine_allocs(m);
    hk_cell_set(&m->frees, allocs - atomic_load(&arena->bins[bin].frees_remote));
    hk_cell_set(&m->moved_in, allocs - hk_cell_get(&m->frees));
  }
  hk_counters_end_move(c);
}

static void take_all_back(hk_arena_t *arena) {
  hk_remote_drain(arena);
  hk_supply_reset(arena);
  hk_heap_reset(arena);
  drop_front(arena);
}

void hk_arena_reset(hk_arena_t *arena) {
  take_all_back(arena);
  settle_counters(arena);
  hk_large_reset(arena);
  HK_ASSERT_SLOW(hk_arena_is_valid(arena));
}

void hk_arena_settle(hk_arena_t *arena) { arena->settled = true; }

hk_status_t hk_arena_end(hk_arena_t *arena) {
  if (hk_cell_get(&arena->exposed_slabs) == 0) return hk_arena_destroy(arena);
  if (!arena->ended) {
    arena->ended = true;
    hk_arena_reset(arena);
    hk_supply_end(arena);
  }
  return HK_SLAB_BUSY;
}

hk_status_t hk_arena_destroy(hk_arena_t *arena) {
  if (arena == NULL) return HK_OK;
  if (hk_cell_get(&arena->exposed_slabs) != 0) return HK_SLAB_BUSY;
  unregister_arena(arena);
  if (hk_counters_are_shared(arena->counters)) {
    hk_arena_reset(arena);
  } else {
    take_all_back(arena); /* and nobody will look at what is counted */
  }
  hk_holdings_release_empties(arena, 0);
  hk_counters_drop(arena->counters);
  give_record(arena);
  return HK_OK;
}

uint64_t hk_arena_id(const hk_arena_t *arena) { return arena->id; }
const char *hk_arena_name(const hk_arena_t *arena) { return arena->name; }
const hk_classes_t *hk_arena_classes(const hk_arena_t *arena) { return arena->classes; }
uint64_t hk_arena_max_bytes(const hk_arena_t *arena) { return arena->max_bytes; }
hk_counters_t *hk_arena_counters(hk_arena_t *arena) { return arena->counters; }

uint64_t hk_arena_returned_bytes(const hk_arena_t *arena) {
  return hk_cell_get(&arena->returned_bytes);
}

uint64_t hk_arena_used_bytes(const hk_arena_t *arena) {
  return hk_cell_get(&arena->supply.used_bytes);
}

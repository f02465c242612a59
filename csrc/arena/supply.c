#include "arena/supply.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/options.h"
#include "os/os.h"
#include "os/spare.h"
#include "super/cache.h"

/* Empty SuperSlabs an arena keeps, so that one slab going back and forth costs nothing. */
#define SUPPLY_KEEP_EMPTY 1

#define ALL_SLOTS (~(uint32_t)0)

/* Bytes the arena may still take into use. */
static uint64_t room_of(const hk_arena_t *arena) {
  if (arena->max_bytes == 0) return UINT64_MAX;
  uint64_t used = hk_cell_get(&arena->supply.used_bytes);
  return used < arena->max_bytes ? arena->max_bytes - used : 0;
}

static void list_remove(hk_superslab_t **head, hk_superslab_t *superslab) {
  *(superslab->prev != NULL ? &superslab->prev->next : head) = superslab->next;
  if (superslab->next != NULL) superslab->next->prev = superslab->prev;
}

static void list_push(hk_superslab_t **head, hk_superslab_t *superslab) {
  superslab->prev = NULL;
  superslab->next = *head;
  if (*head != NULL) (*head)->prev = superslab;
  *head = superslab;
}

static hk_superslab_t **list_of(hk_supply_t *supply, const hk_superslab_t *superslab) {
  bool full = hk_superslab_is_huge(superslab) || superslab->used_slots == ALL_SLOTS;
  return full ? &supply->full : &supply->open;
}

/* Lowest free index of the reference table, or -1. */
static int32_t take_index(hk_supply_t *supply) {
  for (uint32_t w = 0; w < HK_ARENA_SUPERSLABS_MAX / 64; w++) {
    uint64_t unused = ~supply->index_words[w];
    if (unused == 0) continue;
    uint32_t bit = hk_ctz64(unused);
    supply->index_words[w] |= (uint64_t)1 << bit;
    return (int32_t)(w * 64 + bit);
  }
  return -1;
}

static void give_index(hk_supply_t *supply, uint32_t index) {
  supply->index_words[index / 64] &= ~((uint64_t)1 << (index % 64));
}

/* Bytes of SuperSlabs and huge mappings that all arenas hold. */
static _Atomic(uint64_t) held_bytes;

/* Counts `bytes` as held. false: they would be more than the process may hold. */
static bool hold(uint64_t bytes) {
  uint64_t max = (uint64_t)hk_options_get()->max_memory_mb * HK_MIB;
  uint64_t before = atomic_fetch_add_explicit(&held_bytes, bytes, memory_order_relaxed);
  if (max == 0 || before + bytes <= max) return true;
  atomic_fetch_sub_explicit(&held_bytes, bytes, memory_order_relaxed);
  return false;
}

static void unhold(uint64_t bytes) {
  atomic_fetch_sub_explicit(&held_bytes, bytes, memory_order_relaxed);
}

/* One from the cache, clean of other arenas' bytes; `bytes` are held. NULL: there is none. */
static hk_superslab_t *take_cached(hk_arena_t *arena, size_t bytes) {
  /* The limit is on slabs in use, so only a huge mapping can come too large for it. */
  uint64_t bytes_max = bytes > HK_SUPERSLAB_BYTES ? room_of(arena) : bytes;
  hk_superslab_t *superslab = hk_cache_take(bytes, bytes_max);
  if (superslab == NULL) return NULL;
  if (!hold(superslab->bytes - bytes)) {
    (void)hk_cache_put(superslab, arena->policy, arena->shares_bytes);
    return NULL;
  }
  hk_cell_add(&arena->supply.adopted, 1);
  if (!arena->shares_bytes && superslab->last_arena_id != arena->id) hk_superslab_wipe(superslab);
  return superslab;
}

static bool hold_or_make_room(hk_arena_t *arena, size_t bytes) {
  if (hold(bytes)) return true;
  (void)hk_supply_release_empties(arena, 0);
  return hold(bytes);
}

static hk_status_t obtain(hk_arena_t *arena, size_t bytes, hk_superslab_t **superslab) {
  if (!hold_or_make_room(arena, bytes)) {
    hk_cell_add(&arena->failures_limit, 1);
    return HK_OUT_OF_MEMORY_PROCESS;
  }
  *superslab = take_cached(arena, bytes);
  if (*superslab == NULL) *superslab = hk_superslab_map(bytes);
  if (*superslab == NULL) {
    unhold(bytes);
    hk_cell_add(&arena->failures_os, 1);
    return HK_OUT_OF_MEMORY_OS;
  }
  hk_superslab_advise(*superslab, arena->thp);
  return HK_OK;
}

/* A SuperSlab enters the arena's table, or leaves it. Whoever holds the lock can rely on every SuperSlab
 * there staying, and on their count (see heap_map.c). */
static void enter(hk_arena_t *arena, hk_superslab_t *superslab) {
  hk_lock_acquire(&arena->table_lock);
  arena->superslabs[superslab->index] = superslab;
  hk_cell_add(&arena->supply.count, 1);
  hk_lock_release(&arena->table_lock);
}

static void leave(hk_arena_t *arena, const hk_superslab_t *superslab) {
  hk_lock_acquire(&arena->table_lock);
  arena->superslabs[superslab->index] = NULL;
  hk_cell_sub(&arena->supply.count, 1);
  hk_lock_release(&arena->table_lock);
}

static hk_status_t adopt(hk_arena_t *arena, size_t bytes, hk_superslab_t **result) {
  hk_supply_t *supply = &arena->supply;
  int32_t index = take_index(supply);
  if (index < 0) return HK_OUT_OF_MEMORY_TABLE;
  hk_superslab_t *superslab;
  hk_status_t status = obtain(arena, bytes, &superslab);
  if (status != HK_OK) {
    give_index(supply, (uint32_t)index);
    return status;
  }
  superslab->index = (uint32_t)index;
  superslab->last_arena_id = arena->id;
  atomic_store_explicit(&superslab->owner, arena, memory_order_release);
  enter(arena, superslab);
  list_push(list_of(supply, superslab), superslab);
  hk_cell_add(&supply->committed_bytes, superslab->bytes);
  if (!hk_superslab_is_huge(superslab)) hk_cell_add(&supply->empties, 1);
  *result = superslab;
  return HK_OK;
}

/* Hands an unused SuperSlab to the cache. Returns bytes purged on the way. */
static size_t release(hk_arena_t *arena, hk_superslab_t *superslab) {
  hk_supply_t *supply = &arena->supply;
  HK_ASSERT(superslab->used_slots == 0);
  list_remove(list_of(supply, superslab), superslab);
  give_index(supply, superslab->index);
  leave(arena, superslab);
  hk_cell_sub(&supply->committed_bytes, superslab->bytes);
  if (!hk_superslab_is_huge(superslab)) hk_cell_sub(&supply->empties, 1);
  atomic_store_explicit(&superslab->owner, NULL, memory_order_release);
  unhold(superslab->bytes);
  return hk_cache_put(superslab, arena->policy, arena->shares_bytes);
}

hk_status_t hk_supply_prewarm(hk_arena_t *arena, uint64_t bytes) {
  while (arena->supply.prewarmed * HK_SUPERSLAB_BYTES < bytes) {
    hk_superslab_t *superslab;
    hk_status_t status = adopt(arena, HK_SUPERSLAB_BYTES, &superslab);
    if (status != HK_OK) return status;
    hk_superslab_touch(superslab);
    arena->supply.prewarmed++;
  }
  return HK_OK;
}

static void use_slots(hk_arena_t *arena, hk_superslab_t *superslab, uint32_t slot, uint32_t count) {
  hk_supply_t *supply = &arena->supply;
  superslab->slabs[slot].fresh = !superslab->seen && hk_superslab_is_clean(superslab, slot, count);
  if (superslab->used_slots == 0) hk_cell_sub(&supply->empties, 1);
  list_remove(list_of(supply, superslab), superslab);
  hk_superslab_use(superslab, slot, count);
  list_push(list_of(supply, superslab), superslab);
  hk_cell_add(&supply->used_bytes, count * HK_SLAB_BYTES);
}

static hk_superslab_t *find_open(const hk_supply_t *supply, uint32_t count, int *slot) {
  for (hk_superslab_t *s = supply->open; s != NULL; s = s->next) {
    *slot = hk_superslab_find_run(s, count);
    if (*slot >= 0) return s;
  }
  return NULL;
}

hk_status_t hk_supply_take(hk_arena_t *arena, uint32_t count, hk_slab_t **slab) {
  if (count * HK_SLAB_BYTES > room_of(arena)) {
    hk_cell_add(&arena->failures_limit, 1);
    return HK_OUT_OF_MEMORY_LIMIT;
  }
  int slot = 0;
  hk_superslab_t *superslab = find_open(&arena->supply, count, &slot);
  if (superslab == NULL) {
    hk_status_t status = adopt(arena, HK_SUPERSLAB_BYTES, &superslab);
    if (status != HK_OK) return status;
    slot = 0;
  }
  use_slots(arena, superslab, (uint32_t)slot, count);
  *slab = &superslab->slabs[slot];
  HK_ASSERT((*slab)->state == HK_SLAB_UNUSED);
  return HK_OK;
}

/* What is still exposed stays used, and serves nobody until it is concealed. */
static void lose(hk_arena_t *arena, hk_slab_t *slab, uint32_t count) {
  bool huge = hk_superslab_is_huge(slab->superslab);
  HK_PUBLISH(slab->state, HK_SLAB_LOST);
  slab->span_slabs = count;
  for (uint32_t i = 1; i < count; i++) HK_PUBLISH(slab[i].state, HK_SLAB_RUN_TAIL);
  hk_cell_add(&arena->supply.lost_bytes, huge ? slab->superslab->bytes : count * HK_SLAB_BYTES);
}

void hk_supply_give(hk_arena_t *arena, hk_slab_t *slab, uint32_t count) {
  if (slab->exposed) {
    lose(arena, slab, count);
    return;
  }
  hk_supply_t *supply = &arena->supply;
  hk_superslab_t *superslab = slab->superslab;
  list_remove(list_of(supply, superslab), superslab);
  hk_superslab_unuse(superslab, slab->slot, count);
  list_push(list_of(supply, superslab), superslab);
  hk_cell_sub(&supply->used_bytes, count * HK_SLAB_BYTES);
  HK_ASSERT_SLOW(hk_superslab_is_valid(superslab));
  if (superslab->used_slots != 0) return;
  hk_cell_add(&supply->empties, 1);
  uint64_t keep = supply->prewarmed > SUPPLY_KEEP_EMPTY ? supply->prewarmed : SUPPLY_KEEP_EMPTY;
  if (hk_cell_get(&supply->empties) > keep) (void)release(arena, superslab);
}

hk_status_t hk_supply_take_huge(hk_arena_t *arena, size_t bytes, hk_slab_t **slab) {
  HK_ASSERT(bytes > HK_SUPERSLAB_BYTES && bytes % HK_SLAB_BYTES == 0);
  if (bytes > room_of(arena)) {
    hk_cell_add(&arena->failures_limit, 1);
    return HK_OUT_OF_MEMORY_LIMIT;
  }
  hk_superslab_t *superslab;
  hk_status_t status = adopt(arena, bytes, &superslab);
  if (status != HK_OK) return status;
  superslab->slabs[0].fresh = !superslab->seen && superslab->dirty_slots == 0;
  superslab->used_slots = 1;
  HK_PUBLISH(superslab->dirty_slots, 1);
  hk_cell_add(&arena->supply.used_bytes, superslab->bytes);
  *slab = &superslab->slabs[0];
  return HK_OK;
}

void hk_supply_give_huge(hk_arena_t *arena, hk_slab_t *slab) {
  if (slab->exposed) {
    lose(arena, slab, 1);
    return;
  }
  hk_superslab_t *superslab = slab->superslab;
  superslab->used_slots = 0;
  hk_cell_sub(&arena->supply.used_bytes, superslab->bytes);
  (void)release(arena, superslab);
}

size_t hk_supply_release_empties(hk_arena_t *arena, uint64_t keep) {
  size_t purged = 0;
  hk_superslab_t *next;
  for (hk_superslab_t *s = arena->supply.open; s != NULL; s = next) {
    next = s->next;
    if (hk_cell_get(&arena->supply.empties) <= keep) break;
    if (s->used_slots == 0) purged += release(arena, s);
  }
  return purged;
}

void hk_supply_reset(hk_arena_t *arena) {
  hk_supply_t *supply = &arena->supply;
  uint64_t lost_bytes = 0;
  for (uint32_t i = 0; i < HK_ARENA_SUPERSLABS_MAX; i++) {
    hk_superslab_t *superslab = arena->superslabs[i];
    if (superslab == NULL) {
      if (supply->index_words[i / 64] == 0) i |= 63;
      continue;
    }
    bool was_empty = superslab->used_slots == 0;
    list_remove(list_of(supply, superslab), superslab);
    size_t lost = hk_superslab_reset(superslab);
    lost_bytes += lost;
    list_push(list_of(supply, superslab), superslab);
    if (lost > 0) continue;
    if (hk_superslab_is_huge(superslab)) {
      (void)release(arena, superslab);
    } else if (!was_empty) {
      hk_cell_add(&supply->empties, 1);
    }
  }
  hk_cell_set(&supply->used_bytes, lost_bytes);
  hk_cell_set(&supply->lost_bytes, lost_bytes);
}

size_t hk_supply_trim(hk_arena_t *arena) {
  size_t purged = 0;
  arena->supply.prewarmed = 0;
  for (hk_superslab_t *s = arena->supply.open; s != NULL; s = s->next) {
    purged += hk_superslab_purge(s);
  }
  purged += hk_supply_release_empties(arena, 0);
  hk_cache_expire(hk_os_now_ns());
  (void)hk_spare_trim();
  return purged + hk_cache_trim();
}

void hk_supply_give_lost(hk_arena_t *arena, hk_slab_t *slab) {
  bool huge = hk_superslab_is_huge(slab->superslab);
  uint32_t span = slab->span_slabs;
  hk_cell_sub(&arena->supply.lost_bytes, huge ? slab->superslab->bytes : span * HK_SLAB_BYTES);
  for (uint32_t i = 0; i < span; i++) HK_PUBLISH(slab[i].state, HK_SLAB_UNUSED);
  if (huge) {
    hk_supply_give_huge(arena, slab);
  } else {
    hk_supply_give(arena, slab, span);
  }
}

/* Heap map: what every slab of an arena is doing, for a picture of memory.
 *
 * Owns:      nothing.
 * Called by: everybody, as hk_arena_heap_map.
 * Calls:     lock.
 * Threads:   any. The table lock keeps each SuperSlab in the arena, and so its record mapped, while
 *            it is read. Slabs change meanwhile: only published fields are read, one by one, and
 *            where two of them disagree the result is clamped (taken <= capacity).
 */
#include "base/compiler.h"
#include "supply/record.h"

static_assert((int)HK_SLAB_USE_NONE == HK_SLAB_UNUSED && (int)HK_SLAB_USE_CLASS == HK_SLAB_CLASS &&
                  (int)HK_SLAB_USE_LARGE == HK_SLAB_RUN && (int)HK_SLAB_USE_TAIL == HK_SLAB_TAIL &&
                  (int)HK_SLAB_USE_LOST == HK_SLAB_LOST,
              "the public names are the states of a slab");

static uint32_t minus(uint32_t a, uint32_t b) { return a > b ? a - b : 0; }

/* Blocks freed by other threads that the owner has not collected. */
static uint32_t remote_blocks(const hk_slab_t *slab, uint32_t capacity) {
  if (atomic_load_explicit(&slab->remote_queued, memory_order_relaxed) == 0) return 0;
  uint32_t count = 0;
  for (uint32_t w = 0; w < (capacity + 63) / 64; w++) {
    count += hk_popcount64(atomic_load_explicit(&slab->remote_bits[w], memory_order_relaxed));
  }
  return count;
}

static uint32_t taken_blocks(const hk_slab_t *slab, uint32_t capacity) {
  uint32_t out = minus(capacity, HK_READ_ONCE(slab->free_count));
  return minus(out, remote_blocks(slab, capacity));
}

static hk_mapped_slab_t describe_slab(const hk_classes_t *classes, const hk_slab_t *slab) {
  hk_mapped_slab_t result = {.use = HK_READ_ONCE(slab->state), .bin = HK_READ_ONCE(slab->bin)};
  if (result.use != HK_SLAB_USE_CLASS || result.bin >= classes->count) return result;
  uint16_t capacity = HK_READ_ONCE(slab->capacity),
           most = (uint16_t)classes->bins[result.bin].capacity;
  result.capacity = capacity < most ? capacity : most;
  result.taken = (uint16_t)taken_blocks(slab, result.capacity);
  return result;
}

static bool is_used(const hk_mapped_superslab_t *superslab) {
  for (uint32_t i = 0; i < superslab->slab_count; i++) {
    if (superslab->slabs[i].use != HK_SLAB_USE_NONE) return true;
  }
  return false;
}

static void describe(const hk_classes_t *classes, const hk_superslab_t *superslab,
                     hk_mapped_superslab_t *result) {
  uint32_t dirty = HK_READ_ONCE(superslab->dirty_slots);
  *result = (hk_mapped_superslab_t){
      .bytes = superslab->bytes, .index = superslab->index, .slab_count = superslab->slab_count};
  for (uint32_t i = 0; i < superslab->slab_count; i++) {
    result->slabs[i] = describe_slab(classes, &superslab->slabs[i]);
    result->slabs[i].touched = (dirty >> i & 1) != 0;
  }
  bool drains = HK_READ_ONCE(superslab->draining);
  result->tier = !is_used(result) ? HK_TIER_FREE : drains ? HK_TIER_DRAINING : HK_TIER_HOT;
}

uint32_t hk_arena_heap_map(hk_arena_t *arena, hk_mapped_superslab_t *superslabs, uint32_t max) {
  uint32_t written = 0;
  hk_lock_acquire_to_read(&arena->table_lock);
  uint32_t count = (uint32_t)hk_stat_get(&arena->supply.indexed);
  uint32_t wanted = count < max ? count : max;
  for (uint32_t i = 0; i < HK_ARENA_SUPERSLABS_MAX && written < wanted; i++) {
    const hk_superslab_t *superslab = arena->superslabs[i];
    if (superslab != NULL) describe(arena->classes, superslab, &superslabs[written++]);
  }
  hk_lock_release(&arena->table_lock);
  return count;
}

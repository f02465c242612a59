/* Decay: an arena, its front in C and the cache give back what nobody needed for a while.
 *
 * Owns:      when an arena has something to do next.
 * Called by: everybody, as hk_decay and hk_large_purge.
 * Calls:     front (flush), heap (decay), cache.
 * Threads:   owner only.
 */
#include "heap/decay.h"

#include "base/assert.h"
#include "base/options.h"
#include "cache/cache.h"
#include "front/refill.h"
#include "stats/valid.h"

static uint64_t min_ns(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Returns when there is more to do. */
static uint64_t decay_arena(hk_arena_t *arena, uint64_t now_ns) {
  hk_decay_t *decay = &arena->decay;
  bool is_over = hk_heap_decay(arena, now_ns, now_ns + HK_DECAY_TURN_NS);
  decay->due_ns = now_ns + (is_over ? hk_decay_step_ns(decay) : HK_DECAY_PAUSE_NS);
  HK_ASSERT_SLOW(hk_arena_is_valid(arena));
  bool waits = !is_over || decay->is_waiting || !hk_front_is_empty(arena);
  return waits ? decay->due_ns : UINT64_MAX;
}

static uint64_t decay_cache(hk_arena_t *arena, uint64_t now_ns, uint64_t delay_ns) {
  uint64_t due_ns;
  size_t bytes = hk_cache_decay(now_ns, delay_ns, now_ns + HK_DECAY_TURN_NS, &due_ns);
  if (arena != NULL) hk_stat_add(&arena->decay.bytes, bytes);
  return due_ns == 0 ? now_ns + HK_DECAY_PAUSE_NS : due_ns;
}

uint64_t hk_decay(hk_arena_t *arena, uint64_t now_ns) {
  if (arena == NULL) {
    uint64_t delay_ns = hk_decay_delay_ns(hk_options_get()->purge_delay_ms);
    return delay_ns == HK_DECAY_NEVER ? UINT64_MAX : decay_cache(NULL, now_ns, delay_ns);
  }
  hk_decay_t *decay = &arena->decay;
  if (decay->delay_ns == HK_DECAY_NEVER) return UINT64_MAX;
  if (now_ns < decay->due_ns) return decay->due_ns;
  uint64_t before = hk_stat_get(&decay->bytes), begin_ns = hk_os_now_ns();
  if (!decay->under_way && hk_arena_has_front(arena)) hk_front_decay(arena);
  uint64_t next_ns = decay_arena(arena, now_ns);
  next_ns = min_ns(next_ns, decay_cache(arena, now_ns, decay->delay_ns));
  uint64_t bytes = hk_stat_get(&decay->bytes) - before;
  if (bytes == 0) return next_ns;
  hk_stat_add(&arena->returned_bytes, bytes);
  hk_stat_add(&decay->turns, 1);
  hk_stat_add(&decay->ns, hk_os_now_ns() - begin_ns);
  return next_ns;
}

uint64_t hk_clock_ns(void) { return hk_os_now_ns(); }

void hk_arena_ask_before_purge(hk_arena_t *arena, bool (*is_ours)(void *context, uint32_t slab),
                               void *context) {
  arena->keeps_slab = is_ours;
  arena->front_context = context;
}

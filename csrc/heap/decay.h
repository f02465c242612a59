/* Decay: pages of free memory that nobody needed for a while go back to the OS, little by little.
 *
 * Owns:      hk_decay_t, but for its delay.
 * Called by: arena (hk_decay).
 * Calls:     trim, remote (drain), supply, os.
 * Threads:   owner only.
 *
 * A bin takes blocks from its current slab, then from partial, empty and leaving ones, the head
 * of each list first. So what it may need again (supply/peaks.h) is what it would take next, and the
 * pages of all free blocks behind that go. Slabs stay in their class and exposed.
 */
#ifndef HK_HEAP_DECAY_H
#define HK_HEAP_DECAY_H

#include "supply/record.h"

#define HK_DECAY_NEVER UINT64_MAX

/* After so much time an owner is let go on, and after such a pause it is asked again. */
#define HK_DECAY_TURN_NS ((uint64_t)800 * 1000)
#define HK_DECAY_PAUSE_NS ((uint64_t)10 * 1000 * 1000)

/* Steps are at least so long. */
#define HK_DECAY_STEP_MIN_NS ((uint64_t)1000 * 1000)

static inline uint64_t hk_decay_step_ns(const hk_decay_t *decay) {
  uint64_t step = decay->delay_ns / HK_PEAKS_STEPS;
  return step > HK_DECAY_STEP_MIN_NS ? step : HK_DECAY_STEP_MIN_NS;
}

/* What options say in milliseconds, less than 0 for never. */
static inline uint64_t hk_decay_delay_ns(int64_t delay_ms) {
  return delay_ms < 0 ? HK_DECAY_NEVER : (uint64_t)delay_ms * 1000000;
}

/* Begins a pass if none is under way, and works on it until `until_ns`, but at least a little.
 * true: the pass is over; see hk_decay_t.is_waiting. */
bool hk_heap_decay(hk_arena_t *arena, uint64_t now_ns, uint64_t until_ns);

#endif

/* Peaks: how much was in use lately, and how much of that is still worth having at hand.
 *
 * Owns:      hk_peaks_t.
 * Called by: heap (blocks of a bin), supply (slabs), decay.
 * Calls:     nothing.
 * Threads:   owner only.
 *
 * Time is cut into steps, HK_PEAKS_STEPS to a purge delay; who has the clock says when one ends. A
 * peak counts in full for half of the delay, so that what comes back in that time finds its pages;
 * from there on its share falls to nothing as a smoothstep, 1 - (3 x^2 - 2 x^3), so that a burst
 * goes back little by little and not with a jerk.
 */
#ifndef HK_SUPPLY_PEAKS_H
#define HK_SUPPLY_PEAKS_H

#include <stdint.h>

#define HK_PEAKS_STEPS 6

typedef struct hk_peaks_t {
  uint32_t now;                  /* most in use in the step under way */
  uint32_t past[HK_PEAKS_STEPS]; /* and in those before it, the last one first */
} hk_peaks_t;

/* `used` are in use; to be called whenever they have become more. */
static inline void hk_peaks_raise(hk_peaks_t *peaks, uint64_t used) {
  if (used > peaks->now) peaks->now = (uint32_t)used;
}

/* `steps` (1 or more) have gone by, in the last of which all that was raised may have been. */
void hk_peaks_step(hk_peaks_t *peaks, uint64_t steps, uint32_t used);

/* How much more than `used` may be needed again. */
uint32_t hk_peaks_reserve(const hk_peaks_t *peaks, uint32_t used);

#endif

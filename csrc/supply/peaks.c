#include "supply/peaks.h"

#include <string.h>

/* What is left of a peak so many steps later, in 1024ths: the smoothstep at x = 0, 1/3, 2/3 in the
 * second half. */
#define ONE 1024
static const uint16_t shares[HK_PEAKS_STEPS] = {ONE, ONE, ONE, ONE, 759, 265};

void hk_peaks_step(hk_peaks_t *peaks, uint64_t steps, uint32_t used) {
  uint32_t by = steps < HK_PEAKS_STEPS ? (uint32_t)steps : HK_PEAKS_STEPS;
  memmove(peaks->past + by, peaks->past, (HK_PEAKS_STEPS - by) * sizeof peaks->past[0]);
  memset(peaks->past, 0, by * sizeof peaks->past[0]);
  /* When it was within those steps nobody knows: the end is what keeps most. */
  peaks->past[0] = peaks->now;
  peaks->now = used;
}

static uint32_t above(uint32_t peak, uint32_t used) { return peak > used ? peak - used : 0; }

uint32_t hk_peaks_reserve(const hk_peaks_t *peaks, uint32_t used) {
  uint32_t most = above(peaks->now, used);
  for (uint32_t i = 0; i < HK_PEAKS_STEPS; i++) {
    uint64_t left = ((uint64_t)above(peaks->past[i], used) * shares[i] + ONE - 1) / ONE;
    if (left > most) most = (uint32_t)left;
  }
  return most;
}

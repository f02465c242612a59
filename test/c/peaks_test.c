#include "supply/peaks.h"

#include "harness.h"

/* What is kept of a peak of 1000 when so many steps have ended and nothing is in use. */
static uint32_t kept_after(uint64_t steps) {
  hk_peaks_t peaks = {0};
  hk_peaks_raise(&peaks, 1000);
  for (uint64_t i = 0; i < steps; i++) hk_peaks_step(&peaks, 1, 0);
  return hk_peaks_reserve(&peaks, 0);
}

HK_TEST(a_peak_counts_in_full_for_half_of_the_delay_and_then_falls_smoothly_to_nothing) {
  EXPECT_EQ(kept_after(0), 1000);
  EXPECT_EQ(kept_after(HK_PEAKS_STEPS / 2), 1000);
  uint32_t before = 1000;
  for (uint64_t steps = HK_PEAKS_STEPS / 2 + 2; steps <= HK_PEAKS_STEPS; steps++) {
    EXPECT(kept_after(steps) < before && kept_after(steps) > 0);
    before = kept_after(steps);
  }
  EXPECT_EQ(kept_after(HK_PEAKS_STEPS + 1), 0);
}

HK_TEST(what_is_in_use_is_not_kept_besides) {
  hk_peaks_t peaks = {0};
  hk_peaks_raise(&peaks, 1000);
  EXPECT_EQ(hk_peaks_reserve(&peaks, 400), 600);
  hk_peaks_step(&peaks, 1, 400);
  EXPECT_EQ(hk_peaks_reserve(&peaks, 1000), 0);
  EXPECT_EQ(hk_peaks_reserve(&peaks, 1500), 0);
}

HK_TEST(a_smaller_peak_that_came_later_outlives_a_large_one) {
  hk_peaks_t peaks = {0};
  hk_peaks_raise(&peaks, 1000);
  hk_peaks_step(&peaks, 1, 0);
  for (int i = 0; i < 5; i++) hk_peaks_step(&peaks, 1, 0);
  hk_peaks_raise(&peaks, 300);
  for (int i = 0; i < 4; i++) hk_peaks_step(&peaks, 1, 0);
  EXPECT_EQ(hk_peaks_reserve(&peaks, 0), 300);
}

HK_TEST(steps_that_nobody_ended_end_at_once_and_the_peak_counts_from_there) {
  hk_peaks_t peaks = {0};
  hk_peaks_raise(&peaks, 500);
  hk_peaks_step(&peaks, 1, 0);
  hk_peaks_raise(&peaks, 1000);
  hk_peaks_step(&peaks, UINT64_MAX, 0);
  EXPECT_EQ(hk_peaks_reserve(&peaks, 0), 1000);
  hk_peaks_step(&peaks, HK_PEAKS_STEPS, 0);
  EXPECT_EQ(hk_peaks_reserve(&peaks, 0), 0);
}

HK_TEST_MAIN(a_peak_counts_in_full_for_half_of_the_delay_and_then_falls_smoothly_to_nothing,
             what_is_in_use_is_not_kept_besides,
             a_smaller_peak_that_came_later_outlives_a_large_one,
             steps_that_nobody_ended_end_at_once_and_the_peak_counts_from_there)

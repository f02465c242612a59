/* Cases: one file each. `arguments` are the numbers that the driver gives; see main.c. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include <stdint.h>

void case_random_mixed(const uint64_t *arguments);
void case_mid_large(const uint64_t *arguments);
void case_trace(const uint64_t *arguments);
void case_larson(const uint64_t *arguments);
void case_handover(const uint64_t *arguments);
void case_phases(const uint64_t *arguments);
void case_burst(const uint64_t *arguments);
void case_cycles(const uint64_t *arguments);
void case_realloc_ladder(const uint64_t *arguments);
void case_large_churn(const uint64_t *arguments);
void case_malloc_large(const uint64_t *arguments);
void case_curve(const uint64_t *arguments);
void case_day(const uint64_t *arguments);

#endif

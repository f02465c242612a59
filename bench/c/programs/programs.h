/* Programs: what other people wrote to try allocators with, written anew from what they say it does.
 * One file each. `arguments` are the numbers that the driver gives; see main.c. */
#ifndef BENCH_PROGRAMS_H
#define BENCH_PROGRAMS_H

#include <stdint.h>

void program_alloc_test(const uint64_t *arguments);
void program_xmalloc(const uint64_t *arguments);
void program_mstress(const uint64_t *arguments);
void program_cfrac(const uint64_t *arguments);
void program_espresso(const uint64_t *arguments);
void program_cache_thrash(const uint64_t *arguments);
void program_cache_scratch(const uint64_t *arguments);
void program_thread_births(const uint64_t *arguments);
void program_left_behind(const uint64_t *arguments);
void program_fork_storm(const uint64_t *arguments);
void program_address_limit(const uint64_t *arguments);

#endif

/* Harness: what every case needs beside an allocator. Its own memory never comes from malloc. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stddef.h>
#include <stdint.h>

/* Touched memory for slots and traces; the same for every allocator. */
void *bench_memory(size_t bytes);

_Noreturn void bench_fail(const char *why);

/* What is between them is timed. bench_stop prints the result; `operations` is what a step counts. */
void bench_start(void);
void bench_stop(uint64_t operations);

/* Adds a field to the result. Before bench_stop. */
void bench_report(const char *name, uint64_t value);
/* The same, named "name at". */
void bench_report_at(const char *name, uint64_t at, uint64_t value);

/* Of a clock that never goes back. */
uint64_t bench_now_ns(void);

/* Fails when there are live blocks, or the allocator's books do not add up, where it can tell. */
void bench_expect_empty(void);

/* Resident now, and reserved, of this process. */
uint64_t bench_rss_bytes(void);
uint64_t bench_mapped_bytes(void);

/* Runs `work(context, thread)` on so many threads. They wait for each other between what they do
 * before bench_ready and after it, and the clock starts there. Returns when all have ended. */
void bench_threads(uint32_t count, void (*work)(void *context, uint32_t thread), void *context);
void bench_ready(void);

/* Between them, all threads of bench_threads wait for each other. */
void bench_meet(void);

/* Reads a byte that nobody needs. */
static inline void bench_read(const void *block) { (void)*(const volatile char *)block; }

/* xorshift32 with shifts 13, 17, 5. */
static inline uint32_t bench_random(uint32_t state) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

/* value % divisor without a division, which would be much of what random_mixed times: exact for 32
 * bits, after D. Lemire, O. Kaser and N. Kurz, "Faster remainder by direct computation" (2019). */
typedef struct bench_divisor_t {
  uint64_t divisor, reciprocal;
} bench_divisor_t;

static inline bench_divisor_t bench_divisor(uint32_t divisor) {
  return (bench_divisor_t){divisor, UINT64_MAX / divisor + 1};
}

static inline uint32_t bench_modulo(uint32_t value, bench_divisor_t by) {
  return (uint32_t)(((unsigned __int128)(by.reciprocal * value) * by.divisor) >> 64);
}

#endif

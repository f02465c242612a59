/* Counters: numbers that one thread writes and every thread may read.
 *
 * Owns:      hk_stat_t, the core's own numbers; the mapping of hk_counters_t, the front's.
 * Called by: every room above super; the binding, which shows the front's counters to JavaScript.
 * Calls:     spare.
 * Threads:   the arena's owner writes, so adding needs no locked instruction; readers get a value
 *            that was true a moment ago.
 */
#ifndef HK_SUPPLY_COUNTERS_H
#define HK_SUPPLY_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"
#include "hakmem.h"

/* A number of the core. All accesses are relaxed. */
typedef _Atomic(uint64_t) hk_stat_t;

static inline uint64_t hk_stat_get(const hk_stat_t *stat) {
  return atomic_load_explicit((hk_stat_t *)stat, memory_order_relaxed);
}

static inline void hk_stat_set(hk_stat_t *stat, uint64_t value) {
  atomic_store_explicit(stat, value, memory_order_relaxed);
}

static inline void hk_stat_add(hk_stat_t *stat, uint64_t amount) {
  hk_stat_set(stat, hk_stat_get(stat) + amount);
}

static inline void hk_stat_sub(hk_stat_t *stat, uint64_t amount) {
  hk_stat_set(stat, hk_stat_get(stat) - amount);
}

static inline void hk_stat_raise(hk_stat_t *stat, uint64_t value) {
  if (value > hk_stat_get(stat)) hk_stat_set(stat, value);
}

/* The sum of `count` numbers. */
static inline uint64_t hk_stat_sum(const hk_stat_t *stats, uint32_t count) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < count; i++) sum += hk_stat_get(&stats[i]);
  return sum;
}

/* Reads one of the front's counters, which are plain doubles because JavaScript writes them. */
static inline double hk_counter_get(const double *counter) {
#if HK_THREAD_SANITIZER
  double value;
  __atomic_load((double *)counter, &value, __ATOMIC_RELAXED);
  return value;
#else
  /* An aligned double is one load on every machine; an atomic load would pass through an integer
   * register. */
  return *(const volatile double *)counter;
#endif
}

/* Reads one as a whole number; a value that a race left below zero reads as 0. */
static inline uint64_t hk_counter_count(const double *counter) {
  double value = hk_counter_get(counter);
  return value > 0 ? (uint64_t)value : 0;
}

static inline void hk_counter_set(double *counter, double value) {
  __atomic_store(counter, &value, __ATOMIC_RELAXED);
}

static inline void hk_counter_add(double *counter, double amount) {
  hk_counter_set(counter, hk_counter_get(counter) + amount);
}

/* A seqlock: brackets writes that a reader must see all of or none of. Owner only, so that it takes no locked
 * instruction. A reader that meets an odd number, or another one than before, reads again. */
static inline void hk_counters_write_begin(hk_counters_t *counters) {
#if HK_THREAD_SANITIZER /* which knows no fences */
  __atomic_fetch_add(&counters->seqlock, 1, __ATOMIC_ACQ_REL);
#else
  HK_WRITE_ONCE(counters->seqlock, HK_READ_ONCE(counters->seqlock) + 1);
  atomic_thread_fence(memory_order_release);
#endif
}

static inline void hk_counters_write_end(hk_counters_t *counters) {
  __atomic_store_n(&counters->seqlock, HK_READ_ONCE(counters->seqlock) + 1, __ATOMIC_RELEASE);
}

/* true: somebody beside the arena holds the counters. */
bool hk_counters_are_shared(const hk_counters_t *counters);

/* Zeroes a part of them, and writes only where something is not zero: most pages of counters were never touched, and a
 * write would make them take up memory. */
void hk_counters_zero(void *counters, size_t bytes);

/* To be called before anybody beside the core gets them: from then on any of them may be written. Returns them. */
hk_counters_t *hk_counters_see(hk_counters_t *counters);

/* All of them are zero, and nobody writes to them until they are created again. */
void hk_counters_note_zero(hk_counters_t *counters);

/* Bytes of the mapping that holds one set of counters. */
size_t hk_counters_bytes(void);

/* A zeroed set with one holder more, who ends with hk_counters_drop: `left`, if the caller is its only
 * holder, else a new one. NULL: the OS refused. */
hk_counters_t *hk_counters_create(hk_counters_t *left);

#endif

/* Cells and counters: numbers that one thread writes and every thread may read.
 *
 * A cell is written by the arena's owner alone, so adding needs no locked instruction; readers see
 * a value that was true a moment ago.
 */
#ifndef HK_ARENA_COUNTERS_H
#define HK_ARENA_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"
#include "hakmem.h"

typedef _Atomic(uint64_t) hk_cell_t;

static inline uint64_t hk_cell_get(const hk_cell_t *cell) {
  return atomic_load_explicit((hk_cell_t *)cell, memory_order_relaxed);
}

static inline void hk_cell_set(hk_cell_t *cell, uint64_t value) {
  atomic_store_explicit(cell, value, memory_order_relaxed);
}

static inline void hk_cell_add(hk_cell_t *cell, uint64_t amount) {
  hk_cell_set(cell, hk_cell_get(cell) + amount);
}

static inline void hk_cell_sub(hk_cell_t *cell, uint64_t amount) {
  hk_cell_set(cell, hk_cell_get(cell) - amount);
}

static inline void hk_cell_raise(hk_cell_t *cell, uint64_t value) {
  if (value > hk_cell_get(cell)) hk_cell_set(cell, value);
}

/* The front's counters are plain doubles (JavaScript writes them); this is how C touches one. */
static inline double hk_counter_get(const double *counter) {
#if HK_THREAD_SANITIZER
  double value;
  __atomic_load((double *)counter, &value, __ATOMIC_RELAXED);
  return value;
#else
  /* Aligned, so one load on all machines; an atomic one would go by way of an integer register. */
  return *(const volatile double *)counter;
#endif
}

/* The same as a whole number; what a race left below zero is 0. */
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

/* Brackets what a reader must see all of or nothing of: it reads again when it meets an odd count, or
 * another one than before. Owner only. */
static inline void hk_counters_begin_move(hk_counters_t *counters) {
  __atomic_fetch_add(&counters->moves, 1, __ATOMIC_ACQ_REL);
}

static inline void hk_counters_end_move(hk_counters_t *counters) {
  __atomic_fetch_add(&counters->moves, 1, __ATOMIC_RELEASE);
}

/* true: somebody beside the arena holds them. */
bool hk_counters_are_shared(const hk_counters_t *counters);

/* Bytes of the mapping of one set. */
size_t hk_counters_bytes(void);

/* A zeroed set with one holder, who drops it. NULL: the OS refused. */
hk_counters_t *hk_counters_create(void);

#endif

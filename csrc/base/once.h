/* Once: one-time initialisation without a thread library.
 *
 * Threads: any; the first caller builds, others wait for it.
 */
#ifndef HK_BASE_ONCE_H
#define HK_BASE_ONCE_H

#include <stdatomic.h>
#include <stdbool.h>

typedef _Atomic int hk_once_t; /* 0: untouched, 1: being built, 2: ready; starts as zero */

/* true: the caller must build, then call hk_once_end. false: it is ready. */
static inline bool hk_once_begin(hk_once_t *once) {
  if (atomic_load_explicit(once, memory_order_acquire) == 2) return false;
  int expected = 0;
  if (atomic_compare_exchange_strong(once, &expected, 1)) return true;
  while (atomic_load_explicit(once, memory_order_acquire) != 2) {}
  return false;
}

static inline void hk_once_end(hk_once_t *once) {
  atomic_store_explicit(once, 2, memory_order_release);
}

#endif

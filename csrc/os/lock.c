#include "os/lock.h"

#include "base/assert.h"

#if HK_DEBUG
/* One bit per rank held by this thread. */
static _Thread_local unsigned held_ranks;
#define RANK_BIT(lock) (1u << (lock)->rank)
#endif

/* Shared, relaxed. A lock is taken around work that costs more than to count it. */
static _Atomic(uint64_t) acquired, contended;

void hk_lock_stats(hk_lock_stats_t *stats) {
  stats->acquired = atomic_load_explicit(&acquired, memory_order_relaxed);
  stats->contended = atomic_load_explicit(&contended, memory_order_relaxed);
}

static void note_rank(const hk_lock_t *lock) {
#if HK_DEBUG
  HK_ASSERT(held_ranks < RANK_BIT(lock));
  held_ranks |= RANK_BIT(lock);
#else
  (void)lock;
#endif
}

static void take(hk_lock_t *lock) {
#ifdef _WIN32
  AcquireSRWLockExclusive(&lock->mutex);
#elif defined(__wasm__)
  (void)lock;
#else
  HK_CHECK(pthread_mutex_lock(&lock->mutex) == 0);
#endif
  atomic_store_explicit(&lock->is_held, true, memory_order_relaxed);
}

void hk_lock_acquire(hk_lock_t *lock) {
  note_rank(lock);
  atomic_fetch_add_explicit(&acquired, 1, memory_order_relaxed);
  bool waits = atomic_load_explicit(&lock->is_held, memory_order_relaxed);
  if (waits) atomic_fetch_add_explicit(&contended, 1, memory_order_relaxed);
  take(lock);
}

void hk_lock_acquire_to_read(hk_lock_t *lock) {
  note_rank(lock);
  take(lock);
}

void hk_lock_release(hk_lock_t *lock) {
#if HK_DEBUG
  HK_ASSERT((held_ranks & RANK_BIT(lock)) != 0);
  held_ranks &= ~RANK_BIT(lock);
#endif
  atomic_store_explicit(&lock->is_held, false, memory_order_relaxed);
#ifdef _WIN32
  ReleaseSRWLockExclusive(&lock->mutex);
#elif defined(__wasm__)
  (void)lock;
#else
  HK_CHECK(pthread_mutex_unlock(&lock->mutex) == 0);
#endif
}

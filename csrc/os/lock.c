#include "os/lock.h"

#include <stdatomic.h>
#include <stdbool.h>

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

/* false: another thread has it. */
static bool try_to_acquire(hk_lock_t *lock) {
#ifdef _WIN32
  return TryAcquireSRWLockExclusive(&lock->mutex) != 0;
#else
  return pthread_mutex_trylock(&lock->mutex) == 0;
#endif
}

static void note_rank(const hk_lock_t *lock) {
#if HK_DEBUG
  HK_ASSERT(held_ranks < RANK_BIT(lock));
  held_ranks |= RANK_BIT(lock);
#else
  (void)lock;
#endif
}

static void wait_for(hk_lock_t *lock) {
#ifdef _WIN32
  AcquireSRWLockExclusive(&lock->mutex);
#else
  HK_CHECK(pthread_mutex_lock(&lock->mutex) == 0);
#endif
}

void hk_lock_acquire(hk_lock_t *lock) {
  note_rank(lock);
  atomic_fetch_add_explicit(&acquired, 1, memory_order_relaxed);
  if (try_to_acquire(lock)) return;
  atomic_fetch_add_explicit(&contended, 1, memory_order_relaxed);
  wait_for(lock);
}

void hk_lock_acquire_to_read(hk_lock_t *lock) {
  note_rank(lock);
  wait_for(lock);
}

void hk_lock_release(hk_lock_t *lock) {
#if HK_DEBUG
  HK_ASSERT((held_ranks & RANK_BIT(lock)) != 0);
  held_ranks &= ~RANK_BIT(lock);
#endif
#ifdef _WIN32
  ReleaseSRWLockExclusive(&lock->mutex);
#else
  HK_CHECK(pthread_mutex_unlock(&lock->mutex) == 0);
#endif
}

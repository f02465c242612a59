#include "os/lock.h"

#include "base/assert.h"

#if HK_DEBUG
/* One bit per rank held by this thread. */
static _Thread_local unsigned held_ranks;
#define RANK_BIT(lock) (1u << (lock)->rank)
#endif

void hk_lock_acquire(hk_lock_t *lock) {
#if HK_DEBUG
  HK_ASSERT(held_ranks < RANK_BIT(lock));
  held_ranks |= RANK_BIT(lock);
#endif
#ifdef _WIN32
  AcquireSRWLockExclusive(&lock->mutex);
#elif defined(__wasm__)
  (void)lock;
#else
  HK_CHECK(pthread_mutex_lock(&lock->mutex) == 0);
#endif
}

void hk_lock_release(hk_lock_t *lock) {
#if HK_DEBUG
  HK_ASSERT((held_ranks & RANK_BIT(lock)) != 0);
  held_ranks &= ~RANK_BIT(lock);
#endif
#ifdef _WIN32
  ReleaseSRWLockExclusive(&lock->mutex);
#elif defined(__wasm__)
  (void)lock;
#else
  HK_CHECK(pthread_mutex_unlock(&lock->mutex) == 0);
#endif
}

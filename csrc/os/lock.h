/* Lock: mutexes with ranks. A thread may only take a lock of a higher rank than those it holds.
 *
 * Called by: os and every room above.
 * Threads:   any. Debug builds assert the order of ranks. Every lock is on a slow path: an
 *            allocation that the front or the arena can serve takes none.
 */
#ifndef HK_OS_LOCK_H
#define HK_OS_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
typedef SRWLOCK hk_os_mutex_t;
#define HK_OS_MUTEX_INIT SRWLOCK_INIT
#elif defined(__wasm__)
typedef char hk_os_mutex_t; /* one thread has each memory */
#define HK_OS_MUTEX_INIT 0
#else
#include <pthread.h>
typedef pthread_mutex_t hk_os_mutex_t;
#define HK_OS_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#endif

/* In the order in which locks may be taken. */
typedef enum hk_lock_rank_t {
  HK_LOCK_RANK_REGISTRY = 1, /* list of arenas: create, destroy, process statistics */
  HK_LOCK_RANK_TABLE,        /* which SuperSlabs an arena has */
  HK_LOCK_RANK_CACHE,        /* SuperSlabs between owners */
  HK_LOCK_RANK_LETTERS,      /* letters that no arena has */
  HK_LOCK_RANK_PAGEMAP,      /* growth of the page map */
  HK_LOCK_RANK_SPARE         /* mappings of metadata kept for reuse */
} hk_lock_rank_t;

typedef struct hk_lock_t {
  hk_os_mutex_t mutex;
  hk_lock_rank_t rank;
  _Atomic(bool) is_held; /* for statistics: who asks a mutex needs a newer glibc than we do */
} hk_lock_t;

#define HK_LOCK_INIT(lock_rank) {HK_OS_MUTEX_INIT, lock_rank, false}

/* Of all locks of the process so far; contended: another thread had it. */
typedef struct hk_lock_stats_t {
  uint64_t acquired, contended;
} hk_lock_stats_t;

void hk_lock_stats(hk_lock_stats_t *stats);

void hk_lock_acquire(hk_lock_t *lock);

/* The same, and is not counted: for who reads statistics, which must not change by being read. */
void hk_lock_acquire_to_read(hk_lock_t *lock);
void hk_lock_release(hk_lock_t *lock);

#endif

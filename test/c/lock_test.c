#include "os/lock.h"

#include <signal.h>

#include "base/assert.h"
#include "support.h"

static hk_lock_t low = HK_LOCK_INIT(HK_LOCK_RANK_REGISTRY);
static hk_lock_t middle = HK_LOCK_INIT(HK_LOCK_RANK_CACHE);
static hk_lock_t high = HK_LOCK_INIT(HK_LOCK_RANK_PAGEMAP);

#define THREADS 4
#define ROUNDS 20000

static void *add_one_many_times(void *counter) {
  for (int i = 0; i < ROUNDS; i++) {
    hk_lock_acquire(&middle);
    ++*(uint64_t *)counter;
    hk_lock_release(&middle);
  }
  return NULL;
}

HK_TEST(no_increment_under_a_lock_is_lost) {
  pthread_t threads[THREADS];
  uint64_t counter = 0;
  for (int i = 0; i < THREADS; i++) {
    EXPECT_EQ(pthread_create(&threads[i], NULL, add_one_many_times, &counter), 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  EXPECT_EQ(counter, THREADS * ROUNDS);
}

HK_TEST(locks_are_taken_in_the_order_of_their_ranks_and_released_in_any) {
  for (int round = 0; round < 2; round++) {
    hk_lock_acquire(&low);
    hk_lock_acquire(&middle);
    hk_lock_acquire(&high);
    hk_lock_release(&low);
    hk_lock_release(&high);
    hk_lock_release(&middle);
  }
  hk_lock_acquire(&low);
  hk_lock_acquire(&high);
  hk_lock_release(&high);
  hk_lock_acquire(&middle);
  hk_lock_release(&middle);
  hk_lock_release(&low);
}

static void *take_low(void *unused) {
  (void)unused;
  hk_lock_acquire(&low);
  hk_lock_release(&low);
  return NULL;
}

HK_TEST(ranks_bind_the_thread_that_holds_them_and_no_other) {
  pthread_t thread;
  hk_lock_acquire(&high);
  EXPECT_EQ(pthread_create(&thread, NULL, take_low, NULL), 0);
  pthread_join(thread, NULL);
  hk_lock_release(&high);
}

static void take_downwards(void) {
  hk_lock_acquire(&middle);
  hk_lock_acquire(&low);
}

static void take_two_of_one_rank(void) {
  static hk_lock_t another = HK_LOCK_INIT(HK_LOCK_RANK_CACHE);
  hk_lock_acquire(&middle);
  hk_lock_acquire(&another);
}

static void release_unheld(void) { hk_lock_release(&middle); }

HK_TEST(a_debug_build_stops_at_a_lock_out_of_order) {
  if (!HK_DEBUG) return;
  EXPECT_EQ(hk_test_in_child(take_downwards), -SIGABRT);
  EXPECT_EQ(hk_test_in_child(take_two_of_one_rank), -SIGABRT);
  EXPECT_EQ(hk_test_in_child(release_unheld), -SIGABRT);
}

HK_TEST_MAIN(no_increment_under_a_lock_is_lost,
             locks_are_taken_in_the_order_of_their_ranks_and_released_in_any,
             ranks_bind_the_thread_that_holds_them_and_no_other,
             a_debug_build_stops_at_a_lock_out_of_order)

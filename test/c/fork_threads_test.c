/* Forks while other threads create and destroy arenas: no child inherits a lock that nobody holds. */
#include <signal.h>

#include "threads.h"

#define BUSY_THREADS 3

static atomic_bool stop;

static void use(hk_arena_t *arena) {
  void *large = hk_alloc(arena, 3 * HK_MIB), *small = hk_alloc(arena, 100);
  EXPECT(large != NULL && small != NULL);
  EXPECT_EQ(hk_free(arena, large), HK_OK);
  EXPECT_EQ(hk_free(arena, small), HK_OK);
}

static void *be_busy(void *unused) {
  while (!atomic_load(&stop)) {
    hk_arena_t *arena = hk_test_arena(0);
    use(arena);
    if (hk_arena_destroy(arena) != HK_OK) EXPECT(!"destroyed");
  }
  return unused;
}

static bool look_at(hk_arena_t *arena, void *context) {
  static hk_mapped_superslab_t superslabs[4];
  (void)context;
  (void)hk_test_stats(arena);
  (void)hk_arena_heap_map(arena, superslabs, 4);
  return true;
}

/* All that a child may do, in an arena of its own and in that of the thread that forked. */
static void live_as_child(hk_arena_t *ours) {
  hk_process_stats_t process;
  hk_arena_t *arena = hk_test_arena(0);
  use(arena);
  use(ours);
  hk_arena_each(look_at, NULL);
  hk_process_stats(&process);
  (void)hk_arena_trim(ours);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(ours), HK_OK);
}

/* Whether a child ends well; one that hangs is ended by its alarm. */
static bool child_ends(hk_arena_t *ours) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(30);
    atomic_store(&hk_test_failures, 0);
    live_as_child(ours);
    _exit(atomic_load(&hk_test_failures) == 0 ? 0 : 1);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

HK_TEST(children_of_a_busy_process_all_end) {
  uint32_t rounds = hk_test_rounds(100), bad = 0;
  pthread_t threads[BUSY_THREADS];
  EXPECT_EQ(pthread_atfork(hk_fork_prepare, hk_fork_parent, hk_fork_child), 0);
  hk_arena_t *ours = hk_test_arena(0);
  use(ours);
  for (int i = 0; i < BUSY_THREADS; i++) {
    EXPECT_EQ(pthread_create(&threads[i], NULL, be_busy, NULL), 0);
  }
  for (uint32_t i = 0; i < rounds && bad < 3; i++) bad += !child_ends(ours);
  EXPECT_EQ(bad, 0);
  atomic_store(&stop, true);
  for (int i = 0; i < BUSY_THREADS; i++) EXPECT_EQ(pthread_join(threads[i], NULL), 0);
  EXPECT(hk_arena_is_valid(ours));
  EXPECT_EQ(hk_arena_destroy(ours), HK_OK);
}

/* A thread that was inside hk_free when the process forked never counts its free in the child. */
HK_TEST(a_child_does_not_wait_for_a_thread_that_it_does_not_have) {
  hk_arena_t *ours = hk_test_arena(0);
  void *block = hk_alloc(ours, 100);
  EXPECT_EQ(hk_free(NULL, block), HK_OK);
  atomic_fetch_sub(&ours->bins[hk_test_bin(100)].frees_remote, 1);
  EXPECT(child_ends(ours));
  atomic_fetch_add(&ours->bins[hk_test_bin(100)].frees_remote, 1);
  EXPECT_EQ(hk_arena_destroy(ours), HK_OK);
}

HK_TEST_MAIN(children_of_a_busy_process_all_end,
             a_child_does_not_wait_for_a_thread_that_it_does_not_have)

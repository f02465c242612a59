/* Threads that reach the end of the process's address space together. */
#include "limits.h"
#include "threads.h"

#define THREADS 3
#define ROOM (24 * HK_MIB)
#define ROUNDS 3000
#define HELD_MAX 400

typedef struct user_t {
  held_t held;
  block_t blocks[HELD_MAX];
  uint64_t seed, refused;
  hk_gate_t *gate;
} user_t;

static size_t size_of(hk_random_t *random) {
  static const size_t sizes[] = {40, 1000, 9000, 65536, 200000, 3 * HK_MIB};
  uint32_t kind = hk_random_below(random, 64);
  return sizes[kind < 5 ? 5 - kind : 1];
}

/* Who is refused gives something back and goes on. */
static void *use_up(void *context) {
  user_t *user = context;
  hk_random_t random = {user->seed};
  user->held = (held_t){.arena = hk_test_arena(0), .blocks = user->blocks, .capacity = HELD_MAX};
  user->held.key = user->seed << 32;
  hk_gate_pass(user->gate);
  for (int round = 0; round < ROUNDS; round++) {
    if (hold_one(&user->held, size_of(&random))) continue;
    user->refused += user->held.count < HELD_MAX;
    free_down_to(&user->held, user->held.bytes / 2);
  }
  hk_gate_pass(user->gate + 1);
  free_down_to(&user->held, 0);
  EXPECT(hk_arena_is_valid(user->held.arena));
  EXPECT_EQ(hk_arena_destroy(user->held.arena), HK_OK);
  return NULL;
}

/* The thread sanitizer ends the process where the system has no memory for itself: there the process's own limit
 * refuses. */
static void leave_room(void) {
  if (HK_THREAD_SANITIZER)
    hk_test_options()->max_memory_mb = ROOM / HK_MIB;
  else
    leave_bytes(&address_space, ROOM);
}

static void use_up_together(void) {
  static user_t users[THREADS];
  pthread_t threads[THREADS];
  hk_gate_t gates[2] = {{.wanted = THREADS + 1}, {.wanted = THREADS}};
  uint64_t refused = 0;
  for (uint32_t i = 0; i < THREADS; i++) {
    users[i].seed = i + 1;
    users[i].gate = gates;
    EXPECT_EQ(pthread_create(&threads[i], NULL, use_up, &users[i]), 0);
  }
  while (atomic_load(&gates[0].arrived) < THREADS) sched_yield();
  leave_room();
  hk_gate_pass(&gates[0]);
  for (uint32_t i = 0; i < THREADS; i++) {
    EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    refused += users[i].refused;
  }
  EXPECT(refused > 0);
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(hk_alloc(arena, ROOM / 2) != NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(threads_that_are_refused_go_on_with_what_they_and_others_give_back) {
  EXPECT_EQ(hk_test_in_child(use_up_together), 0);
}

HK_TEST_MAIN(threads_that_are_refused_go_on_with_what_they_and_others_give_back)

/* What threads share besides blocks: first use, the cache, the registry, statistics. */
#include "threads.h"

#define THREADS 4

/* --- First use -------------------------------------------------------------------------------- */

typedef struct first_use_t {
  hk_gate_t *gate;
  const hk_classes_t *classes;
  const hk_options_t *options;
  uint32_t bin;
  int64_t max_cached;
} first_use_t;

static void *use_first(void *context) {
  first_use_t *use = context;
  int local;
  hk_gate_pass(use->gate);
  if (hk_owns(NULL, &local)) EXPECT(!"owned");
  use->classes = hk_classes_default();
  use->bin = hk_classes_bin(use->classes, 65536);
  use->options = hk_options_get();
  use->max_cached = use->options->superslab_max_cached;
  return NULL;
}

/* Must run first, before anything is initialised. */
HK_TEST(whoever_comes_first_finds_everything_ready) {
  hk_gate_t gate = {.wanted = THREADS};
  first_use_t uses[THREADS];
  for (int i = 0; i < THREADS; i++) uses[i] = (first_use_t){.gate = &gate};
  hk_test_run_threads(THREADS, use_first, uses, sizeof uses[0]);
  for (int i = 0; i < THREADS; i++) {
    EXPECT_EQ(uses[i].classes, hk_classes_default());
    EXPECT_EQ(uses[i].options, hk_options_get());
    EXPECT_EQ(uses[i].bin, hk_classes_default()->count - 1);
    EXPECT_EQ(uses[i].max_cached, hk_options_get()->superslab_max_cached);
  }
}

/* --- Lives of arenas, side by side ------------------------------------------------------------ */

typedef struct life_t {
  hk_gate_t *gate;
  uint64_t seed;
} life_t;

static void *live_and_die(void *context) {
  life_t *life = context;
  hk_random_t random = {life->seed};
  hk_gate_pass(life->gate);
  for (int i = 0; i < 60; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    for (int n = 0; n < 100; n++) {
      size_t size = 8 + hk_random_below(&random, n % 20 == 0 ? 4 << 20 : 20000);
      uint64_t *block = hk_alloc(arena, size);
      if (!EXPECT(block != NULL)) return NULL;
      if (*block != 0) EXPECT(!"a byte of another arena"); /* all of ours go by reset alone */
      *block = life->seed;
    }
    if (i % 3 == 0) hk_arena_reset(arena);
    if (i % 4 == 0) (void)hk_arena_trim(arena);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  return NULL;
}

HK_TEST(arenas_of_many_threads_share_one_cache) {
  hk_gate_t gate = {.wanted = THREADS};
  life_t lives[THREADS];
  for (uint64_t i = 0; i < THREADS; i++) lives[i] = (life_t){&gate, i + 1};
  hk_test_run_threads(THREADS, live_and_die, lives, sizeof lives[0]);
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  EXPECT(stats.superslabs_adopted > 0);
  EXPECT(stats.superslabs_cached <= (uint64_t)hk_options_get()->superslab_max_cached);
  hk_test_empty_cache();
  hk_process_stats(&stats);
  EXPECT_EQ(stats.superslabs_cached, 0);
  EXPECT_EQ(stats.bytes_cached, 0);
}

/* --- Statistics from the side ----------------------------------------------------------------- */

typedef struct reader_t {
  atomic_bool stop;
  atomic_uint reads;
} reader_t;

/* Sums that must hold at any moment, not only when the owner is quiet. */
static bool read_one(hk_arena_t *arena, void *context) {
  hk_arena_stats_t stats = hk_test_stats(arena);
  atomic_fetch_add((atomic_uint *)context, 1);
  uint64_t highest = 0;
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    if (stats.bins[bin].high_water > highest) highest = stats.bins[bin].high_water;
    if (stats.bins[bin].partial_slabs > 1000000) EXPECT(!"a wrapped count");
    if (stats.bins[bin].live_bytes > HK_SIZE_MAX) EXPECT(!"a wrapped sum");
  }
  if (stats.bytes_committed % HK_SLAB_BYTES != 0) EXPECT(!"committed bytes");
  return highest < 1000000;
}

static void *read_statistics(void *context) {
  reader_t *reader = context;
  while (!atomic_load(&reader->stop)) {
    hk_process_stats_t process;
    hk_process_stats(&process);
    hk_arena_each(read_one, &reader->reads);
  }
  return NULL;
}

HK_TEST(statistics_are_read_while_owners_allocate_reset_and_end) {
  reader_t reader = {0};
  pthread_t thread;
  hk_random_t random = hk_random_begin(23);
  EXPECT_EQ(pthread_create(&thread, NULL, read_statistics, &reader), 0);
  for (int round = 0; round < 40; round++) {
    hk_arena_t *arena = hk_test_arena(0);
    void *blocks[64] = {NULL};
    for (int step = 0; step < 1500; step++) {
      uint32_t i = hk_random_below(&random, 64);
      EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
      blocks[i] = hk_alloc(arena, 1 + hk_random_below(&random, step % 100 == 0 ? 3 << 20 : 3000));
      if (step % 500 == 499) {
        hk_arena_reset(arena);
        memset(blocks, 0, sizeof blocks);
      }
    }
    /* Every arena is read at least once before it ends. */
    for (uint32_t before = reader.reads; reader.reads == before;) sched_yield();
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  atomic_store(&reader.stop, true);
  EXPECT_EQ(pthread_join(thread, NULL), 0);
}

/* --- Ends of owners --------------------------------------------------------------------------- */

static void *create_and_use(void *context) {
  hk_arena_t **arena = context;
  *arena = hk_test_arena(0);
  for (size_t size = 8; size < 4 * HK_MIB; size *= 3) EXPECT(hk_alloc(*arena, size) != NULL);
  return NULL;
}

HK_TEST(an_arena_whose_owner_has_ended_is_destroyed_by_another_thread) {
  hk_arena_t *arenas[THREADS];
  hk_test_run_threads(THREADS, create_and_use, arenas, sizeof arenas[0]);
  for (int i = 0; i < THREADS; i++) {
    EXPECT(hk_arena_is_valid(arenas[i]));
    EXPECT_EQ(hk_arena_destroy(arenas[i]), HK_OK);
  }
}

/* --- The registry ----------------------------------------------------------------------------- */

static bool is_later(hk_arena_t *arena, void *context) {
  uint64_t *last = context, id = hk_arena_id(arena);
  EXPECT(id > *last);
  *last = id;
  return true;
}

static void *come_and_go(void *gate) {
  hk_gate_pass(gate);
  for (uint32_t round = hk_test_rounds(2000); round > 0; round--) {
    hk_arena_t *arena = hk_test_arena(0);
    uint64_t last = 0;
    hk_arena_each(is_later, &last);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  return NULL;
}

/* Who looks for an arena by its number stops at the first that is greater. */
HK_TEST(arenas_are_listed_in_the_order_of_their_numbers) {
  hk_gate_t gate = {.wanted = THREADS};
  hk_test_run_threads(THREADS, come_and_go, &gate, 0);
}

HK_TEST_MAIN(whoever_comes_first_finds_everything_ready, arenas_of_many_threads_share_one_cache,
             statistics_are_read_while_owners_allocate_reset_and_end,
             an_arena_whose_owner_has_ended_is_destroyed_by_another_thread,
             arenas_are_listed_in_the_order_of_their_numbers)

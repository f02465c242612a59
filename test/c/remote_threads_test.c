#include "heap/remote.h"
#include "threads.h"

#define FREERS 2

/* Blocks carry their size and a pattern made from it, so that whoever frees one can check it. */
static void *filled_block(hk_arena_t *arena, size_t size) {
  size_t *block = hk_alloc(arena, size);
  if (block == NULL) return NULL;
  *block = size;
  hk_pattern_fill(block + 1, size - sizeof size, size);
  return block;
}

static void check_block(const void *block) {
  const size_t *size = block;
  if (!hk_pattern_holds(size + 1, *size - sizeof *size, *size)) EXPECT(!"overwritten");
}

/* A large block carries its address in its head; touching more would be most of the test's work. */
static void mark_large_block(void *block) { *(uintptr_t *)block = (uintptr_t)block; }

static void check_large_block(const void *block) {
  if (*(const uintptr_t *)block != (uintptr_t)block) EXPECT(!"overwritten");
}

static void free_or_complain(hk_arena_t *arena, void *block) {
  if (hk_free(arena, block) != HK_OK) EXPECT(!"freed");
}

HK_TEST(strangers_free_while_the_owner_allocates_and_nothing_is_lost) {
  enum { BLOCKS = 60000 };
  static hk_freer_t freers[FREERS];
  hk_random_t random = hk_random_begin(17);
  hk_arena_t *arena = hk_test_arena(0);
  hk_freers_start(freers, FREERS, check_block);
  uint64_t local = 0;
  for (int i = 0; i < BLOCKS; i++) {
    void *block = filled_block(arena, 16 + hk_random_below(&random, i % 100 == 0 ? 40000 : 800));
    if (!EXPECT(block != NULL)) break;
    uint32_t who = hk_random_below(&random, FREERS + 1);
    if (who < FREERS) {
      hk_channel_send(&freers[who].channel, block);
    } else {
      check_block(block);
      free_or_complain(arena, block);
      local++;
    }
    if (i % 5000 == 0) (void)hk_arena_trim(arena);
  }
  uint64_t remote = hk_freers_join(freers, FREERS);
  EXPECT_EQ(remote + local, BLOCKS);
  hk_remote_drain(arena);
  EXPECT(hk_arena_is_valid(arena));
  hk_arena_stats_t stats = hk_test_stats(arena);
  uint64_t counted = 0;
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    EXPECT_EQ(stats.bins[bin].live, 0);
    EXPECT_EQ(stats.bins[bin].remote_blocks, 0);
    counted += stats.bins[bin].frees_remote;
  }
  EXPECT_EQ(counted, remote);
  EXPECT_EQ(stats.double_frees, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_arena_at_its_limit_lives_on_what_strangers_give_back) {
  enum { BLOCKS = 20000 };
  static hk_freer_t freer;
  hk_arena_t *arena = hk_test_arena(4 * HK_SLAB_BYTES); /* far less than passes through it */
  hk_freers_start(&freer, 1, check_block);
  for (int i = 0; i < BLOCKS; i++) {
    void *block;
    while ((block = filled_block(arena, 3000)) == NULL) sched_yield();
    hk_channel_send(&freer.channel, block);
  }
  EXPECT_EQ(hk_freers_join(&freer, 1), BLOCKS);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(strangers_free_runs_and_huge_blocks_of_an_arena_at_its_limit) {
  enum { BLOCKS = 8000 };
  static hk_freer_t freers[FREERS];
  hk_random_t random = hk_random_begin(23);
  hk_arena_t *arena = hk_test_arena(24 * HK_MIB);
  hk_freers_start(freers, FREERS, check_large_block);
  for (int i = 0; i < BLOCKS; i++) {
    size_t size = i % 20 == 0 ? (size_t)3 << 20 : 65537 + hk_random_below(&random, 500000);
    void *block;
    while ((block = hk_alloc(arena, size)) == NULL) sched_yield();
    mark_large_block(block);
    if (i % 16 == 0) {
      free_or_complain(arena, block);
    } else {
      hk_channel_send(&freers[i % FREERS].channel, block);
    }
    if (i % 1000 == 0) (void)hk_arena_trim(arena);
  }
  uint64_t freed = hk_freers_join(freers, FREERS);
  EXPECT(hk_arena_is_valid(arena));
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.bytes_live, 0);
  EXPECT_EQ(stats.bins[HK_BIN_RUN].frees_remote + stats.bins[HK_BIN_HUGE].frees_remote, freed);
  (void)hk_arena_trim(arena);
  EXPECT_EQ(hk_test_stats(arena).bytes_used, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Exactly one free of a block succeeds ----------------------------------------------------- */

#define RACERS 4
#define RACED_BLOCKS 3000

typedef struct racer_t {
  hk_gate_t *gate;
  void **blocks;
  uint64_t freed, refused;
} racer_t;

static void *free_all(void *context) {
  racer_t *racer = context;
  hk_gate_pass(racer->gate);
  for (int i = 0; i < RACED_BLOCKS; i++) {
    hk_status_t status = hk_free(NULL, racer->blocks[i]);
    racer->freed += status == HK_OK;
    racer->refused += status == HK_DOUBLE_FREE;
  }
  return NULL;
}

HK_TEST(of_many_threads_that_free_a_block_exactly_one_succeeds) {
  static const size_t sizes[] = {8, 64, 1024, 20000, 70000, 3 << 20};
  for (int s = 0; s < 6; s++) {
    static void *blocks[RACED_BLOCKS];
    hk_gate_t gate = {.wanted = RACERS};
    racer_t racers[RACERS];
    hk_arena_t *arena = hk_test_arena(0);
    for (int i = 0; i < RACED_BLOCKS; i++) blocks[i] = hk_alloc(arena, sizes[s]);
    for (int i = 0; i < RACERS; i++) racers[i] = (racer_t){.gate = &gate, .blocks = blocks};
    hk_test_run_threads(RACERS, free_all, racers, sizeof racers[0]);
    uint64_t freed = 0, refused = 0;
    for (int i = 0; i < RACERS; i++) {
      freed += racers[i].freed;
      refused += racers[i].refused;
    }
    EXPECT_EQ(freed, RACED_BLOCKS);
    EXPECT_EQ(refused, (RACERS - 1) * RACED_BLOCKS);
    hk_bin_stats_t stats = hk_test_stats(arena).bins[hk_test_bin(sizes[s])];
    EXPECT_EQ(stats.frees_remote, RACED_BLOCKS);
    EXPECT_EQ(stats.remote_blocks, RACED_BLOCKS);
    EXPECT_EQ(stats.live, 0);
    hk_remote_drain(arena);
    EXPECT_EQ(hk_test_stats(arena).bins[hk_test_bin(sizes[s])].remote_blocks, 0);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

/* --- A ring of owners, each freeing its neighbour's blocks ------------------------------------ */

#define OWNERS 3
#define PASSED_BLOCKS 20000

typedef struct owner_t {
  hk_gate_t *gate;
  hk_channel_t in, *out;
  hk_arena_t *arena;
  uint64_t seed, received;
} owner_t;

static bool free_one_from_neighbour(owner_t *owner) {
  void *block;
  if (!hk_channel_receive(&owner->in, &block)) return false;
  check_block(block);
  free_or_complain(owner->arena, block);
  owner->received++;
  return true;
}

static void *pass_blocks_on(void *context) {
  owner_t *owner = context;
  hk_random_t random = {owner->seed};
  owner->arena = hk_test_arena(0);
  hk_gate_pass(owner->gate);
  for (int i = 0; i < PASSED_BLOCKS; i++) {
    void *block = filled_block(owner->arena, 16 + hk_random_below(&random, 1500));
    while (!hk_channel_try_send(owner->out, block)) {
      if (!free_one_from_neighbour(owner)) sched_yield();
    }
    (void)free_one_from_neighbour(owner);
  }
  while (owner->received < PASSED_BLOCKS) {
    if (!free_one_from_neighbour(owner)) sched_yield();
  }
  return NULL;
}

HK_TEST(owners_that_free_each_others_blocks_end_with_nothing_live) {
  static owner_t owners[OWNERS];
  hk_gate_t gate = {.wanted = OWNERS};
  for (uint64_t i = 0; i < OWNERS; i++) {
    owners[i].gate = &gate;
    owners[i].out = &owners[(i + 1) % OWNERS].in;
    owners[i].seed = i;
  }
  hk_test_run_threads(OWNERS, pass_blocks_on, owners, sizeof owners[0]);
  for (int i = 0; i < OWNERS; i++) {
    /* The owner thread has ended; any thread may finish its arena. */
    hk_remote_drain(owners[i].arena);
    EXPECT_EQ(hk_test_stats(owners[i].arena).bytes_live, 0);
    EXPECT(hk_arena_is_valid(owners[i].arena));
    EXPECT_EQ(hk_arena_destroy(owners[i].arena), HK_OK);
  }
}

/* --- A slab must not go while a thread that freed its last block is not done with it ---------- */

/* Two threads free the two blocks of a slab; the moment it is empty its owner retires it and its
 * SuperSlab is unmapped. A record that is touched after that is a crash. */
HK_TEST(a_slab_emptied_by_strangers_is_unmapped_only_when_they_are_done) {
  enum { ROUNDS = 3000 };
  hk_handover_t strangers[2] = {0};
  hk_options_t *options = hk_test_options();
  int64_t ttl_sec = options->superslab_ttl_sec;
  options->superslab_ttl_sec = 0;
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < 2; i++) hk_handover_start(&strangers[i]);
  uint32_t bin = hk_test_bin(32768), refs[2], got;
  for (int round = 0; round < ROUNDS; round++) {
    if (!EXPECT(hk_refill(arena, bin, refs, 2, &got) == HK_OK && got == 2)) break;
    for (int i = 0; i < 2; i++) {
      atomic_store(&strangers[i].block, hk_test_address(arena, refs[i]));
    }
    while (hk_test_retire_all(arena) == 0) sched_yield();
    (void)hk_arena_trim(arena);
    if (hk_test_stats(arena).bytes_committed != 0) EXPECT(!"unmapped");
  }
  for (int i = 0; i < 2; i++) hk_handover_stop(&strangers[i]);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  options->superslab_ttl_sec = ttl_sec;
}

/* --- A free that arrives while the owner collects --------------------------------------------- */

#define PAIR_SLABS 1000

typedef struct pairs_t {
  char *blocks[2 * PAIR_SLABS];
  atomic_bool done;
} pairs_t;

static void *free_pairs(void *context) {
  pairs_t *pairs = context;
  for (int i = 0; i < 2 * PAIR_SLABS; i++) {
    free_or_complain(NULL, pairs->blocks[i]);
  }
  atomic_store(&pairs->done, true);
  return NULL;
}

/* The first block of a slab puts it on the owner's queue; the second finds it there, or just taken
 * off. Forgotten between the two, it would stay away for ever: nothing else is freed in its
 * slab. */
HK_TEST(a_free_that_meets_a_collection_is_not_forgotten) {
  static pairs_t pairs;
  uint32_t bin = hk_test_bin(32768), got;
  for (int round = 0; round < 20; round++) {
    pthread_t thread;
    hk_arena_t *arena = hk_test_arena(0);
    for (int i = 0; i < 2 * PAIR_SLABS; i += 2) {
      uint32_t refs[2];
      if (!EXPECT(hk_refill(arena, bin, refs, 2, &got) == HK_OK && got == 2)) return;
      for (int k = 0; k < 2; k++) pairs.blocks[i + k] = hk_test_address(arena, refs[k]);
    }
    atomic_store(&pairs.done, false);
    EXPECT_EQ(pthread_create(&thread, NULL, free_pairs, &pairs), 0);
    while (!atomic_load(&pairs.done)) hk_remote_drain(arena);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    hk_remote_drain(arena);
    hk_bin_stats_t stats = hk_test_stats(arena).bins[bin];
    EXPECT_EQ(stats.frees_remote, 2 * PAIR_SLABS);
    EXPECT_EQ(stats.remote_blocks, 0);
    EXPECT_EQ(stats.free_blocks, 2 * PAIR_SLABS);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

HK_TEST_MAIN(strangers_free_while_the_owner_allocates_and_nothing_is_lost,
             an_arena_at_its_limit_lives_on_what_strangers_give_back,
             strangers_free_runs_and_huge_blocks_of_an_arena_at_its_limit,
             of_many_threads_that_free_a_block_exactly_one_succeeds,
             owners_that_free_each_others_blocks_end_with_nothing_live,
             a_slab_emptied_by_strangers_is_unmapped_only_when_they_are_done,
             a_free_that_meets_a_collection_is_not_forgotten)

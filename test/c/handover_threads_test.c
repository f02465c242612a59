/* What passes from thread to thread beside blocks: arenas whose thread has ended, and
 * SuperSlabs. */
#include "heap/remote.h"
#include "threads.h"

/* --- Blocks freed while nobody owns the arena, or its owner looks ----------------------------- */

static bool adds_up(const hk_arena_stats_t *s, uint32_t bin) {
  const hk_bin_stats_t *b = &s->bins[bin];
  return b->live + b->front_blocks + b->free_blocks + b->remote_blocks == b->capacity &&
         s->bytes_live + s->bytes_front + s->bytes_free_in_slab + s->bytes_free_slabs +
                 s->bytes_slack ==
             s->bytes_committed;
}

/* A block that somebody is just freeing is counted in one place, never in two or in none. */
static void free_and_add_up(size_t size, uint32_t bin) {
  enum { ROUNDS = 5000 };
  hk_handover_t handover = {0};
  hk_arena_t *arena = hk_test_arena(0);
  hk_handover_start(&handover);
  for (int round = 0; round < ROUNDS; round++) {
    hk_arena_stats_t stats;
    void *block = hk_alloc(arena, size);
    if (!EXPECT(block != NULL)) break;
    atomic_store(&handover.block, block);
    do {
      hk_remote_drain(arena);
      stats = hk_test_stats(arena);
      if (!adds_up(&stats, bin)) EXPECT(!"added up");
    } while (stats.bytes_live != 0);
  }
  hk_handover_stop(&handover);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(counts_add_up_at_every_moment_of_a_remote_free) {
  free_and_add_up(100, hk_test_bin(100));
  free_and_add_up(300000, HK_BIN_RUN);
  free_and_add_up(3 << 20, HK_BIN_HUGE);
}

/* --- An arena whose thread is gone ------------------------------------------------------------ */

#define LIFETIMES 20
#define LEFT_BLOCKS 200

typedef struct estate_t {
  hk_arena_t *arena;
  void *left[LEFT_BLOCKS]; /* live blocks that the last owner did not free */
  uint64_t owners;
} estate_t;

static size_t size_left(uint64_t i) { return i % 50 == 49 ? 100000 : 8 + i * 97 % 20000; }

/* Takes the arena over, checks and frees what was left, and leaves as much behind. */
static void *inherit(void *context) {
  estate_t *estate = context;
  for (uint64_t i = 0; i < LEFT_BLOCKS; i++) {
    if (estate->left[i] != NULL) {
      if (!hk_pattern_holds(estate->left[i], size_left(i), i + estate->owners)) EXPECT(!"kept");
      if (hk_free(estate->arena, estate->left[i]) != HK_OK) EXPECT(!"freed");
    }
    estate->left[i] = hk_alloc(estate->arena, size_left(i));
    if (!EXPECT(estate->left[i] != NULL)) return NULL;
    hk_pattern_fill(estate->left[i], size_left(i), i + estate->owners + 1);
  }
  estate->owners++;
  return NULL;
}

/* A thread without an arena frees half of it while nobody owns the arena. */
static void *free_half(void *context) {
  estate_t *estate = context;
  for (uint64_t i = 0; i < LEFT_BLOCKS; i += 2) {
    if (!hk_pattern_holds(estate->left[i], size_left(i), i + estate->owners)) EXPECT(!"kept");
    if (hk_free(NULL, estate->left[i]) != HK_OK) EXPECT(!"freed");
    estate->left[i] = NULL;
  }
  return NULL;
}

HK_TEST(an_arena_lives_on_from_thread_to_thread) {
  static estate_t estate;
  estate = (estate_t){.arena = hk_test_arena(16 * HK_MIB)};
  for (int i = 0; i < LIFETIMES; i++) {
    hk_test_run_threads(1, inherit, &estate, sizeof estate);
    hk_test_run_threads(1, free_half, &estate, sizeof estate);
  }
  hk_arena_stats_t stats = hk_test_stats(estate.arena);
  uint64_t allocs = 0, remote = 0, live = 0;
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    allocs += stats.bins[bin].allocs;
    remote += stats.bins[bin].frees_remote;
    live += stats.bins[bin].live;
  }
  EXPECT_EQ(allocs, LIFETIMES * LEFT_BLOCKS);
  EXPECT_EQ(remote, LIFETIMES * LEFT_BLOCKS / 2);
  EXPECT_EQ(live, LEFT_BLOCKS / 2);
  EXPECT(hk_arena_is_valid(estate.arena));
  EXPECT_EQ(hk_arena_destroy(estate.arena), HK_OK);
}

/* --- SuperSlabs that go through the cache ----------------------------------------------------- */

#define PASSED_SUPERSLABS 4

typedef struct passer_t {
  hk_arena_t *arena;
  void *blocks[PASSED_SUPERSLABS * HK_SUPERSLAB_SLABS * 4];
  uint64_t bases; /* of the arena's SuperSlabs, added up */
} passer_t;

#define PASSED_BLOCKS (sizeof((passer_t *)NULL)->blocks / sizeof(void *))

/* Fills SuperSlabs with blocks, four to a slab: nothing is left there of the arena before. */
static void *fill_superslabs(void *context) {
  passer_t *passer = context;
  passer->arena = hk_test_arena(0);
  passer->bases = 0;
  for (size_t i = 0; i < PASSED_BLOCKS; i++) {
    char *block = passer->blocks[i] = hk_alloc(passer->arena, 16384);
    if (!EXPECT(block != NULL)) return NULL;
    if (!hk_is_zero(block, 16384)) EXPECT(!"bytes of an earlier arena");
    hk_pattern_fill(block, 16384, i);
    passer->bases += (uintptr_t)block % (HK_SUPERSLAB_BYTES) == 0 ? (uintptr_t)block >> 21 : 0;
  }
  EXPECT(hk_arena_is_valid(passer->arena));
  return NULL;
}

/* Frees all but every third, and nobody collects it: records go to the cache with frees waiting. */
static void *free_most(void *context) {
  passer_t *passer = context;
  for (size_t i = 0; i < PASSED_BLOCKS; i++) {
    if (i % 3 != 0 && hk_free(NULL, passer->blocks[i]) != HK_OK) EXPECT(!"freed");
  }
  return NULL;
}

static void *end_arena(void *context) {
  passer_t *passer = context;
  EXPECT_EQ(hk_arena_destroy(passer->arena), HK_OK);
  return NULL;
}

HK_TEST(superslabs_go_from_thread_to_thread_as_good_as_new) {
  static passer_t passer;
  uint64_t bases = 0;
  hk_test_empty_cache();
  for (int round = 0; round < 6; round++) {
    hk_test_run_threads(1, fill_superslabs, &passer, sizeof passer);
    hk_arena_stats_t stats = hk_test_stats(passer.arena);
    EXPECT_EQ(stats.superslabs_live, PASSED_SUPERSLABS);
    EXPECT_EQ(stats.superslabs_adopted, round == 0 ? 0 : PASSED_SUPERSLABS);
    if (round > 0) EXPECT_EQ(passer.bases, bases);
    bases = passer.bases;
    hk_test_run_threads(1, free_most, &passer, sizeof passer);
    EXPECT_EQ(hk_test_stats(passer.arena).bins[hk_test_bin(16384)].remote_blocks,
              PASSED_BLOCKS - (PASSED_BLOCKS + 2) / 3);
    hk_test_run_threads(1, end_arena, &passer, sizeof passer);
    /* Nobody has anything there now. */
    EXPECT_EQ(hk_usable_size(passer.blocks[0]), 0);
    EXPECT_EQ(hk_free(NULL, passer.blocks[0]), HK_NOT_OWNED);
  }
}

/* --- An arena that ends the moment its last block is free ------------------------------------- */

static uint64_t live_of(hk_arena_t *arena) {
  hk_arena_stats_t stats = hk_test_stats(arena);
  uint64_t live = 0;
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) live += stats.bins[bin].live;
  return live;
}

/* The next arena gets the record and the memory of the one before. A thread that was not done with
 * that one would free a block of this one, or count a free that nobody made. */
static void end_at_once(size_t size, bool collect) {
  uint32_t rounds = hk_test_rounds(2000);
  hk_handover_t handover = {0};
  hk_handover_start(&handover);
  for (uint32_t round = 0; round < rounds; round++) {
    hk_arena_t *arena = hk_test_arena(0);
    void *block = hk_alloc(arena, size);
    if (!EXPECT(block != NULL) || !EXPECT(live_of(arena) == 1)) break;
    atomic_store(&handover.block, block);
    for (uint32_t polls = 0; live_of(arena) != 0; polls++) {
      if (collect) hk_remote_drain(arena);
      if (polls > 200000 && !EXPECT(!"freed")) break;
    }
    if (!EXPECT(hk_arena_destroy(arena) == HK_OK)) break;
  }
  hk_handover_stop(&handover);
}

HK_TEST(an_arena_may_end_as_soon_as_its_last_block_is_not_live) {
  end_at_once(100, false);
  end_at_once(100000, false);
}

HK_TEST(an_arena_may_end_as_soon_as_its_last_block_is_collected) {
  end_at_once(100, true);
  end_at_once(100000, true);
}

/* As above, but the block comes back to its owner, who frees it before the stranger is done. */
HK_TEST(an_arena_may_end_as_soon_as_its_last_block_has_come_back) {
  uint32_t rounds = hk_test_rounds(2000);
  hk_handover_t handover = {0};
  hk_handover_start(&handover);
  for (uint32_t round = 0; round < rounds; round++) {
    hk_arena_t *arena = hk_test_arena(HK_SLAB_BYTES);
    void *other = hk_alloc(arena, 32768), *block = hk_alloc(arena, 32768);
    if (!EXPECT(other != NULL && block != NULL)) break;
    atomic_store(&handover.block, block);
    while ((block = hk_alloc(arena, 32768)) == NULL) sched_yield();
    EXPECT_EQ(hk_free(arena, block), HK_OK);
    EXPECT_EQ(hk_free(arena, other), HK_OK);
    EXPECT_EQ(live_of(arena), 0);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  hk_handover_stop(&handover);
}

HK_TEST_MAIN(an_arena_may_end_as_soon_as_its_last_block_is_not_live,
             an_arena_may_end_as_soon_as_its_last_block_is_collected,
             an_arena_may_end_as_soon_as_its_last_block_has_come_back,
             counts_add_up_at_every_moment_of_a_remote_free,
             an_arena_lives_on_from_thread_to_thread,
             superslabs_go_from_thread_to_thread_as_good_as_new)

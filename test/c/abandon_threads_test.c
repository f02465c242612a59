/* Arenas whose thread has ended while blocks of theirs were live. */
#include "threads.h"

static bool count_one(hk_arena_t *arena, void *count) {
  (void)arena;
  ++*(uint64_t *)count;
  return true;
}

static uint64_t arenas(void) {
  uint64_t count = 0;
  hk_arena_each(count_one, &count);
  return count;
}

static void let_go(hk_arena_t *arena) { EXPECT_EQ(hk_arena_abandon(arena), HK_OK); }

/* Burials happen when somebody creates an arena. */
static void bury(void) { EXPECT_EQ(hk_arena_destroy(hk_test_arena(0)), HK_OK); }

HK_TEST(an_arena_without_live_blocks_is_gone_at_once) {
  uint64_t before = arenas();
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT_EQ(hk_free(arena, hk_alloc(arena, 100)), HK_OK);
  let_go(arena);
  EXPECT_EQ(arenas(), before);
}

static size_t size_of(uint32_t i) { return i % 40 == 39 ? 100000 + i * 9000 : 8 + i * 97 % 20000; }

HK_TEST(blocks_of_an_abandoned_arena_hold_until_they_are_freed_and_the_arena_until_the_last) {
  enum { BLOCKS = 400 };
  static void *blocks[BLOCKS];
  fake_os_begin();
  hk_test_empty_cache();
  uint64_t before = arenas();
  hk_arena_t *arena = hk_test_arena(0);
  for (uint32_t i = 0; i < BLOCKS; i++) {
    blocks[i] = hk_alloc(arena, size_of(i));
    hk_pattern_fill(blocks[i], size_of(i), i);
  }
  let_go(arena);
  for (uint32_t i = 0; i < BLOCKS; i++) {
    if (!hk_pattern_holds(blocks[i], size_of(i), i)) EXPECT(!"held");
    EXPECT_EQ(hk_free(NULL, blocks[i]), HK_OK);
    bury();
    EXPECT_EQ(arenas(), before + (i + 1 < BLOCKS));
  }
  hk_test_empty_cache();
  EXPECT_EQ(fake_os.slab_bytes, 0);
  fake_os_end();
}

HK_TEST(a_second_free_of_a_block_of_an_abandoned_arena_is_refused) {
  enum { BLOCKS = 20 };
  void *blocks[BLOCKS];
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) blocks[i] = hk_alloc(arena, 40000);
  EXPECT_EQ(hk_free(NULL, blocks[0]), HK_OK); /* before it is abandoned: collected then */
  let_go(arena);
  EXPECT_EQ(hk_free(NULL, blocks[0]), HK_DOUBLE_FREE);
  for (int i = 1; i < BLOCKS - 1; i++) EXPECT_EQ(hk_free(NULL, blocks[i]), HK_OK);
  EXPECT(hk_free(NULL, blocks[BLOCKS - 2]) != HK_OK);
  EXPECT_EQ(hk_free(NULL, (char *)blocks[BLOCKS - 1] + 64), HK_NOT_OWNED);
  hk_arena_stats_t stats = hk_test_stats(arena);
  uint32_t bin = hk_test_bin(40000);
  EXPECT_EQ(stats.bins[bin].live, 1);
  EXPECT_EQ(stats.bins[bin].frees_remote, BLOCKS - 1);
  EXPECT(stats.double_frees > 0 && hk_arena_is_valid(arena));
  EXPECT_EQ(hk_free(NULL, blocks[BLOCKS - 1]), HK_OK);
  bury();
}

HK_TEST(memory_of_abandoned_arenas_serves_others) {
  enum { ARENAS = 50, BLOCKS = 64 };
  static void *blocks[ARENAS][BLOCKS];
  fake_os_begin();
  for (int a = 0; a < ARENAS; a++) {
    hk_arena_t *arena = hk_test_arena(0);
    for (int i = 0; i < BLOCKS; i++) blocks[a][i] = hk_alloc(arena, 16384);
    let_go(arena);
  }
  for (int a = 0; a < ARENAS; a++) {
    for (int i = 0; i < BLOCKS; i++) EXPECT_EQ(hk_free(NULL, blocks[a][i]), HK_OK);
  }
  hk_os_stats_t left, later;
  hk_os_stats(&left);
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < ARENAS / 2 * BLOCKS; i++) EXPECT(hk_alloc(arena, 16384) != NULL);
  hk_os_stats(&later);
  EXPECT_EQ(later.map, left.map);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(an_abandoned_arena_goes_on_where_it_was_under_a_new_owner) {
  EXPECT(hk_arena_adopt() == NULL);
  hk_arena_t *arena = hk_test_arena(0);
  char *kept = hk_alloc(arena, 5000), *freed = hk_alloc(arena, 5000), *more = hk_alloc(arena, 90);
  hk_pattern_fill(kept, 5000, 1);
  let_go(arena);
  EXPECT_EQ(hk_free(NULL, freed), HK_OK);
  EXPECT_EQ(hk_arena_adopt(), arena);
  EXPECT(hk_arena_adopt() == NULL);
  EXPECT_EQ(hk_free(arena, more), HK_OK);
  EXPECT(hk_alloc(arena, 5000) != NULL);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 1);
  EXPECT(hk_pattern_holds(kept, 5000, 1));
  EXPECT_EQ(hk_free(arena, kept), HK_OK);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_arena_that_javascript_sees_is_not_abandoned) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref;
  EXPECT_EQ(hk_large_alloc(arena, 100000, &ref), HK_OK);
  EXPECT_EQ(hk_slab_set_exposed(arena, ref >> HK_REF_INDEX_BITS, true), HK_OK);
  EXPECT_EQ(hk_arena_abandon(arena), HK_SLAB_BUSY);
  EXPECT_EQ(hk_slab_set_exposed(arena, ref >> HK_REF_INDEX_BITS, false), HK_OK);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Threads ---------------------------------------------------------------------------------- */

#define LEFT_BLOCKS 500

typedef struct mortal_t {
  hk_channel_t *channels; /* to each of the heirs */
  uint32_t heirs;
  bool adopts;
} mortal_t;

/* Leaves blocks to every heir and abandons its arena while they free. */
static void *live_and_die(void *context) {
  mortal_t *self = context;
  hk_arena_t *arena = self->adopts ? hk_arena_adopt() : NULL;
  if (arena == NULL) arena = hk_test_arena(0);
  for (uint32_t i = 0; i < LEFT_BLOCKS; i++) {
    size_t bytes = size_of(i);
    char *block = hk_alloc(arena, bytes);
    if (!EXPECT(block != NULL)) break;
    block[0] = block[bytes - 1] = (char)i;
    hk_channel_send(&self->channels[i % self->heirs], block);
  }
  let_go(arena);
  return NULL;
}

static void *inherit(void *context) {
  hk_channel_t *channel = context;
  for (;;) {
    void *block;
    while (!hk_channel_receive(channel, &block)) sched_yield();
    if (block == NULL) return NULL;
    if (hk_free(NULL, block) != HK_OK) EXPECT(!"freed");
  }
}

HK_TEST(heirs_free_blocks_while_their_arena_is_abandoned_and_none_is_lost) {
  enum { ROUNDS = 100, HEIRS = 3 };
  static hk_channel_t channels[HEIRS];
  pthread_t heirs[HEIRS];
  uint64_t rounds = hk_test_rounds(ROUNDS), before = arenas();
  for (uint32_t i = 0; i < HEIRS; i++) {
    EXPECT_EQ(pthread_create(&heirs[i], NULL, inherit, &channels[i]), 0);
  }
  mortal_t mortal = {.channels = channels, .heirs = HEIRS};
  for (uint64_t round = 0; round < rounds; round++) {
    mortal.adopts = round % 2 != 0;
    hk_test_run_threads(1, live_and_die, &mortal, sizeof mortal);
  }
  for (uint32_t i = 0; i < HEIRS; i++) {
    hk_channel_send(&channels[i], NULL);
    EXPECT_EQ(pthread_join(heirs[i], NULL), 0);
  }
  bury();
  EXPECT_EQ(arenas(), before);
}

HK_TEST_MAIN(an_arena_without_live_blocks_is_gone_at_once,
             blocks_of_an_abandoned_arena_hold_until_they_are_freed_and_the_arena_until_the_last,
             a_second_free_of_a_block_of_an_abandoned_arena_is_refused,
             memory_of_abandoned_arenas_serves_others,
             an_abandoned_arena_goes_on_where_it_was_under_a_new_owner,
             an_arena_that_javascript_sees_is_not_abandoned,
             heirs_free_blocks_while_their_arena_is_abandoned_and_none_is_lost)

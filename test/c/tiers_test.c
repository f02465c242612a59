#include "super/tiers.h"

#include "heap/heap.h"
#include "refs.h"
#include "supply/supply.h"

/* Takes `count` neighbouring slabs and marks their records as runs. */
static hk_slab_t *take_slabs(hk_arena_t *arena, uint32_t count) {
  hk_slab_t *slab = NULL;
  if (!EXPECT(hk_supply_take(arena, count, &slab) == HK_OK)) return NULL;
  for (uint32_t i = 0; i < count; i++) slab[i].state = i == 0 ? HK_SLAB_RUN : HK_SLAB_TAIL;
  slab->bin = HK_BIN_RUN;
  hk_slab_lead(slab, count);
  return slab;
}

static void give_slabs(hk_arena_t *arena, hk_slab_t *slab, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) slab[i].state = HK_SLAB_UNUSED;
  hk_supply_put(arena, slab, count);
}

#define SUPERSLABS 4

/* SuperSlabs as hk_supply_take fills them; `used[i]` of the slabs of each are left, the lowest. */
static void make(hk_arena_t *arena, const uint32_t *used, hk_superslab_t **superslabs) {
  hk_slab_t *all[SUPERSLABS][HK_SUPERSLAB_SLABS];
  for (uint32_t i = 0; i < SUPERSLABS; i++) {
    for (uint32_t n = 0; n < HK_SUPERSLAB_SLABS; n++) all[i][n] = take_slabs(arena, 1);
    superslabs[i] = all[i][0]->superslab;
  }
  for (uint32_t i = 0; i < SUPERSLABS; i++) {
    for (uint32_t n = used[i]; n < HK_SUPERSLAB_SLABS; n++) give_slabs(arena, all[i][n], 1);
  }
}

static uint32_t used_slots(const hk_superslab_t *superslab) {
  return (uint32_t)__builtin_popcount(superslab->used_slots);
}

static void end(hk_arena_t *arena) {
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Where slabs come from -------------------------------------------------------------------- */

HK_TEST(a_slab_comes_from_the_fullest_superslab_that_has_room) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_superslab_t *s[SUPERSLABS];
  make(arena, (uint32_t[]){20, 29, 10, 32}, s);
  for (uint32_t n = 29; n < 32; n++) EXPECT_EQ(take_slabs(arena, 1)->superslab, s[1]);
  for (uint32_t n = 20; n < 32; n++) EXPECT_EQ(take_slabs(arena, 1)->superslab, s[0]);
  for (uint32_t n = 10; n < 32; n++) EXPECT_EQ(take_slabs(arena, 1)->superslab, s[2]);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, SUPERSLABS);
  EXPECT_EQ(take_slabs(arena, 1)->superslab->index, SUPERSLABS);
  end(arena);
}

HK_TEST(a_run_comes_from_the_fullest_superslab_where_it_fits) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_superslab_t *s[SUPERSLABS];
  make(arena, (uint32_t[]){20, 29, 10, 32}, s);
  EXPECT_EQ(take_slabs(arena, 4)->superslab, s[0]);
  EXPECT_EQ(take_slabs(arena, 3)->superslab, s[1]);
  EXPECT_EQ(take_slabs(arena, 12)->superslab, s[2]);
  EXPECT_EQ(take_slabs(arena, 9)->superslab, s[2]);
  EXPECT_EQ(take_slabs(arena, 8)->superslab, s[0]);
  end(arena);
}

HK_TEST(one_with_little_in_use_drains_and_serves_only_when_no_other_can) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_superslab_t *s[SUPERSLABS];
  make(arena, (uint32_t[]){7, 10, 32, 32}, s);
  EXPECT(s[0]->draining && !s[1]->draining);
  EXPECT_EQ(hk_test_stats(arena).superslabs_draining, 1);
  EXPECT_EQ(take_slabs(arena, 22)->superslab, s[1]);
  EXPECT_EQ(used_slots(s[0]), 7);
  EXPECT_EQ(take_slabs(arena, 1)->superslab, s[0]); /* before another SuperSlab is asked for */
  EXPECT(!s[0]->draining);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, SUPERSLABS);
  end(arena);
}

HK_TEST(an_empty_one_serves_before_one_that_drains) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_superslab_t *s[SUPERSLABS];
  make(arena, (uint32_t[]){7, 10, 0, 32}, s);
  EXPECT(s[0]->draining);
  EXPECT_EQ(take_slabs(arena, 22)->superslab, s[1]);
  EXPECT_EQ(take_slabs(arena, 32)->superslab, s[2]);
  EXPECT_EQ(take_slabs(arena, 1)->superslab, s[0]);
  end(arena);
}

HK_TEST(one_drains_only_if_others_have_room_to_spare) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_superslab_t *s[SUPERSLABS];
  make(arena, (uint32_t[]){1, 32, 32, 32}, s);
  EXPECT_EQ(hk_test_stats(arena).superslabs_draining, 0);
  end(arena);
  arena = hk_test_arena(0);
  hk_slab_t *only = take_slabs(arena, 1);
  give_slabs(arena, take_slabs(arena, 1), 1);
  EXPECT(!only->superslab->draining);
  end(arena);
}

HK_TEST(one_that_drains_and_becomes_empty_is_released) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  hk_superslab_t *s[SUPERSLABS];
  make(arena, (uint32_t[]){7, 10, 0, 32}, s);
  EXPECT_EQ(hk_test_stats(arena).superslabs_released, 0);
  for (uint32_t n = 0; n < 7; n++) give_slabs(arena, &s[0]->slabs[n], 1);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.superslabs_released, 1);
  EXPECT_EQ(stats.superslabs_draining, 0);
  EXPECT_EQ(stats.superslabs_empties, 1);
  EXPECT_EQ(stats.superslabs_hot, 2);
  EXPECT_EQ(stats.superslabs_live, 3);
  end(arena);
  fake_os_end();
}

/* Tiers of all SuperSlabs, a bit each. */
static uint64_t draining_ones(const hk_arena_t *arena) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < 64; i++) {
    bool drains = arena->superslabs[i] != NULL && arena->superslabs[i]->draining;
    bits |= (uint64_t)drains << i;
  }
  return bits;
}

HK_TEST(a_load_that_swings_by_half_a_superslab_changes_no_tier) {
  for (uint32_t used = 4; used <= 12; used++) {
    hk_arena_t *arena = hk_test_arena(0);
    hk_superslab_t *s[SUPERSLABS];
    make(arena, (uint32_t[]){used, 10, 20, 28}, s);
    hk_slab_t *swing[16];
    uint64_t before = 0;
    uint32_t changes = 0;
    for (int round = 0; round < 100; round++) {
      for (uint32_t i = 0; i < 16; i++) swing[i] = take_slabs(arena, 1);
      changes += round > 0 && draining_ones(arena) != before;
      before = draining_ones(arena);
      for (uint32_t i = 0; i < 16; i++) give_slabs(arena, swing[i], 1);
      changes += draining_ones(arena) != before;
      before = draining_ones(arena);
    }
    EXPECT(changes <= 1); /* the first round may find that one is not needed */
    EXPECT_EQ(hk_test_stats(arena).superslabs_released, 0);
    end(arena);
  }
}

/* --- What classes give up --------------------------------------------------------------------- */

static uint32_t retire_by_policy(hk_arena_t *arena) {
  uint32_t retired = 0;
  for (int32_t slab; (slab = hk_next_retirable(arena, UINT32_MAX)) >= 0; retired++) {
    if (!EXPECT(hk_retire(arena, (uint32_t)slab) == HK_OK)) break;
  }
  return retired;
}

#define CLASSES 24
#define BLOCKS_EACH 320

/* Classes of 1 to 8 KB whose slabs lie between each other's, `BLOCKS_EACH` blocks in use. */
static uint32_t spread[CLASSES][BLOCKS_EACH];

static void spread_classes(hk_arena_t *arena) {
  uint32_t first = hk_test_bin(1024);
  for (uint32_t i = 0; i < BLOCKS_EACH; i++) {
    for (uint32_t c = 0; c < CLASSES; c++) take(arena, first + c, &spread[c][i], 1);
  }
}

static void free_spread(hk_arena_t *arena, uint32_t keep_each) {
  uint32_t first = hk_test_bin(1024);
  for (uint32_t c = 0; c < CLASSES; c++) {
    flush(arena, first + c, &spread[c][keep_each], BLOCKS_EACH - keep_each);
  }
}

/* Lets a purge delay of 2 s go by, as a front would. */
static void let_decay(hk_arena_t *arena, uint32_t steps) {
  for (uint32_t i = 0; i < steps; i++) {
    fake_os.now_ns += (uint64_t)400 * 1000000;
    (void)hk_decay(arena, fake_os.now_ns);
    (void)retire_by_policy(arena);
  }
}

HK_TEST(superslabs_die_although_every_class_keeps_empty_slabs_in_each_of_them) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  spread_classes(arena);
  uint64_t most = hk_test_stats(arena).superslabs_live;
  EXPECT(most >= 8);
  free_spread(arena, 0);
  (void)retire_by_policy(arena);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, most); /* each has slabs that classes keep */
  let_decay(arena, 20);
  EXPECT(hk_test_stats(arena).superslabs_live <= 4);
  EXPECT(hk_test_stats(arena).superslabs_released >= most - 4);
  end(arena);
  fake_os_end();
}

HK_TEST(what_is_needed_again_within_the_delay_is_not_given_up) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  spread_classes(arena);
  free_spread(arena, BLOCKS_EACH / 2);
  (void)retire_by_policy(arena);
  uint32_t first = hk_test_bin(1024);
  uint64_t before = hk_test_stats(arena).superslabs_released;
  for (int round = 0; round < 40; round++) {
    for (uint32_t c = 0; c < CLASSES; c++) take(arena, first + c, refs + c * 32, 32);
    for (uint32_t c = 0; c < CLASSES; c++) flush(arena, first + c, refs + c * 32, 32);
    let_decay(arena, 1);
    if (round == 10) before = hk_test_stats(arena).superslabs_released;
  }
  EXPECT_EQ(hk_test_stats(arena).superslabs_released, before);
  end(arena);
  fake_os_end();
}

/* A class takes from slabs that stay, and binds a new one there, before it takes from one that is to
 * become empty. */
HK_TEST(blocks_come_from_a_superslab_that_drains_only_when_no_other_has_room) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(32768);
  hk_superslab_t *s[SUPERSLABS];
  take(arena, bin, refs, 14); /* 7 slabs in the first SuperSlab */
  make(arena, (uint32_t[]){0, 10, 32, 32}, s);
  hk_superslab_t *first = hk_arena_slab(arena, refs[0] >> HK_REF_INDEX_BITS)->superslab;
  for (uint32_t slot = 7; slot < HK_SUPERSLAB_SLABS; slot++) {
    if (first->slabs[slot].state == HK_SLAB_RUN) give_slabs(arena, &first->slabs[slot], 1);
  }
  EXPECT(first->draining);
  for (uint32_t i = 0; i < 14; i += 2) flush(arena, bin, refs + i, 1); /* half of each slab */
  for (uint32_t i = 0; i < 8; i++) {
    take(arena, bin, refs + 100 + i, 1);
    const hk_slab_t *slab = hk_arena_slab(arena, refs[100 + i] >> HK_REF_INDEX_BITS);
    /* The current slab is used up first, wherever it lies. */
    if (i > 0) EXPECT(slab->superslab != first);
  }
  end(arena);
}

HK_TEST(a_reset_leaves_nothing_that_drains) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_superslab_t *s[SUPERSLABS];
  make(arena, (uint32_t[]){7, 10, 32, 32}, s);
  take(arena, hk_test_bin(1024), refs, 1);
  flush(arena, hk_test_bin(1024), refs, 1);
  EXPECT_EQ(hk_test_stats(arena).superslabs_draining, 1);
  hk_arena_reset(arena);
  EXPECT_EQ(hk_test_stats(arena).superslabs_draining, 0);
  EXPECT_EQ(hk_test_stats(arena).superslabs_empties, SUPERSLABS);
  end(arena);
}

HK_TEST(the_heap_map_shows_tiers) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_superslab_t *s[SUPERSLABS];
  static hk_mapped_superslab_t seen[SUPERSLABS + 1];
  uint32_t ref;
  make(arena, (uint32_t[]){7, 10, 0, 32}, s);
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &ref), HK_OK);
  EXPECT_EQ(hk_arena_heap_map(arena, seen, SUPERSLABS + 1), SUPERSLABS + 1);
  EXPECT_EQ(seen[0].tier, HK_TIER_DRAINING);
  EXPECT_EQ(seen[1].tier, HK_TIER_HOT);
  EXPECT_EQ(seen[2].tier, HK_TIER_FREE);
  EXPECT_EQ(seen[3].tier, HK_TIER_HOT);
  EXPECT_EQ(seen[4].tier, HK_TIER_HOT);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  end(arena);
}

/* --- Anything in any order -------------------------------------------------------------------- */

#define HELD 600

/* true: a slab could come from a SuperSlab that does not drain. */
static bool others_have_room(const hk_arena_t *arena) {
  for (uint32_t i = 0; i < 64; i++) {
    const hk_superslab_t *s = arena->superslabs[i];
    if (s != NULL && !s->draining && s->slab_count > 1 && used_slots(s) < HK_SUPERSLAB_SLABS)
      return true;
  }
  return false;
}

static void used_of_draining(const hk_arena_t *arena, uint32_t *used) {
  for (uint32_t i = 0; i < 64; i++) {
    const hk_superslab_t *s = arena->superslabs[i];
    used[i] = s != NULL && s->draining ? used_slots(s) : HK_SUPERSLAB_SLABS;
  }
}

typedef struct held_t {
  uint32_t ref, bin; /* HK_BIN_RUN: a large block */
  bool held;
} held_t;

/* Takes a block; a slab may be bound for it, but not where a SuperSlab drains if another has room. */
static void take_one(hk_arena_t *arena, hk_random_t *random, held_t *h) {
  uint32_t before[64], after[64], got;
  bool room = others_have_room(arena);
  used_of_draining(arena, before);
  h->held = true;
  if (hk_random_below(random, 16) == 0) {
    h->bin = HK_BIN_RUN;
    EXPECT_EQ(hk_large_alloc(arena, (1 + hk_random_below(random, 8)) * 65536 + 1, &h->ref), HK_OK);
    return;
  }
  h->bin = hk_test_bin(2048) + hk_random_below(random, 24);
  if (!EXPECT(hk_refill(arena, h->bin, &h->ref, 1, &got) == HK_OK)) return;
  for (uint32_t i = 0; i < 64 && room; i++) {
    const hk_superslab_t *s = arena->superslabs[i];
    after[i] = s != NULL ? used_slots(s) : 0;
    if (after[i] > before[i]) EXPECT(!"bound where others had room");
  }
}

static void give_one(hk_arena_t *arena, held_t *h) {
  h->held = false;
  if (h->bin == HK_BIN_RUN) {
    EXPECT_EQ(hk_large_free(arena, h->ref), HK_OK);
  } else {
    EXPECT_EQ(hk_flush(arena, h->bin, &h->ref, 1), HK_OK);
  }
}

HK_TEST(whatever_comes_and_goes_the_books_are_true_at_every_step) {
  enum { STEPS = 12000 };
  static held_t held[HELD];
  memset(held, 0, sizeof held);
  hk_random_t random = hk_random_begin(1707);
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  uint64_t drained = 0;
  for (int step = 0; step < STEPS; step++) {
    uint32_t wanted = (step / 1500) % 2 == 0 ? HELD : HELD / 12; /* day and night */
    held_t *h = &held[hk_random_below(&random, HELD)];
    if (h->held) {
      give_one(arena, h);
    } else if ((uint32_t)(h - held) < wanted) {
      take_one(arena, &random, h);
    }
    if (step % 50 == 0) let_decay(arena, 1);
    if (step % 20 == 0) (void)retire_by_policy(arena);
    if (step == STEPS / 2) hk_arena_reset(arena), memset(held, 0, sizeof held);
    hk_arena_stats_t stats = hk_test_stats(arena);
    drained += stats.superslabs_draining;
    if (stats.superslabs_hot + stats.superslabs_draining + stats.superslabs_empties !=
        stats.superslabs_live)
      EXPECT(!"tiers add up");
    if (!hk_arena_is_valid(arena)) EXPECT(!"valid");
  }
  EXPECT(drained > 0);
  for (uint32_t i = 0; i < HELD; i++) {
    if (held[i].held) give_one(arena, &held[i]);
  }
  end(arena);
  fake_os_end();
}

HK_TEST_MAIN(a_slab_comes_from_the_fullest_superslab_that_has_room,
             a_run_comes_from_the_fullest_superslab_where_it_fits,
             one_with_little_in_use_drains_and_serves_only_when_no_other_can,
             an_empty_one_serves_before_one_that_drains,
             one_drains_only_if_others_have_room_to_spare,
             one_that_drains_and_becomes_empty_is_released,
             a_load_that_swings_by_half_a_superslab_changes_no_tier,
             superslabs_die_although_every_class_keeps_empty_slabs_in_each_of_them,
             what_is_needed_again_within_the_delay_is_not_given_up,
             blocks_come_from_a_superslab_that_drains_only_when_no_other_has_room,
             a_reset_leaves_nothing_that_drains, the_heap_map_shows_tiers,
             whatever_comes_and_goes_the_books_are_true_at_every_step)

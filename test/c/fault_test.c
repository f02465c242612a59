/* Lives of arenas on an OS that refuses one call, for every call that there is.
 *
 * A life is a list of steps. Each either succeeds or fails with a code and changes nothing (I7);
 * tried again it succeeds, and in the end everything is as if nothing had been refused. /
 */
#include "support.h"

#define REFS_MAX 600

typedef struct life_t {
  hk_arena_t *arena;
  uint32_t refs[REFS_MAX], count;
  void *blocks[REFS_MAX];
  uint64_t trace; /* of every reference handed out, in order */
} life_t;

typedef hk_status_t (*step_t)(life_t *life);

static hk_status_t create(life_t *life) { return hk_arena_create(NULL, &life->arena); }

static hk_status_t destroy(life_t *life) {
  hk_status_t status = hk_arena_destroy(life->arena);
  life->arena = NULL;
  life->count = 0;
  return status;
}

static hk_status_t reset(life_t *life) {
  hk_arena_reset(life->arena);
  life->count = 0;
  return HK_OK;
}

static hk_status_t trim(life_t *life) {
  (void)hk_arena_trim(life->arena);
  return HK_OK;
}

/* Memory comes zeroed, whoever had it before; from here on it does not any more. */
static void soil(char *block, size_t bytes) {
  if (!hk_is_zero(block, bytes)) EXPECT(!"bytes of an earlier arena");
  memset(block, 0xa5, bytes);
}

/* --- Steps of a front of another language ----------------------------------------------------- */

static void trace(life_t *life, uint32_t ref) {
  life->trace = hk_pattern_word(life->trace ^ ref, 0);
}

static hk_status_t refill(life_t *life, size_t size) {
  uint32_t got, bin = hk_test_bin(size);
  hk_status_t status = hk_refill(life->arena, bin, life->refs + life->count, 64, &got);
  if (status != HK_OK) return status;
  while (got-- > 0) trace(life, life->refs[life->count++]);
  return HK_OK;
}

static hk_status_t refill_small(life_t *life) { return refill(life, 100); }
static hk_status_t refill_mid(life_t *life) { return refill(life, 30000); }
static hk_status_t refill_slab(life_t *life) { return refill(life, 65536); }

/* In an arena that has had no memory yet. */
static hk_status_t refill_first(life_t *life) {
  hk_status_t status = refill(life, 65536);
  if (status == HK_OK) soil(hk_test_address(life->arena, life->refs[0]), 65536);
  return status;
}

static hk_status_t take_large(life_t *life, size_t bytes) {
  hk_status_t status = hk_large_alloc(life->arena, bytes, &life->refs[life->count]);
  if (status != HK_OK) return status;
  *hk_test_address(life->arena, life->refs[life->count]) = 1;
  trace(life, life->refs[life->count++]);
  return HK_OK;
}

static hk_status_t take_run(life_t *life) { return take_large(life, 20 * HK_SLAB_BYTES); }
static hk_status_t take_superslab(life_t *life) { return take_large(life, 2 * HK_MIB); }
static hk_status_t take_huge(life_t *life) { return take_large(life, 3 * HK_MIB); }
static hk_status_t take_larger(life_t *life) { return take_large(life, 9 * HK_MIB); }

static hk_status_t expose_first(life_t *life) {
  return hk_slab_set_exposed(life->arena, life->refs[0] >> HK_REF_INDEX_BITS, true);
}

static hk_status_t conceal(life_t *life) {
  hk_test_conceal_all(life->arena);
  return HK_OK;
}

static hk_status_t give_all(life_t *life) {
  while (life->count > 0) {
    uint32_t ref = life->refs[--life->count];
    hk_slab_info_t info;
    EXPECT_EQ(hk_slab_info(life->arena, ref >> HK_REF_INDEX_BITS, &info), HK_OK);
    if (info.bin >= HK_BIN_MAX) {
      EXPECT_EQ(hk_large_free(life->arena, ref), HK_OK);
    } else if (hk_flush(life->arena, info.bin, &ref, 1) != HK_OK) {
      EXPECT(!"flushed");
    }
  }
  (void)hk_test_retire_all(life->arena);
  return HK_OK;
}

static const step_t edge_life[] = {
    create,      refill_first,   refill_small, take_run, take_run,    take_superslab, take_huge,
    take_larger, expose_first,   conceal,      give_all, refill_mid,  trim,           take_huge,
    take_run,    take_run,       refill_small, reset,    refill_slab, take_larger,    give_all,
    trim,        take_superslab, take_huge,    destroy,  create,      refill_first,   take_run,
    take_run,    take_huge,      give_all,     trim,     take_larger, refill_small,   trim};

/* --- Steps of a program in C ------------------------------------------------------------------ */

static hk_status_t alloc(life_t *life, size_t size, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    char *block = hk_alloc(life->arena, size);
    if (block == NULL) return HK_OUT_OF_MEMORY_OS;
    *block = 1;
    life->blocks[life->count++] = block;
  }
  return HK_OK;
}

static hk_status_t alloc_small(life_t *life) { return alloc(life, 100, 1); }
static hk_status_t alloc_mid(life_t *life) { return alloc(life, 30000, 1); }
static hk_status_t alloc_run(life_t *life) { return alloc(life, 20 * HK_SLAB_BYTES, 1); }
static hk_status_t alloc_huge(life_t *life) { return alloc(life, 9 * HK_MIB, 1); }

static hk_status_t free_all(life_t *life) {
  while (life->count > 0) {
    if (hk_free(life->arena, life->blocks[--life->count]) != HK_OK) EXPECT(!"freed");
  }
  return HK_OK;
}

static const step_t front_life[] = {create,     alloc_small, alloc_mid,   alloc_run, alloc_run,
                                    alloc_huge, free_all,    trim,        alloc_run, alloc_huge,
                                    alloc_mid,  reset,       alloc_small, alloc_run, alloc_run,
                                    free_all,   trim,        destroy,     create,    alloc_huge,
                                    alloc_run,  alloc_small, alloc_run,   free_all,  alloc_mid};

/* --- A life, with something refused ----------------------------------------------------------- */

typedef struct script_t {
  const step_t *steps;
  size_t count;
  bool flushes_on_failure; /* the front in C gives back what it holds before it gives up */
} script_t;

static const script_t scripts[] = {
    {edge_life, sizeof edge_life / sizeof edge_life[0], false},
    {front_life, sizeof front_life / sizeof front_life[0], true},
};

#define SCRIPTS 2

static hk_arena_stats_t stats_of(hk_arena_t *arena) {
  hk_arena_stats_t stats = {0};
  if (arena != NULL) hk_arena_stats(arena, &stats);
  return stats;
}

/* What no failure may change. */
static void expect_same(hk_arena_stats_t a, hk_arena_stats_t b, bool may_flush) {
  a.failures_os = b.failures_os = a.failures_retried = b.failures_retried = 0;
  a.bytes_metadata = b.bytes_metadata =
      0; /* a front may have been made for the call that was refused */
  for (uint32_t bin = 0; bin < HK_BIN_COUNT && may_flush; bin++) {
    hk_bin_stats_t *both[] = {&a.bins[bin], &b.bins[bin]};
    for (int i = 0; i < 2; i++) {
      *both[i] = (hk_bin_stats_t){.allocs = both[i]->allocs,
                                  .frees_local = both[i]->frees_local,
                                  .live = both[i]->live,
                                  .live_bytes = both[i]->live_bytes,
                                  .block_bytes = both[i]->block_bytes};
    }
  }
  hk_arena_stats_t *both[] = {&a, &b};
  for (int i = 0; i < 2; i++) {
    hk_arena_stats_t *s = both[i];
    for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) { /* adopted or not, as below */
      s->bins[bin].stage_os += s->bins[bin].stage_cached;
      s->bins[bin].stage_cached = 0;
    }
    if (may_flush) {
      s->bytes_committed -= s->bytes_front + s->bytes_free_in_slab + s->bytes_slack;
      s->bytes_front = s->bytes_free_in_slab = s->bytes_slack = s->bytes_used = 0;
    }
    /* What is kept unused goes back before a request is refused. */
    s->bytes_committed -= s->bytes_free_slabs;
    s->bytes_free_slabs = s->superslabs_live = s->superslabs_empties = s->superslabs_adopted = 0;
    s->superslabs_released = s->bytes_dirty = s->bytes_returned = s->bytes_retaken = 0;
  }
  EXPECT(memcmp(&a, &b, sizeof a) == 0);
}

static void expect_valid(hk_arena_t *arena) {
  if (arena != NULL && !hk_arena_is_valid(arena)) EXPECT(!"a valid arena");
}

/* Does a step; one that fails changes nothing, and succeeds when the OS is willing again. */
static int do_step(const script_t *script, life_t *life, step_t step) {
  hk_arena_stats_t before = stats_of(life->arena);
  size_t mapped = fake_os.mapped_bytes;
  hk_status_t status = step(life);
  expect_valid(life->arena);
  if (status == HK_OK) return 0;
  hk_arena_stats_t after = stats_of(life->arena);
  EXPECT_EQ(status, HK_OUT_OF_MEMORY_OS);
  if (!script->flushes_on_failure) EXPECT(fake_os.mapped_bytes <= mapped);
  expect_same(before, after, script->flushes_on_failure);
  fake_os.maps_allowed = UINT64_MAX;
  EXPECT_EQ(step(life), HK_OK);
  expect_valid(life->arena);
  return 1;
}

/* What is left of a life. */
typedef struct end_t {
  hk_arena_stats_t stats; /* just before the arena ended */
  uint64_t trace;
} end_t;

/* Lives a life on the fake OS as it is now; returns how many steps failed. */
static int live(const script_t *script, end_t *end) {
  static life_t life;
  int failures = 0;
  memset(&life, 0, sizeof life);
  for (size_t i = 0; i < script->count; i++) failures += do_step(script, &life, script->steps[i]);
  *end = (end_t){stats_of(life.arena), life.trace};
  EXPECT_EQ(hk_arena_destroy(life.arena), HK_OK);
  hk_test_empty_cache();
  return failures;
}

static end_t undisturbed(const script_t *script) {
  end_t end;
  hk_test_prepare_map();
  fake_os_begin();
  EXPECT_EQ(live(script, &end), 0);
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
  return end;
}

static void expect_same_end(const script_t *script, const end_t *end, const end_t *expected) {
  expect_same(end->stats, expected->stats, script->flushes_on_failure);
  EXPECT_EQ(end->trace, expected->trace);
}

/* --- The n-th map ----------------------------------------------------------------------------- */

/* Refuses map n, and with `for_long` all after it until a step has failed. false: there is no map
 * n. */
static bool refuse_map(const script_t *script, uint64_t n, bool for_long) {
  end_t end, expected = undisturbed(script);
  hk_os_stats_t before, after;
  fake_os_begin();
  fake_os.nth_map = for_long ? 0 : n;
  fake_os.maps_allowed = for_long ? n - 1 : UINT64_MAX;
  hk_os_stats(&before);
  int failures = live(script, &end);
  hk_os_stats(&after);
  bool refused = after.map_failed > before.map_failed;
  /* A step fails only when trying again has failed as well, if there was anything to give back. */
  EXPECT(failures == refused || (!for_long && failures == 0));
  expect_same_end(script, &end, &expected);
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
  return refused;
}

HK_TEST(the_nth_map_refused_costs_one_call_for_every_n) {
  for (int s = 0; s < SCRIPTS; s++) {
    uint64_t n = 1;
    while (n < 200 && refuse_map(&scripts[s], n, false)) n++;
    EXPECT(n > 10 && n < 200);
  }
}

HK_TEST(maps_refused_from_the_nth_on_cost_one_call_for_every_n) {
  for (int s = 0; s < SCRIPTS; s++) {
    uint64_t n = 1;
    while (n < 200 && refuse_map(&scripts[s], n, true)) n++;
    EXPECT(n > 10 && n < 200);
  }
}

/* --- The n-th unmap --------------------------------------------------------------------------- */

/* false: there is no unmap n. */
static bool refuse_unmap(const script_t *script, uint64_t n) {
  hk_os_stats_t before, after;
  hk_options_t *options = hk_test_options();
  hk_options_t saved = *options;
  options->superslab_max_cached = 0; /* nothing stays: more is unmapped */
  end_t end, expected = undisturbed(script);
  fake_os_begin();
  fake_os.nth_unmap = n;
  hk_os_stats(&before);
  EXPECT_EQ(live(script, &end), 0);
  hk_os_stats(&after);
  bool refused = fake_os.stuck != NULL;
  EXPECT_EQ(after.unmap_failed - before.unmap_failed, refused);
  /* It costs its address space and nothing else; nobody uses it any more. */
  EXPECT_EQ(fake_os.mapped_bytes, fake_os.stuck_bytes);
  EXPECT_EQ(hk_usable_size(fake_os.stuck), 0);
  if (refused) EXPECT_EQ(hk_os_native.unmap(fake_os.stuck, fake_os.stuck_bytes), HK_OS_DONE);
  expected.stats.superslabs_adopted =
      end.stats.superslabs_adopted; /* from a cache that keeps nothing */
  expect_same_end(script, &end, &expected);
  fake_os_end();
  *options = saved;
  return refused;
}

HK_TEST(the_nth_unmap_refused_costs_address_space_alone_for_every_n) {
  for (int s = 0; s < SCRIPTS; s++) {
    uint64_t n = 1;
    while (n < 200 && refuse_unmap(&scripts[s], n)) n++;
    EXPECT(n > 10 && n < 200);
  }
}

/* --- The n-th purge --------------------------------------------------------------------------- */

/* Purge n is refused; how many purges were asked for in all. */
static uint64_t refuse_purge(const script_t *script, uint64_t n, hk_os_result_t result,
                             hk_os_stats_t *change) {
  end_t end, expected = undisturbed(script);
  hk_os_stats_t before;
  fake_os_begin();
  fake_os.nth_purge = n;
  fake_os.nth_purge_result = result;
  hk_os_stats(&before);
  EXPECT_EQ(live(script, &end), 0);
  hk_os_stats(change);
  change->purge -= before.purge;
  change->purge_enomem -= before.purge_enomem;
  change->purge_failed -= before.purge_failed;
  expect_same_end(script, &end, &expected);
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  uint64_t purges = fake_os.purges;
  fake_os_end();
  return purges;
}

static void expect_last_purge(hk_os_result_t result, bool is_enomem) {
  for (int s = 0; s < SCRIPTS; s++) {
    hk_os_stats_t change;
    uint64_t all = refuse_purge(&scripts[s], 0, result, &change);
    EXPECT(all > 3);
    EXPECT(!change.purge_disabled);
    for (uint64_t n = 1; n <= all; n++) {
      EXPECT_EQ(refuse_purge(&scripts[s], n, result, &change), n);
      EXPECT_EQ(change.purge, n - 1);
      EXPECT_EQ(change.purge_enomem, is_enomem);
      EXPECT_EQ(change.purge_failed, !is_enomem);
      EXPECT(change.purge_disabled);
    }
  }
}

HK_TEST(the_purge_that_meets_enomem_is_the_last_and_all_else_goes_on) {
  expect_last_purge(HK_OS_NO_MEMORY, true);
}

HK_TEST(a_purge_refused_otherwise_is_the_last_in_strict_mode) {
  hk_test_options()->madvise_strict = 1;
  expect_last_purge(HK_OS_REFUSED, false);
  hk_test_options()->madvise_strict = 0;
}

HK_TEST(a_purge_refused_otherwise_is_one_purge_less) {
  for (int s = 0; s < SCRIPTS; s++) {
    hk_os_stats_t change;
    uint64_t all = refuse_purge(&scripts[s], 0, HK_OS_REFUSED, &change);
    for (uint64_t n = 1; n <= all; n++) {
      uint64_t purges = refuse_purge(&scripts[s], n, HK_OS_REFUSED, &change);
      EXPECT(purges >= all);
      EXPECT_EQ(change.purge, purges - 1);
      EXPECT_EQ(change.purge_failed, 1);
      EXPECT(!change.purge_disabled);
    }
  }
}

/* --- Advice ----------------------------------------------------------------------------------- */

HK_TEST(advice_that_the_os_does_not_take_changes_nothing) {
  static const hk_os_result_t results[] = {HK_OS_NO_MEMORY, HK_OS_REFUSED};
  for (int64_t thp = HK_THP_ALWAYS; thp <= HK_THP_NEVER; thp++) {
    for (int i = 0; i < SCRIPTS * 2; i++) {
      const script_t *script = &scripts[i / 2];
      end_t end, expected = undisturbed(script);
      fake_os_begin();
      hk_test_options()->thp = thp;
      fake_os.advise_result = results[i % 2];
      EXPECT_EQ(live(script, &end), 0);
      EXPECT(fake_os.advices > 0);
      EXPECT_EQ(fake_os.mapped_bytes, 0);
      expect_same_end(script, &end, &expected);
      hk_test_options()->thp = HK_THP_AUTO;
      fake_os_end();
    }
  }
}

HK_TEST_MAIN(the_nth_map_refused_costs_one_call_for_every_n,
             maps_refused_from_the_nth_on_cost_one_call_for_every_n,
             the_nth_unmap_refused_costs_address_space_alone_for_every_n,
             the_purge_that_meets_enomem_is_the_last_and_all_else_goes_on,
             a_purge_refused_otherwise_is_the_last_in_strict_mode,
             a_purge_refused_otherwise_is_one_purge_less,
             advice_that_the_os_does_not_take_changes_nothing)

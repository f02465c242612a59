#include "hakmem.h"
#include "support.h"

static hk_arena_t *arena_with(hk_arena_options_t options) {
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  return arena;
}

static hk_process_stats_t process(void) {
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  return stats;
}

HK_TEST(choices_that_are_none_are_refused_and_leave_nothing_behind) {
  static const hk_arena_options_t bad[] = {
      {.thp = 4},
      {.thp = UINT32_MAX},
      {.policy = 3},
      {.policy = UINT32_MAX},
      {.max_bytes = 1000, .prewarm_bytes = 1001},
      {.prewarm_bytes = UINT64_MAX},
      {.prewarm_bytes = (uint64_t)HK_ARENA_SUPERSLABS_MAX * HK_SUPERSLAB_BYTES + 1},
  };
  fake_os_begin();
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    hk_arena_t *arena = NULL;
    EXPECT_EQ(hk_arena_create(&bad[i], &arena), HK_INVALID_ARGUMENT);
    EXPECT(arena == NULL);
  }
  EXPECT_EQ(fake_os.slab_bytes, 0);
  fake_os_end();
}

/* --- Transparent huge pages ------------------------------------------------------------------- */

HK_TEST(huge_pages_are_advised_as_the_arena_says_or_else_the_process) {
  static const int64_t choices[] = {HK_THP_AUTO, HK_THP_ALWAYS, HK_THP_NEVER};
  for (uint32_t own = 0; own <= 1 + HK_THP_NEVER; own++) {
    for (uint32_t of_process = 0; of_process < 3; of_process++) {
      fake_os_begin();
      hk_test_options()->thp = choices[of_process];
      hk_arena_t *arena = arena_with((hk_arena_options_t){.thp = own});
      EXPECT(hk_alloc(arena, 100) != NULL);
      EXPECT(hk_alloc(arena, 5 << 20) != NULL);
      int64_t wanted = own == 0 ? choices[of_process] : (int64_t)own - 1;
      EXPECT_EQ(fake_os.advices, wanted == HK_THP_AUTO ? 0 : 2);
      if (wanted != HK_THP_AUTO) EXPECT_EQ(fake_os.advice, wanted == HK_THP_ALWAYS);
      EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
      hk_test_options()->thp = HK_THP_AUTO;
      fake_os_end();
    }
  }
}

HK_TEST(a_superslab_from_the_cache_is_advised_anew_only_for_another_wish) {
  fake_os_begin();
  for (int i = 0; i < 3; i++) {
    hk_arena_t *arena = arena_with((hk_arena_options_t){.thp = 1 + HK_THP_ALWAYS});
    EXPECT(hk_alloc(arena, 100) != NULL);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  EXPECT_EQ(fake_os.advices, 1);
  hk_arena_t *never = arena_with((hk_arena_options_t){.thp = 1 + HK_THP_NEVER});
  EXPECT(hk_alloc(never, 100) != NULL);
  EXPECT_EQ(fake_os.advices, 2);
  EXPECT(!fake_os.advice);
  EXPECT_EQ(hk_arena_destroy(never), HK_OK);
  fake_os_end();
}

/* --- Policy ----------------------------------------------------------------------------------- */

HK_TEST(an_arena_keeps_or_gives_pages_back_as_it_says_or_else_the_process) {
  for (uint32_t own = 0; own <= 1 + HK_FREE_POLICY_BATCH; own++) {
    for (int64_t of_process = HK_FREE_POLICY_KEEP; of_process <= HK_FREE_POLICY_BATCH;
         of_process++) {
      fake_os_begin();
      hk_test_options()->free_policy = of_process;
      hk_arena_t *arena = arena_with((hk_arena_options_t){.policy = own});
      char *huge = hk_alloc(arena, 16 << 20);
      memset(huge, 1, 16 << 20);
      EXPECT_EQ(hk_free(arena, huge), HK_OK);
      int64_t wanted = own == 0 ? of_process : (int64_t)own - 1;
      EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
      EXPECT_EQ(fake_os.purges, wanted == HK_FREE_POLICY_BATCH);
      hk_test_options()->free_policy = HK_FREE_POLICY_BATCH;
      fake_os_end();
    }
  }
}

/* --- Prewarm ---------------------------------------------------------------------------------- */

HK_TEST(what_was_prewarmed_is_there_before_it_is_asked_for) {
  fake_os_begin();
  hk_arena_t *arena = arena_with((hk_arena_options_t){.prewarm_bytes = 5 * HK_SUPERSLAB_BYTES - 1});
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 5);
  EXPECT_EQ(hk_test_stats(arena).superslabs_empties, 5);
  EXPECT_EQ(hk_test_stats(arena).bytes_used, 0);
  void *first = hk_alloc(arena, HK_SUPERSLAB_BYTES);
  uint64_t maps = fake_os.maps;
  for (int round = 0; round < 3; round++) {
    void *blocks[4];
    for (int i = 0; i < 4; i++) blocks[i] = hk_alloc(arena, HK_SUPERSLAB_BYTES);
    for (int i = 0; i < 4; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
  }
  EXPECT_EQ(hk_free(arena, first), HK_OK);
  EXPECT_EQ(fake_os.maps, maps);
  EXPECT_EQ(fake_os.purges, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_trim_gives_back_what_was_prewarmed) {
  hk_arena_t *arena = arena_with((hk_arena_options_t){.prewarm_bytes = 3 * HK_SUPERSLAB_BYTES});
  EXPECT_EQ(hk_arena_trim(arena), 3 * HK_SUPERSLAB_BYTES);
  EXPECT_EQ(hk_test_stats(arena).bytes_committed, 0);
  hk_test_options()->superslab_ttl_sec = 0; /* nor does it stay because it was used */
  void *blocks[3];
  for (int i = 0; i < 3; i++) blocks[i] = hk_alloc(arena, HK_SUPERSLAB_BYTES);
  for (int i = 0; i < 3; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).superslabs_empties, 1);
  hk_test_options()->superslab_ttl_sec = 60;
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_os_that_refuses_to_prewarm_leaves_nothing_behind) {
  for (uint64_t n = 0; n < 12; n++) {
    fake_os_begin();
    hk_test_prepare_map();
    fake_os.maps_allowed = n;
    hk_arena_t *arena = NULL;
    hk_arena_options_t options = {.prewarm_bytes = 4 * HK_SUPERSLAB_BYTES};
    hk_status_t status = hk_arena_create(&options, &arena);
    EXPECT(status == HK_OUT_OF_MEMORY_OS || status == HK_OK);
    EXPECT_EQ(status == HK_OK, arena != NULL);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    hk_test_empty_cache();
    EXPECT_EQ(fake_os.slab_bytes, 0);
    fake_os_end();
  }
}

/* --- The limit of the process ----------------------------------------------------------------- */

HK_TEST(all_arenas_together_hold_no_more_than_the_process_may) {
  hk_test_empty_cache();
  hk_test_options()->max_memory_mb = 16;
  hk_arena_t *a = hk_test_arena(0), *b = hk_test_arena(0);
  uint32_t refs[8], last;
  for (int i = 0; i < 8; i++) {
    EXPECT_EQ(hk_large_alloc(i % 2 == 0 ? a : b, HK_SUPERSLAB_BYTES, &refs[i]), HK_OK);
  }
  EXPECT_EQ(hk_large_alloc(a, HK_SUPERSLAB_BYTES, &last), HK_OUT_OF_MEMORY_PROCESS);
  EXPECT_EQ(hk_large_alloc(b, 3 << 20, &last), HK_OUT_OF_MEMORY_PROCESS);
  EXPECT(hk_alloc(b, 8) == NULL);
  EXPECT_EQ(hk_test_stats(a).failures_limit, 1);
  EXPECT(hk_arena_is_valid(a) && hk_arena_is_valid(b));
  EXPECT_EQ(hk_arena_destroy(b), HK_OK);
  EXPECT_EQ(process().superslabs_cached, 4); /* which do not count */
  EXPECT_EQ(hk_large_alloc(a, 8 << 20, &last), HK_OK);
  EXPECT_EQ(hk_large_alloc(a, HK_SUPERSLAB_BYTES, &last), HK_OUT_OF_MEMORY_PROCESS);
  hk_test_options()->max_memory_mb = 0;
  EXPECT_EQ(hk_large_alloc(a, HK_SUPERSLAB_BYTES, &last), HK_OK);
  EXPECT_EQ(hk_arena_destroy(a), HK_OK);
}

HK_TEST(an_empty_superslab_makes_room_for_a_huge_mapping_at_the_limit) {
  hk_test_empty_cache();
  hk_test_options()->max_memory_mb = 6;
  hk_arena_t *arena = hk_test_arena(0);
  void *run = hk_alloc(arena, 1 << 20);
  EXPECT(hk_alloc(arena, 6 << 20) == NULL);
  EXPECT_EQ(hk_free(arena, run), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).superslabs_empties, 1);
  EXPECT(hk_alloc(arena, 6 << 20) != NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_test_options()->max_memory_mb = 0;
}

HK_TEST(a_larger_mapping_from_the_cache_does_not_break_the_limit_of_the_process) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(hk_alloc(arena, 9 << 20) != NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  arena = hk_test_arena(0);
  EXPECT_EQ(process().superslabs_cached, 1);
  hk_test_options()->max_memory_mb = 8;
  void *huge = hk_alloc(arena, 8 << 20);
  EXPECT(huge != NULL);
  EXPECT_EQ(hk_test_stats(arena).bytes_committed, 8 << 20);
  EXPECT_EQ(process().superslabs_cached, 1);
  hk_test_options()->max_memory_mb = 9;
  EXPECT_EQ(hk_free(arena, huge), HK_OK);
  EXPECT(hk_alloc(arena, 8 << 20) != NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_test_options()->max_memory_mb = 0;
}

/* --- Profile ---------------------------------------------------------------------------------- */

HK_TEST(the_lean_profile_keeps_fewer_empty_slabs) {
  uint64_t kept[2];
  for (int profile = HK_PROFILE_DEFAULT; profile <= HK_PROFILE_LEAN; profile++) {
    static void *blocks[400];
    hk_test_options()->policy_profile = profile;
    hk_arena_t *arena = hk_test_arena(0);
    for (int i = 0; i < 400; i++) blocks[i] = hk_alloc(arena, 16384);
    for (int i = 0; i < 400; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
    kept[profile] = hk_test_stats(arena).bins[hk_test_bin(16384)].slabs;
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  EXPECT(kept[HK_PROFILE_LEAN] < kept[HK_PROFILE_DEFAULT]);
  hk_test_options()->policy_profile = HK_PROFILE_DEFAULT;
}

HK_TEST_MAIN(choices_that_are_none_are_refused_and_leave_nothing_behind,
             huge_pages_are_advised_as_the_arena_says_or_else_the_process,
             a_superslab_from_the_cache_is_advised_anew_only_for_another_wish,
             an_arena_keeps_or_gives_pages_back_as_it_says_or_else_the_process,
             what_was_prewarmed_is_there_before_it_is_asked_for,
             a_trim_gives_back_what_was_prewarmed,
             an_os_that_refuses_to_prewarm_leaves_nothing_behind,
             all_arenas_together_hold_no_more_than_the_process_may,
             an_empty_superslab_makes_room_for_a_huge_mapping_at_the_limit,
             a_larger_mapping_from_the_cache_does_not_break_the_limit_of_the_process,
             the_lean_profile_keeps_fewer_empty_slabs)

#include "base/options.h"

#include "support.h"

static const struct {
  const char *name;
  int64_t default_value, min, max;
  const char *choices;
} expected[] = {{"HAKMEM_TINY_POLICY_PROFILE", HK_PROFILE_DEFAULT, 0, 6,
                 "default|lean|legacy|c5_7_only|tinyplus_all|bench|larson_guard"},
                {"HAKMEM_MAX_MEMORY_MB", 0, 0, 134217728, NULL},
                {"HAKMEM_SUPERSLAB_MAX_CACHED", 256, 0, 1048576, NULL},
                {"HAKMEM_SUPERSLAB_MAX_MEMORY_MB", 512, 0, 1048576, NULL},
                {"HAKMEM_SUPERSLAB_TTL_SEC", 60, 0, 86400, NULL},
                {"HAKMEM_PURGE_DELAY_MS", 2000, -1, 86400000, NULL},
                {"HAKMEM_FREE_POLICY", HK_FREE_POLICY_BATCH, 0, 1, "keep|batch"},
                {"HAKMEM_THP", HK_THP_AUTO, 0, 2, "auto|always|never"},
                {"HAKMEM_SS_MADVISE_STRICT", 0, 0, 1, NULL},
                {"HAKMEM_TINY_HEAP_V2", 1, 0, 1, NULL},
                {"HAKMEM_TINY_HEAP_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_SS_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_SS_OS_STATS", 0, 0, 1, NULL},
                {"HAKMEM_TINY_C7_PAGE_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_WARM_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_TINY_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_SS_OS_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_CACHE_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_LOCK_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_MEM_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_FRONT_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_DECAY_STATS_DUMP", 0, 0, 1, NULL},
                {"HAKMEM_POLICY_STATS_DUMP", 0, 0, 1, NULL}};
#define EXPECTED_COUNT (sizeof expected / sizeof expected[0])

static const hk_option_info_t *find(const char *name) {
  size_t count;
  const hk_option_info_t *table = hk_options_table(&count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(table[i].name, name) == 0) return &table[i];
  }
  return NULL;
}

HK_TEST(names_defaults_and_ranges_are_the_documented_ones) {
  size_t count;
  (void)hk_options_table(&count);
  EXPECT_EQ(count, EXPECTED_COUNT);
  for (size_t i = 0; i < EXPECTED_COUNT; i++) {
    const hk_option_info_t *info = find(expected[i].name);
    if (!EXPECT(info != NULL)) continue;
    EXPECT_EQ(info->default_value, expected[i].default_value);
    EXPECT_EQ(info->min, expected[i].min);
    EXPECT_EQ(info->max, expected[i].max);
    EXPECT_EQ(info->choices == NULL, expected[i].choices == NULL);
    if (info->choices != NULL) EXPECT_STR_EQ(info->choices, expected[i].choices);
    EXPECT(strlen(info->meaning) > 0);
  }
}

static bool parses(const char *name, const char *text, int64_t expected_value) {
  int64_t value = -77;
  return hk_options_parse(find(name), text, &value) && value == expected_value;
}

static bool is_refused(const char *name, const char *text) {
  int64_t value = -77;
  return !hk_options_parse(find(name), text, &value) && value == -77;
}

HK_TEST(numbers_parse_up_to_the_ends_of_their_range_and_no_further) {
  EXPECT(parses("HAKMEM_SUPERSLAB_TTL_SEC", "0", 0));
  EXPECT(parses("HAKMEM_SUPERSLAB_TTL_SEC", "86400", 86400));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", "86401"));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", "-1"));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", "99999999999999999999"));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", "-99999999999999999999"));
}

HK_TEST(a_limit_may_be_left_to_the_machine) {
  EXPECT(parses("HAKMEM_MAX_MEMORY_MB", "auto", HK_MAX_MEMORY_AUTO));
  EXPECT(is_refused("HAKMEM_MAX_MEMORY_MB", "automatic"));
  EXPECT(is_refused("HAKMEM_MAX_MEMORY_MB", "-1"));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_MAX_MEMORY_MB", "auto"));
}

HK_TEST(a_number_with_anything_behind_it_is_refused) {
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", ""));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", "60s"));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", "0x10"));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", "1.5"));
  EXPECT(is_refused("HAKMEM_SUPERSLAB_TTL_SEC", "many"));
}

HK_TEST(a_choice_is_one_of_the_words_exactly) {
  EXPECT(parses("HAKMEM_FREE_POLICY", "keep", HK_FREE_POLICY_KEEP));
  EXPECT(parses("HAKMEM_FREE_POLICY", "batch", HK_FREE_POLICY_BATCH));
  EXPECT(parses("HAKMEM_THP", "auto", HK_THP_AUTO));
  EXPECT(parses("HAKMEM_THP", "always", HK_THP_ALWAYS));
  EXPECT(parses("HAKMEM_THP", "never", HK_THP_NEVER));
  EXPECT(is_refused("HAKMEM_FREE_POLICY", "kee"));
  EXPECT(is_refused("HAKMEM_FREE_POLICY", "keeps"));
  EXPECT(is_refused("HAKMEM_FREE_POLICY", "keep|batch"));
  EXPECT(is_refused("HAKMEM_FREE_POLICY", "Batch"));
  EXPECT(is_refused("HAKMEM_FREE_POLICY", "1"));
  EXPECT(is_refused("HAKMEM_FREE_POLICY", ""));
}

static void clear_environment(void) {
  for (size_t i = 0; i < EXPECTED_COUNT; i++) unsetenv(expected[i].name);
}

static void read_without_environment(void) {
  clear_environment();
  const hk_options_t *options = hk_options_get();
  for (size_t i = 0; i < EXPECTED_COUNT; i++) {
    int64_t value;
    memcpy(&value, (const char *)options + find(expected[i].name)->offset, sizeof value);
    EXPECT_EQ(value, expected[i].default_value);
  }
  EXPECT(hk_options_warning(0) == NULL);
}

HK_TEST(an_empty_environment_gives_the_defaults) {
  EXPECT_EQ(hk_test_in_child(read_without_environment), 0);
}

static void read_every_value(void) {
  clear_environment();
  setenv("HAKMEM_SUPERSLAB_MAX_CACHED", "7", 1);
  setenv("HAKMEM_SUPERSLAB_MAX_MEMORY_MB", "64", 1);
  setenv("HAKMEM_SUPERSLAB_TTL_SEC", "5", 1);
  setenv("HAKMEM_FREE_POLICY", "keep", 1);
  setenv("HAKMEM_THP", "never", 1);
  setenv("HAKMEM_TINY_POLICY_PROFILE", "lean", 1);
  setenv("HAKMEM_MAX_MEMORY_MB", "1000", 1);
  setenv("HAKMEM_SS_MADVISE_STRICT", "1", 1);
  setenv("HAKMEM_TINY_HEAP_STATS_DUMP", "1", 1);
  setenv("HAKMEM_SS_STATS_DUMP", "1", 1);
  setenv("HAKMEM_SS_OS_STATS", "1", 1);
  const hk_options_t *options = hk_options_get();
  EXPECT_EQ(options->superslab_max_cached, 7);
  EXPECT_EQ(options->superslab_max_memory_mb, 64);
  EXPECT_EQ(options->superslab_ttl_sec, 5);
  EXPECT_EQ(options->free_policy, HK_FREE_POLICY_KEEP);
  EXPECT_EQ(options->thp, HK_THP_NEVER);
  EXPECT_EQ(options->policy_profile, HK_PROFILE_LEAN);
  EXPECT_EQ(options->max_memory_mb, 1000);
  EXPECT_EQ(options->madvise_strict, 1);
  EXPECT_EQ(options->heap_stats_dump, 1);
  EXPECT_EQ(options->ss_stats_dump, 1);
  EXPECT_EQ(options->ss_os_stats, 1);
  EXPECT(hk_options_warning(0) == NULL);
}

HK_TEST(every_option_arrives_in_its_own_field) { EXPECT_EQ(hk_test_in_child(read_every_value), 0); }

static void read_lean_profile(void) {
  clear_environment();
  setenv("HAKMEM_TINY_POLICY_PROFILE", "lean", 1);
  setenv("HAKMEM_SUPERSLAB_TTL_SEC", "600", 1);
  setenv("HAKMEM_SUPERSLAB_MAX_MEMORY_MB", "much", 1);
  const hk_options_t *options = hk_options_get();
  EXPECT_EQ(options->superslab_max_cached, 16);
  EXPECT_EQ(options->superslab_max_memory_mb, 32);
  EXPECT_EQ(options->superslab_ttl_sec, 600);
  EXPECT_EQ(options->free_policy, HK_FREE_POLICY_BATCH);
  EXPECT_STR_EQ(hk_options_warning(0), "HAKMEM_SUPERSLAB_MAX_MEMORY_MB");
}

HK_TEST(a_profile_changes_defaults_and_no_value_that_is_given) {
  EXPECT_EQ(hk_test_in_child(read_lean_profile), 0);
}

static void read_bad_values(void) {
  clear_environment();
  setenv("HAKMEM_SUPERSLAB_MAX_CACHED", "lots", 1);
  setenv("HAKMEM_SUPERSLAB_TTL_SEC", "30", 1);
  setenv("HAKMEM_THP", "sometimes", 1);
  const hk_options_t *options = hk_options_get();
  EXPECT_EQ(options->superslab_max_cached, 256);
  EXPECT_EQ(options->superslab_ttl_sec, 30);
  EXPECT_EQ(options->thp, HK_THP_AUTO);
  EXPECT_STR_EQ(hk_options_warning(0), "HAKMEM_SUPERSLAB_MAX_CACHED");
  EXPECT_STR_EQ(hk_options_warning(1), "HAKMEM_THP");
  EXPECT(hk_options_warning(2) == NULL);
  EXPECT(hk_options_warning(1000) == NULL);
}

HK_TEST(a_bad_value_is_the_default_and_one_warning) {
  EXPECT_EQ(hk_test_in_child(read_bad_values), 0);
}

static void read_only_bad_values(void) {
  for (size_t i = 0; i < EXPECTED_COUNT; i++) setenv(expected[i].name, "?", 1);
  for (size_t i = 0; i < EXPECTED_COUNT; i++) EXPECT(hk_options_warning(i) != NULL);
  EXPECT(hk_options_warning(EXPECTED_COUNT) == NULL);
}

HK_TEST(the_list_of_warnings_has_room_for_every_option) {
  EXPECT_EQ(hk_test_in_child(read_only_bad_values), 0);
}

static void read_empty_values(void) {
  for (size_t i = 0; i < EXPECTED_COUNT; i++) setenv(expected[i].name, "", 1);
  EXPECT_EQ(hk_options_get()->superslab_max_cached, 256);
  EXPECT(hk_options_warning(0) == NULL);
}

HK_TEST(an_empty_value_is_no_value) { EXPECT_EQ(hk_test_in_child(read_empty_values), 0); }

static void read_twice(void) {
  clear_environment();
  setenv("HAKMEM_SUPERSLAB_TTL_SEC", "5", 1);
  EXPECT_EQ(hk_options_get()->superslab_ttl_sec, 5);
  setenv("HAKMEM_SUPERSLAB_TTL_SEC", "6", 1);
  EXPECT_EQ(hk_options_get()->superslab_ttl_sec, 5);
}

HK_TEST(the_environment_is_read_once) { EXPECT_EQ(hk_test_in_child(read_twice), 0); }

HK_TEST_MAIN(a_limit_may_be_left_to_the_machine, names_defaults_and_ranges_are_the_documented_ones,
             numbers_parse_up_to_the_ends_of_their_range_and_no_further,
             a_number_with_anything_behind_it_is_refused, a_choice_is_one_of_the_words_exactly,
             an_empty_environment_gives_the_defaults, every_option_arrives_in_its_own_field,
             a_profile_changes_defaults_and_no_value_that_is_given,
             a_bad_value_is_the_default_and_one_warning,
             the_list_of_warnings_has_room_for_every_option, an_empty_value_is_no_value,
             the_environment_is_read_once)

#include "supply/record.h"

#include "support.h"

/* --- Names and options ------------------------------------------------------------------------ */

HK_TEST(an_arena_without_a_name_is_named_by_its_id) {
  hk_arena_t *a = NULL, *b = NULL;
  char expected[32];
  EXPECT_EQ(hk_arena_create(NULL, &a), HK_OK);
  EXPECT_EQ(hk_arena_create(NULL, &b), HK_OK);
  EXPECT_EQ(hk_arena_id(b), hk_arena_id(a) + 1);
  snprintf(expected, sizeof expected, "arena-%" PRIu64, hk_arena_id(b));
  EXPECT_STR_EQ(hk_arena_name(b), expected);
  EXPECT_EQ(hk_arena_max_bytes(a), 0);
  EXPECT_EQ(hk_arena_classes(a), hk_classes_default());
  EXPECT_EQ(hk_arena_used_bytes(a), 0);
  EXPECT_EQ(hk_arena_destroy(a), HK_OK);
  EXPECT_EQ(hk_arena_destroy(b), HK_OK);
}

HK_TEST(a_name_is_copied_and_one_beyond_63_bytes_is_refused) {
  char name[101];
  memset(name, 'x', 100);
  name[100] = '\0';
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&(hk_arena_options_t){.name = name}, &arena), HK_INVALID_ARGUMENT);
  name[64] = '\0';
  EXPECT_EQ(hk_arena_create(&(hk_arena_options_t){.name = name}, &arena), HK_INVALID_ARGUMENT);
  EXPECT(arena == NULL);
  name[63] = '\0';
  EXPECT_EQ(hk_arena_create(&(hk_arena_options_t){.name = name}, &arena), HK_OK);
  name[0] = 'y';
  EXPECT_EQ(strlen(hk_arena_name(arena)), HK_ARENA_NAME_MAX);
  EXPECT_EQ(hk_arena_name(arena)[0], 'x');
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(class_sizes_of_its_own_replace_the_table) {
  static const uint32_t sizes[] = {32, 1504};
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&(hk_arena_options_t){.class_sizes = sizes, .class_count = 2}, &arena),
            HK_OK);
  EXPECT_EQ(hk_arena_classes(arena)->count, 3);
  for (uint32_t bin = 0; bin < 3; bin++) {
    uint32_t refs[8], got;
    EXPECT_EQ(hk_refill(arena, bin, refs, 8, &got), HK_OK);
    EXPECT_EQ(hk_flush(arena, bin, refs, got), HK_OK);
  }
  uint32_t ref, got;
  EXPECT_EQ(hk_refill(arena, 3, &ref, 1, &got), HK_INVALID_ARGUMENT);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(bad_class_sizes_leave_nothing_behind) {
  static const uint32_t sizes[] = {24};
  fake_os_begin();
  hk_arena_t *arena = (hk_arena_t *)&fake_os;
  EXPECT_EQ(hk_arena_create(&(hk_arena_options_t){.class_sizes = sizes, .class_count = 1}, &arena),
            HK_INVALID_ARGUMENT);
  EXPECT_EQ(arena, (hk_arena_t *)&fake_os);
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
}

HK_TEST(destroying_nothing_is_allowed) { EXPECT_EQ(hk_arena_destroy(NULL), HK_OK); }

/* --- Registry --------------------------------------------------------------------------------- */

typedef struct visits_t {
  hk_arena_t *seen[8];
  uint32_t count, stop_at;
} visits_t;

static bool visit(hk_arena_t *arena, void *context) {
  visits_t *visits = context;
  if (visits->count < 8) visits->seen[visits->count] = arena;
  return ++visits->count != visits->stop_at;
}

HK_TEST(every_living_arena_is_visited_oldest_first) {
  hk_arena_t *arenas[4];
  for (int i = 0; i < 4; i++) arenas[i] = hk_test_arena(0);
  visits_t all = {0}, two = {.stop_at = 2}, rest = {0}, none = {0};
  hk_arena_each(visit, &all);
  EXPECT_EQ(all.count, 4);
  for (int i = 0; i < 4; i++) EXPECT_EQ(all.seen[i], arenas[i]);
  hk_arena_each(visit, &two);
  EXPECT_EQ(two.count, 2);
  EXPECT_EQ(hk_arena_destroy(arenas[0]), HK_OK);
  EXPECT_EQ(hk_arena_destroy(arenas[2]), HK_OK);
  hk_arena_each(visit, &rest);
  EXPECT_EQ(rest.count, 2);
  EXPECT_EQ(rest.seen[0], arenas[1]);
  EXPECT_EQ(rest.seen[1], arenas[3]);
  EXPECT_EQ(hk_arena_destroy(arenas[3]), HK_OK);
  EXPECT_EQ(hk_arena_destroy(arenas[1]), HK_OK);
  hk_arena_each(visit, &none);
  EXPECT_EQ(none.count, 0);
}

/* --- Reset and trim --------------------------------------------------------------------------- */

/* Takes something of every kind; returns the first reference of the 1 KB class. */
static uint32_t use_everything(hk_arena_t *arena) {
  static uint32_t refs[HK_BATCH_MAX];
  uint32_t got, large, first = 0;
  for (uint32_t bin = 0; bin < hk_arena_classes(arena)->count; bin++) {
    EXPECT_EQ(hk_refill(arena, bin, refs, 50, &got), HK_OK);
    if (hk_arena_classes(arena)->bins[bin].stride_bytes == 1024) first = refs[0];
  }
  EXPECT_EQ(hk_large_alloc(arena, 500000, &large), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 2 * HK_MIB, &large), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &large), HK_OK);
  return first;
}

HK_TEST(a_reset_frees_everything_and_the_next_use_asks_the_os_for_nothing) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t first = use_everything(arena);
  uint64_t maps = fake_os.maps;
  for (int round = 0; round < 10; round++) {
    hk_arena_reset(arena);
    EXPECT_EQ(hk_arena_used_bytes(arena), 0);
    hk_arena_stats_t stats = hk_test_stats(arena);
    EXPECT_EQ(stats.bytes_free_slabs, stats.bytes_committed);
    EXPECT_EQ(stats.superslabs_empties, stats.superslabs_live);
    EXPECT_EQ(stats.bins[0].slabs, 0);
    EXPECT(hk_arena_is_valid(arena));
    (void)use_everything(arena);
  }
  EXPECT_EQ(fake_os.maps, maps);
  (void)first;
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_reference_from_before_a_reset_is_not_ours_any_more) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref = use_everything(arena);
  hk_arena_reset(arena);
  EXPECT_EQ(hk_flush(arena, hk_test_bin(1024), &ref, 1), HK_NOT_OWNED);
  hk_slab_info_t info;
  EXPECT_EQ(hk_slab_info(arena, ref >> HK_REF_INDEX_BITS, &info), HK_NOT_OWNED);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_trim_gives_back_what_is_free_and_nothing_that_is_used) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t keep, give;
  EXPECT_EQ(hk_large_alloc(arena, 4 * HK_SLAB_BYTES, &keep), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 7 * HK_SLAB_BYTES, &give), HK_OK);
  char *kept = hk_test_address(arena, keep), *given = hk_test_address(arena, give);
  hk_pattern_fill(kept, 4 * HK_SLAB_BYTES, 1);
  hk_pattern_fill(given, 7 * HK_SLAB_BYTES, 2);
  EXPECT_EQ(hk_large_free(arena, give), HK_OK);
  EXPECT_EQ(hk_arena_trim(arena), 7 * HK_SLAB_BYTES);
  EXPECT(hk_pattern_holds(kept, 4 * HK_SLAB_BYTES, 1));
  EXPECT(hk_is_zero(given, 7 * HK_SLAB_BYTES));
  EXPECT_EQ(hk_arena_trim(arena), 0);
  EXPECT_EQ(hk_large_free(arena, keep), HK_OK);
  EXPECT_EQ(hk_arena_trim(arena), 4 * HK_SLAB_BYTES);
  EXPECT_EQ(hk_test_stats(arena).bytes_committed, 0);
  EXPECT_EQ(hk_test_stats(arena).superslabs_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_trim_unmaps_what_is_too_old_in_the_cache) {
  fake_os_begin();
  hk_process_stats_t process;
  hk_arena_t *arena = hk_test_arena(0);
  (void)use_everything(arena);
  for (uint32_t i = 0; i < hk_test_stats(arena).superslabs_live; i++) {
    EXPECT_EQ(hk_slab_set_exposed(arena, i * HK_SUPERSLAB_SLABS, true), HK_OK);
  }
  hk_test_conceal_all(arena);
  hk_arena_reset(arena);
  (void)hk_arena_trim(arena);
  hk_process_stats(&process);
  EXPECT(process.superslabs_cached > 0);
  fake_os.now_ns += (uint64_t)61 * 1000000000;
  (void)hk_arena_trim(arena);
  hk_process_stats(&process);
  EXPECT_EQ(process.superslabs_cached, 0);
  EXPECT_EQ(fake_os.slab_bytes, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

/* --- Limits ----------------------------------------------------------------------------------- */

HK_TEST(a_limit_of_n_slabs_gives_n_slabs_for_any_n) {
  for (uint64_t n = 1; n <= 70; n++) {
    hk_arena_t *arena = hk_test_arena(n * HK_SLAB_BYTES + (n % 3) * 20000); /* parts do not count */
    uint32_t ref, got, bin = hk_test_bin(HK_CLASS_SIZE_MAX);
    for (uint64_t i = 0; i < n; i++) EXPECT_EQ(hk_refill(arena, bin, &ref, 1, &got), HK_OK);
    EXPECT_EQ(hk_refill(arena, bin, &ref, 1, &got), HK_OUT_OF_MEMORY_LIMIT);
    EXPECT_EQ(hk_large_alloc(arena, HK_CLASS_SIZE_MAX + 1, &ref), HK_OUT_OF_MEMORY_LIMIT);
    EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &ref), HK_OUT_OF_MEMORY_LIMIT);
    EXPECT_EQ(hk_arena_used_bytes(arena), n * HK_SLAB_BYTES);
    EXPECT_EQ(hk_test_stats(arena).failures_limit, 3);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

HK_TEST(a_limit_below_one_slab_gives_nothing_and_a_code) {
  hk_arena_t *arena = hk_test_arena(HK_SLAB_BYTES - 1);
  uint32_t ref, got;
  EXPECT_EQ(hk_refill(arena, 0, &ref, 1, &got), HK_OUT_OF_MEMORY_LIMIT);
  EXPECT(hk_alloc(arena, 1) == NULL);
  EXPECT_EQ(hk_test_stats(arena).bytes_committed, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(destroying_an_arena_survives_an_os_that_refuses_to_unmap) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  (void)use_everything(arena);
  EXPECT(hk_alloc(arena, 100) != NULL);
  hk_process_stats_t before, after;
  hk_process_stats(&before);
  fake_os.unmap_result = HK_OS_NO_MEMORY;
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_process_stats(&after);
  EXPECT_EQ(after.os_unmap_failed, before.os_unmap_failed + 3); /* arena, counters, front */
  fake_os_end();
}

/* --- Many arenas, many SuperSlabs ------------------------------------------------------------- */

HK_TEST(ten_thousand_arenas_one_after_another_map_no_more_than_one) {
  hk_test_prepare_map();
  fake_os_begin();
  size_t most = 0;
  for (uint64_t i = 0; i < 10000; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    char *block = hk_alloc(arena, 1 + i % 5000);
    if (block == NULL || *block != 0) EXPECT(!"a block without bytes of its predecessor");
    if (block != NULL) *block = 1;
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    if (i == 0) most = fake_os.mapped_bytes;
    if (fake_os.mapped_bytes > most) EXPECT(fake_os.mapped_bytes <= most);
  }
  hk_test_empty_cache();
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
}

/* --- Counters and silence --------------------------------------------------------------------- */

HK_TEST(counters_outlive_the_arena_while_somebody_holds_them) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  hk_counters_t *counters = hk_arena_counters(arena);
  hk_counters_hold(counters);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT(fake_os.mapped_bytes > 0);
  counters->allocs.by_length[1] = 7; /* mapped still: this would crash */
  EXPECT(counters->allocs.by_length[1] == 7);
  hk_counters_drop(counters);
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
}

HK_TEST(counters_that_were_left_serve_the_next_arena_from_zero_on) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_counters_t *counters = hk_arena_counters(arena);
  hk_counters_hold(counters);
  hk_arena_options_t options = {.counters = counters};
  hk_arena_t *next;
  EXPECT_EQ(hk_arena_create(&options, &next), HK_OK);
  EXPECT(hk_arena_counters(next) != counters); /* the first arena has them still */
  EXPECT_EQ(hk_arena_destroy(next), HK_OK);
  counters->allocs.by_length[7] = 7;
  counters->stale_frees = 1;
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_create(&options, &next), HK_OK);
  EXPECT(hk_arena_counters(next) == counters);
  EXPECT(hk_is_zero(counters, sizeof *counters));
  hk_counters_drop(counters);
  EXPECT(counters->allocs.by_length[7] == 0); /* the arena holds them */
  EXPECT_EQ(hk_arena_destroy(next), HK_OK);
}

/* Everything that can go wrong without being a crash. */
static void misbehave(void) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(HK_MIB);
  void *block = hk_alloc(arena, 100);
  (void)hk_free(arena, (char *)block + 1);
  (void)hk_free(arena, &arena);
  (void)hk_alloc(arena, HK_MIB);
  (void)hk_alloc(arena, SIZE_MAX);
  (void)hk_flush(arena, 0, (uint32_t[]){0, UINT32_MAX}, 2);
  fake_os.maps_allowed = 0;
  fake_os.purge_result = HK_OS_NO_MEMORY;
  fake_os.unmap_result = HK_OS_REFUSED;
  hk_arena_t *another;
  (void)hk_arena_create(NULL, &another);
  (void)hk_arena_trim(arena);
  (void)hk_arena_destroy(arena);
  fake_os_end();
}

static void misbehave_in_silence(void) {
  setenv("HAKMEM_THP", "sometimes", 1);
  FILE *paper = tmpfile();
  int output = dup(STDOUT_FILENO);
  fflush(stdout);
  if (paper == NULL || dup2(fileno(paper), STDOUT_FILENO) < 0) _exit(3);
  if (dup2(fileno(paper), STDERR_FILENO) < 0) _exit(3);
  misbehave();
  fflush(stdout);
  fflush(stderr);
  dup2(output, STDOUT_FILENO);
  EXPECT_EQ(lseek(fileno(paper), 0, SEEK_END), 0);
}

HK_TEST(nothing_is_printed_whatever_goes_wrong) {
  EXPECT_EQ(hk_test_in_child(misbehave_in_silence), 0);
}

HK_TEST_MAIN(an_arena_without_a_name_is_named_by_its_id,
             a_name_is_copied_and_one_beyond_63_bytes_is_refused,
             class_sizes_of_its_own_replace_the_table, bad_class_sizes_leave_nothing_behind,
             destroying_nothing_is_allowed, every_living_arena_is_visited_oldest_first,
             a_reset_frees_everything_and_the_next_use_asks_the_os_for_nothing,
             a_reference_from_before_a_reset_is_not_ours_any_more,
             a_trim_gives_back_what_is_free_and_nothing_that_is_used,
             a_trim_unmaps_what_is_too_old_in_the_cache, a_limit_of_n_slabs_gives_n_slabs_for_any_n,
             a_limit_below_one_slab_gives_nothing_and_a_code,
             destroying_an_arena_survives_an_os_that_refuses_to_unmap,
             ten_thousand_arenas_one_after_another_map_no_more_than_one,
             counters_outlive_the_arena_while_somebody_holds_them,
             counters_that_were_left_serve_the_next_arena_from_zero_on,
             nothing_is_printed_whatever_goes_wrong)

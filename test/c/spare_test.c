#include "os/spare.h"

#include "hakmem.h"
#include "support.h"

static void begin(void) {
  fake_os_begin();
  hk_spare_limit(HK_SPARE_MAX);
}

HK_TEST(a_mapping_given_away_serves_the_next_of_its_size) {
  bool fresh;
  begin();
  char *first = hk_spare_take(HK_SPARE_RECORD, 8192, &fresh);
  EXPECT(fresh && hk_is_zero(first, 8192));
  first[5] = 7;
  hk_spare_put(HK_SPARE_RECORD, first, 8192);
  char *other = hk_spare_take(HK_SPARE_RECORD, 4096, &fresh);
  EXPECT(fresh && other != first);
  char *again = hk_spare_take(HK_SPARE_RECORD, 8192, &fresh);
  EXPECT(!fresh && again == first && again[5] == 7);
  hk_spare_put(HK_SPARE_RECORD, again, 8192);
  hk_spare_put(HK_SPARE_RECORD, other, 4096);
  EXPECT_EQ(fake_os.unmaps, 0);
  EXPECT_EQ(hk_spare_trim(), 12288);
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
}

/* A record is expected to be zero; events, and stacks of a front, are left as they were. */
HK_TEST(a_record_is_never_where_something_else_of_its_size_was) {
  begin();
  for (int round = 0; round < 4; round++) {
    hk_arena_options_t options = {.trace_events = hk_arena_record_bytes() / sizeof(hk_event_t)};
    hk_arena_t *arena = NULL;
    EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
    for (int i = 0; i < 10000; i++) {
      uint32_t ref, got;
      EXPECT_EQ(hk_refill(arena, 0, &ref, 1, &got), HK_OK);
      EXPECT_EQ(hk_flush(arena, 0, &ref, 1), HK_OK);
    }
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    arena = hk_test_arena(0);
    EXPECT(!arena->ended && arena->front == NULL && arena->remote_queue == NULL);
    EXPECT(hk_is_zero(arena->superslabs, sizeof arena->superslabs));
    EXPECT(hk_is_zero(arena->counters, sizeof *arena->counters));
    EXPECT(hk_is_zero(arena->lent, sizeof arena->lent));
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  fake_os_end();
}

HK_TEST(what_does_not_fit_any_more_is_unmapped) {
  bool fresh;
  void *mappings[HK_SPARE_MAX + 3];
  begin();
  for (int i = 0; i < HK_SPARE_MAX + 3; i++)
    mappings[i] = hk_spare_take(HK_SPARE_RECORD, 4096, &fresh);
  for (int i = 0; i < HK_SPARE_MAX + 3; i++) hk_spare_put(HK_SPARE_RECORD, mappings[i], 4096);
  EXPECT_EQ(fake_os.unmaps, 3);
  EXPECT_EQ(fake_os.mapped_bytes, HK_SPARE_MAX * 4096);
  void *large = hk_spare_take(HK_SPARE_RECORD, HK_SPARE_BYTES_MAX + 4096, &fresh);
  (void)hk_spare_trim();
  hk_spare_put(HK_SPARE_RECORD, large, HK_SPARE_BYTES_MAX + 4096);
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
}

HK_TEST(an_os_that_refuses_gives_no_spare) {
  bool fresh;
  begin();
  fake_os.maps_allowed = 0;
  EXPECT(hk_spare_take(HK_SPARE_RECORD, 4096, &fresh) == NULL);
  fake_os_end();
}

static void use(hk_arena_t *arena, bool has_front) {
  for (uint32_t i = 0; i < 300; i++) {
    void *block = hk_alloc(arena, 1 + i * 331 % 100000);
    if (!EXPECT(block != NULL)) return;
    if (i % 3 != 0) EXPECT_EQ(hk_free(arena, block), HK_OK);
  }
  if (!has_front) return;
  hk_arena_counters(arena)->allocs.by_length[1000] = 3;
  hk_arena_counters(arena)->allocs.by_slot[HK_COUNTER_SLOTS - 1] = 3;
}

/* Own classes and default ones take turns in the same record, and counters that a front wrote to and others. */
HK_TEST(an_arena_in_the_record_of_another_is_like_new) {
  static const uint32_t own[] = {16, 320, 1520};
  begin();
  for (int i = 0; i < 6; i++) {
    hk_arena_options_t options = {.shares_bytes = i % 4 < 2};
    if (i % 2 != 0) options.class_sizes = own, options.class_count = 3;
    hk_arena_t *arena = NULL;
    EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
    hk_arena_stats_t stats = hk_test_stats(arena);
    stats.bytes_metadata = 0;
    EXPECT(hk_is_zero(&stats, sizeof stats));
    EXPECT(hk_is_zero(arena->superslabs, sizeof arena->superslabs));
    EXPECT(hk_arena_is_valid(arena));
    use(arena, i % 3 == 0);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
  fake_os_end();
}

HK_TEST(arenas_that_come_and_go_ask_the_os_for_nothing) {
  begin();
  uint64_t maps = 0, purges = 0;
  for (int i = 0; i < 1000; i++) {
    hk_arena_options_t options = {.shares_bytes = true};
    hk_arena_t *arena = NULL;
    EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
    for (uint32_t n = 0; n < 100; n++) memset(hk_alloc(arena, 16 + n * 40), 1, 16);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    if (i == 0) maps = fake_os.maps, purges = fake_os.purges;
  }
  EXPECT_EQ(fake_os.maps, maps);
  EXPECT_EQ(fake_os.purges, purges);
  EXPECT_EQ(fake_os.unmaps, 0);
  fake_os_end();
}

/* Of an arena that shares bytes the purge waits, and an isolated one still sees none of them. */
HK_TEST(bytes_of_an_arena_that_shares_reach_no_other_kind) {
  begin();
  hk_arena_options_t options = {.shares_bytes = true};
  hk_arena_t *sharing = NULL;
  EXPECT_EQ(hk_arena_create(&options, &sharing), HK_OK);
  char *secret = hk_alloc(sharing, HK_SUPERSLAB_BYTES);
  memset(secret, 0x5a, HK_SUPERSLAB_BYTES);
  EXPECT_EQ(hk_arena_destroy(sharing), HK_OK);
  EXPECT_EQ(fake_os.purges, 0);
  hk_arena_t *isolated = hk_test_arena(0);
  char *block = hk_alloc(isolated, HK_SUPERSLAB_BYTES);
  EXPECT_EQ(block, secret);
  EXPECT(hk_is_zero(block, HK_SUPERSLAB_BYTES));
  EXPECT_EQ(hk_arena_destroy(isolated), HK_OK);
  fake_os_end();
}

HK_TEST(two_superslabs_at_most_wait_to_be_purged) {
  begin();
  hk_arena_options_t options = {.shares_bytes = true};
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  for (int i = 0; i < 10; i++) memset(hk_alloc(arena, HK_SUPERSLAB_BYTES), 1, HK_SUPERSLAB_BYTES);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(fake_os.purges, 8);
  fake_os_end();
}

HK_TEST_MAIN(a_mapping_given_away_serves_the_next_of_its_size,
             a_record_is_never_where_something_else_of_its_size_was,
             what_does_not_fit_any_more_is_unmapped, an_os_that_refuses_gives_no_spare,
             an_arena_in_the_record_of_another_is_like_new,
             arenas_that_come_and_go_ask_the_os_for_nothing,
             bytes_of_an_arena_that_shares_reach_no_other_kind,
             two_superslabs_at_most_wait_to_be_purged)

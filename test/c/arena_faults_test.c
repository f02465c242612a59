/* An arena on an OS that refuses the n-th map (I7). */
#include "support.h"

static hk_status_t refill_one(hk_arena_t *arena, size_t size) {
  uint32_t ref, got;
  return hk_refill(arena, hk_test_bin(size), &ref, 1, &got);
}

static hk_status_t take_large(hk_arena_t *arena, size_t size) {
  uint32_t ref;
  return hk_large_alloc(arena, size, &ref);
}

/* Operations that between them map everything an arena ever maps. */
static hk_status_t do_step(hk_arena_t *arena, int step) {
  switch (step) {
    case 0:
      return refill_one(arena, 64);
    case 1:
      return take_large(arena, HK_MIB);
    case 2:
      return take_large(arena, 2 * HK_MIB);
    case 3:
      return take_large(arena, 3 * HK_MIB);
    case 4:
      return take_large(arena, HK_MIB + HK_SLAB_BYTES);
    default:
      return hk_alloc(arena, 16) != NULL ? HK_OK : HK_OUT_OF_MEMORY_OS;
  }
}

static bool same_but_failures(const hk_arena_stats_t *before, const hk_arena_stats_t *after) {
  hk_arena_stats_t a = *before, b = *after;
  a.failures_os = b.failures_os = a.failures_retried = b.failures_retried = 0;
  return memcmp(&a, &b, sizeof a) == 0;
}

/* Runs all steps while the OS refuses map number `allowed` + 1 and everything after it until the
 * step has failed. Returns how many steps failed. */
static int run_with_refusal(uint64_t allowed) {
  int refusals = 0;
  fake_os_begin();
  fake_os.maps_allowed = allowed;
  hk_arena_t *arena = NULL;
  if (hk_arena_create(NULL, &arena) != HK_OK) {
    refusals++;
    EXPECT(arena == NULL);
    EXPECT_EQ(fake_os.mapped_bytes, 0);
    fake_os.maps_allowed = UINT64_MAX;
    EXPECT_EQ(hk_arena_create(NULL, &arena), HK_OK);
  }
  for (int step = 0; step < 6; step++) {
    hk_arena_stats_t before = hk_test_stats(arena);
    size_t mapped = fake_os.mapped_bytes;
    hk_status_t status = do_step(arena, step);
    if (status == HK_OK) continue;
    refusals++;
    hk_arena_stats_t after = hk_test_stats(arena);
    EXPECT_EQ(status, HK_OUT_OF_MEMORY_OS);
    EXPECT_EQ(fake_os.mapped_bytes, mapped);
    EXPECT(same_but_failures(&before, &after));
    EXPECT(hk_arena_is_valid(arena));
    fake_os.maps_allowed = UINT64_MAX;
    EXPECT_EQ(do_step(arena, step), HK_OK);
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_test_empty_cache();
  EXPECT_EQ(fake_os.mapped_bytes, 0);
  fake_os_end();
  return refusals;
}

HK_TEST(an_os_that_refuses_the_nth_map_leaves_the_arena_as_it_was_for_every_n) {
  hk_test_prepare_map();
  uint64_t n = 0;
  while (n < 100 && run_with_refusal(n) == 1) n++;
  /* Arena, counters, four mappings with their metadata, the front. */
  EXPECT_EQ(n, 11);
}

HK_TEST_MAIN(an_os_that_refuses_the_nth_map_leaves_the_arena_as_it_was_for_every_n)

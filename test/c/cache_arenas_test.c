/* What of one arena may reach another by way of the cache: memory, and never bytes. */
#include "cache_limits.h"

static const size_t secret_sizes[] = {8, 100, 1024, 5000, 65536, 200000, 2 * HK_MIB, 3 * HK_MIB};
#define SECRET_COUNT (sizeof secret_sizes / sizeof secret_sizes[0])

static hk_arena_t *new_arena(void) {
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(NULL, &arena), HK_OK);
  return arena;
}

/* An arena writes secrets of every size and ends; the next one must find none of them. */
static void pass_secrets_on(int64_t policy, hk_os_result_t purge_result) {
  begin(256, 60, policy);
  fake_os.purge_result = purge_result;
  hk_arena_t *arena = new_arena();
  for (size_t i = 0; i < SECRET_COUNT; i++) {
    for (int n = 0; n < 20; n++) {
      void *block = hk_alloc(arena, secret_sizes[i]);
      memset(block, 0x5e, secret_sizes[i]);
    }
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT(cached() > 10);
  uint64_t maps = fake_os.maps;
  arena = new_arena();
  uint64_t maps_of_the_arena_itself = fake_os.maps - maps;
  for (size_t i = 0; i < SECRET_COUNT; i++) {
    for (int n = 0; n < 20; n++) {
      const void *block = hk_alloc(arena, secret_sizes[i]);
      if (!hk_is_zero(block, hk_usable_size(block))) EXPECT(!"bytes of the other arena");
    }
  }
  /* The memory was indeed the same: only the new front was mapped. */
  EXPECT_EQ(fake_os.maps - maps, maps_of_the_arena_itself + 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  end();
}

HK_TEST(bytes_of_one_arena_never_reach_another) {
  pass_secrets_on(HK_FREE_POLICY_KEEP, HK_OS_DONE);
  pass_secrets_on(HK_FREE_POLICY_BATCH, HK_OS_DONE);
}

HK_TEST(bytes_of_one_arena_never_reach_another_where_the_os_refuses_to_purge) {
  pass_secrets_on(HK_FREE_POLICY_KEEP, HK_OS_REFUSED);
  pass_secrets_on(HK_FREE_POLICY_BATCH, HK_OS_NO_MEMORY);
}

HK_TEST(a_slab_that_was_ever_exposed_puts_its_superslab_in_quarantine) {
  for (int exposed = 0; exposed <= 1; exposed++) {
    begin(0, 60, HK_FREE_POLICY_BATCH);
    hk_arena_t *arena = new_arena();
    uint32_t ref, got;
    EXPECT_EQ(hk_refill(arena, hk_test_bin(64), &ref, 1, &got), HK_OK);
    if (exposed) {
      EXPECT_EQ(hk_slab_set_exposed(arena, 0, true), HK_OK);
      EXPECT_EQ(hk_slab_set_exposed(arena, 0, false), HK_OK);
    }
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    EXPECT_EQ(fake_os.slab_bytes, exposed ? HK_SUPERSLAB_BYTES : 0);
    fake_os.now_ns += 60 * SECOND_NS;
    hk_cache_expire(hk_os_now_ns());
    EXPECT_EQ(fake_os.slab_bytes, 0);
    end();
  }
}

HK_TEST(a_late_write_never_shows_in_the_next_arena) {
  begin(256, 60, HK_FREE_POLICY_BATCH);
  hk_arena_t *arena = new_arena();
  uint32_t ref, got;
  EXPECT_EQ(hk_refill(arena, hk_test_bin(65536), &ref, 1, &got), HK_OK);
  char *address = hk_test_address(arena, ref);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, true), HK_OK);
  EXPECT_EQ(hk_slab_set_exposed(arena, 0, false), HK_OK);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  memset(address, 0x77, HK_SLAB_BYTES);
  arena = new_arena();
  EXPECT_EQ(hk_refill(arena, hk_test_bin(65536), &ref, 1, &got), HK_OK);
  EXPECT_EQ(hk_test_address(arena, ref), address);
  EXPECT(hk_is_zero(address, HK_SLAB_BYTES));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  end();
}

HK_TEST_MAIN(bytes_of_one_arena_never_reach_another,
             bytes_of_one_arena_never_reach_another_where_the_os_refuses_to_purge,
             a_slab_that_was_ever_exposed_puts_its_superslab_in_quarantine,
             a_late_write_never_shows_in_the_next_arena)

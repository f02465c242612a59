/* A process with little address space: what is kept unused goes back before a request is refused. */
#include "support.h"

/* Leaves `bytes` of address space beside what is mapped now. */
static void leave_room(size_t bytes) { fake_os.bytes_allowed = fake_os.mapped_bytes + bytes; }

HK_TEST(a_block_gets_the_room_of_another_size_that_is_kept_for_reuse) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  void *block = hk_alloc(arena, 40 * HK_MIB);
  EXPECT(block != NULL);
  EXPECT_EQ(hk_free(arena, block), HK_OK);
  leave_room(40 * HK_MIB);
  block = hk_alloc(arena, 70 * HK_MIB);
  EXPECT(block != NULL);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.failures_os + stats.failures_retried, 0);
  EXPECT(hk_alloc(arena, 70 * HK_MIB) == NULL);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(a_huge_block_gets_the_room_of_empty_superslabs_and_of_magazines) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  void *blocks[64];
  for (int i = 0; i < 64; i++) EXPECT((blocks[i] = hk_alloc(arena, 65536)) != NULL);
  for (int i = 0; i < 64; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
  leave_room(HK_MIB);
  EXPECT(hk_alloc(arena, 5 * HK_MIB / 2) != NULL);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(an_arena_and_its_front_get_the_room_of_what_is_kept_for_reuse) {
  fake_os_begin();
  hk_arena_t *first = hk_test_arena(0), *second = NULL;
  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(hk_free(first, hk_alloc(first, 3 * HK_MIB)), HK_OK);
    leave_room(0);
    if (i == 0) EXPECT_EQ(hk_arena_create(NULL, &second), HK_OK);
    if (i == 1) EXPECT(hk_alloc(second, 100) != NULL);
    leave_room(16 * HK_MIB);
  }
  EXPECT_EQ(hk_arena_destroy(first), HK_OK);
  EXPECT_EQ(hk_arena_destroy(second), HK_OK);
  fake_os_end();
}

HK_TEST(with_nothing_kept_a_refusal_is_final_and_asks_the_os_once) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(hk_alloc(arena, 100) != NULL);
  leave_room(0);
  uint64_t maps = fake_os.maps;
  uint32_t ref;
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &ref), HK_OUT_OF_MEMORY_OS);
  EXPECT_EQ(fake_os.maps, maps + 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST_MAIN(a_block_gets_the_room_of_another_size_that_is_kept_for_reuse,
             a_huge_block_gets_the_room_of_empty_superslabs_and_of_magazines,
             an_arena_and_its_front_get_the_room_of_what_is_kept_for_reuse,
             with_nothing_kept_a_refusal_is_final_and_asks_the_os_once)

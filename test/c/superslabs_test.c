#include "supply/superslabs.h"

#include "support.h"

/* Huge mappings at made-up addresses: nothing touches them, so a full table costs no memory. */
static uintptr_t next_address;

static void *made_up_map(size_t bytes, size_t alignment) {
  if (alignment < HK_SUPERSLAB_BYTES) return hk_os_native.map(bytes, alignment);
  uintptr_t address = next_address;
  next_address += (bytes + alignment - 1) & ~(alignment - 1);
  return (void *)address;
}

static hk_os_result_t made_up_unmap(void *address, size_t bytes) {
  return bytes >= HK_SUPERSLAB_BYTES ? HK_OS_DONE : hk_os_native.unmap(address, bytes);
}

static hk_os_result_t made_up_purge(void *address, size_t bytes) {
  (void)address, (void)bytes;
  return HK_OS_DONE;
}

static hk_status_t refill_one(hk_arena_t *arena, size_t size) {
  uint32_t ref, got;
  return hk_refill(arena, hk_test_bin(size), &ref, 1, &got);
}

static void begin_made_up(void) {
  static const hk_os_prims_t prims = {.map = made_up_map,
                                      .unmap = made_up_unmap,
                                      .purge = made_up_purge,
                                      .advise_huge = fake_os_advise_huge,
                                      .now_ns = fake_os_now_ns};
  hk_test_empty_cache();
  next_address = (uintptr_t)1 << 44;
  hk_os_replace(&prims);
}

static void end_made_up(void) {
  hk_test_empty_cache();
  hk_os_replace(NULL);
}

HK_TEST(a_full_address_table_gives_a_code_and_a_free_index_is_used_again) {
  begin_made_up();
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref = 0, last = 0, other;
  for (uint32_t i = 0; i < HK_ARENA_SUPERSLABS_MAX; i++) {
    if (hk_large_alloc(arena, 3 * HK_MIB, &ref) != HK_OK) EXPECT(!"table full too early");
    if (ref != i << 18) EXPECT_EQ(ref, i << 18);
    if (i == 4000) last = ref;
  }
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &other), HK_OUT_OF_MEMORY_TABLE);
  EXPECT_EQ(hk_large_alloc(arena, HK_MIB, &other), HK_OUT_OF_MEMORY_TABLE);
  EXPECT_EQ(refill_one(arena, 64), HK_OUT_OF_MEMORY_TABLE);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT(ref <= INT32_MAX);
  EXPECT_EQ(hk_large_free(arena, last), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &other), HK_OK);
  EXPECT_EQ(other, last);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  end_made_up();
}

HK_TEST(blocks_known_by_address_need_no_place_in_the_table) {
  enum { BLOCKS = 3 * HK_ARENA_SUPERSLABS_MAX };
  static const size_t sizes[] = {3 * HK_MIB, 2 * HK_MIB, 40000};
  static void *blocks[BLOCKS];
  begin_made_up();
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t failed = 0, ref;
  for (uint32_t i = 0; i < BLOCKS; i++) {
    blocks[i] = hk_alloc(arena, sizes[i % 3]);
    if (hk_usable_size(blocks[i]) < sizes[i % 3]) failed++;
  }
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(hk_large_alloc(arena, 3 * HK_MIB, &ref), HK_OUT_OF_MEMORY_TABLE);
  EXPECT(hk_test_stats(arena).superslabs_live > 2 * HK_ARENA_SUPERSLABS_MAX);
  EXPECT(hk_arena_is_valid(arena));
  for (uint32_t i = 0; i < BLOCKS; i += 2) failed += hk_free(arena, blocks[i]) != HK_OK;
  for (uint32_t i = 1; i < BLOCKS; i += 4) failed += hk_free(NULL, blocks[i]) != HK_OK;
  EXPECT_EQ(failed, 0);
  EXPECT(hk_arena_is_valid(arena));
  hk_arena_reset(arena);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  end_made_up();
}

HK_TEST_MAIN(a_full_address_table_gives_a_code_and_a_free_index_is_used_again,
             blocks_known_by_address_need_no_place_in_the_table)

/* Blocks of more than there is: what is never touched is never paid for, unless the kernel counts it. */
#include "limits.h"

#define STRICT 2 /* of vm.overcommit_memory */

static uint64_t memory_bytes(void) {
  return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool kernel_overcommits(void) {
  return read_number("/proc/sys/vm/overcommit_memory", "") != STRICT;
}

HK_TEST(a_block_of_twice_the_memory_is_usable_where_the_kernel_overcommits) {
  hk_arena_t *arena = hk_test_arena(0);
  size_t bytes = (size_t)memory_bytes() * 2;
  uint64_t before = status_bytes("VmRSS:");
  char *block = hk_alloc(arena, bytes);
  EXPECT_EQ(block != NULL, kernel_overcommits());
  if (block != NULL) {
    block[0] = block[bytes / 2] = block[bytes - 1] = 1;
    EXPECT(status_bytes("VmRSS:") < before + 16 * HK_MIB);
    EXPECT_EQ(hk_free(arena, block), HK_OK);
  }
  EXPECT(hk_alloc(arena, 100) != NULL);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  (void)hk_cache_trim();
}

HK_TEST(a_block_of_more_than_all_addresses_is_refused_and_nothing_else_is) {
  hk_arena_t *arena = hk_test_arena(0);
  static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2, (size_t)1 << 60,
                                 (size_t)1 << 48};
  void *small = hk_alloc(arena, 3 * HK_MIB);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    errno = 0;
    EXPECT(hk_alloc(arena, sizes[i]) == NULL);
    EXPECT(hk_alloc_zeroed(arena, 2, sizes[i] / 2) == NULL);
    EXPECT(hk_alloc_aligned(arena, sizes[i], HK_SUPERSLAB_BYTES) == NULL);
    EXPECT(hk_realloc(arena, small, sizes[i]) == NULL);
    EXPECT_EQ(errno, 0);
  }
  EXPECT(hk_usable_size(small) >= 3 * HK_MIB);
  EXPECT_EQ(hk_free(arena, small), HK_OK);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(a_block_of_twice_the_memory_is_usable_where_the_kernel_overcommits,
             a_block_of_more_than_all_addresses_is_refused_and_nothing_else_is)

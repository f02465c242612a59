/* hk_free: blocks, addresses that are none, blocks freed twice, and blocks of other arenas. */
#include <errno.h>
#include <sys/mman.h>

#include "hakmem.h"
#include "support.h"

static void free_ok(hk_arena_t *arena, void *block) {
  hk_status_t status = hk_free(arena, block);
  if (status != HK_OK) EXPECT_EQ(status, HK_OK);
}

/* --- Misuse ----------------------------------------------------------------------------------- */

HK_TEST(addresses_that_are_no_blocks_are_refused) {
  hk_arena_t *arena = hk_test_arena(0);
  int local;
  void *foreign = malloc(100);
  char *small = hk_alloc(arena, 100), *run = hk_alloc(arena, 200000),
       *huge = hk_alloc(arena, 3 << 20);
  EXPECT_EQ(hk_free(arena, &local), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, foreign), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, (void *)UINTPTR_MAX), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, (void *)8), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, small + 1), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, small + 16), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, run + 1), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, run + HK_SLAB_BYTES), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, run + 20 * HK_SLAB_BYTES), HK_NOT_OWNED); /* an unused slab */
  EXPECT_EQ(hk_free(arena, huge + 64), HK_NOT_OWNED);
  EXPECT_EQ(hk_free(arena, huge + HK_SUPERSLAB_BYTES), HK_NOT_OWNED);
  free(foreign);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 112 + 4 * HK_SLAB_BYTES + 3 * HK_MIB);
  EXPECT(hk_arena_is_valid(arena));
  free_ok(arena, small);
  free_ok(arena, run);
  free_ok(arena, huge);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* What is left of a slab behind its last block is shorter than a block. */
HK_TEST(the_rest_of_a_slab_behind_its_last_block_is_no_block) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  const hk_classes_t *classes = hk_classes_default();
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    const hk_class_t *c = &classes->bins[bin];
    uint32_t rest = c->capacity * c->stride_bytes;
    if (rest == HK_SLAB_BYTES) continue;
    char *block = hk_alloc(arena, c->stride_bytes);
    char *slab = (char *)((uintptr_t)block & ~(HK_SLAB_BYTES - 1));
    EXPECT_EQ(hk_free(arena, slab + rest), HK_NOT_OWNED);
    EXPECT_EQ(hk_free(other, slab + rest), HK_NOT_OWNED);
  }
  (void)hk_arena_trim(arena);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST(an_address_behind_the_end_of_a_huge_block_is_not_ours) {
  hk_arena_t *arena = hk_test_arena(0);
  char *block = hk_alloc(arena, HK_SUPERSLAB_BYTES + 1);
  size_t bytes = hk_usable_size(block);
  EXPECT(hk_owns(arena, block + bytes - 1));
  EXPECT(!hk_owns(arena, block + bytes));
  EXPECT_EQ(hk_usable_size(block + bytes), 0);
  EXPECT_EQ(hk_free(arena, block + bytes), HK_NOT_OWNED);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* Release builds tell a block from the inside of one by a multiplication; here by division. */
HK_TEST(only_the_beginnings_of_blocks_can_be_freed) {
  hk_arena_t *arena = hk_test_arena(0);
  const hk_classes_t *classes = hk_arena_classes(arena);
  for (uint32_t bin = 0; bin < classes->count; bin++) {
    const hk_class_t *c = &classes->bins[bin];
    char *block = hk_alloc(arena, c->stride_bytes);
    char *slab = block - ((uintptr_t)block & (HK_SLAB_BYTES - 1));
    for (uint32_t offset = 0; offset < HK_SLAB_BYTES; offset++) {
      bool begins = offset % c->stride_bytes == 0 && offset / c->stride_bytes < c->capacity;
      if (!begins) EXPECT_EQ(hk_free(arena, slab + offset), HK_NOT_OWNED);
    }
    free_ok(arena, block);
  }
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* A free remembers what class a slab serves; a slab that serves another one must be known anew. */
HK_TEST(a_slab_that_changes_its_class_is_freed_to_the_new_one) {
  hk_arena_t *arena = hk_test_arena(0);
  for (uint32_t size = 16; size <= 8192; size *= 2) {
    enum { BLOCKS = 64 };
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) blocks[i] = hk_alloc(arena, size);
    for (int i = 0; i < BLOCKS; i++) {
      EXPECT_EQ(hk_usable_size(blocks[i]), size);
      free_ok(arena, blocks[i]);
    }
    hk_arena_reset(arena);
    EXPECT_EQ(hk_free(arena, blocks[0]), HK_NOT_OWNED);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* More slabs than a free can remember: those that share an entry push each other out. */
HK_TEST(blocks_of_slabs_that_share_an_entry_are_freed_to_their_own_class) {
  enum { BLOCKS = HK_SLAB_BINS + 500 };
  static char *blocks[BLOCKS];
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) blocks[i] = hk_alloc(arena, i % 3 == 0 ? 65536 : 30000);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < BLOCKS; i++) {
      if (!EXPECT(blocks[i] != NULL)) return;
      EXPECT_EQ(hk_usable_size(blocks[i]), i % 3 == 0 ? 65536 : 32768);
      if (hk_free(arena, blocks[i] + 16) != HK_NOT_OWNED) EXPECT(!"refused");
      free_ok(arena, blocks[i]);
      blocks[i] = hk_alloc(arena, i % 3 == 0 ? 65536 : 30000);
    }
  }
  for (int i = 0; i < BLOCKS; i++) free_ok(arena, blocks[i]);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(an_entry_knows_its_own_slab_and_an_empty_one_knows_none) {
  static const uintptr_t slabs[] = {0, 1, 2, HK_SLAB_BINS, (uintptr_t)1 << 31, UINTPTR_MAX >> 16};
  enum { SLABS = sizeof slabs / sizeof slabs[0] };
  size_t last = (HK_BIN_MAX - 1) * sizeof(hk_magazine_t);
  for (int i = 0; i < SLABS; i++) {
    const void *one = (const void *)(slabs[i] << HK_SLAB_SHIFT | 0x123);
    EXPECT(hk_slab_bin_offset(0, one) > last);
    for (int j = 0; j < SLABS; j++) {
      const void *other = (const void *)(slabs[j] << HK_SLAB_SHIFT | 0xffff);
      uint64_t first_offset = hk_slab_bin_offset(hk_slab_bin_of(one, 0), other);
      uint64_t last_offset = hk_slab_bin_offset(hk_slab_bin_of(one, last), other);
      EXPECT_EQ(first_offset == 0, i == j);
      EXPECT_EQ(last_offset == last, i == j);
      EXPECT(i == j || (first_offset > last && last_offset > last));
    }
  }
}

HK_TEST(freeing_a_block_twice_in_a_row_is_a_double_free) {
  hk_arena_t *arena = hk_test_arena(0);
  void *a = hk_alloc(arena, 100), *b = hk_alloc(arena, 100);
  free_ok(arena, a);
  EXPECT_EQ(hk_free(arena, a), HK_DOUBLE_FREE);
  free_ok(arena, b);
  EXPECT_EQ(hk_free(arena, b), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_test_stats(arena).bins[hk_test_bin(100)].frees_local, 2);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(freeing_a_block_that_is_back_in_the_core_is_a_double_free) {
  enum { BLOCKS = 500 };
  void *blocks[BLOCKS];
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) blocks[i] = hk_alloc(arena, 1000);
  for (int i = 0; i < BLOCKS; i++) free_ok(arena, blocks[i]);
#if HK_DEBUG /* a release finds it out at the next flush */
  EXPECT_EQ(hk_free(arena, blocks[0]), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_free(arena, blocks[1]), HK_DOUBLE_FREE);
#endif
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

#if !HK_DEBUG
HK_TEST(a_block_freed_twice_is_found_out_by_the_flush_whatever_became_of_its_slab) {
  enum { BLOCKS = 500 };
  void *blocks[BLOCKS];
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) blocks[i] = hk_alloc(arena, 1000);
  for (int i = 0; i < BLOCKS; i++) free_ok(arena, blocks[i]);
  void *last = hk_alloc(arena, 1000);
  free_ok(arena, last);
  free_ok(arena, blocks[BLOCKS / 2]); /* in the magazine twice, or in it and in the core */
  (void)hk_arena_trim(arena);
  EXPECT_EQ(hk_test_stats(arena).double_frees, 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}
#endif

HK_TEST(a_run_freed_twice_is_a_double_free_and_a_huge_block_is_not_ours_any_more) {
  hk_arena_t *arena = hk_test_arena(0);
  void *run = hk_alloc(arena, 200000), *huge = hk_alloc(arena, 3 << 20);
  free_ok(arena, run);
  free_ok(arena, huge);
  EXPECT_EQ(hk_free(arena, run), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_free(NULL, run), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_free(arena, huge), HK_NOT_OWNED);
  EXPECT_EQ(hk_usable_size(run), 0);
  EXPECT_EQ(hk_usable_size(huge), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_of_a_destroyed_arena_is_nobodys) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  void *block = hk_alloc(arena, 100);
  EXPECT(hk_owns(arena, block));
  EXPECT(!hk_owns(other, block));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_free(other, block), HK_NOT_OWNED);
  EXPECT_EQ(hk_usable_size(block), 0);
  EXPECT(!hk_owns(other, block));
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

/* --- Other arenas ----------------------------------------------------------------------------- */

HK_TEST(a_block_of_another_arena_goes_back_to_its_owner) {
  hk_arena_t *owner = hk_test_arena(HK_SLAB_BYTES), *other = hk_test_arena(0);
  void *block = hk_alloc(owner, 60000);
  EXPECT(hk_alloc(owner, 60000) == NULL);
  EXPECT_EQ(hk_free(other, block), HK_OK);
  EXPECT_EQ(hk_free(other, block), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_alloc(owner, 60000), block);
  EXPECT_EQ(hk_free(NULL, block), HK_OK);
  EXPECT_EQ(hk_free(NULL, block), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_alloc(owner, 60000), block);
  EXPECT_EQ(hk_test_stats(other).bytes_committed, 0);
  EXPECT_EQ(hk_arena_destroy(owner), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST(a_large_block_of_another_arena_goes_back_to_its_owner) {
  enum { RUN = 200000, HUGE = 3 << 20 };
  hk_arena_t *owner = hk_test_arena(4 * HK_SLAB_BYTES + HUGE), *other = hk_test_arena(0);
  for (int round = 0; round < 3; round++) {
    void *run = hk_alloc(owner, RUN), *huge = hk_alloc(owner, HUGE);
    EXPECT(run != NULL && huge != NULL && hk_alloc(owner, RUN) == NULL);
    EXPECT_EQ(hk_free(other, (char *)run + 1), HK_NOT_OWNED);
    EXPECT_EQ(hk_free(other, (char *)run + HK_SLAB_BYTES), HK_NOT_OWNED);
    EXPECT_EQ(hk_free(other, run), HK_OK);
    EXPECT_EQ(hk_free(NULL, run), HK_DOUBLE_FREE);
    EXPECT_EQ(hk_free(owner, run), HK_DOUBLE_FREE);
    EXPECT_EQ(hk_free(NULL, huge), HK_OK);
    EXPECT_EQ(hk_free(other, huge), HK_DOUBLE_FREE);
    EXPECT_EQ(hk_free(owner, huge), HK_DOUBLE_FREE);
    hk_arena_stats_t stats = hk_test_stats(owner);
    EXPECT_EQ(stats.bins[HK_BIN_RUN].remote_blocks, 1);
    EXPECT_EQ(stats.bins[HK_BIN_HUGE].remote_blocks, 1);
    EXPECT_EQ(stats.bytes_live, 0);
    EXPECT(hk_arena_is_valid(owner));
  }
  hk_arena_stats_t stats = hk_test_stats(owner);
  EXPECT_EQ(stats.bins[HK_BIN_RUN].frees_remote, 3);
  EXPECT_EQ(stats.bins[HK_BIN_HUGE].frees_remote, 3);
  EXPECT_EQ(hk_test_stats(other).bytes_committed, 0);
  EXPECT_EQ(hk_arena_destroy(owner), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST(large_blocks_freed_by_others_are_collected_by_a_trim_and_by_a_reset) {
  hk_arena_t *arena = hk_test_arena(0);
  for (int round = 0; round < 2; round++) {
    void *run = hk_alloc(arena, 200000), *huge = hk_alloc(arena, 3 << 20),
         *kept = hk_alloc(arena, 70000);
    EXPECT_EQ(hk_free(NULL, run), HK_OK);
    EXPECT_EQ(hk_free(NULL, huge), HK_OK);
    if (round == 0) {
      hk_arena_trim(arena);
      EXPECT_EQ(hk_test_stats(arena).bytes_used, 2 * HK_SLAB_BYTES);
      free_ok(arena, kept);
    } else {
      hk_arena_reset(arena);
      EXPECT_EQ(hk_test_stats(arena).bytes_used, 0);
    }
    hk_arena_stats_t stats = hk_test_stats(arena);
    EXPECT_EQ(stats.bins[HK_BIN_RUN].live + stats.bins[HK_BIN_RUN].remote_blocks, 0);
    EXPECT_EQ(stats.bins[HK_BIN_HUGE].live + stats.bins[HK_BIN_HUGE].remote_blocks, 0);
    EXPECT_EQ(stats.bins[HK_BIN_RUN].allocs,
              stats.bins[HK_BIN_RUN].frees_local + stats.bins[HK_BIN_RUN].frees_remote);
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- errno ------------------------------------------------------------------------------------ */

/* Pages that are locked are not purged, and the system says so. */
HK_TEST(a_free_leaves_errno_as_it_was) {
  hk_process_stats_t before, after;
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  char *block = hk_alloc(arena, 3 * HK_MIB);
  memset(block, 1, 4096);
  if (mlock(block, 4096) != 0) {
    printf("  skipped: memory cannot be locked\n");
  } else {
    hk_process_stats(&before);
    errno = EXDEV;
    free_ok(arena, block);
    EXPECT_EQ(errno, EXDEV);
    hk_process_stats(&after);
    if (after.os_purge_failed == before.os_purge_failed) printf("  skipped: nothing was refused\n");
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_test_empty_cache();
}

HK_TEST(a_refused_allocation_leaves_errno_as_it_was) {
  hk_arena_t *arena = hk_test_arena(0);
  errno = EXDEV;
  EXPECT(hk_alloc(arena, HK_SIZE_MAX) == NULL);
  EXPECT_EQ(errno, EXDEV);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(a_free_leaves_errno_as_it_was, a_refused_allocation_leaves_errno_as_it_was,
             addresses_that_are_no_blocks_are_refused,
             the_rest_of_a_slab_behind_its_last_block_is_no_block,
             an_address_behind_the_end_of_a_huge_block_is_not_ours,
             only_the_beginnings_of_blocks_can_be_freed,
             a_slab_that_changes_its_class_is_freed_to_the_new_one,
             blocks_of_slabs_that_share_an_entry_are_freed_to_their_own_class,
             an_entry_knows_its_own_slab_and_an_empty_one_knows_none,
             freeing_a_block_twice_in_a_row_is_a_double_free,
             freeing_a_block_that_is_back_in_the_core_is_a_double_free,
#if !HK_DEBUG
             a_block_freed_twice_is_found_out_by_the_flush_whatever_became_of_its_slab,
#endif
             a_run_freed_twice_is_a_double_free_and_a_huge_block_is_not_ours_any_more,
             a_block_of_a_destroyed_arena_is_nobodys,
             a_block_of_another_arena_goes_back_to_its_owner,
             a_large_block_of_another_arena_goes_back_to_its_owner,
             large_blocks_freed_by_others_are_collected_by_a_trim_and_by_a_reset)

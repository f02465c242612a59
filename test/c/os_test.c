#include "os/os.h"

#include "support.h"

static hk_os_stats_t stats_now(void) {
  hk_os_stats_t stats;
  hk_os_stats(&stats);
  return stats;
}

HK_TEST(memory_arrives_zeroed_and_aligned) {
  for (size_t alignment = 1; alignment <= 16 * HK_MIB; alignment *= 8) {
    size_t bytes = 3 * HK_SLAB_BYTES;
    char *address = hk_os_map(bytes, alignment);
    if (!EXPECT(address != NULL)) return;
    EXPECT_EQ((uintptr_t)address % alignment, 0);
    EXPECT(hk_is_zero(address, bytes));
    memset(address, 0xee, bytes);
    EXPECT(hk_os_unmap(address, bytes));
  }
}

/* The kernel says how much address space we have; alignment must not leak any. */
static size_t address_space_bytes(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%lu", &pages) != 1) pages = 0;
  fclose(file);
  return pages * hk_os_page_bytes();
}

HK_TEST(alignment_leaves_no_address_space_behind) {
  enum { ROUNDS = 200 };
  size_t bytes = HK_SUPERSLAB_BYTES + HK_SLAB_BYTES; /* so that neighbours are rarely aligned */
  void *blocks[ROUNDS];
  size_t before = address_space_bytes();
  for (int i = 0; i < ROUNDS; i++) blocks[i] = hk_os_map(bytes, HK_SUPERSLAB_BYTES);
  for (int i = 0; i < ROUNDS; i++) {
    EXPECT_EQ((uintptr_t)blocks[i] % HK_SUPERSLAB_BYTES, 0);
    EXPECT(hk_os_unmap(blocks[i], bytes));
  }
  EXPECT(address_space_bytes() < before + 16 * HK_MIB);
}

HK_TEST(sizes_round_up_to_whole_pages) {
  size_t page = hk_os_page_bytes();
  EXPECT(page >= 4096 && (page & (page - 1)) == 0);
  EXPECT_EQ(hk_os_round_to_pages(0), 0);
  EXPECT_EQ(hk_os_round_to_pages(1), page);
  EXPECT_EQ(hk_os_round_to_pages(page - 1), page);
  EXPECT_EQ(hk_os_round_to_pages(page), page);
  EXPECT_EQ(hk_os_round_to_pages(page + 1), 2 * page);
}

HK_TEST(more_than_the_address_space_is_refused_and_counted) {
  hk_os_stats_t before = stats_now();
  EXPECT(hk_os_map(HK_SIZE_MAX, 1) == NULL);
  EXPECT(hk_os_map(HK_SIZE_MAX, HK_SUPERSLAB_BYTES) == NULL);
  EXPECT(hk_os_map(SIZE_MAX - HK_SLAB_BYTES + 1, HK_SUPERSLAB_BYTES) == NULL);
  hk_os_stats_t after = stats_now();
  EXPECT_EQ(after.map_failed, before.map_failed + 3);
  EXPECT_EQ(after.map, before.map);
}

HK_TEST(every_call_is_counted_under_its_outcome) {
  fake_os_begin();
  hk_os_stats_t before = stats_now();
  char *address = hk_os_map(HK_SLAB_BYTES, 1);
  EXPECT(hk_os_purge(address, HK_SLAB_BYTES));
  EXPECT(hk_os_purge(address, HK_SLAB_BYTES));
  fake_os.maps_allowed = 0;
  EXPECT(hk_os_map(HK_SLAB_BYTES, 1) == NULL);
  fake_os.unmap_result = HK_OS_REFUSED;
  EXPECT(!hk_os_unmap(address, HK_SLAB_BYTES));
  fake_os.unmap_result = HK_OS_DONE;
  EXPECT(hk_os_unmap(address, HK_SLAB_BYTES));
  hk_os_stats_t after = stats_now();
  EXPECT_EQ(after.map, before.map + 1);
  EXPECT_EQ(after.map_failed, before.map_failed + 1);
  EXPECT_EQ(after.purge, before.purge + 2);
  EXPECT_EQ(after.unmap, before.unmap + 1);
  EXPECT_EQ(after.unmap_failed, before.unmap_failed + 1);
  EXPECT_EQ(after.purge_failed, before.purge_failed);
  EXPECT_EQ(after.purge_enomem, before.purge_enomem);
  fake_os_end();
}

HK_TEST(purged_pages_read_as_zero_and_can_be_written_again) {
  char *address = hk_os_map(4 * HK_SLAB_BYTES, HK_SLAB_BYTES);
  memset(address, 0x5a, 4 * HK_SLAB_BYTES);
  EXPECT(hk_os_purge(address + HK_SLAB_BYTES, 2 * HK_SLAB_BYTES));
  EXPECT(hk_is_zero(address + HK_SLAB_BYTES, 2 * HK_SLAB_BYTES));
  EXPECT_EQ(address[HK_SLAB_BYTES - 1], 0x5a);
  EXPECT_EQ(address[3 * HK_SLAB_BYTES], 0x5a);
  memset(address + HK_SLAB_BYTES, 1, HK_SLAB_BYTES);
  EXPECT(hk_os_unmap(address, 4 * HK_SLAB_BYTES));
}

HK_TEST(a_purge_that_runs_out_of_mappings_is_the_last_one) {
  fake_os_begin();
  char *address = hk_os_map(HK_SLAB_BYTES, 1);
  hk_os_stats_t before = stats_now();
  EXPECT(!before.purge_disabled);
  fake_os.purge_result = HK_OS_NO_MEMORY;
  EXPECT(!hk_os_purge(address, HK_SLAB_BYTES));
  fake_os.purge_result = HK_OS_DONE;
  EXPECT(!hk_os_purge(address, HK_SLAB_BYTES));
  EXPECT(!hk_os_purge(address, HK_SLAB_BYTES));
  EXPECT_EQ(fake_os.purges, 1);
  hk_os_stats_t after = stats_now();
  EXPECT_EQ(after.purge_enomem, before.purge_enomem + 1);
  EXPECT_EQ(after.purge, before.purge);
  EXPECT(after.purge_disabled);
  /* Mapping goes on. */
  void *more = hk_os_map(HK_SLAB_BYTES, 1);
  EXPECT(more != NULL);
  EXPECT(hk_os_unmap(more, HK_SLAB_BYTES));
  EXPECT(hk_os_unmap(address, HK_SLAB_BYTES));
  fake_os_end();
  EXPECT(!stats_now().purge_disabled);
}

HK_TEST(a_purge_refused_for_another_reason_is_counted_and_tried_again) {
  fake_os_begin();
  char *address = hk_os_map(HK_SLAB_BYTES, 1);
  hk_os_stats_t before = stats_now();
  fake_os.purge_result = HK_OS_REFUSED;
  EXPECT(!hk_os_purge(address, HK_SLAB_BYTES));
  EXPECT(!hk_os_purge(address, HK_SLAB_BYTES));
  EXPECT_EQ(fake_os.purges, 2);
  EXPECT_EQ(stats_now().purge_failed, before.purge_failed + 2);
  EXPECT(!stats_now().purge_disabled);
  fake_os.purge_result = HK_OS_DONE;
  EXPECT(hk_os_purge(address, HK_SLAB_BYTES));
  EXPECT(hk_os_unmap(address, HK_SLAB_BYTES));
  fake_os_end();
}

HK_TEST(strict_mode_takes_any_refused_purge_for_the_last) {
  fake_os_begin();
  hk_test_options()->madvise_strict = 1;
  char *address = hk_os_map(HK_SLAB_BYTES, 1);
  uint64_t failed = stats_now().purge_failed;
  fake_os.purge_result = HK_OS_REFUSED;
  EXPECT(!hk_os_purge(address, HK_SLAB_BYTES));
  EXPECT(!hk_os_purge(address, HK_SLAB_BYTES));
  EXPECT_EQ(fake_os.purges, 1);
  EXPECT_EQ(stats_now().purge_failed, failed + 1);
  EXPECT(stats_now().purge_disabled);
  EXPECT(hk_os_unmap(address, HK_SLAB_BYTES));
  hk_test_options()->madvise_strict = 0;
  fake_os_end();
}

HK_TEST(time_never_runs_backwards) {
  uint64_t last = hk_os_now_ns();
  EXPECT(last > 0);
  for (int i = 0; i < 10000; i++) {
    uint64_t now = hk_os_now_ns();
    if (now < last) EXPECT(now >= last);
    last = now;
  }
}

HK_TEST_MAIN(memory_arrives_zeroed_and_aligned, alignment_leaves_no_address_space_behind,
             sizes_round_up_to_whole_pages, more_than_the_address_space_is_refused_and_counted,
             every_call_is_counted_under_its_outcome,
             purged_pages_read_as_zero_and_can_be_written_again,
             a_purge_that_runs_out_of_mappings_is_the_last_one,
             a_purge_refused_for_another_reason_is_counted_and_tried_again,
             strict_mode_takes_any_refused_purge_for_the_last, time_never_runs_backwards)

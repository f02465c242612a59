/* Accounting: what statistics say of the process and its refusals, held against what really is. */
#include "super/pagemap.h"
#include "supply/record.h"
#include "support.h"

static hk_process_stats_t process(void) {
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  return stats;
}

/* --- Bytes ------------------------------------------------------------------------------------ */

static bool add_committed(hk_arena_t *arena, void *sum) {
  *(uint64_t *)sum += hk_test_stats(arena).bytes_committed;
  return true;
}

/* I3 of the process. Before the fake OS came there was nothing but what `base` says. */
static bool every_byte_is_in_one_place(uint64_t base) {
  uint64_t committed = 0;
  hk_process_stats_t stats = process();
  hk_arena_each(add_committed, &committed);
  return committed + stats.bytes_cached + stats.bytes_metadata == base + fake_os.mapped_bytes;
}

HK_TEST(every_mapped_byte_is_committed_cached_or_metadata) {
  fake_os_begin();
  hk_spare_limit(HK_SPARE_MAX);
  uint64_t base = process().bytes_metadata; /* leaves of the address map stay for ever */
  hk_arena_t *arenas[20];
  for (int i = 0; i < 20; i++) {
    arenas[i] = hk_test_arena(0);
    EXPECT(every_byte_is_in_one_place(base));
    for (int n = 0; n <= i; n++) EXPECT(hk_alloc(arenas[i], 1000u * (uint32_t)n + 1) != NULL);
    EXPECT(hk_alloc(arenas[i], 100000) != NULL && hk_alloc(arenas[i], 3 * HK_MIB) != NULL);
    EXPECT(every_byte_is_in_one_place(base));
  }
  for (int i = 0; i < 20; i++) {
    if (i % 3 == 0) hk_arena_reset(arenas[i]);
    if (i % 3 == 1) (void)hk_arena_trim(arenas[i]);
    EXPECT(every_byte_is_in_one_place(base));
    EXPECT_EQ(hk_arena_destroy(arenas[i]), HK_OK);
    EXPECT(every_byte_is_in_one_place(base));
  }
  EXPECT(process().bytes_cached > 0);
  hk_test_empty_cache();
  EXPECT_EQ(process().bytes_cached, 0);
  EXPECT(every_byte_is_in_one_place(base));
  fake_os_end();
}

HK_TEST(what_the_os_does_not_take_back_stays_in_the_books) {
  fake_os_begin();
  uint64_t base = process().bytes_metadata;
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(hk_alloc(arena, 3 * HK_MIB) != NULL && hk_alloc(arena, 8) != NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os.unmap_result = HK_OS_NO_MEMORY;
  hk_test_empty_cache();
  EXPECT(fake_os.mapped_bytes > 5 * HK_MIB);
  EXPECT(every_byte_is_in_one_place(base));
  fake_os_end();
}

#define RANGES_MAX 4096

/* Mappings as they come and go, to be looked up in what the kernel says. */
static struct {
  char *address[RANGES_MAX];
  size_t bytes[RANGES_MAX];
  uint32_t count;
} ranges;

static void *watched_map(size_t bytes, size_t alignment) {
  void *address = hk_os_native.map(bytes, alignment);
  if (address == NULL || ranges.count == RANGES_MAX) return address;
  ranges.address[ranges.count] = address;
  ranges.bytes[ranges.count++] = bytes;
  return address;
}

static hk_os_result_t watched_unmap(void *address, size_t bytes) {
  for (uint32_t i = 0; i < ranges.count; i++) {
    if (ranges.address[i] != address) continue;
    ranges.count--;
    ranges.address[i] = ranges.address[ranges.count];
    ranges.bytes[i] = ranges.bytes[ranges.count];
    break;
  }
  return hk_os_native.unmap(address, bytes);
}

static size_t overlap(uintptr_t from, uintptr_t to) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < ranges.count; i++) {
    uintptr_t begin = (uintptr_t)ranges.address[i], end = begin + ranges.bytes[i];
    uintptr_t low = begin > from ? begin : from, high = end < to ? end : to;
    if (low < high) bytes += high - low;
  }
  return bytes;
}

/* Bytes of our mappings that the kernel knows of. */
static size_t mapped_by_the_kernel(void) {
  char line[512];
  size_t bytes = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) return SIZE_MAX;
  while (fgets(line, sizeof line, maps) != NULL) {
    uintptr_t from, to;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2) bytes += overlap(from, to);
  }
  fclose(maps);
  return bytes;
}

HK_TEST(the_kernel_says_the_same) {
  hk_os_prims_t prims = hk_os_native;
  prims.map = watched_map;
  prims.unmap = watched_unmap;
  hk_test_empty_cache();
  hk_os_replace(&prims);
  uint64_t base = process().bytes_metadata + process().bytes_cached;
  hk_arena_t *arenas[50];
  for (int i = 0; i < 50; i++) {
    arenas[i] = hk_test_arena(0);
    for (int n = 0; n < 100; n++) EXPECT(hk_alloc(arenas[i], 100u * (uint32_t)n * 7) != NULL);
    if (i % 2 == 0) EXPECT_EQ(hk_arena_destroy(arenas[i]), HK_OK);
  }
  uint64_t committed = 0;
  hk_arena_each(add_committed, &committed);
  hk_process_stats_t stats = process();
  if (mapped_by_the_kernel() != SIZE_MAX) { /* no Linux: not to be had */
    EXPECT_EQ(committed + stats.bytes_cached + stats.bytes_metadata - base, mapped_by_the_kernel());
  }
  for (int i = 1; i < 50; i += 2) EXPECT_EQ(hk_arena_destroy(arenas[i]), HK_OK);
  hk_test_empty_cache();
  hk_os_replace(NULL);
}

HK_TEST(metadata_of_an_arena_is_its_record_counters_front_and_superslabs) {
  fake_os_begin();
  hk_test_prepare_map();
  uint64_t before = process().bytes_metadata;
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT_EQ(hk_test_stats(arena).bytes_metadata, process().bytes_metadata - before);
  EXPECT(hk_alloc(arena, 100) != NULL && hk_alloc(arena, 3 * HK_MIB) != NULL);
  EXPECT_EQ(hk_test_stats(arena).bytes_metadata, process().bytes_metadata - before);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST(calls_for_superslabs_and_calls_for_metadata_are_counted_apart) {
  fake_os_begin();
  hk_process_stats_t before = process();
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(hk_alloc(arena, 100) != NULL && hk_alloc(arena, 3 * HK_MIB) != NULL);
  hk_process_stats_t after = process();
  EXPECT_EQ(after.os_map - before.os_map, 2);
  EXPECT_EQ(after.os_map - before.os_map, after.superslabs_mapped - before.superslabs_mapped);
  EXPECT(after.os_map_metadata - before.os_map_metadata >=
         5); /* record, counters, front, 2 records */
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_test_empty_cache();
  after = process();
  EXPECT_EQ(after.os_unmap - before.os_unmap, 2);
  fake_os_end();
}

/* --- Failures --------------------------------------------------------------------------------- */

HK_TEST(a_refusal_is_counted_once_however_often_the_front_tried) {
  hk_arena_t *arena = hk_test_arena(HK_SLAB_BYTES);
  uint32_t refused = 0;
  for (int i = 0; i < 40; i++) refused += hk_alloc(arena, 4000) == NULL ? 1 : 0;
  EXPECT_EQ(refused, 24);
  EXPECT_EQ(hk_test_stats(arena).failures_limit, 24);
  for (int i = 0; i < 5; i++) EXPECT(hk_alloc(arena, 100000) == NULL);
  for (int i = 0; i < 5; i++) EXPECT(hk_alloc(arena, 16) == NULL);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.failures_limit, 34);
  EXPECT_EQ(stats.failures_retried, 0);
  EXPECT_EQ(stats.failures_os, 0);
  EXPECT(hk_alloc(arena, SIZE_MAX / 2) == NULL);
  EXPECT_EQ(hk_test_stats(arena).failures_os, 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(what_another_try_cured_is_no_failure) {
  hk_arena_t *arena = hk_test_arena(HK_SLAB_BYTES);
  for (int i = 0; i < 20; i++) {
    void *block = hk_alloc(arena, i % 2 == 0 ? 4000 : 100);
    EXPECT(block != NULL);
    EXPECT_EQ(hk_free(arena, block), HK_OK);
  }
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT_EQ(stats.failures_limit, 0);
  EXPECT_EQ(stats.failures_retried, 19);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_front_that_says_it_tried_again_has_its_callers_counted) {
  hk_arena_t *arena = hk_test_arena(HK_SLAB_BYTES);
  uint32_t ref, got, bin = hk_test_bin(HK_CLASS_SIZE_MAX);
  EXPECT_EQ(hk_refill(arena, bin, &ref, 1, &got), HK_OK);
  uint32_t other, status = hk_refill(arena, bin, &other, 1, &got);
  EXPECT_EQ(status, HK_OUT_OF_MEMORY_LIMIT);
  EXPECT_EQ(hk_flush(arena, bin, &ref, 1), HK_OK);
  EXPECT_EQ(hk_refill(arena, bin, &other, 1, &got), HK_OK);
  hk_note_retry(arena, (hk_status_t)status, true);
  EXPECT_EQ(hk_test_stats(arena).failures_limit, 0);
  EXPECT_EQ(hk_test_stats(arena).failures_retried, 1);
  for (int i = 0; i < 2; i++) EXPECT(hk_refill(arena, bin, &ref, 1, &got) != HK_OK);
  hk_note_retry(arena, HK_OUT_OF_MEMORY_LIMIT, false);
  EXPECT_EQ(hk_test_stats(arena).failures_limit, 1);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- Trim ------------------------------------------------------------------------------------- */

static uint64_t resident_bytes(void) {
  unsigned long all = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%lu %lu", &all, &resident) != 2) resident = 0;
  fclose(file);
  return resident * (uint64_t)hk_os_page_bytes();
}

HK_TEST(a_trim_says_what_really_went_back) {
  enum { BLOCKS = 4000 };
  static void *blocks[BLOCKS];
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  for (int i = 0; i < BLOCKS; i++) {
    size_t bytes = i % 100 == 0 ? 300000 : 16000;
    blocks[i] = hk_alloc(arena, bytes);
    memset(blocks[i], 1, bytes);
  }
  for (int i = 0; i < BLOCKS; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
  uint64_t before = resident_bytes();
  uint64_t said = hk_arena_trim(arena), fell = before - resident_bytes();
  if (before != 0) EXPECT(said > fell - fell / 10 && said < fell + fell / 10);
  EXPECT(said > HK_MIB);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(every_mapped_byte_is_committed_cached_or_metadata,
             what_the_os_does_not_take_back_stays_in_the_books, the_kernel_says_the_same,
             metadata_of_an_arena_is_its_record_counters_front_and_superslabs,
             calls_for_superslabs_and_calls_for_metadata_are_counted_apart,
             a_refusal_is_counted_once_however_often_the_front_tried,
             what_another_try_cured_is_no_failure,
             a_front_that_says_it_tried_again_has_its_callers_counted,
             a_trim_says_what_really_went_back)

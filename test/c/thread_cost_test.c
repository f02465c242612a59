/* What a thread pays for an arena of its own: pages of metadata, and its stack. */
#include <sys/mman.h>

#include "threads.h"

/* Bytes of a mapping whose pages take up memory. */
static size_t resident_bytes(void *address, size_t bytes) {
  static unsigned char pages[1024];
  size_t page = hk_os_page_bytes(), count = hk_os_round_to_pages(bytes) / page, resident = 0;
  if (!EXPECT(count <= sizeof pages)) return SIZE_MAX;
  EXPECT_EQ(mincore(address, count * page, pages), 0);
  for (size_t i = 0; i < count; i++) resident += (pages[i] & 1) * page;
  return resident;
}

HK_TEST(a_thread_that_uses_fifty_sizes_pays_for_little_metadata) {
  (void)hk_spare_trim(); /* spare mappings have been touched */
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  const hk_classes_t *classes = hk_arena_classes(arena);
  for (uint32_t bin = 0; bin < 50; bin++) {
    EXPECT(hk_alloc(arena, classes->bins[bin].stride_bytes) != NULL);
  }
  size_t bytes = resident_bytes(arena, hk_arena_record_bytes());
  bytes += resident_bytes(arena->counters, hk_counters_bytes());
  bytes += resident_bytes(arena->front, hk_stat_get(&arena->front_bytes));
  for (uint32_t i = 0; i < hk_stat_get(&arena->supply.count); i++) {
    bytes +=
        resident_bytes(arena->superslabs[i], hk_superslab_metadata_bytes(arena->superslabs[i]));
  }
  if (hk_os_page_bytes() == 4096 && !EXPECT(bytes <= 60 * HK_KIB)) printf("    %zu\n", bytes);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

#if !HK_DEBUG /* checks and sanitizers have large frames */
#define STACK_BYTES (256 * HK_KIB)
#define PAINT 0x5a

typedef struct deep_t {
  char *stack;
  uintptr_t frame;
} deep_t;

static void *allocate_first(void *context) {
  deep_t *deep = context;
  char here = 0;
  hk_arena_t *arena = hk_test_arena(0);
  deep->frame = (uintptr_t)&here;
  if (deep->stack != NULL) memset(deep->stack, PAINT, (size_t)(&here - deep->stack) - 512);
  for (uint32_t bin = 0; bin < 64; bin++) {
    if (hk_alloc(arena, hk_arena_classes(arena)->bins[bin].stride_bytes) == NULL) EXPECT(!"got");
  }
  return arena;
}

HK_TEST(the_first_allocations_of_a_thread_need_less_than_a_kilobyte_of_stack) {
  pthread_t thread;
  pthread_attr_t attributes;
  deep_t deep = {.stack = hk_os_map(STACK_BYTES, HK_SLAB_BYTES)};
  void *arena = NULL;
  /* The loader needs stack to find a function for the first time. */
  EXPECT_EQ(hk_arena_destroy(allocate_first(&(deep_t){0})), HK_OK);
  EXPECT_EQ(pthread_attr_init(&attributes), 0);
  EXPECT_EQ(pthread_attr_setstack(&attributes, deep.stack, STACK_BYTES), 0);
  EXPECT_EQ(pthread_create(&thread, &attributes, allocate_first, &deep), 0);
  EXPECT_EQ(pthread_join(thread, &arena), 0);
  const char *deepest = deep.stack;
  while (*deepest == PAINT) deepest++;
  if (!EXPECT(deep.frame - (uintptr_t)deepest < 1024))
    printf("    %zu\n", (size_t)(deep.frame - (uintptr_t)deepest));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT(hk_os_unmap(deep.stack, STACK_BYTES));
}
#endif

HK_TEST_MAIN(
#if !HK_DEBUG
    the_first_allocations_of_a_thread_need_less_than_a_kilobyte_of_stack,
#endif
    a_thread_that_uses_fifty_sizes_pays_for_little_metadata)

/* Large blocks of other lengths than those that were kept: their pages serve all the same. */
#include <sys/resource.h>

#include "supply/superslabs.h"

#include "support.h"

#define STEP_BYTES (64 * HK_KIB)

static char *alloc_ok(hk_arena_t *arena, size_t bytes) {
  char *block = hk_alloc(arena, bytes);
  EXPECT(block != NULL && hk_usable_size(block) >= bytes);
  return block;
}

static void free_ok(hk_arena_t *arena, void *block) { EXPECT_EQ(hk_free(arena, block), HK_OK); }

static hk_arena_t *sharing_arena(void) {
  static const hk_arena_options_t options = {.shares_bytes = true};
  hk_arena_t *arena = NULL;
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  return arena;
}

static uint64_t os_maps(void) {
  hk_os_stats_t stats;
  hk_os_stats(&stats);
  return stats.map;
}

static char *climb(hk_arena_t *arena, size_t bytes) {
  char *block = NULL;
  for (size_t size = STEP_BYTES; size <= bytes; size += STEP_BYTES) {
    block = hk_realloc(arena, block, size);
    hk_pattern_fill(block + size - STEP_BYTES, 64, size);
  }
  for (size_t size = STEP_BYTES; size <= bytes; size += STEP_BYTES) {
    if (!hk_pattern_holds(block + size - STEP_BYTES, 64, size)) EXPECT(!"contents lost");
  }
  return block;
}

HK_TEST(a_block_that_grows_starts_in_what_the_last_one_left) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  free_ok(arena, climb(arena, 10 * HK_MIB));
  uint64_t maps = os_maps();
  for (int round = 0; round < 5; round++) free_ok(arena, climb(arena, 10 * HK_MIB));
  EXPECT_EQ(os_maps(), maps);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_with_room_to_grow_gives_it_up_when_it_shrinks) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(0);
  free_ok(arena, climb(arena, 10 * HK_MIB));
  char *block = climb(arena, 4 * HK_MIB);
  EXPECT(hk_usable_size(block) >= 10 * HK_MIB);
  block = hk_realloc(arena, block, 4 * HK_MIB - STEP_BYTES);
  EXPECT(hk_usable_size(block) <= 4 * HK_MIB + 4 * HK_MIB / 8);
  EXPECT_EQ(hk_test_stats(arena).bytes_live, hk_usable_size(block));
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_block_taken_whole_shrinks_at_the_first_call) {
  hk_arena_t *arena = hk_test_arena(0);
  char *block = alloc_ok(arena, 40 * HK_MIB);
  block = hk_realloc(arena, block, 5 * HK_MIB);
  EXPECT(hk_usable_size(block) <= 6 * HK_MIB);
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* As mimalloc-bench's malloc-large: without it more than half of all bytes went back to the OS. */
#define LIVE 20

HK_TEST(lengths_that_vary_fivefold_give_back_less_than_a_sixth_of_what_is_allocated) {
  enum { STEPS = 2000 };
  char *blocks[LIVE] = {0};
  size_t allocated = 0;
  hk_test_empty_cache();
  hk_random_t random = hk_random_begin(18);
  hk_arena_t *arena = sharing_arena();
  for (int i = 0; i < STEPS; i++) {
    uint32_t at = hk_random_below(&random, LIVE);
    size_t bytes = 5 * HK_MIB + hk_random_below(&random, 20 * HK_MIB);
    if (blocks[at] != NULL) free_ok(arena, blocks[at]);
    blocks[at] = alloc_ok(arena, bytes);
    allocated += bytes;
  }
  EXPECT(hk_stat_get(&arena->returned_bytes) < allocated / 6);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* Blocks of 5 to 25 MB in turn, each of which has its number at the beginning of every page. */
typedef struct turn_t {
  hk_arena_t *arena;
  hk_random_t random;
  char *blocks[LIVE];
  size_t bytes[LIVE];
  size_t pages; /* written so far */
} turn_t;

static void write_pages(turn_t *turn, uint32_t at) {
  for (size_t i = 0; i < turn->bytes[at]; i += 4096) turn->blocks[at][i] = (char)('a' + at);
  turn->pages += turn->bytes[at] / 4096;
}

static bool has_its_bytes(const turn_t *turn, uint32_t at) {
  for (size_t i = 0; i < turn->bytes[at]; i += 4096) {
    if (turn->blocks[at][i] != (char)('a' + at)) return false;
  }
  return true;
}

static void free_at(turn_t *turn, uint32_t at) {
  if (turn->blocks[at] == NULL) return;
  if (!has_its_bytes(turn, at)) EXPECT(!"its own bytes");
  free_ok(turn->arena, turn->blocks[at]);
  turn->blocks[at] = NULL;
}

static void take_turns(turn_t *turn, int steps) {
  for (int i = 0; i < steps; i++) {
    uint32_t at = hk_random_below(&turn->random, LIVE);
    free_at(turn, at);
    turn->bytes[at] = 5 * HK_MIB + hk_random_below(&turn->random, 20 * HK_MIB);
    turn->blocks[at] = alloc_ok(turn->arena, turn->bytes[at]);
    write_pages(turn, at);
  }
}

static void end_turns(turn_t *turn) {
  for (uint32_t at = 0; at < LIVE; at++) free_at(turn, at);
  EXPECT(hk_arena_is_valid(turn->arena));
  EXPECT_EQ(hk_arena_destroy(turn->arena), HK_OK);
  hk_test_empty_cache();
  EXPECT_EQ(hk_superslab_all_seams(), 0);
}

static size_t page_faults(void) {
  struct rusage usage;
  EXPECT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return (size_t)usage.ru_minflt;
}

/* What came to the cache less what left it. */
static uint64_t cache_sum(uint64_t *cached) {
  hk_cache_stats_t s;
  hk_cache_stats(&s);
  *cached = s.cached;
  return s.put - s.adopted - s.evicted_count - s.evicted_bytes - s.expired;
}

HK_TEST(lengths_that_vary_fivefold_are_served_by_pages_that_are_there) {
  if (!hk_os_can_move()) return;
  hk_test_empty_cache();
  turn_t turn = {.arena = sharing_arena(), .random = hk_random_begin(7)};
  take_turns(&turn, 200);
  uint64_t cached_before, cached, sum = cache_sum(&cached_before);
  size_t pages = turn.pages, faults = page_faults();
  take_turns(&turn, 300);
  faults = page_faults() - faults;
  if (!EXPECT(faults < (turn.pages - pages) / 30)) printf("    %zu\n", faults);
  sum = cache_sum(&cached) - sum;
  EXPECT_EQ(sum, cached - cached_before);
  end_turns(&turn);
}

static hk_random_t refusals;

/* A system with hardly a mapping left: it refuses every second one that would be more. */
static hk_os_result_t grudging_remap(void *address, size_t bytes, void *to, size_t new_bytes) {
  if (hk_random_below(&refusals, 2) == 0) return HK_OS_NO_MEMORY;
  return hk_os_native.remap(address, bytes, to, new_bytes);
}

HK_TEST(a_system_that_often_refuses_to_move_pages_costs_pages_and_nothing_else) {
  if (!hk_os_can_move()) return;
  hk_os_prims_t prims = hk_os_native;
  prims.remap = grudging_remap;
  hk_test_empty_cache();
  hk_os_replace(&prims);
  refusals = hk_random_begin(3);
  turn_t turn = {.arena = sharing_arena(), .random = hk_random_begin(8)};
  hk_process_stats_t before, after;
  hk_process_stats(&before);
  take_turns(&turn, 300);
  end_turns(&turn);
  hk_process_stats(&after);
  EXPECT_EQ(after.superslabs_mapped - after.superslabs_unmapped,
            before.superslabs_mapped - before.superslabs_unmapped);
  EXPECT_EQ(after.os_map - after.os_unmap, before.os_map - before.os_unmap);
  EXPECT_EQ(after.bytes_cached, 0);
  hk_os_replace(NULL);
}

HK_TEST(a_limit_counts_what_is_joined_to_the_byte) {
  hk_test_empty_cache();
  hk_arena_t *arena = hk_test_arena(40 * HK_MIB);
  char *blocks[4];
  for (int i = 0; i < 4; i++) blocks[i] = alloc_ok(arena, 9 * HK_MIB);
  for (int i = 0; i < 4; i++) free_ok(arena, blocks[i]);
  char *block = alloc_ok(arena, 40 * HK_MIB - 3 * HK_SLAB_BYTES);
  EXPECT(hk_arena_used_bytes(arena) <= 40 * HK_MIB);
  EXPECT(hk_alloc(arena, 3 * HK_MIB) == NULL);
  memset(block, 1, 40 * HK_MIB - 3 * HK_SLAB_BYTES);
  free_ok(arena, block);
  EXPECT_EQ(hk_arena_used_bytes(arena), 0);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_joined_block_grows_and_shrinks_with_its_bytes) {
  hk_test_empty_cache();
  hk_arena_t *arena = sharing_arena();
  char *blocks[4];
  for (int i = 0; i < 4; i++) blocks[i] = alloc_ok(arena, 9 * HK_MIB);
  for (int i = 0; i < 4; i++) free_ok(arena, blocks[i]);
  char *block = alloc_ok(arena, 30 * HK_MIB);
  hk_pattern_fill(block, 30 * HK_MIB, 4);
  block = hk_realloc(arena, block, 70 * HK_MIB);
  EXPECT(hk_pattern_holds(block, 30 * HK_MIB, 4));
  hk_pattern_fill(block, 70 * HK_MIB, 5);
  block = hk_realloc(arena, block, 11 * HK_MIB);
  EXPECT(hk_pattern_holds(block, 11 * HK_MIB, 5));
  free_ok(arena, block);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  hk_test_empty_cache();
  EXPECT_EQ(hk_superslab_all_seams(), 0);
}

HK_TEST(what_is_taken_to_be_resized_has_no_bytes_of_another_arena) {
  hk_test_empty_cache();
  hk_arena_t *first = hk_test_arena(0), *second = hk_test_arena(0);
  char *block = alloc_ok(first, 20 * HK_MIB);
  memset(block, 'S', 20 * HK_MIB);
  free_ok(first, block);
  for (size_t bytes = 3 * HK_MIB; bytes < 40 * HK_MIB; bytes += 3 * HK_MIB) {
    char *other = alloc_ok(second, bytes);
    for (size_t i = 0; i < bytes; i += 512) {
      if (other[i] == 'S') EXPECT(!"another arena's byte");
    }
    free_ok(second, other);
  }
  EXPECT_EQ(hk_arena_destroy(first), HK_OK);
  EXPECT_EQ(hk_arena_destroy(second), HK_OK);
}

HK_TEST_MAIN(a_block_that_grows_starts_in_what_the_last_one_left,
             a_block_with_room_to_grow_gives_it_up_when_it_shrinks,
             a_block_taken_whole_shrinks_at_the_first_call,
             lengths_that_vary_fivefold_give_back_less_than_a_sixth_of_what_is_allocated,
             lengths_that_vary_fivefold_are_served_by_pages_that_are_there,
             a_system_that_often_refuses_to_move_pages_costs_pages_and_nothing_else,
             a_limit_counts_what_is_joined_to_the_byte,
             a_joined_block_grows_and_shrinks_with_its_bytes,
             what_is_taken_to_be_resized_has_no_bytes_of_another_arena)

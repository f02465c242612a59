/* A process that may have no more mappings (vm.max_map_count): the kernel then refuses to unmap what
 * lies in the middle of a mapping, because that would make two of it. */
#include "limits.h"
#include "super/superslab.h"

#define BLOCKS 24
#define BLOCK_BYTES (4 * HK_MIB) /* the kernel joins blocks side by side to one mapping */
#define COUNT_MAX 200000 /* where more are allowed, using them up takes long */

/* Mappings that only take up numbers: every second page of one region is protected otherwise. */
typedef struct filler_t {
  char *start;
  size_t bytes;
} filler_t;

/* `all`: no mapping is left at all; else one that need not be divided from another may be had. */
static filler_t use_up_mappings(bool all) {
  size_t page = hk_os_page_bytes(), used = 0;
  filler_t filler = {.bytes = COUNT_MAX * page};
  filler.start = mmap(NULL, filler.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT(filler.start != MAP_FAILED);
  while (used + page < filler.bytes && mprotect(filler.start + used, page, PROT_READ) == 0)
    used += 2 * page;
  EXPECT(used + page < filler.bytes);
  for (int i = 0; all && i < 100; i++) {
    (void)mmap(NULL, page, i % 2 == 0 ? PROT_NONE : PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  return filler;
}

static void end_filler(const filler_t *filler) {
  EXPECT_EQ(munmap(filler->start, filler->bytes), 0);
}

static uint64_t unmaps_refused(void) {
  hk_os_stats_t stats;
  hk_os_stats(&stats);
  return stats.unmap_failed;
}

static void hold_side_by_side(held_t *held) {
  static block_t blocks[BLOCKS];
  *held = (held_t){.arena = hk_test_arena(0), .blocks = blocks, .capacity = BLOCKS};
  hk_test_options()->superslab_max_cached = 0; /* what is freed is unmapped */
  for (int i = 0; i < BLOCKS; i++) EXPECT(hold_one(held, BLOCK_BYTES));
  for (int i = 0; i < BLOCKS; i++) memset(blocks[i].address, i, BLOCK_BYTES);
  for (int i = 0; i < BLOCKS; i++) block_fill(&blocks[i]);
}

/* Frees every second one. */
static void free_between(held_t *held) {
  size_t kept = 0;
  for (size_t i = 0; i < held->count; i++) {
    block_t *block = &held->blocks[i];
    if (!block_holds(block)) EXPECT(!"its own bytes");
    if (i % 2 == 0) held->blocks[kept++] = *block;
    if (i % 2 == 1) EXPECT_EQ(hk_free(held->arena, block->address), HK_OK);
    if (i % 2 == 1) held->bytes -= block->bytes;
  }
  held->count = kept;
}

static void free_with_mappings_used_up(bool all) {
  held_t held;
  hold_side_by_side(&held);
  filler_t filler = use_up_mappings(all);
  uint64_t refused = unmaps_refused(), resident = status_bytes("VmRSS:");
  free_between(&held);
  EXPECT(unmaps_refused() > refused);
  EXPECT(status_bytes("VmRSS:") <
         resident - BLOCKS / 3 * BLOCK_BYTES); /* addresses stay, pages go */
  expect_held(&held);
  EXPECT(hk_arena_is_valid(held.arena));
  for (int i = 0; i < 1000; i++)
    (void)hk_free(held.arena, hk_alloc(held.arena, 100 + (size_t)i * 97));
  EXPECT(hk_arena_is_valid(held.arena));
  end_filler(&filler);
  EXPECT(hold_one(&held, BLOCK_BYTES));
  free_down_to(&held, 0);
  EXPECT(hk_arena_is_valid(held.arena));
  EXPECT_EQ(hk_arena_destroy(held.arena), HK_OK);
}

static void allocate_with_mappings_used_up(bool all) {
  hk_arena_t *other = NULL;
  held_t held;
  hold_side_by_side(&held);
  filler_t filler = use_up_mappings(all);
  uint64_t mapped = status_bytes("VmSize:");
  int got = 0;
  for (int i = 0; i < 50; i++) {
    void *block = hk_alloc(held.arena, (3 + (size_t)i % 5) * HK_MIB);
    got += block != NULL;
    EXPECT_EQ(hk_free(held.arena, block), HK_OK);
    if (hk_arena_create(NULL, &other) == HK_OK) EXPECT_EQ(hk_arena_destroy(other), HK_OK);
  }
  EXPECT(!all || got == 0);
  EXPECT(status_bytes("VmSize:") < mapped + HK_MIB); /* records are kept; nothing else is left */
  end_filler(&filler);
  EXPECT(hk_arena_is_valid(held.arena));
  free_down_to(&held, 0);
  EXPECT_EQ(hk_arena_destroy(held.arena), HK_OK);
}

static void free_with_none_left(void) { free_with_mappings_used_up(true); }
static void free_with_one_left(void) { free_with_mappings_used_up(false); }
static void allocate_with_none_left(void) { allocate_with_mappings_used_up(true); }
static void allocate_with_one_left(void) { allocate_with_mappings_used_up(false); }

static bool can_be_used_up(void) {
  long long most = read_number("/proc/sys/vm/max_map_count", "");
  return most > 0 && most < COUNT_MAX / 2;
}

static void play(void (*body)(void)) {
  if (can_be_used_up()) EXPECT_EQ(hk_test_in_child(body), 0);
}

HK_TEST(a_block_that_cannot_be_unmapped_gives_its_pages_back_and_disturbs_nobody) {
  play(free_with_none_left);
  play(free_with_one_left);
}

HK_TEST(without_a_mapping_to_be_had_requests_fail_and_nothing_is_lost) {
  play(allocate_with_none_left);
  play(allocate_with_one_left);
}

HK_TEST_MAIN(a_block_that_cannot_be_unmapped_gives_its_pages_back_and_disturbs_nobody,
             without_a_mapping_to_be_had_requests_fail_and_nothing_is_lost)

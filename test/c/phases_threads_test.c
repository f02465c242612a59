/* One thread allocates, another one frees, and the sizes change from phase to phase. */
#include "threads.h"

#define PHASES 10
#define PHASE_BYTES (20 * HK_MIB)
#define BLOCKS_MAX (PHASE_BYTES / 64)

typedef struct phases_t {
  hk_gate_t filled[PHASES], emptied[PHASES];
  void *blocks[BLOCKS_MAX];
  size_t count;
} phases_t;

static void *free_phases(void *context) {
  phases_t *p = context;
  for (int phase = 0; phase < PHASES; phase++) {
    hk_gate_pass(&p->filled[phase]);
    for (size_t i = 0; i < p->count; i++) {
      if (hk_free(NULL, p->blocks[i]) != HK_OK) EXPECT(!"freed");
    }
    hk_gate_pass(&p->emptied[phase]);
  }
  return NULL;
}

static void fill(hk_arena_t *arena, phases_t *p, size_t size) {
  p->count = PHASE_BYTES / size;
  for (size_t i = 0; i < p->count; i++) {
    if ((p->blocks[i] = hk_alloc(arena, size)) == NULL) EXPECT(!"allocated");
  }
}

/* Every second phase asks for blocks of `other_size`, unless that is 0. Returns the most bytes that
 * slabs in use came to at the end of a phase. */
static uint64_t run_phases(hk_arena_t *arena, size_t other_size) {
  static phases_t p;
  pthread_t thread;
  uint64_t most = 0;
  memset(&p, 0, sizeof p);
  for (int phase = 0; phase < PHASES; phase++) p.filled[phase].wanted = p.emptied[phase].wanted = 2;
  EXPECT_EQ(pthread_create(&thread, NULL, free_phases, &p), 0);
  for (int phase = 0; phase < PHASES; phase++) {
    bool other = other_size != 0 && phase % 2 == 1;
    fill(arena, &p, other ? other_size : 64 + 96 * (size_t)phase);
    uint64_t used = hk_arena_used_bytes(arena);
    most = used > most ? used : most;
    hk_gate_pass(&p.filled[phase]);
    hk_gate_pass(&p.emptied[phase]);
  }
  EXPECT_EQ(pthread_join(thread, NULL), 0);
  return most;
}

HK_TEST(a_size_lives_on_the_memory_that_strangers_have_freed_of_another) {
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(run_phases(arena, 0) < PHASE_BYTES * 5 / 4);
  hk_arena_stats_t stats = hk_test_stats(arena);
  EXPECT(stats.bytes_committed < PHASE_BYTES * 3 / 2);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_large_block_lives_on_the_memory_that_strangers_have_freed_of_sizes) {
  hk_arena_t *arena = hk_test_arena(0);
  EXPECT(run_phases(arena, 2 * HK_SLAB_BYTES) < PHASE_BYTES * 5 / 4);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST_MAIN(a_size_lives_on_the_memory_that_strangers_have_freed_of_another,
             a_large_block_lives_on_the_memory_that_strangers_have_freed_of_sizes)

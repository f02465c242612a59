/* The heap map is read while everything it shows moves. */
#include "threads.h"

#define MAX 64
#define WRITERS 3
#define ROUNDS 25

static atomic_uint running, maps;

static void expect_plausible(const hk_mapped_superslab_t *superslab) {
  if (superslab->bytes < HK_SUPERSLAB_BYTES) EXPECT(!"bytes");
  if (superslab->slab_count != 1 && superslab->slab_count != 32) EXPECT(!"slabs");
  for (uint32_t i = 0; i < superslab->slab_count; i++) {
    const hk_mapped_slab_t *slab = &superslab->slabs[i];
    if (slab->use > HK_SLAB_USE_LOST || slab->bin >= HK_BIN_COUNT) EXPECT(!"use or bin");
    if (slab->taken > slab->capacity) EXPECT(!"taken");
  }
}

static bool look_at_one(hk_arena_t *arena, void *buffer) {
  hk_mapped_superslab_t *seen = buffer;
  uint32_t count = hk_arena_heap_map(arena, seen, MAX);
  for (uint32_t i = 0; i < count && i < MAX; i++) expect_plausible(&seen[i]);
  atomic_fetch_add(&maps, 1);
  return true;
}

static void *look_at_all(void *unused) {
  (void)unused;
  hk_mapped_superslab_t *seen = malloc(MAX * sizeof *seen);
  while (atomic_load(&running) > 0) hk_arena_each(look_at_one, seen);
  free(seen);
  return NULL;
}

/* Lengths up to 3 MB, so that SuperSlabs come, go to the cache and are unmapped all the time. */
static void use_one_arena(hk_arena_t *arena, hk_arena_t *other, hk_random_t *random) {
  void *blocks[48] = {NULL};
  for (int step = 0; step < 1200; step++) {
    uint32_t i = hk_random_below(random, 48);
    /* Every other block is given back as if by another thread. */
    hk_arena_t *by =
        blocks[i] != NULL && hk_usable_size(blocks[i]) <= 4096 && i % 2 == 0 ? other : arena;
    EXPECT_EQ(hk_free(by, blocks[i]), HK_OK);
    blocks[i] = hk_alloc(arena, 1 + hk_random_below(random, step % 20 == 0 ? 3 << 20 : 6000));
    if (step % 200 == 199) (void)hk_arena_trim(arena);
    if (step % 400 == 399) {
      hk_arena_reset(arena);
      memset(blocks, 0, sizeof blocks);
      hk_test_empty_cache();
    }
  }
}

static void *own_arenas(void *context) {
  hk_random_t random = {*(uint64_t *)context};
  for (int round = 0; round < ROUNDS; round++) {
    hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
    use_one_arena(arena, other, &random);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    EXPECT_EQ(hk_arena_destroy(other), HK_OK);
  }
  atomic_fetch_sub(&running, 1);
  return NULL;
}

HK_TEST(the_map_is_read_while_superslabs_come_and_are_unmapped) {
  uint64_t seeds[WRITERS] = {1, 2, 3};
  pthread_t reader;
  atomic_store(&running, WRITERS);
  EXPECT_EQ(pthread_create(&reader, NULL, look_at_all, NULL), 0);
  hk_test_run_threads(WRITERS, own_arenas, seeds, sizeof seeds[0]);
  EXPECT_EQ(pthread_join(reader, NULL), 0);
  EXPECT(atomic_load(&maps) > 0);
}

HK_TEST_MAIN(the_map_is_read_while_superslabs_come_and_are_unmapped)

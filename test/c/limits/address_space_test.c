/* A process at the end of the address space, or of the memory, that it may have. */
#include "limits.h"

#define ROOM (32 * HK_MIB)
#define SIZES (sizeof sizes / sizeof *sizes)

static const size_t sizes[] = {300, 5000, 65536, 400000, 3 * HK_MIB, 25 * HK_MIB};
static block_t blocks[ROOM / 256];

static void begin(held_t *held, const limit_t *limit) {
  *held = (held_t){
      .arena = hk_test_arena(0), .blocks = blocks, .capacity = sizeof blocks / sizeof *blocks};
  EXPECT_EQ(hk_free(held->arena, hk_alloc(held->arena, 100)), HK_OK);
  leave_bytes(limit, ROOM);
}

static void end(held_t *held) {
  free_down_to(held, 0);
  EXPECT(hk_arena_is_valid(held->arena));
  EXPECT_EQ(hk_arena_destroy(held->arena), HK_OK);
}

/* Three quarters of the room serve each size alone, and as many blocks again after all were freed. */
static void fill_and_fill_again(const limit_t *limit) {
  held_t held;
  begin(&held, limit);
  for (size_t i = 0; i < SIZES * 2; i++) {
    size_t size = sizes[i / 2];
    hold_all(&held, size);
    if (!EXPECT(held.bytes + size > ROOM * 3 / 4)) printf("    %zu x %zu\n", held.count, size);
    EXPECT(hk_test_stats(held.arena).failures_os > i);
    free_down_to(&held, 0);
  }
  end(&held);
}

/* What is freed of one size serves another, while half of the room stays in use: of sizes that slabs
 * serve. A block beyond a SuperSlab needs address space that no small block lies in. */
static void change_sizes(const limit_t *limit) {
  held_t held;
  begin(&held, limit);
  for (size_t i = 0; i < 8; i++) {
    size_t size = sizes[3 - i % 4];
    hold_all(&held, size);
    if (!EXPECT(held.bytes + size > ROOM * 3 / 4)) printf("    %zu of %zu\n", held.bytes, size);
    free_down_to(&held, ROOM / 2);
    expect_held(&held);
  }
  end(&held);
}

/* An arena that is refused says so; one that is asked for later is as good as any. */
static void create_without_room(const limit_t *limit) {
  held_t held;
  hk_arena_t *arena = NULL;
  begin(&held, limit);
  hold_all(&held, 3 * HK_MIB);
  hold_all(&held, 300);
  leave_bytes(limit, 0);
  EXPECT_EQ(hk_arena_create(NULL, &arena), HK_OUT_OF_MEMORY_OS);
  free_down_to(&held, ROOM / 2);
  EXPECT_EQ(hk_arena_create(NULL, &arena), HK_OK);
  EXPECT(hk_alloc(arena, 100) != NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  expect_held(&held);
  end(&held);
}

/* A block that may not grow any further is as it was. */
static void grow(const limit_t *limit) {
  enum { STEP = 64 * HK_KIB };
  held_t held;
  size_t bytes = STEP;
  begin(&held, limit);
  char *block = hk_alloc(held.arena, bytes), *grown;
  hk_pattern_fill(block, bytes, 7);
  while ((grown = hk_realloc(held.arena, block, bytes + STEP)) != NULL) {
    block = grown;
    bytes += STEP;
  }
  EXPECT(bytes > ROOM / 4);
  EXPECT(hk_usable_size(block) >= bytes);
  EXPECT(hk_pattern_holds(block, STEP, 7));
  EXPECT_EQ(hk_free(held.arena, block), HK_OK);
  end(&held);
}

static void (*played)(const limit_t *limit);
static void play_for_addresses(void) { played(&address_space); }
static void play_for_memory(void) { played(&committed); }

static void play_for_both(void (*play)(const limit_t *limit)) {
  played = play;
  EXPECT_EQ(hk_test_in_child(play_for_addresses), 0);
  EXPECT_EQ(hk_test_in_child(play_for_memory), 0);
}

HK_TEST(each_size_gets_the_room_that_there_is_and_gets_it_again) {
  play_for_both(fill_and_fill_again);
}

HK_TEST(what_one_size_has_freed_serves_another) { play_for_both(change_sizes); }

HK_TEST(an_arena_is_refused_with_a_code_and_created_once_there_is_room) {
  play_for_both(create_without_room);
}

HK_TEST(a_block_that_may_not_grow_is_as_it_was) { play_for_both(grow); }

HK_TEST_MAIN(each_size_gets_the_room_that_there_is_and_gets_it_again,
             what_one_size_has_freed_serves_another,
             an_arena_is_refused_with_a_code_and_created_once_there_is_room,
             a_block_that_may_not_grow_is_as_it_was)

/* Letters between threads: an owner hands over, recalls, resets and destroys while borrowers adopt, hold and return;
 * every byte of every block is checked on both sides. */
#include "letters/letters.h"

#include "refs.h"
#include "threads.h"

/* --- A block says by itself what is in it ----------------------------------------------------- */

static void fill(void *block, size_t bytes, uint64_t key) {
  memcpy(block, &key, sizeof key);
  hk_pattern_fill((char *)block + sizeof key, bytes - sizeof key, key);
}

static bool is_whole(const void *block, size_t bytes) {
  uint64_t key;
  memcpy(&key, block, sizeof key);
  return hk_pattern_holds((const char *)block + sizeof key, bytes - sizeof key, key);
}

/* --- Borrowers -------------------------------------------------------------------------------- */

#define SLOTS 64
#define HELD_MAX 8

typedef struct post_t {
  _Atomic(uint64_t) tickets[SLOTS]; /* the owner writes, borrowers try them */
  atomic_bool stop;
} post_t;

typedef struct held_t {
  uint64_t ticket, bytes;
  void *block;
} held_t;

typedef struct borrower_t {
  post_t *post;
  uint64_t seed, adopted, spoiled, refused_returns;
} borrower_t;

static void give_back(borrower_t *borrower, held_t *held) {
  if (held->block == NULL) return;
  if (!is_whole(held->block, held->bytes)) borrower->spoiled++;
  if (hk_letter_return(held->ticket) != HK_OK) borrower->refused_returns++;
  held->block = NULL;
}

static void try_to_adopt(borrower_t *borrower, held_t *held, hk_random_t *random) {
  uint32_t slot = hk_random_below(random, SLOTS);
  held->ticket = atomic_load(&borrower->post->tickets[slot]);
  if (hk_letter_adopt(held->ticket, &held->block, &held->bytes) != HK_OK) {
    held->block = NULL;
    return;
  }
  borrower->adopted++;
  if (!is_whole(held->block, held->bytes)) borrower->spoiled++;
  fill(held->block, held->bytes, hk_random_next(random));
}

static void *borrow(void *context) {
  borrower_t *borrower = context;
  hk_random_t random = {borrower->seed};
  held_t held[HELD_MAX] = {0};
  while (!atomic_load_explicit(&borrower->post->stop, memory_order_relaxed)) {
    held_t *one = &held[hk_random_below(&random, HELD_MAX)];
    give_back(borrower, one);
    try_to_adopt(borrower, one, &random);
  }
  for (int i = 0; i < HELD_MAX; i++) give_back(borrower, &held[i]);
  return NULL;
}

/* --- The owner -------------------------------------------------------------------------------- */

typedef struct owner_t {
  hk_arena_t *arena;
  post_t *post;
  hk_random_t random;
  uint64_t offered, recalled;
} owner_t;

static uint32_t take_block(owner_t *owner, size_t *bytes) {
  uint32_t ref = 0, got = 0;
  if (hk_random_below(&owner->random, 50) == 0) {
    int64_t back = hk_letter_take_large(owner->arena);
    if (back >= 0) EXPECT_EQ(hk_large_free(owner->arena, (uint32_t)back), HK_OK);
    *bytes = 100000 + hk_random_below(&owner->random, 100000);
    EXPECT_EQ(hk_large_alloc(owner->arena, *bytes, &ref), HK_OK);
    return ref;
  }
  *bytes = 16 + hk_random_below(&owner->random, 4000);
  EXPECT_EQ(hk_refill(owner->arena, hk_test_bin(*bytes), &ref, 1, &got), HK_OK);
  return ref;
}

static void give_block(owner_t *owner, const hk_recalled_t *recalled) {
  const void *block = hk_test_address(owner->arena, recalled->ref);
  EXPECT(is_whole(block, recalled->bytes));
  owner->recalled++;
  if (recalled->bin >= HK_BIN_MAX) {
    EXPECT_EQ(hk_large_free(owner->arena, recalled->ref), HK_OK);
  } else {
    EXPECT_EQ(hk_flush(owner->arena, recalled->bin, &recalled->ref, 1), HK_OK);
  }
}

/* Hands a block over in the place of another, which it recalls if nobody has adopted it. */
static void hand_over(owner_t *owner) {
  uint32_t slot = hk_random_below(&owner->random, SLOTS);
  uint64_t ticket = atomic_load(&owner->post->tickets[slot]);
  hk_recalled_t recalled;
  if (ticket != 0 && hk_letter_recall(owner->arena, ticket, &recalled) == HK_OK) {
    give_block(owner, &recalled);
  }
  size_t bytes;
  uint32_t ref = take_block(owner, &bytes);
  fill(hk_test_address(owner->arena, ref), bytes, hk_random_next(&owner->random));
  if (!EXPECT(hk_letter_offer(owner->arena, ref, bytes, &ticket) == HK_OK)) return;
  atomic_store(&owner->post->tickets[slot], ticket);
  owner->offered++;
}

static void check(hk_arena_t *arena) {
  hk_remote_drain(arena);
  EXPECT(hk_arena_is_valid(arena));
}

static bool no_arena(hk_arena_t *arena, void *context) {
  (void)arena, (void)context;
  EXPECT(!"ended");
  return false;
}

#define BORROWERS 3

static void run(uint32_t rounds, uint32_t reset_in, uint32_t destroy_in, uint32_t trim_in) {
  static post_t post;
  static borrower_t borrowers[BORROWERS];
  memset(&post, 0, sizeof post);
  pthread_t threads[BORROWERS];
  for (uint64_t i = 0; i < BORROWERS; i++) {
    borrowers[i] = (borrower_t){.post = &post, .seed = 100 + i};
    EXPECT_EQ(pthread_create(&threads[i], NULL, borrow, &borrowers[i]), 0);
  }
  owner_t owner = {.arena = hk_test_arena(0), .post = &post, .random = hk_random_begin(5)};
  for (uint32_t round = 0; round < rounds; round++) {
    hand_over(&owner);
    if (hk_random_below(&owner.random, reset_in) == 0) hk_arena_reset(owner.arena);
    if (hk_random_below(&owner.random, trim_in) == 0) {
      (void)hk_test_retire_all(owner.arena);
      (void)hk_arena_trim(owner.arena);
    }
    if (round % 512 == 0) check(owner.arena);
    if (hk_random_below(&owner.random, destroy_in) != 0) continue;
    EXPECT_EQ(hk_arena_destroy(owner.arena), HK_OK);
    owner.arena = hk_test_arena(0);
  }
  atomic_store(&post.stop, true);
  uint64_t adopted = 0;
  for (int i = 0; i < BORROWERS; i++) {
    EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    EXPECT_EQ(borrowers[i].spoiled, 0);
    EXPECT_EQ(borrowers[i].refused_returns, 0);
    adopted += borrowers[i].adopted;
  }
  printf("  %llu offered, %llu adopted, %llu recalled\n", (unsigned long long)owner.offered,
         (unsigned long long)adopted, (unsigned long long)owner.recalled);
  EXPECT(adopted > 0);
  check(owner.arena);
  hk_arena_reset(owner.arena);
  hk_arena_stats_t stats = hk_test_stats(owner.arena);
  EXPECT_EQ(stats.letters_away, 0);
  EXPECT_EQ(stats.bytes_used, 0);
  EXPECT_EQ(hk_arena_destroy(owner.arena), HK_OK);
  hk_arena_each(no_arena, NULL);
}

HK_TEST(every_byte_is_its_borrowers_while_the_owner_works_on) {
  run(hk_test_rounds(40000), UINT32_MAX, UINT32_MAX, 500);
}

HK_TEST(every_byte_is_its_borrowers_while_the_owner_resets) {
  run(hk_test_rounds(30000), 50, UINT32_MAX, 500);
}

HK_TEST(every_byte_is_its_borrowers_while_owners_come_and_go) {
  run(hk_test_rounds(20000), 100, 50, 500);
}

/* --- One ticket, many takers ------------------------------------------------------------------ */

#define RACERS 4

typedef struct racer_t {
  hk_gate_t *gate;
  _Atomic(uint64_t) *ticket;
  uint64_t won;
} racer_t;

static void *race(void *context) {
  racer_t *racer = context;
  void *address;
  uint64_t bytes;
  hk_gate_pass(racer->gate);
  uint64_t ticket = atomic_load(racer->ticket);
  if (hk_letter_adopt(ticket, &address, &bytes) == HK_OK) {
    racer->won++;
    if (hk_letter_return(ticket) != HK_OK) EXPECT(!"returned");
  }
  return NULL;
}

HK_TEST(of_many_that_adopt_a_ticket_exactly_one_gets_the_block) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t bin = hk_test_bin(64);
  take(arena, bin, refs, 300);
  for (int round = 0; round < 300; round++) {
    hk_gate_t gate = {.wanted = RACERS};
    _Atomic(uint64_t) ticket;
    uint64_t number, won = 0;
    EXPECT_EQ(hk_letter_offer(arena, refs[round], 64, &number), HK_OK);
    atomic_init(&ticket, number);
    racer_t racers[RACERS];
    for (int i = 0; i < RACERS; i++) racers[i] = (racer_t){.gate = &gate, .ticket = &ticket};
    hk_test_run_threads(RACERS, race, racers, sizeof racers[0]);
    for (int i = 0; i < RACERS; i++) won += racers[i].won;
    if (won != 1) EXPECT_EQ(won, 1);
  }
  check(arena);
  EXPECT_EQ(bin_stats(arena, bin).frees_remote, 300);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* --- The end of an arena against the last return ---------------------------------------------- */

typedef struct last_t {
  hk_gate_t *gate;
  uint64_t ticket;
} last_t;

static void *return_last(void *context) {
  last_t *last = context;
  hk_gate_pass(last->gate);
  if (hk_letter_return(last->ticket) != HK_OK) EXPECT(!"returned");
  return NULL;
}

/* Whoever is last ends it: the owner or either borrower. A record touched after that is a crash, or TSan's. */
HK_TEST(an_arena_is_destroyed_while_its_last_blocks_are_returned) {
  for (int round = 0; round < 500; round++) {
    hk_gate_t gate = {.wanted = 3};
    last_t lasts[2];
    pthread_t threads[2];
    hk_arena_t *arena = hk_test_arena(0);
    for (int i = 0; i < 2; i++) {
      void *address;
      uint64_t bytes;
      uint32_t ref = 0;
      if (i == 0) take(arena, hk_test_bin(1000), &ref, 1);
      if (i == 1) EXPECT_EQ(hk_large_alloc(arena, 200000, &ref), HK_OK);
      lasts[i].gate = &gate;
      EXPECT_EQ(hk_letter_offer(arena, ref, 1000, &lasts[i].ticket), HK_OK);
      EXPECT_EQ(hk_letter_adopt(lasts[i].ticket, &address, &bytes), HK_OK);
      EXPECT_EQ(pthread_create(&threads[i], NULL, return_last, &lasts[i]), 0);
    }
    hk_gate_pass(&gate);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    for (int i = 0; i < 2; i++) EXPECT_EQ(pthread_join(threads[i], NULL), 0);
    hk_arena_each(no_arena, NULL);
  }
}

/* --- Readers ---------------------------------------------------------------------------------- */

static bool read_one(hk_arena_t *arena, void *context) {
  hk_arena_stats(arena, context);
  return true;
}

static void *read_all(void *context) {
  post_t *post = context;
  hk_arena_stats_t stats;
  while (!atomic_load(&post->stop)) hk_arena_each(read_one, &stats);
  return NULL;
}

HK_TEST(statistics_are_read_while_arenas_end_in_other_threads) {
  static post_t post;
  pthread_t reader;
  EXPECT_EQ(pthread_create(&reader, NULL, read_all, &post), 0);
  run(3000, 100, 30, 500);
  atomic_store(&post.stop, true);
  EXPECT_EQ(pthread_join(reader, NULL), 0);
}

HK_TEST_MAIN(every_byte_is_its_borrowers_while_the_owner_works_on,
             every_byte_is_its_borrowers_while_the_owner_resets,
             every_byte_is_its_borrowers_while_owners_come_and_go,
             of_many_that_adopt_a_ticket_exactly_one_gets_the_block,
             an_arena_is_destroyed_while_its_last_blocks_are_returned,
             statistics_are_read_while_arenas_end_in_other_threads)

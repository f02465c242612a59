/* Letters: blocks handed over, adopted, returned, recalled and revoked, in one thread. */
#include "letters/letters.h"

#include "refs.h"
#include "supply/supply.h"

static uint64_t offer(hk_arena_t *arena, uint32_t ref, uint64_t bytes) {
  uint64_t ticket = 0;
  EXPECT_EQ(hk_letter_offer(arena, ref, bytes, &ticket), HK_OK);
  return ticket;
}

/* The address of what a ticket was for; NULL: refused. */
static void *adopt(uint64_t ticket) {
  void *address = NULL;
  uint64_t bytes = 0;
  return hk_letter_adopt(ticket, &address, &bytes) == HK_OK ? address : NULL;
}

static uint32_t take_one(hk_arena_t *arena, size_t size_bytes) {
  uint32_t ref = 0;
  if (size_bytes <= HK_CLASS_SIZE_MAX) {
    take(arena, hk_test_bin(size_bytes), &ref, 1);
  } else {
    EXPECT_EQ(hk_large_alloc(arena, size_bytes, &ref), HK_OK);
  }
  return ref;
}

/* A class, a run and a huge mapping. */
static const size_t sizes[] = {1000, 300000, 5 << 20};

HK_TEST(a_block_handed_over_is_its_borrowers_until_it_comes_back) {
  for (int i = 0; i < 3; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t bin = hk_test_bin(sizes[i]), ref = take_one(arena, sizes[i]);
    char *address = hk_test_address(arena, ref);
    uint64_t ticket = offer(arena, ref, sizes[i]), bytes = 0;
    void *seen = NULL;
    EXPECT_EQ(bin_stats(arena, bin).away, 1);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_letter_adopt(ticket, &seen, &bytes), HK_OK);
    EXPECT(seen == address);
    EXPECT_EQ(bytes, sizes[i]);
    EXPECT_EQ(bin_stats(arena, bin).away, 1);
    EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    EXPECT(hk_arena_is_valid(arena));
    hk_remote_drain(arena);
    EXPECT_EQ(bin_stats(arena, bin).away, 0);
    EXPECT_EQ(bin_stats(arena, bin).frees_remote, 1);
    EXPECT(hk_arena_is_valid(arena));
    hk_arena_stats_t stats = hk_test_stats(arena);
    EXPECT_EQ(stats.letters_offered, 1);
    EXPECT_EQ(stats.letters_adopted, 1);
    EXPECT_EQ(stats.letters_returned, 1);
    EXPECT_EQ(stats.letters_away, 0);
    if (bin >= HK_BIN_MAX) {
      EXPECT_EQ(hk_letter_take_large(arena), ref);
      EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
    }
    EXPECT_EQ(hk_letter_take_large(arena), -1);
    (void)hk_test_retire_all(arena);
    EXPECT_EQ(hk_arena_used_bytes(arena), 0);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

HK_TEST(a_ticket_serves_once) {
  hk_arena_t *arena = hk_test_arena(0);
  hk_recalled_t recalled;
  uint32_t ref = take_one(arena, 64);
  uint64_t ticket = offer(arena, ref, 64);
  EXPECT_EQ(hk_letter_return(ticket), HK_BAD_TICKET);
  EXPECT(adopt(ticket) != NULL);
  EXPECT(adopt(ticket) == NULL);
  EXPECT_EQ(hk_letter_recall(arena, ticket, &recalled), HK_SLAB_BUSY);
  EXPECT_EQ(hk_letter_return(ticket), HK_OK);
  EXPECT_EQ(hk_letter_return(ticket), HK_BAD_TICKET);
  EXPECT(adopt(ticket) == NULL);
  hk_remote_drain(arena);
  /* The same letter again, by another ticket. */
  uint64_t next = offer(arena, take_one(arena, 64), 64);
  EXPECT_EQ(next & (HK_LETTERS_MAX - 1), ticket & (HK_LETTERS_MAX - 1));
  EXPECT(next != ticket);
  EXPECT(adopt(ticket) == NULL);
  EXPECT_EQ(hk_letter_recall(arena, ticket, &recalled), HK_SLAB_BUSY);
  EXPECT_EQ(hk_letter_recall(arena, next, &recalled), HK_OK);
  EXPECT_EQ(hk_letter_recall(arena, next, &recalled), HK_SLAB_BUSY);
  EXPECT(adopt(next) == NULL);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(whatever_number_is_given_is_refused) {
  hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
  hk_random_t random = hk_random_begin(7);
  hk_recalled_t recalled;
  uint64_t ticket = offer(arena, take_one(arena, 64), 64), before = hk_letters_refused();
  EXPECT_EQ(hk_letter_recall(other, ticket, &recalled), HK_BAD_TICKET);
  uint64_t odd[] = {0,          1,          HK_LETTERS_MAX,          UINT64_MAX,
                    ticket + 1, ticket - 1, ticket + HK_LETTERS_MAX, ticket | (uint64_t)1 << 60};
  for (uint32_t i = 0; i < 1000000; i++) {
    uint64_t number = i < 8 ? odd[i] : hk_random_next(&random) >> hk_random_below(&random, 64);
    if (number == ticket) continue;
    if (adopt(number) != NULL || hk_letter_return(number) != HK_BAD_TICKET) {
      EXPECT(!"refused");
      return;
    }
  }
  EXPECT(hk_letters_refused() - before > 1999990);
  EXPECT_EQ(hk_letter_recall(arena, ticket + HK_LETTERS_MAX, &recalled), HK_BAD_TICKET);
  EXPECT(adopt(ticket) != NULL);
  EXPECT_EQ(hk_letter_return(ticket), HK_OK);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT_EQ(hk_arena_destroy(other), HK_OK);
}

HK_TEST(what_is_no_block_of_the_front_cannot_be_offered) {
  hk_arena_t *arena = hk_test_arena(0);
  uint32_t ref = take_one(arena, 1024), large = take_one(arena, 300000);
  uint64_t ticket;
  EXPECT_EQ(hk_letter_offer(arena, ref, 0, &ticket), HK_NOT_OWNED);
  EXPECT_EQ(hk_letter_offer(arena, ref, 1025, &ticket), HK_NOT_OWNED);
  EXPECT_EQ(hk_letter_offer(arena, ref + 1, 8, &ticket), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_letter_offer(arena, ref + 64, 8, &ticket), HK_NOT_OWNED);
  EXPECT_EQ(hk_letter_offer(arena, UINT32_MAX, 8, &ticket), HK_NOT_OWNED);
  EXPECT_EQ(hk_letter_offer(arena, large + 1, 8, &ticket), HK_NOT_OWNED);
  EXPECT_EQ(hk_letter_offer(arena, large, 5 * HK_SLAB_BYTES + 1, &ticket), HK_NOT_OWNED);
  EXPECT_EQ(hk_slab_set_exposed(arena, ref >> HK_REF_INDEX_BITS, true), HK_OK);
  EXPECT_EQ(hk_slab_give_away(arena, ref >> HK_REF_INDEX_BITS), HK_OK);
  EXPECT_EQ(hk_letter_offer(arena, ref, 8, &ticket), HK_SLAB_BUSY);
  EXPECT_EQ(hk_slab_set_exposed(arena, ref >> HK_REF_INDEX_BITS, false), HK_OK);
  ticket = offer(arena, large, 300000);
  uint64_t again;
  EXPECT_EQ(hk_letter_offer(arena, large, 8, &again), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_large_free(arena, large), HK_SLAB_BUSY);
  EXPECT(adopt(ticket) != NULL);
  EXPECT_EQ(hk_letter_return(ticket), HK_OK);
  hk_remote_drain(arena);
  EXPECT_EQ(hk_large_free(arena, large), HK_SLAB_BUSY); /* its front has not asked for it yet */
  EXPECT_EQ(hk_letter_offer(arena, large, 8, &again), HK_DOUBLE_FREE);
  EXPECT_EQ(hk_letter_take_large(arena), large);
  EXPECT_EQ(hk_large_free(arena, large), HK_OK);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(a_recalled_block_is_its_fronts_again) {
  for (int i = 0; i < 3; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t bin = hk_test_bin(sizes[i]), ref = take_one(arena, sizes[i]);
    hk_recalled_t recalled = {0};
    uint64_t ticket = offer(arena, ref, sizes[i]);
    EXPECT_EQ(hk_letter_recall(arena, ticket, &recalled), HK_OK);
    EXPECT_EQ(recalled.ref, ref);
    EXPECT_EQ(recalled.bin, bin);
    EXPECT_EQ(recalled.bytes, sizes[i]);
    EXPECT_EQ(bin_stats(arena, bin).away, 0);
    EXPECT_EQ(bin_stats(arena, bin).front_blocks, 1);
    if (bin < HK_BIN_MAX) flush(arena, bin, &ref, 1);
    if (bin >= HK_BIN_MAX) EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

/* Whatever its owner does, nobody else gets what a borrower has. */
HK_TEST(a_reset_leaves_a_borrower_its_bytes) {
  for (int i = 0; i < 3; i++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t ref = take_one(arena, sizes[i]), offered_ref = take_one(arena, sizes[i]);
    char *address = hk_test_address(arena, ref);
    hk_pattern_fill(address, sizes[i], 9);
    uint64_t ticket = offer(arena, ref, sizes[i]), offered = offer(arena, offered_ref, sizes[i]);
    EXPECT(adopt(ticket) == address);
    hk_arena_reset(arena);
    EXPECT(adopt(offered) == NULL);
    EXPECT_EQ(hk_test_stats(arena).letters_revoked, 1);
    EXPECT_EQ(hk_test_stats(arena).letters_away, 1);
    EXPECT(hk_test_stats(arena).bytes_slack >= HK_SLAB_BYTES);
    EXPECT(hk_arena_is_valid(arena));
    for (int k = 0; k < 100; k++) {
      uint32_t next = take_one(arena, sizes[i]);
      EXPECT(next != ref);
      memset(hk_test_address(arena, next), 0xee, sizes[i]);
    }
    (void)hk_arena_trim(arena);
    EXPECT(hk_pattern_holds(address, sizes[i], 9));
    hk_arena_reset(arena);
    EXPECT(hk_pattern_holds(address, sizes[i], 9));
    EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    hk_remote_drain(arena);
    EXPECT_EQ(hk_arena_used_bytes(arena), 0);
    EXPECT_EQ(hk_test_stats(arena).letters_away, 0);
    EXPECT(hk_arena_is_valid(arena));
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

HK_TEST(a_slab_both_exposed_and_borrowed_is_lost_until_it_is_neither) {
  for (int first = 0; first < 2; first++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t ref = take_one(arena, 1000), slab = ref >> HK_REF_INDEX_BITS;
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
    uint64_t ticket = offer(arena, ref, 1000);
    EXPECT(adopt(ticket) != NULL);
    hk_arena_reset(arena);
    for (int i = 0; i < 2; i++) {
      EXPECT_EQ(hk_arena_used_bytes(arena), HK_SLAB_BYTES);
      EXPECT(hk_arena_is_valid(arena));
      if (i == first) EXPECT_EQ(hk_slab_set_exposed(arena, slab, false), HK_OK);
      if (i != first) EXPECT_EQ(hk_letter_return(ticket), HK_OK);
      hk_remote_drain(arena);
    }
    EXPECT_EQ(hk_arena_used_bytes(arena), 0);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  }
}

static uint64_t arena_count(void);

HK_TEST(a_destroyed_arena_ends_with_the_last_block_that_is_returned) {
  uint64_t before = arena_count();
  hk_arena_t *arena = hk_test_arena(0);
  uint64_t tickets[3];
  for (int i = 0; i < 3; i++) {
    uint32_t ref = take_one(arena, sizes[i]);
    hk_pattern_fill(hk_test_address(arena, ref), sizes[i], (uint64_t)i);
    tickets[i] = offer(arena, ref, sizes[i]);
  }
  uint64_t offered = offer(arena, take_one(arena, 100), 100);
  void *addresses[3];
  for (int i = 0; i < 3; i++) addresses[i] = adopt(tickets[i]);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT(adopt(offered) == NULL);
  EXPECT_EQ(arena_count(), before + 1);
  hk_arena_t *next = hk_test_arena(0);
  for (int i = 0; i < 3; i++) {
    for (int k = 0; k < 50; k++) {
      memset(hk_test_address(next, take_one(next, sizes[i])), 0xdd, sizes[i]);
    }
  }
  for (int i = 0; i < 3; i++) {
    EXPECT(hk_pattern_holds(addresses[i], sizes[i], (uint64_t)i));
    EXPECT_EQ(arena_count(), before + 2);
    EXPECT_EQ(hk_letter_return(tickets[i]), HK_OK);
  }
  EXPECT_EQ(arena_count(), before + 1);
  EXPECT_EQ(hk_arena_destroy(next), HK_OK);
}

static bool count_arena(hk_arena_t *arena, void *context) {
  (void)arena;
  ++*(uint64_t *)context;
  return true;
}

static uint64_t arena_count(void) {
  uint64_t count = 0;
  hk_arena_each(count_arena, &count);
  return count;
}

HK_TEST(an_arena_that_ends_waits_for_its_exposed_slabs_and_its_borrowers) {
  for (int order = 0; order < 2; order++) {
    uint64_t before = arena_count();
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t ref = take_one(arena, 1000), slab = ref >> HK_REF_INDEX_BITS;
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
    uint64_t ticket = offer(arena, ref, 1000), again;
    EXPECT(adopt(ticket) != NULL);
    EXPECT_EQ(hk_arena_abandon(arena), HK_SLAB_BUSY);
    EXPECT_EQ(hk_arena_end(arena), HK_SLAB_BUSY);
    EXPECT_EQ(hk_letter_offer(arena, ref, 8, &again), HK_ARENA_DESTROYED);
    if (order == 0) EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    EXPECT_EQ(hk_arena_end(arena), HK_SLAB_BUSY);
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, false), HK_OK);
    EXPECT_EQ(hk_arena_end(arena), HK_OK);
    EXPECT_EQ(arena_count(), before + (uint64_t)order);
    if (order == 1) EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    EXPECT_EQ(arena_count(), before);
  }
}

HK_TEST(an_arena_that_leaves_no_bytes_zeroes_what_comes_back) {
  hk_arena_t *arena = NULL;
  hk_arena_options_t options = {.scrubs = 1};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  for (int i = 0; i < 3; i++) {
    uint32_t ref = take_one(arena, sizes[i]);
    uint64_t ticket = offer(arena, ref, sizes[i]);
    char *bytes = adopt(ticket);
    memset(bytes, 0x77, sizes[i]);
    EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    hk_remote_drain(arena);
    EXPECT(hk_is_zero(bytes, sizes[i]));
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

HK_TEST(what_was_given_away_is_zeroed_around_what_is_away) {
  hk_arena_t *arena = NULL;
  hk_arena_options_t options = {.scrubs = 1};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  for (int i = 0; i < 3; i++) {
    uint32_t ref = take_one(arena, sizes[i]), other = take_one(arena, sizes[i]);
    uint32_t slab = ref >> HK_REF_INDEX_BITS;
    char *address = hk_test_address(arena, ref), *beside = hk_test_address(arena, other);
    memset(beside, 0x55, sizes[i]);
    uint64_t ticket = offer(arena, ref, sizes[i]);
    EXPECT(adopt(ticket) == address);
    hk_pattern_fill(address, sizes[i], 3);
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
    EXPECT_EQ(hk_slab_give_away(arena, slab), HK_OK);
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, false), HK_OK);
    EXPECT(hk_pattern_holds(address, sizes[i], 3));
    if (i == 0) EXPECT(hk_is_zero(beside, sizes[i]));
    EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    hk_remote_drain(arena);
    EXPECT(hk_is_zero(address, sizes[i]));
    EXPECT(hk_arena_is_valid(arena));
  }
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
}

/* Late writes to it may come from any thread, also when that of its arena has ended. */
HK_TEST(what_was_lent_is_in_quarantine_for_every_thread) {
  hk_test_empty_cache();
  for (int settled = 0; settled < 2; settled++) {
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t ref = take_one(arena, 1000);
    char *address = hk_test_address(arena, ref);
    uint64_t ticket = offer(arena, ref, 1000);
    EXPECT(adopt(ticket) == address);
    EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    if (settled) hk_arena_settle(arena);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    hk_arena_t *next = hk_test_arena(0);
    char *other = hk_test_address(next, take_one(next, 1000));
    EXPECT(((uintptr_t)other ^ (uintptr_t)address) >> HK_SUPERSLAB_SHIFT != 0);
    EXPECT_EQ(hk_arena_destroy(next), HK_OK);
  }
}

static const uint64_t long_ns = (uint64_t)11 * 1000000000; /* longer than quarantine */

/* Gives the pages back and then writes, as a borrower may whose operation was under way. */
static void write_late(hk_arena_t *arena, char *bytes, size_t size_bytes) {
  (void)hk_arena_trim(arena);
  memset(bytes, 0x66, size_bytes);
}

HK_TEST(what_was_lent_is_wiped_of_late_writes_before_another_arena_has_it) {
  for (int exposed = 0; exposed < 2; exposed++) {
    fake_os_begin();
    hk_arena_t *arena = hk_test_arena(0), *other = hk_test_arena(0);
    uint32_t ref = take_one(arena, 1000), slab = ref >> HK_REF_INDEX_BITS;
    char *address = hk_test_address(arena, ref);
    if (exposed) EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
    uint64_t ticket = offer(arena, ref, 1000);
    EXPECT(adopt(ticket) == address);
    if (exposed) EXPECT_EQ(hk_slab_set_exposed(arena, slab, false), HK_OK);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    write_late(other, address, 1000);
    fake_os.now_ns += long_ns;
    hk_arena_t *next = hk_test_arena(0);
    EXPECT(hk_test_address(next, take_one(next, 1000)) == address);
    EXPECT(hk_is_zero(address, 1000));
    EXPECT_EQ(hk_arena_destroy(next), HK_OK);
    EXPECT_EQ(hk_arena_destroy(other), HK_OK);
    fake_os_end();
  }
}

HK_TEST(a_small_arena_that_has_lent_leaves_nothing_warm) {
  for (int lent = 0; lent < 2; lent++) {
    fake_os_begin();
    hk_arena_t *arena = hk_test_arena(0);
    uint32_t ref = take_one(arena, 1000), slab = ref >> HK_REF_INDEX_BITS;
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, true), HK_OK);
    if (lent) {
      uint64_t ticket = offer(arena, ref, 1000);
      EXPECT(adopt(ticket) != NULL);
      EXPECT_EQ(hk_letter_return(ticket), HK_OK);
    }
    EXPECT_EQ(hk_slab_set_exposed(arena, slab, false), HK_OK);
    EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
    EXPECT_EQ(fake_os.purges, (uint64_t)lent);
    fake_os_end();
  }
}

/* A front that keeps the counters of an arena for the next one. */
HK_TEST(counters_that_were_left_serve_nobody_while_letters_are_away) {
  hk_arena_t *arena = hk_test_arena(0), *next = NULL;
  hk_counters_t *counters = hk_arena_counters(arena);
  hk_counters_hold(counters);
  hk_arena_options_t options = {.counters = counters};
  uint64_t ticket = offer(arena, take_one(arena, 1000), 1000);
  EXPECT(adopt(ticket) != NULL);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  for (int returned = 0; returned < 2; returned++) {
    EXPECT_EQ(hk_arena_create(&options, &next), HK_OK);
    EXPECT_EQ(hk_arena_counters(next) == counters, returned != 0);
    EXPECT_EQ(hk_arena_destroy(next), HK_OK);
    EXPECT_EQ(hk_letter_return(ticket), returned ? HK_BAD_TICKET : HK_OK);
  }
  hk_counters_drop(counters);
}

HK_TEST(a_refused_mapping_loses_nothing) {
  fake_os_begin();
  hk_arena_t *arena = hk_test_arena(0);
  enum { MANY = 3000 };
  uint64_t tickets[MANY], ticket;
  uint32_t offered = 0, bin = hk_test_bin(16);
  take(arena, bin, refs, MANY);
  fake_os.maps_allowed = 0;
  while (offered < MANY && hk_letter_offer(arena, refs[offered], 16, &ticket) == HK_OK) {
    tickets[offered++] = ticket;
  }
  EXPECT(offered < MANY);
  EXPECT_EQ(hk_letter_offer(arena, refs[offered], 16, &ticket), HK_OUT_OF_MEMORY_OS);
  EXPECT_EQ(hk_letter_reserve(arena), HK_OUT_OF_MEMORY_OS);
  EXPECT_EQ(bin_stats(arena, bin).away, offered);
  EXPECT(hk_arena_is_valid(arena));
  fake_os.maps_allowed = UINT64_MAX;
  EXPECT_EQ(hk_letter_reserve(arena), HK_OK);
  for (; offered < MANY; offered++) tickets[offered] = offer(arena, refs[offered], 16);
  for (uint32_t i = 0; i < MANY; i++) {
    EXPECT(adopt(tickets[i]) != NULL);
    EXPECT_EQ(hk_letter_return(tickets[i]), HK_OK);
  }
  hk_remote_drain(arena);
  EXPECT_EQ(bin_stats(arena, bin).frees_remote, MANY);
  EXPECT(hk_arena_is_valid(arena));
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

HK_TEST_MAIN(a_block_handed_over_is_its_borrowers_until_it_comes_back, a_ticket_serves_once,
             whatever_number_is_given_is_refused, what_is_no_block_of_the_front_cannot_be_offered,
             a_recalled_block_is_its_fronts_again, a_reset_leaves_a_borrower_its_bytes,
             a_slab_both_exposed_and_borrowed_is_lost_until_it_is_neither,
             a_destroyed_arena_ends_with_the_last_block_that_is_returned,
             an_arena_that_ends_waits_for_its_exposed_slabs_and_its_borrowers,
             an_arena_that_leaves_no_bytes_zeroes_what_comes_back,
             what_was_given_away_is_zeroed_around_what_is_away,
             what_was_lent_is_in_quarantine_for_every_thread,
             what_was_lent_is_wiped_of_late_writes_before_another_arena_has_it,
             a_small_arena_that_has_lent_leaves_nothing_warm,
             counters_that_were_left_serve_nobody_while_letters_are_away,
             a_refused_mapping_loses_nothing)

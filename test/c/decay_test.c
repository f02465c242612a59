#include "hakmem.h"
#include "heap/decay.h"
#include "support.h"

#define DELAY_MS (100 * HK_PEAKS_STEPS)
#define STEP_NS ((uint64_t)100 * 1000000)
#define BLOCKS 512

static uint32_t refs[HK_BATCH_MAX];

static hk_arena_t *arena_with_delay(int64_t delay_ms) {
  hk_arena_t *arena = NULL;
  hk_arena_options_t options = {.purge_delay = (uint64_t)(delay_ms + 2)};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  return arena;
}

/* Takes blocks of 8 KB and writes to each, `count` at a time. */
static void take(hk_arena_t *arena, uint32_t at, uint32_t count) {
  uint32_t bin = hk_test_bin(8192);
  for (uint32_t n = 0, got = 0; n < count; n += got) {
    if (!EXPECT(hk_refill(arena, bin, refs + at + n, count - n, &got) == HK_OK)) return;
  }
  for (uint32_t i = 0; i < count; i++) memset(hk_test_address(arena, refs[at + i]), 1, 8192);
}

static void give(hk_arena_t *arena, uint32_t at, uint32_t count) {
  EXPECT_EQ(hk_flush(arena, hk_test_bin(8192), refs + at, count), HK_OK);
}

static uint64_t decayed(hk_arena_t *arena) { return hk_test_stats(arena).bytes_decayed; }

/* Lets `steps` steps go by, with a call of hk_decay after each. Returns what the last one said. */
static uint64_t let_go_by(hk_arena_t *arena, uint32_t steps) {
  uint64_t next_ns = 0;
  for (uint32_t i = 0; i < steps; i++) {
    fake_os.now_ns += STEP_NS;
    next_ns = hk_decay(arena, fake_os.now_ns);
  }
  return next_ns;
}

static hk_arena_t *begin(int64_t delay_ms) {
  fake_os_begin();
  fake_os.now_ns = STEP_NS;
  return arena_with_delay(delay_ms);
}

static void end(hk_arena_t *arena) {
  EXPECT(hk_arena_is_valid(arena));
  hk_test_conceal_all(arena);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  fake_os_end();
}

/* --- When ------------------------------------------------------------------------------------- */

HK_TEST(a_burst_stays_for_half_of_the_delay_and_is_gone_at_its_end) {
  hk_arena_t *arena = begin(DELAY_MS);
  take(arena, 0, BLOCKS);
  give(arena, 0, BLOCKS);
  (void)let_go_by(arena, HK_PEAKS_STEPS / 2);
  EXPECT_EQ(decayed(arena), 0);
  uint64_t before = 0;
  for (uint32_t i = 0; i < 3; i++) {
    (void)let_go_by(arena, i == 0 ? 2 : 1);
    EXPECT(decayed(arena) > before);
    before = decayed(arena);
  }
  EXPECT(let_go_by(arena, 1) == UINT64_MAX);
  EXPECT_EQ(decayed(arena), BLOCKS * 8192);
  EXPECT_EQ(let_go_by(arena, 1), UINT64_MAX);
  EXPECT_EQ(decayed(arena), BLOCKS * 8192);
  end(arena);
}

HK_TEST(without_a_delay_everything_goes_at_the_next_call) {
  hk_arena_t *arena = begin(0);
  take(arena, 0, BLOCKS);
  give(arena, 0, BLOCKS);
  EXPECT_EQ(let_go_by(arena, 1), UINT64_MAX);
  EXPECT_EQ(decayed(arena), BLOCKS * 8192);
  end(arena);
}

HK_TEST(with_a_delay_of_never_nothing_goes) {
  hk_arena_t *arena = begin(-1);
  take(arena, 0, BLOCKS);
  give(arena, 0, BLOCKS);
  EXPECT_EQ(let_go_by(arena, 50), UINT64_MAX);
  EXPECT_EQ(decayed(arena), 0);
  EXPECT_EQ(fake_os.purges, 0);
  end(arena);
}

HK_TEST(an_arena_without_a_delay_of_its_own_has_that_of_the_process) {
  int64_t before = hk_test_options()->purge_delay_ms;
  fake_os_begin();
  hk_test_options()->purge_delay_ms = 0;
  hk_arena_t *arena = hk_test_arena(0);
  take(arena, 0, BLOCKS);
  give(arena, 0, BLOCKS);
  (void)let_go_by(arena, 1);
  EXPECT_EQ(decayed(arena), BLOCKS * 8192);
  end(arena);
  hk_test_options()->purge_delay_ms = before;
}

/* Classes of spans of 8, 4 and 2 slabs, and of one slab. */
HK_TEST(an_empty_span_goes_from_its_first_page_to_its_last) {
  static const size_t sizes[] = {16401, 20000, 31000, 16384};
  for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    hk_arena_t *arena = begin(0);
    uint32_t bin = hk_test_bin(sizes[i]), got = 0;
    const hk_class_t *c = &hk_arena_classes(arena)->bins[bin];
    EXPECT_EQ(hk_refill(arena, bin, refs, c->capacity, &got), HK_OK);
    EXPECT_EQ(got, c->capacity);
    for (uint32_t n = 0; n < got; n++) memset(hk_test_address(arena, refs[n]), 1, c->stride_bytes);
    EXPECT_EQ(hk_flush(arena, bin, refs + 1, got - 1), HK_OK);
    EXPECT_EQ(let_go_by(arena, 1), UINT64_MAX);
    size_t page = hk_os_page_bytes(), span = c->span_slabs * HK_SLAB_BYTES;
    EXPECT_EQ(decayed(arena), span - hk_os_round_to_pages(c->stride_bytes)); /* all but one block */
    EXPECT_EQ(hk_flush(arena, bin, refs, 1), HK_OK);
    EXPECT_EQ(let_go_by(arena, 1), UINT64_MAX);
    size_t again = hk_os_round_to_pages(c->stride_bytes);
    EXPECT(decayed(arena) >= span && decayed(arena) <= span + again + page);
    EXPECT_EQ(hk_test_stats(arena).bytes_free_in_slab, c->capacity * c->stride_bytes);
    end(arena);
  }
}

HK_TEST(a_call_before_the_next_step_does_nothing) {
  hk_arena_t *arena = begin(DELAY_MS);
  take(arena, 0, BLOCKS);
  give(arena, 0, BLOCKS);
  uint64_t next_ns = let_go_by(arena, 1);
  EXPECT_EQ(next_ns, fake_os.now_ns + STEP_NS);
  fake_os.now_ns = next_ns - 1;
  EXPECT_EQ(hk_decay(arena, fake_os.now_ns), next_ns);
  EXPECT_EQ(decayed(arena), 0);
  end(arena);
}

/* --- How much at once ------------------------------------------------------------------------- */

HK_TEST(a_call_ends_when_its_time_is_up_and_later_ones_do_the_rest) {
  hk_arena_t *arena = begin(0);
  take(arena, 0, BLOCKS);
  give(arena, 0, BLOCKS);
  fake_os.purge_ns = HK_DECAY_TURN_NS / 4;
  uint32_t calls = 0;
  uint64_t next_ns = 0;
  fake_os.now_ns += STEP_NS;
  while (next_ns != UINT64_MAX && calls++ < 1000) {
    uint64_t before = fake_os.purges, now_ns = fake_os.now_ns;
    next_ns = hk_decay(arena, now_ns);
    EXPECT(fake_os.purges - before <= 4);
    if (next_ns == UINT64_MAX) break;
    EXPECT(next_ns >= now_ns + HK_DECAY_PAUSE_NS);
    fake_os.now_ns = next_ns;
  }
  EXPECT_EQ(decayed(arena), BLOCKS * 8192);
  EXPECT(calls >= 10 && calls < 1000);
  end(arena);
}

HK_TEST(calls_for_many_arenas_share_a_turn) {
  hk_arena_t *arenas[8];
  fake_os_begin();
  for (uint32_t i = 0; i < 8; i++) {
    arenas[i] = arena_with_delay(0);
    take(arenas[i], 0, BLOCKS);
    give(arenas[i], 0, BLOCKS);
  }
  fake_os.purge_ns = HK_DECAY_TURN_NS;
  uint64_t now_ns = fake_os.now_ns += STEP_NS;
  for (uint32_t i = 0; i < 8; i++) (void)hk_decay(arenas[i], now_ns);
  EXPECT(fake_os.purges <= 8); /* at least a little each, so that none is left out for ever */
  fake_os.purge_ns = 0;
  for (uint32_t i = 0; i < 8; i++) EXPECT_EQ(hk_arena_destroy(arenas[i]), HK_OK);
  fake_os_end();
}

/* --- What stays ------------------------------------------------------------------------------- */

HK_TEST(what_comes_and_goes_within_half_of_the_delay_keeps_its_pages) {
  hk_arena_t *arena = begin(DELAY_MS);
  take(arena, 0, BLOCKS);
  give(arena, 0, BLOCKS);
  for (uint32_t round = 0; round < 50; round++) {
    (void)let_go_by(arena, HK_PEAKS_STEPS / 2 - 1);
    take(arena, 0, BLOCKS);
    (void)let_go_by(arena, 1);
    give(arena, 0, BLOCKS);
  }
  EXPECT_EQ(decayed(arena), 0);
  end(arena);
}

HK_TEST(blocks_that_are_out_are_as_they_were_and_the_holes_around_them_go) {
  hk_arena_t *arena = begin(DELAY_MS);
  take(arena, 0, BLOCKS);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < BLOCKS; i++) {
    if (i % 20 == 0) {
      hk_pattern_fill(hk_test_address(arena, refs[i]), 8192, refs[i]);
      refs[kept++] = refs[i];
    } else {
      give(arena, i, 1);
    }
  }
  EXPECT_EQ(let_go_by(arena, HK_PEAKS_STEPS + 1), UINT64_MAX);
  EXPECT_EQ(decayed(arena), (BLOCKS - kept) * 8192);
  for (uint32_t i = 0; i < kept; i++) {
    EXPECT(hk_pattern_holds(hk_test_address(arena, refs[i]), 8192, refs[i]));
  }
  end(arena);
}

HK_TEST(unused_slabs_go_and_prewarmed_ones_stay) {
  fake_os_begin();
  hk_arena_t *arena = NULL;
  hk_arena_options_t options = {.purge_delay = DELAY_MS + 2,
                                .prewarm_bytes = 2 * HK_SUPERSLAB_BYTES};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  EXPECT_EQ(let_go_by(arena, 2 * HK_PEAKS_STEPS), UINT64_MAX);
  EXPECT_EQ(decayed(arena), 0);
  (void)hk_arena_trim(arena); /* from here on nothing is prewarmed */
  uint32_t ref, other;
  EXPECT_EQ(hk_large_alloc(arena, 1024 * 1024, &ref), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 100 * 1024, &other), HK_OK);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT_EQ(let_go_by(arena, HK_PEAKS_STEPS + 1), UINT64_MAX);
  EXPECT_EQ(decayed(arena), 1024 * 1024);
  end(arena);
}

HK_TEST(what_is_dirty_purged_and_taken_again_is_counted_to_the_page) {
  hk_arena_t *arena = begin(DELAY_MS);
  uint32_t ref, other;
  EXPECT_EQ(hk_large_alloc(arena, 1024 * 1024, &ref), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 100 * 1024, &other), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_dirty, 0); /* the rest was never touched */
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_dirty, 1024 * 1024);
  uint64_t epochs = hk_test_stats(arena).decay_epochs;
  EXPECT_EQ(let_go_by(arena, HK_PEAKS_STEPS + 1), UINT64_MAX);
  hk_arena_stats_t s = hk_test_stats(arena);
  EXPECT_EQ(s.bytes_dirty, 0);
  EXPECT_EQ(s.bytes_decayed, 1024 * 1024);
  EXPECT_EQ(s.bytes_returned, 1024 * 1024);
  EXPECT_EQ(s.decay_epochs - epochs, HK_PEAKS_STEPS + 1);
  EXPECT_EQ(s.bytes_retaken, 0);
  EXPECT_EQ(hk_large_alloc(arena, 512 * 1024, &ref), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_retaken, 512 * 1024);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT_EQ(hk_large_alloc(arena, 512 * 1024, &ref), HK_OK);
  EXPECT_EQ(hk_test_stats(arena).bytes_retaken, 512 * 1024); /* each page once */
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT(hk_arena_trim(arena) > 0);
  s = hk_test_stats(arena);
  EXPECT_EQ(s.bytes_returned, 1536 * 1024);
  EXPECT_EQ(s.bytes_decayed, 1024 * 1024);
  end(arena);
}

HK_TEST(a_bin_that_needed_purged_blocks_again_keeps_more_from_then_on) {
  hk_arena_t *arena = begin(DELAY_MS);
  take(arena, 0, BLOCKS);
  give(arena, 0, BLOCKS);
  (void)let_go_by(arena, HK_PEAKS_STEPS + 1);
  take(arena, 0, BLOCKS / 2);
  uint64_t retaken = hk_test_stats(arena).bytes_retaken, before = decayed(arena);
  EXPECT(retaken >= BLOCKS / 4 * 8192);
  give(arena, 0, BLOCKS / 2);
  for (uint32_t i = 0; i < 2 * HK_PEAKS_STEPS; i++) { /* a little use keeps the memory of it */
    take(arena, 0, 1);
    give(arena, 0, 1);
    (void)let_go_by(arena, 1);
  }
  EXPECT(decayed(arena) - before < BLOCKS / 4 * 8192);
  EXPECT_EQ(let_go_by(arena, 20), UINT64_MAX); /* none at all does not */
  EXPECT(decayed(arena) - before >= BLOCKS / 2 * 8192);
  end(arena);
}

/* --- Exposed slabs ---------------------------------------------------------------------------- */

static bool asked, answer;

static bool is_ours(void *context, uint32_t slab) {
  asked = true;
  if (!answer) EXPECT_EQ(hk_slab_give_away(context, slab), HK_OK);
  return answer;
}

static uint64_t decay_exposed(bool ours) {
  hk_arena_t *arena = begin(0);
  take(arena, 0, 8);
  char *address = hk_test_address(arena, refs[0]);
  EXPECT_EQ(hk_slab_set_exposed(arena, refs[0] >> HK_REF_INDEX_BITS, true), HK_OK);
  asked = false;
  answer = ours;
  hk_arena_ask_before_purge(arena, is_ours, arena);
  give(arena, 0, 8);
  (void)let_go_by(arena, 1);
  EXPECT(asked);
  EXPECT_EQ(hk_is_zero(address, HK_SLAB_BYTES), ours);
  EXPECT_EQ(hk_test_stats(arena).bytes_used, HK_SLAB_BYTES);
  uint64_t bytes = decayed(arena);
  if (!ours) EXPECT_EQ(hk_slab_set_exposed(arena, refs[0] >> HK_REF_INDEX_BITS, false), HK_OK);
  end(arena);
  return bytes;
}

HK_TEST(an_exposed_slab_is_purged_where_it_is_unless_it_is_somebody_elses) {
  EXPECT_EQ(decay_exposed(true), HK_SLAB_BYTES);
  EXPECT_EQ(decay_exposed(false), 0);
}

/* --- Other threads, other fronts, large blocks ------------------------------------------------- */

HK_TEST(idle_magazines_of_the_front_in_c_give_their_blocks_back) {
  hk_arena_t *arena = begin(DELAY_MS);
  void *blocks[64];
  for (uint32_t i = 0; i < 64; i++) {
    blocks[i] = hk_alloc(arena, 8192);
    memset(blocks[i], 1, 8192);
  }
  for (uint32_t i = 0; i < 64; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
  EXPECT_EQ(let_go_by(arena, HK_PEAKS_STEPS + 3), UINT64_MAX);
  EXPECT(decayed(arena) >= 64 * 8192);
  end(arena);
}

static uint64_t in_the_front(hk_arena_t *arena) {
  return hk_test_stats(arena).bins[hk_test_bin(8192)].front_blocks;
}

/* As many allocations as `allocs`, each freed at once, in every one of `steps` steps. */
static void use_a_little(hk_arena_t *arena, uint32_t steps, uint32_t allocs) {
  for (uint32_t i = 0; i < steps; i++) {
    for (uint32_t n = 0; n < allocs; n++) EXPECT_EQ(hk_free(arena, hk_alloc(arena, 8192)), HK_OK);
    (void)let_go_by(arena, 1);
  }
}

HK_TEST(a_magazine_that_is_used_a_little_keeps_little) {
  hk_arena_t *arena = begin(DELAY_MS);
  void *blocks[64];
  for (uint32_t i = 0; i < 64; i++) blocks[i] = hk_alloc(arena, 8192);
  for (uint32_t i = 0; i < 64; i++) EXPECT_EQ(hk_free(arena, blocks[i]), HK_OK);
  (void)let_go_by(arena, 1);
  EXPECT(in_the_front(arena) >= 32); /* all were allocated in this step */
  use_a_little(arena, HK_PEAKS_STEPS, 3);
  EXPECT(in_the_front(arena) <= 4);
  uint64_t refills = hk_test_stats(arena).bins[hk_test_bin(8192)].refills;
  use_a_little(arena, HK_PEAKS_STEPS, 3);
  EXPECT_EQ(hk_test_stats(arena).bins[hk_test_bin(8192)].refills, refills);
  end(arena);
}

HK_TEST(a_block_its_front_keeps_is_purged_in_parts_and_stays_its_own) {
  hk_arena_t *arena = begin(DELAY_MS);
  uint32_t ref;
  EXPECT_EQ(hk_large_alloc(arena, 4 * HK_MIB, &ref), HK_OK);
  char *address = hk_test_address(arena, ref);
  memset(address, 1, 4 * HK_MIB);
  EXPECT_EQ(hk_large_purge(arena, ref, HK_MIB, HK_MIB), HK_MIB);
  EXPECT(address[0] == 1 && address[2 * HK_MIB] == 1 && hk_is_zero(address + HK_MIB, HK_MIB));
  EXPECT_EQ(hk_large_purge(arena, ref, 1, HK_MIB), 0);
  EXPECT_EQ(hk_large_purge(arena, ref, 4 * HK_MIB, HK_MIB), 0);
  EXPECT_EQ(hk_large_purge(arena, ref, HK_MIB, SIZE_MAX & ~(HK_SLAB_BYTES - 1)), 0);
  EXPECT_EQ(hk_large_purge(arena, ref + 1, 0, HK_MIB), 0);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  EXPECT_EQ(hk_large_purge(arena, ref, 0, HK_MIB), 0);
  end(arena);
}

/* --- The cache -------------------------------------------------------------------------------- */

HK_TEST(what_a_large_block_left_in_the_cache_goes_part_by_part) {
  hk_arena_t *arena = begin(DELAY_MS);
  uint32_t ref;
  EXPECT_EQ(hk_large_alloc(arena, 16 * HK_MIB, &ref), HK_OK);
  memset(hk_test_address(arena, ref), 1, 16 * HK_MIB);
  EXPECT_EQ(hk_large_free(arena, ref), HK_OK);
  uint64_t next_ns = let_go_by(arena, HK_PEAKS_STEPS - 1); /* warm */
  EXPECT_EQ(next_ns, fake_os.now_ns + STEP_NS);
  EXPECT_EQ(fake_os.purges, 0);
  fake_os.purge_ns = HK_DECAY_TURN_NS;
  for (uint32_t i = 0; i < 8; i++) {
    (void)let_go_by(arena, 1);
    EXPECT_EQ(fake_os.purges, i + 1);
  }
  EXPECT_EQ(decayed(arena), 16 * HK_MIB);
  fake_os.purge_ns = 0;
  end(arena);
}

HK_TEST(the_ttl_of_the_cache_acts_in_a_quiet_process) {
  hk_options_t *options = hk_test_options(), before = *options;
  fake_os_begin();
  options->superslab_ttl_sec = 1;
  hk_arena_t *arena = arena_with_delay(DELAY_MS);
  take(arena, 0, BLOCKS);
  EXPECT_EQ(hk_slab_set_exposed(arena, refs[0] >> HK_REF_INDEX_BITS, true), HK_OK);
  hk_test_conceal_all(arena);
  EXPECT_EQ(hk_arena_destroy(arena), HK_OK);
  EXPECT(fake_os.slab_bytes > 0);
  uint64_t end_ns = fake_os.now_ns + HK_QUARANTINE_NS, next_ns;
  uint32_t calls = 0;
  while ((next_ns = hk_decay(NULL, fake_os.now_ns)) != UINT64_MAX && calls++ < 10) {
    EXPECT(next_ns > fake_os.now_ns);
    fake_os.now_ns = next_ns;
  }
  EXPECT_EQ(fake_os.slab_bytes, 0);
  EXPECT(calls <= 3 && fake_os.now_ns == end_ns);
  fake_os_end();
  *options = before;
}

HK_TEST_MAIN(a_burst_stays_for_half_of_the_delay_and_is_gone_at_its_end,
             without_a_delay_everything_goes_at_the_next_call, with_a_delay_of_never_nothing_goes,
             an_arena_without_a_delay_of_its_own_has_that_of_the_process,
             an_empty_span_goes_from_its_first_page_to_its_last,
             a_call_before_the_next_step_does_nothing,
             a_call_ends_when_its_time_is_up_and_later_ones_do_the_rest,
             calls_for_many_arenas_share_a_turn,
             what_comes_and_goes_within_half_of_the_delay_keeps_its_pages,
             blocks_that_are_out_are_as_they_were_and_the_holes_around_them_go,
             unused_slabs_go_and_prewarmed_ones_stay,
             what_is_dirty_purged_and_taken_again_is_counted_to_the_page,
             a_bin_that_needed_purged_blocks_again_keeps_more_from_then_on,
             an_exposed_slab_is_purged_where_it_is_unless_it_is_somebody_elses,
             idle_magazines_of_the_front_in_c_give_their_blocks_back,
             a_magazine_that_is_used_a_little_keeps_little,
             a_block_its_front_keeps_is_purged_in_parts_and_stays_its_own,
             what_a_large_block_left_in_the_cache_goes_part_by_part,
             the_ttl_of_the_cache_acts_in_a_quiet_process)

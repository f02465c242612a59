#include "cache/cache.h"

#include "cache_limits.h"

static uint64_t cached_bytes(void) {
  hk_cache_stats_t stats;
  hk_cache_stats(&stats);
  return stats.cached_bytes;
}

static hk_superslab_t *take(size_t bytes) {
  return hk_cache_take(&(hk_fit_request_t){.bytes = bytes, .bytes_max = UINT64_MAX});
}

static hk_superslab_t *mapped(size_t bytes) {
  hk_superslab_t *superslab = hk_superslab_map(bytes);
  superslab->dirty_slots = 1;
  superslab->base[0] = 0x3c;
  return superslab;
}

static hk_superslab_t *put_new(size_t bytes, bool seen) {
  hk_superslab_t *superslab = mapped(bytes);
  superslab->was_exposed = seen;
  (void)hk_cache_put(superslab, &(hk_cache_terms_t){.policy = hk_options_get()->free_policy});
  return superslab;
}

HK_TEST(an_empty_cache_has_nothing_to_give) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(cached_bytes(), 0);
  EXPECT(take(HK_SUPERSLAB_BYTES) == NULL);
  end();
}

HK_TEST(the_most_recently_cached_superslab_comes_back_first) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *s[3];
  for (int i = 0; i < 3; i++) s[i] = put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(cached(), 3);
  EXPECT_EQ(cached_bytes(), 3 * HK_SUPERSLAB_BYTES);
  hk_cache_stats_t before, after;
  hk_cache_stats(&before);
  for (int i = 2; i >= 0; i--) {
    EXPECT_EQ(take(HK_SUPERSLAB_BYTES), s[i]);
    EXPECT(hk_superslab_unmap(s[i]));
  }
  hk_cache_stats(&after);
  EXPECT_EQ(after.adopted, before.adopted + 3);
  EXPECT_EQ(after.cached, 0);
  EXPECT_EQ(after.cached_bytes, 0);
  end();
}

/* Nothing of them has to be zeroed, and each arena keeps as much warm as it needs. */
HK_TEST(of_those_that_fit_an_arena_gets_its_own_first) {
  static const size_t sizes[] = {HK_SUPERSLAB_BYTES, 4 * HK_MIB};
  for (int i = 0; i < 2; i++) {
    begin(256, 60, HK_FREE_POLICY_KEEP);
    hk_superslab_t *s[4];
    for (uint64_t id = 0; id < 4; id++) {
      s[id] = mapped(sizes[i]);
      s[id]->last_arena_id = id % 2;
      (void)hk_cache_put(s[id], &(hk_cache_terms_t){.policy = HK_FREE_POLICY_KEEP});
    }
    static const int order[] = {2, 0, 3, 1};
    for (int n = 0; n < 4; n++) {
      hk_fit_request_t of_arena_0 = {
          .bytes = sizes[i] - (size_t)i * HK_SLAB_BYTES, .bytes_max = UINT64_MAX, .has_put = true};
      EXPECT(hk_cache_take(&of_arena_0) == s[order[n]]);
      EXPECT(hk_superslab_unmap(s[order[n]]));
    }
    end();
  }
}

HK_TEST(beyond_the_limit_on_their_number_the_oldest_go) {
  begin(3, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *s[5];
  for (int i = 0; i < 5; i++) s[i] = put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(cached(), 3);
  for (int i = 4; i >= 2; i--) {
    EXPECT_EQ(take(HK_SUPERSLAB_BYTES), s[i]);
    EXPECT(hk_superslab_unmap(s[i]));
  }
  end();
}

HK_TEST(beyond_the_limit_on_their_bytes_the_oldest_go) {
  begin(256, 60, HK_FREE_POLICY_KEEP)->superslab_max_memory_mb = 8;
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(cached(), 2);
  (void)put_new(5 * HK_MIB, false);
  EXPECT_EQ(cached(), 2);
  EXPECT_EQ(cached_bytes(), HK_SUPERSLAB_BYTES + 5 * HK_MIB);
  (void)put_new(9 * HK_MIB, false); /* more than the limit all by itself */
  EXPECT_EQ(cached(), 0);
  end();
}

HK_TEST(limits_of_zero_keep_nothing) {
  begin(0, 60, HK_FREE_POLICY_KEEP);
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(cached(), 0);
  begin(256, 60, HK_FREE_POLICY_KEEP)->superslab_max_memory_mb = 0;
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(cached(), 0);
  begin(256, 0, HK_FREE_POLICY_KEEP);
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(cached(), 0);
  end();
}

HK_TEST(a_superslab_is_unmapped_when_it_is_as_old_as_the_ttl) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  (void)put_new(HK_SUPERSLAB_BYTES, true);
  fake_os.now_ns += 30 * SECOND_NS;
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  fake_os.now_ns += 30 * SECOND_NS - 1;
  hk_cache_expire(hk_os_now_ns());
  EXPECT_EQ(cached(), 2);
  fake_os.now_ns += 1;
  hk_cache_expire(hk_os_now_ns());
  EXPECT_EQ(cached(), 1);
  fake_os.now_ns += 30 * SECOND_NS - 1;
  hk_cache_expire(hk_os_now_ns());
  EXPECT_EQ(cached(), 1);
  fake_os.now_ns += 1;
  hk_cache_expire(hk_os_now_ns());
  EXPECT_EQ(cached(), 0);
  end();
}

HK_TEST(time_spent_in_use_does_not_count_as_age) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *superslab = put_new(HK_SUPERSLAB_BYTES, false);
  fake_os.now_ns += 50 * SECOND_NS;
  EXPECT_EQ(take(HK_SUPERSLAB_BYTES), superslab);
  fake_os.now_ns += 50 * SECOND_NS;
  (void)hk_cache_put(superslab, &(hk_cache_terms_t){.policy = hk_options_get()->free_policy});
  EXPECT_EQ(cached(), 1);
  end();
}

/* An I/O operation may still be writing to memory that JavaScript has seen. */
HK_TEST(seen_memory_outlives_the_limits_and_ends_with_the_ttl) {
  begin(1, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *s[4];
  for (int i = 0; i < 4; i++) s[i] = put_new(HK_SUPERSLAB_BYTES, true);
  EXPECT_EQ(cached(), 4);
  EXPECT_EQ(fake_os.unmaps, 0);
  for (int i = 0; i < 4; i++) s[i]->base[1] = 1; /* mapped still: this would crash */
  fake_os.now_ns += 60 * SECOND_NS;
  hk_cache_expire(hk_os_now_ns());
  EXPECT_EQ(cached(), 0);
  end();
}

HK_TEST(seen_memory_beyond_the_limits_costs_address_space_alone) {
  begin(1, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *within = put_new(HK_SUPERSLAB_BYTES, true);
  hk_superslab_t *beyond = mapped(HK_SUPERSLAB_BYTES);
  beyond->was_exposed = true;
  EXPECT_EQ(hk_cache_put(beyond, &(hk_cache_terms_t){.policy = hk_options_get()->free_policy}),
            HK_SLAB_BYTES);
  EXPECT_EQ(within->base[0], 0x3c);
  EXPECT_EQ(beyond->base[0], 0);
  EXPECT_EQ(beyond->dirty_slots, 0);
  end();
}

HK_TEST(unseen_memory_goes_before_seen_memory_that_is_older) {
  begin(2, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *seen[2];
  for (int i = 0; i < 2; i++) seen[i] = put_new(HK_SUPERSLAB_BYTES, true);
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(cached(), 2);
  for (int i = 1; i >= 0; i--) {
    EXPECT_EQ(take(HK_SUPERSLAB_BYTES), seen[i]);
    EXPECT(hk_superslab_unmap(seen[i]));
  }
  end();
}

/* A read or crypto.randomFill that was under way when the arena ended writes to it still. */
HK_TEST(no_setting_unmaps_seen_memory_within_ten_seconds) {
  static const size_t sizes[] = {HK_SUPERSLAB_BYTES, 5 * HK_MIB};
  for (int i = 0; i < 6; i++) {
    begin(i % 3 == 0 ? 0 : 256, i % 3 == 1 ? 0 : 60, HK_FREE_POLICY_KEEP);
    if (i % 3 == 2) hk_test_options()->superslab_max_memory_mb = 0;
    hk_superslab_t *superslab = put_new(sizes[i / 3], true);
    fake_os.now_ns += 10 * SECOND_NS - 1;
    hk_cache_expire(hk_os_now_ns());
    (void)hk_cache_trim();
    EXPECT_EQ(cached(), 1);
    EXPECT_EQ(superslab->base[0], 0); /* its pages went back */
    superslab->base[0] = 1;
    fake_os.now_ns += 1;
    hk_cache_expire(hk_os_now_ns());
    EXPECT_EQ(cached(), 0);
    end();
  }
}

HK_TEST(an_os_that_refuses_to_purge_keeps_nothing_else_from_expiry) {
  begin(256, 0, HK_FREE_POLICY_KEEP);
  fake_os.purge_result = HK_OS_REFUSED;
  (void)put_new(HK_SUPERSLAB_BYTES, true);
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT_EQ(cached(), 1);
  end();
}

static hk_superslab_t *take_for(uint64_t arena_id, size_t bytes, bool urgent) {
  hk_fit_request_t request = {
      .bytes = bytes, .bytes_max = UINT64_MAX, .arena_id = arena_id, .urgent = urgent};
  return hk_cache_take(&request);
}

static hk_superslab_t *put_seen_by(uint64_t arena_id, size_t bytes, bool here) {
  hk_superslab_t *superslab = put_new(bytes, true);
  superslab->last_arena_id = arena_id;
  if (!here) superslab->cached_by = hk_os_thread_id() + 1;
  return superslab;
}

HK_TEST(memory_in_quarantine_serves_its_own_arena_and_its_own_thread) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *s = put_seen_by(7, HK_SUPERSLAB_BYTES, false);
  EXPECT(take_for(8, HK_SUPERSLAB_BYTES, false) == NULL);
  EXPECT_EQ(take_for(7, HK_SUPERSLAB_BYTES, false), s);
  EXPECT(hk_superslab_unmap(s));
  s = put_seen_by(7, HK_SUPERSLAB_BYTES, true);
  EXPECT_EQ(take_for(8, HK_SUPERSLAB_BYTES, false), s);
  EXPECT(hk_superslab_unmap(s));
  s = put_seen_by(7, 5 * HK_MIB, false);
  EXPECT(take_for(8, 5 * HK_MIB, false) == NULL);
  EXPECT_EQ(take_for(7, 5 * HK_MIB, false), s);
  EXPECT(hk_superslab_unmap(s));
  end();
}

HK_TEST(memory_in_quarantine_serves_others_when_it_is_old_enough_or_the_os_has_no_more) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *s = put_seen_by(7, HK_SUPERSLAB_BYTES, false);
  fake_os.now_ns += 10 * SECOND_NS;
  EXPECT_EQ(take_for(8, HK_SUPERSLAB_BYTES, false), s);
  EXPECT(hk_superslab_unmap(s));
  s = put_seen_by(7, 5 * HK_MIB, true);
  EXPECT(take_for(8, 3 * HK_MIB, false) == NULL);
  EXPECT_EQ(take_for(8, 3 * HK_MIB, true), s);
  EXPECT(hk_superslab_unmap(s));
  end();
}

HK_TEST(memory_of_a_world_that_has_ended_needs_no_quarantine) {
  begin(0, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *superslab = mapped(HK_SUPERSLAB_BYTES);
  superslab->was_exposed = superslab->settled = true;
  (void)hk_cache_put(superslab, &(hk_cache_terms_t){.policy = HK_FREE_POLICY_KEEP});
  EXPECT_EQ(cached(), 0);
  end();
}

/* Arenas of one thread that come and go while another thread releases memory all the time. */
HK_TEST(quarantine_is_bounded_and_then_the_oldest_serves_anybody) {
  begin(256, 60, HK_FREE_POLICY_BATCH);
  hk_superslab_t *oldest = put_seen_by(7, HK_SUPERSLAB_BYTES, false);
  fake_os.now_ns += 1;
  uint32_t count = 1;
  while (take_for(8, HK_SUPERSLAB_BYTES, false) == NULL && count < 2000) {
    (void)put_seen_by(7, HK_SUPERSLAB_BYTES, false);
    count++;
  }
  EXPECT_EQ(count, HK_QUARANTINE_COUNT_MAX + 1);
  EXPECT(hk_superslab_unmap(oldest));
  fake_os.now_ns += 1;
  (void)put_seen_by(7, HK_QUARANTINE_BYTES_MAX, false);
  (void)put_seen_by(7, HK_QUARANTINE_BYTES_MAX, false);
  EXPECT(take_for(8, 3 * HK_MIB, false) == NULL); /* what there is is larger by far */
  for (int i = 0; i < HK_QUARANTINE_CRAMMED; i++) {
    (void)put_seen_by(7, HK_QUARANTINE_BYTES_MAX, false);
  }
  hk_superslab_t *huge = take_for(8, 3 * HK_MIB, false); /* larger by far, but no further mapping */
  EXPECT(huge != NULL);
  EXPECT(hk_superslab_unmap(huge));
  end();
}

HK_TEST(the_policy_batch_gives_pages_back_and_keep_does_not) {
  begin(256, 60, HK_FREE_POLICY_BATCH);
  hk_superslab_t *superslab = mapped(HK_SUPERSLAB_BYTES);
  EXPECT_EQ(hk_cache_put(superslab, &(hk_cache_terms_t){.policy = hk_options_get()->free_policy}),
            HK_SLAB_BYTES);
  EXPECT_EQ(superslab->base[0], 0);
  begin(256, 60, HK_FREE_POLICY_KEEP);
  superslab = mapped(HK_SUPERSLAB_BYTES);
  EXPECT_EQ(hk_cache_put(superslab, &(hk_cache_terms_t){.policy = hk_options_get()->free_policy}),
            0);
  EXPECT_EQ(superslab->base[0], 0x3c);
  EXPECT_EQ(fake_os.purges, 0);
  end();
}

HK_TEST(a_huge_mapping_serves_sizes_down_to_eight_ninths_of_its_own) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  hk_superslab_t *huge = put_new(9 * HK_MIB, false);
  EXPECT(take(9 * HK_MIB + HK_SLAB_BYTES) == NULL);
  EXPECT(take(8 * HK_MIB - HK_SLAB_BYTES) == NULL);
  EXPECT_EQ(take(8 * HK_MIB), huge);
  (void)hk_cache_put(huge, &(hk_cache_terms_t){.policy = hk_options_get()->free_policy});
  hk_fit_request_t request = {.bytes = 8 * HK_MIB, .bytes_max = 9 * HK_MIB - 1};
  EXPECT(hk_cache_take(&request) == NULL);
  request = (hk_fit_request_t){.bytes = 9 * HK_MIB, .bytes_max = 9 * HK_MIB};
  EXPECT_EQ(hk_cache_take(&request), huge);
  EXPECT(hk_superslab_unmap(huge));
  end();
}

HK_TEST(superslabs_and_huge_mappings_never_stand_in_for_each_other) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  (void)put_new(HK_SUPERSLAB_BYTES + HK_SLAB_BYTES, false);
  EXPECT(take(HK_SUPERSLAB_BYTES) == NULL);
  hk_test_empty_cache();
  (void)put_new(HK_SUPERSLAB_BYTES, false);
  EXPECT(take(HK_SUPERSLAB_BYTES + HK_SLAB_BYTES) == NULL);
  end();
}

HK_TEST(an_os_that_refuses_to_unmap_does_not_stop_expiry) {
  begin(256, 60, HK_FREE_POLICY_KEEP);
  for (int i = 0; i < 3; i++) (void)put_new(HK_SUPERSLAB_BYTES, false);
  fake_os.unmap_result = HK_OS_NO_MEMORY;
  hk_cache_expire(fake_os.now_ns + 61 * SECOND_NS);
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(cached_bytes(), 0);
  end();
}

HK_TEST_MAIN(an_empty_cache_has_nothing_to_give,
             the_most_recently_cached_superslab_comes_back_first,
             of_those_that_fit_an_arena_gets_its_own_first,
             beyond_the_limit_on_their_number_the_oldest_go,
             beyond_the_limit_on_their_bytes_the_oldest_go, limits_of_zero_keep_nothing,
             a_superslab_is_unmapped_when_it_is_as_old_as_the_ttl,
             time_spent_in_use_does_not_count_as_age,
             seen_memory_outlives_the_limits_and_ends_with_the_ttl,
             seen_memory_beyond_the_limits_costs_address_space_alone,
             unseen_memory_goes_before_seen_memory_that_is_older,
             no_setting_unmaps_seen_memory_within_ten_seconds,
             an_os_that_refuses_to_purge_keeps_nothing_else_from_expiry,
             memory_in_quarantine_serves_its_own_arena_and_its_own_thread,
             memory_in_quarantine_serves_others_when_it_is_old_enough_or_the_os_has_no_more,
             memory_of_a_world_that_has_ended_needs_no_quarantine,
             quarantine_is_bounded_and_then_the_oldest_serves_anybody,
             the_policy_batch_gives_pages_back_and_keep_does_not,
             a_huge_mapping_serves_sizes_down_to_eight_ninths_of_its_own,
             superslabs_and_huge_mappings_never_stand_in_for_each_other,
             an_os_that_refuses_to_unmap_does_not_stop_expiry)

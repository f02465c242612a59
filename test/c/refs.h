/* Blocks by reference, in batches, as a front of another language takes and gives them. */
#ifndef HK_TEST_REFS_H
#define HK_TEST_REFS_H

#include "heap/remote.h"
#include "support.h"

#define REFS_MAX 8192

static uint32_t refs[REFS_MAX];

static inline uint32_t capacity_of(uint32_t bin) {
  return hk_classes_default()->bins[bin].capacity;
}

/* Takes exactly `count` blocks, however many refills that needs. */
static inline void take(hk_arena_t *arena, uint32_t bin, uint32_t *into, uint32_t count) {
  for (uint32_t taken = 0; taken < count;) {
    uint32_t want = count - taken < HK_BATCH_MAX ? count - taken : HK_BATCH_MAX;
    uint32_t got = 0;
    if (!EXPECT(hk_refill(arena, bin, into + taken, want, &got) == HK_OK && got > 0)) return;
    taken += got;
  }
}

static inline void flush(hk_arena_t *arena, uint32_t bin, const uint32_t *from, uint32_t count) {
  for (uint32_t done = 0; done < count;) {
    uint32_t batch = count - done < HK_BATCH_MAX ? count - done : HK_BATCH_MAX;
    EXPECT_EQ(hk_flush(arena, bin, from + done, batch), HK_OK);
    done += batch;
  }
}

static inline hk_bin_stats_t bin_stats(hk_arena_t *arena, uint32_t bin) {
  return hk_test_stats(arena).bins[bin];
}

static inline hk_status_t put_remote(hk_arena_t *arena, uint32_t ref) {
  hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  uint32_t bin = slab->bin;
  hk_status_t status = hk_remote_put(arena, slab, ref & HK_REF_INDEX_MASK);
  if (status == HK_OK) hk_remote_count(arena, bin);
  return status;
}

#endif

/* The other front: sequences on the edges that a front of another language uses, beside a model.
 *
 * Blocks by reference in batches, runs and huge mappings, slabs that are exposed, retired, lost and
 * concealed; garbage among what is given back.
 */
#ifndef HK_TEST_FUZZ_EDGES_H
#define HK_TEST_FUZZ_EDGES_H

#include "fuzz_model.h"

#define EDGES_REFS 256
#define EDGES_SLABS 4096
#define EDGES_BATCH 16

typedef struct edges_t {
  fuzz_input_t in;
  hk_arena_t *arena;
  uint32_t refs[EDGES_REFS], count; /* of blocks that we have */
  block_t blocks[EDGES_REFS];
  bool exposed[EDGES_SLABS], lost[EDGES_SLABS]; /* by slab number; lost: every slab of a run */
  bool given[EDGES_SLABS];
  uint32_t spans[EDGES_SLABS]; /* slabs of the run or span that begins there */
  uint64_t double_frees, last_key;
} edges_t;

static inline uint32_t edges_slab(uint32_t ref) { return ref >> HK_REF_INDEX_BITS; }

static inline void edges_open(edges_t *e) {
  hk_arena_options_t options = {.max_bytes = fuzz_byte(&e->in) % 2 == 0 ? 0 : 6 * HK_MIB};
  fuzz_input_t in = e->in;
  memset(e, 0, sizeof *e);
  e->in = in;
  hk_status_t status = hk_arena_create(&options, &e->arena);
  FUZZ_MUST(status == HK_OK || (e->arena == NULL && fake_os.maps_allowed == 0));
}

static inline void edges_check(const edges_t *e) {
  FUZZ_MUST(hk_arena_is_valid(e->arena));
  hk_arena_stats_t stats = hk_test_stats(e->arena);
  uint64_t out = 0;
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) out += stats.bins[bin].front_blocks;
  FUZZ_MUST(out == e->count);
  FUZZ_MUST(stats.double_frees == e->double_frees);
  for (uint32_t i = 0; i < e->count; i++) FUZZ_MUST(block_holds(&e->blocks[i]));
}

/* --- Blocks in, blocks out -------------------------------------------------------------------- */

static inline int32_t edges_find(const edges_t *e, uint32_t ref) {
  for (uint32_t i = 0; i < e->count; i++) {
    if (e->refs[i] == ref) return (int32_t)i;
  }
  return -1;
}

static inline void edges_accept(edges_t *e, uint32_t ref) {
  hk_slab_info_t info;
  uint32_t slab = edges_slab(ref);
  FUZZ_MUST(slab < EDGES_SLABS && !e->lost[slab] && !e->given[slab] && edges_find(e, ref) < 0);
  FUZZ_MUST(hk_slab_info(e->arena, slab, &info) == HK_OK && info.exposed == e->exposed[slab]);
  bool is_class = info.bin < HK_BIN_MAX;
  size_t stride = is_class ? hk_arena_classes(e->arena)->bins[info.bin].stride_bytes : info.bytes;
  e->spans[slab] = info.bin == HK_BIN_HUGE ? 1 : (uint32_t)(info.bytes / HK_SLAB_BYTES);
  block_t *block = &e->blocks[e->count];
  *block = (block_t){.address = hk_test_address(e->arena, ref), .bytes = stride, .bin = info.bin};
  block->key = ++e->last_key;
  e->refs[e->count++] = ref;
  block_fill(block);
}

static inline void edges_drop(edges_t *e, int32_t at) {
  FUZZ_MUST(block_holds(&e->blocks[at]));
  e->refs[at] = e->refs[--e->count];
  e->blocks[at] = e->blocks[e->count];
}

static inline bool edges_may_refuse(const edges_t *e, hk_status_t status) {
  if (status == HK_OUT_OF_MEMORY_LIMIT) return hk_arena_max_bytes(e->arena) != 0;
  return status == HK_OUT_OF_MEMORY_OS && fake_os.maps_allowed == 0;
}

static inline void edges_refill(edges_t *e) {
  uint32_t refs[64], got, bin = fuzz_byte(&e->in) % hk_arena_classes(e->arena)->count;
  uint32_t room = EDGES_REFS - e->count, want = 1 + fuzz_byte(&e->in) % 64;
  if (room == 0) return;
  if (want > room) want = room;
  hk_status_t status = hk_refill(e->arena, bin, refs, want, &got);
  if (status != HK_OK) {
    FUZZ_MUST(edges_may_refuse(e, status));
    return;
  }
  FUZZ_MUST(got >= 1 && got <= want);
  for (uint32_t i = 0; i < got; i++) edges_accept(e, refs[i]);
}

static inline void edges_take_large(edges_t *e) {
  uint32_t ref;
  size_t bytes = HK_CLASS_SIZE_MAX + 1 + fuzz_size(&e->in);
  if (e->count == EDGES_REFS) return;
  hk_status_t status = hk_large_alloc(e->arena, bytes, &ref);
  if (status == HK_OK) {
    edges_accept(e, ref);
    FUZZ_MUST(e->blocks[e->count - 1].bytes >= bytes);
  } else {
    FUZZ_MUST(edges_may_refuse(e, status));
  }
}

/* A slab has left the arena's use. What is exposed still is lost. */
static inline void edges_leave(edges_t *e, uint32_t slab, uint32_t span) {
  for (uint32_t i = 0; i < span && e->exposed[slab]; i++) e->lost[slab + i] = true;
}

static inline void edges_give_large(edges_t *e, uint32_t ref) {
  int32_t at = edges_find(e, ref);
  bool ours = at >= 0 && e->blocks[at].bin >= HK_BIN_MAX;
  if (ours) edges_drop(e, at);
  hk_status_t status = hk_large_free(e->arena, ref);
  FUZZ_MUST((status == HK_OK) == ours);
  if (ours) edges_leave(e, edges_slab(ref), e->spans[edges_slab(ref)]);
}

/* What giving back one reference must say: all blocks that are out are ours. */
static inline hk_status_t edges_give(edges_t *e, uint32_t bin, uint32_t ref) {
  hk_slab_info_t info;
  hk_status_t known = hk_slab_info(e->arena, edges_slab(ref), &info);
  if (known != HK_OK || info.bin != bin) return HK_NOT_OWNED;
  if ((ref & HK_REF_INDEX_MASK) >=
      info.bytes / hk_arena_classes(e->arena)->bins[bin].stride_bytes) {
    return HK_NOT_OWNED;
  }
  int32_t at = edges_find(e, ref);
  if (at >= 0) {
    edges_drop(e, at);
    return HK_OK;
  }
  e->double_frees++;
  return HK_DOUBLE_FREE;
}

/* A reference of ours, or one that may be anything. */
static inline uint32_t edges_pick_ref(edges_t *e) {
  uint32_t kind = fuzz_byte(&e->in), value = fuzz_word(&e->in);
  if (kind % 16 == 0) return value;
  if (kind % 16 == 1) return value << 12;
  if (kind % 16 == 2) return value | fuzz_word(&e->in) << 16;
  return e->count == 0 ? value : e->refs[value % e->count];
}

static inline void edges_flush(edges_t *e) {
  uint32_t refs[EDGES_BATCH], count = 1 + fuzz_byte(&e->in) % EDGES_BATCH;
  hk_status_t first_bad = HK_OK;
  for (uint32_t i = 0; i < count; i++) refs[i] = edges_pick_ref(e);
  int32_t at = edges_find(e, refs[0]);
  uint32_t bin = at >= 0 && e->blocks[at].bin < HK_BIN_MAX ? e->blocks[at].bin : 0;
  for (uint32_t i = 0; i < count; i++) {
    hk_status_t status = edges_give(e, bin, refs[i]);
    if (first_bad == HK_OK) first_bad = status;
  }
  FUZZ_MUST(hk_flush(e->arena, bin, refs, count) == first_bad);
}

/* --- Slabs ------------------------------------------------------------------------------------ */

static inline void edges_expose(edges_t *e) {
  if (e->count == 0) return;
  uint32_t slab = edges_slab(e->refs[fuzz_byte(&e->in) % e->count]);
  FUZZ_MUST(hk_slab_set_exposed(e->arena, slab, true) == HK_OK);
  e->exposed[slab] = true;
}

static inline void edges_conceal(edges_t *e) {
  for (uint32_t i = 0, from = fuzz_word(&e->in) % EDGES_SLABS; i < EDGES_SLABS; i++) {
    uint32_t slab = (from + i) % EDGES_SLABS;
    if (!e->exposed[slab]) continue;
    FUZZ_MUST(hk_slab_set_exposed(e->arena, slab, false) == HK_OK);
    e->exposed[slab] = e->given[slab] = false;
    for (uint32_t n = 0; n < e->spans[slab] && e->lost[slab]; n++) {
      if (n > 0) e->lost[slab + n] = false;
    }
    e->lost[slab] = false;
    return;
  }
}

static inline void edges_give_away(edges_t *e) {
  uint32_t slab = fuzz_word(&e->in) % EDGES_SLABS;
  if (e->count > 0) slab = edges_slab(e->refs[slab % e->count]);
  hk_status_t status = hk_slab_give_away(e->arena, slab);
  FUZZ_MUST(status == (e->exposed[slab] ? HK_OK : HK_NOT_OWNED));
  e->given[slab] = e->exposed[slab];
}

static inline void edges_conceal_all(edges_t *e) {
  hk_test_conceal_all(e->arena);
  for (uint32_t slab = 0; slab < EDGES_SLABS; slab++) {
    if (!e->exposed[slab] || e->given[slab]) continue;
    e->exposed[slab] = false;
    for (uint32_t n = 1; n < e->spans[slab] && e->lost[slab]; n++) e->lost[slab + n] = false;
    e->lost[slab] = false;
  }
}

static inline void edges_take_back_all(edges_t *e) {
  for (uint32_t slab = 0; slab < EDGES_SLABS; slab++) {
    if (e->given[slab]) FUZZ_MUST(hk_slab_set_exposed(e->arena, slab, false) == HK_OK);
  }
}

static inline void edges_retire(edges_t *e) {
  uint32_t keep = fuzz_byte(&e->in) % 4;
  int32_t slab = hk_next_retirable(e->arena, keep == 3 ? UINT32_MAX : keep);
  if (slab < 0) return;
  for (uint32_t i = 0; i < e->count; i++) FUZZ_MUST(edges_slab(e->refs[i]) != (uint32_t)slab);
  FUZZ_MUST(hk_retire(e->arena, (uint32_t)slab) == HK_OK);
  edges_leave(e, (uint32_t)slab, 1);
}

/* A slab of ours is busy, one of nobody is not ours; a large block is no slab of a class. */
static inline void edges_retire_any(edges_t *e) {
  uint32_t slab = edges_slab(edges_pick_ref(e));
  bool retirable = hk_slab_is_retirable(e->arena, slab);
  for (uint32_t i = 0; i < e->count && retirable; i++) {
    FUZZ_MUST(edges_slab(e->refs[i]) != slab);
  }
  hk_status_t status = hk_retire(e->arena, slab);
  FUZZ_MUST((status == HK_OK) == retirable);
  if (retirable) edges_leave(e, slab, 1);
}

/* --- A sequence ------------------------------------------------------------------------------- */

static inline void edges_reset(edges_t *e) {
  hk_arena_reset(e->arena);
  e->count = 0;
  for (uint32_t slab = 0; slab < EDGES_SLABS; slab++) {
    /* One that was lost before has been so with all its slabs. */
    if (e->exposed[slab] && !e->lost[slab]) edges_leave(e, slab, e->spans[slab]);
  }
}

static inline void edges_close(edges_t *e) {
  bool is_exposed = memchr(e->exposed, true, sizeof e->exposed) != NULL;
  FUZZ_MUST(hk_arena_destroy(e->arena) == (is_exposed ? HK_SLAB_BUSY : HK_OK));
  if (!is_exposed) edges_open(e);
}

static inline void edges_change_os(edges_t *e) {
  fuzz_t os = {.in = e->in};
  fuzz_change_os(&os);
  e->in = os.in;
}

static inline void edges_step(edges_t *e) {
  void (*const steps[])(edges_t *) = {
      edges_refill, edges_refill,     edges_refill,    edges_flush,   edges_flush,
      edges_flush,  edges_flush,      edges_expose,    edges_conceal, edges_conceal_all,
      edges_retire, edges_retire_any, edges_take_large};
  uint32_t op = fuzz_byte(&e->in) % 19;
  if (op < sizeof steps / sizeof steps[0]) {
    steps[op](e);
  } else if (op == 13) {
    edges_give_large(e, edges_pick_ref(e));
  } else if (op == 14) {
    edges_reset(e);
  } else if (op == 15) {
    (void)hk_arena_trim(e->arena);
  } else if (op == 16) {
    edges_change_os(e);
  } else if (op == 18) {
    edges_give_away(e);
  } else {
    edges_close(e);
  }
}

static inline void edges_play(const uint8_t *bytes, size_t count) {
  static edges_t e;
  e.in = (fuzz_input_t){bytes, bytes + count};
  fake_os_begin();
  edges_open(&e);
  while (e.in.at < e.in.end) {
    if (e.arena == NULL) {
      edges_change_os(&e);
      edges_open(&e);
    } else {
      edges_step(&e);
      if (e.arena != NULL && fuzz_byte(&e.in) % 8 == 0) edges_check(&e);
    }
  }
  if (e.arena != NULL) {
    edges_check(&e);
    edges_take_back_all(&e);
    hk_test_conceal_all(e.arena);
    FUZZ_MUST(hk_arena_destroy(e.arena) == HK_OK);
  }
  fuzz_check_nothing_left();
  fake_os_end();
}

#endif

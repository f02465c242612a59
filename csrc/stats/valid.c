#include "stats/valid.h"

/* Numbers counted again, and who is told of those that differ. */
typedef struct recount_t {
  uint64_t free_blocks[HK_BIN_MAX], slabs[HK_BIN_MAX], used_bytes, committed_bytes, dirty_bytes,
      superslabs, empties;
  void (*visit)(const hk_difference_t *difference, void *context);
  void *context;
  uint32_t differences;
} recount_t;

static void tell(recount_t *r, hk_difference_t difference) {
  r->differences++;
  if (r->visit != NULL) r->visit(&difference, r->context);
}

static void expect(recount_t *r, const char *what, uint32_t bin, uint64_t counted,
                   uint64_t recorded) {
  if (counted == recorded) return;
  tell(r,
       (hk_difference_t){
           .what = what, .bin = bin, .slab = UINT32_MAX, .counted = counted, .recorded = recorded});
}

static void expect_of_slab(recount_t *r, const char *what, const hk_slab_t *slab, bool holds) {
  if (holds) return;
  tell(r, (hk_difference_t){
              .what = what, .bin = slab->bin, .slab = hk_arena_slab_number(slab), .counted = 1});
}

static void recount_slab(const hk_arena_t *arena, const hk_slab_t *slab, recount_t *r) {
  if (slab->state == HK_SLAB_UNUSED) return;
  if (hk_superslab_is_huge(slab->superslab)) {
    r->used_bytes += slab->superslab->bytes;
    return;
  }
  r->used_bytes += HK_SLAB_BYTES;
  if (slab->state != HK_SLAB_CLASS) return;
  bool has_class = slab->bin < arena->classes->count;
  expect_of_slab(r, "class", slab, has_class);
  if (!has_class) return;
  bool listed = slab->list != HK_SLAB_LIST_NONE;
  bool stays = slab->list == HK_SLAB_LIST_CURRENT || slab->given;
  expect_of_slab(r, "bitmap", slab, hk_slab_is_valid(slab));
  expect_of_slab(r, "aside", slab, slab->given == (slab->list == HK_SLAB_LIST_ASIDE));
  expect_of_slab(r, "list", slab, stays || listed == (slab->free_count > 0));
  r->free_blocks[slab->bin] += slab->free_count;
  r->slabs[slab->bin] += slab->span_slabs;
}

static void recount_superslab(const hk_arena_t *arena, const hk_superslab_t *superslab,
                              recount_t *r) {
  uint32_t index = superslab->index;
  r->superslabs++;
  if (superslab->used_slots == 0) r->empties++;
  r->committed_bytes += superslab->bytes;
  r->dirty_bytes += hk_superslab_unused_dirty_bytes(superslab);
  bool has_entry = index >= HK_ARENA_SUPERSLABS_MAX || arena->superslabs[index] == superslab;
  expect_of_slab(r, "table", &superslab->slabs[0], has_entry);
  expect_of_slab(r, "slots", &superslab->slabs[0], hk_superslab_is_valid(superslab));
  for (uint32_t slot = 0; slot < superslab->slab_count; slot++) {
    recount_slab(arena, &superslab->slabs[slot], r);
  }
}

static void recount(const hk_arena_t *arena, recount_t *r) {
  const hk_tiers_t *tiers = &arena->supply.tiers;
  for (const hk_superslab_t *s = hk_tiers_first(tiers); s != NULL; s = hk_tiers_next(tiers, s)) {
    recount_superslab(arena, s, r);
  }
}

/* I2 of a bin, and that what is counted as it happens leads to what there is. */
static void verify_bin(recount_t *r, uint32_t bin, const hk_bin_stats_t *b) {
  uint64_t stages = 0;
#define ADD_STAGE(name, member, meaning) stages += b->stage_##member;
  HK_STAGE_LIST(ADD_STAGE)
#undef ADD_STAGE
  if (bin < HK_BIN_MAX) {
    expect(r, "free_blocks", bin, r->free_blocks[bin], b->free_blocks);
    expect(r, "slabs", bin, r->slabs[bin], b->slabs);
  }
  uint64_t blocks = b->live + b->front_blocks + b->away + b->free_blocks + b->remote_blocks;
  expect(r, "capacity", bin, blocks, b->capacity);
  expect(r, "slow", bin, stages, b->slow);
  expect(r, "refills", bin, b->slow + b->prefilled, b->refills);
  expect(r, "blocks_out", bin, b->capacity - b->free_blocks, b->blocks_out - b->blocks_in);
}

uint32_t hk_arena_verify(hk_arena_t *arena,
                         void (*visit)(const hk_difference_t *difference, void *context),
                         void *context) {
  hk_arena_stats_t s;
  hk_arena_stats(arena, &s);
  recount_t r = {.visit = visit, .context = context};
  recount(arena, &r);
  expect(&r, "superslabs_live", HK_BIN_NONE, r.superslabs, s.superslabs_live);
  expect(&r, "superslabs_empties", HK_BIN_NONE, r.empties, s.superslabs_empties);
  expect(&r, "tiers", HK_BIN_NONE, hk_tiers_are_valid(&arena->supply.tiers), true);
  expect(&r, "bytes_used", HK_BIN_NONE, r.used_bytes, s.bytes_used);
  expect(&r, "bytes_dirty", HK_BIN_NONE, r.dirty_bytes, s.bytes_dirty);
  expect(&r, "bytes_committed", HK_BIN_NONE, r.committed_bytes, s.bytes_committed);
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) verify_bin(&r, bin, &s.bins[bin]);
  uint64_t all = s.bytes_live + s.bytes_front + s.bytes_away + s.bytes_free_in_slab +
                 s.bytes_free_slabs + s.bytes_slack;
  expect(&r, "bytes_committed", HK_BIN_NONE, all, s.bytes_committed);
  return r.differences;
}

bool hk_arena_is_valid(hk_arena_t *arena) { return hk_arena_verify(arena, NULL, NULL) == 0; }

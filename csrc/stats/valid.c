#include "stats/valid.h"

typedef struct recount_t {
  uint64_t free_blocks[HK_BIN_MAX], slabs[HK_BIN_MAX], used_bytes, committed_bytes, superslabs;
  bool valid;
} recount_t;

static void recount_slab(const hk_arena_t *arena, const hk_slab_t *slab, recount_t *r) {
  if (slab->state == HK_SLAB_UNUSED) return;
  if (hk_superslab_is_huge(slab->superslab)) {
    r->used_bytes += slab->superslab->bytes;
    return;
  }
  r->used_bytes += HK_SLAB_BYTES;
  if (slab->state != HK_SLAB_CLASS) return;
  bool listed = slab->list != HK_SLAB_LIST_NONE;
  if (slab->bin >= arena->classes->count || !hk_slab_is_valid(slab)) r->valid = false;
  if (slab->given != (slab->list == HK_SLAB_LIST_ASIDE)) r->valid = false;
  bool stays = slab->list == HK_SLAB_LIST_CURRENT || slab->given;
  if (listed != (slab->free_count > 0) && !stays) r->valid = false;
  r->free_blocks[slab->bin] += slab->free_count;
  r->slabs[slab->bin]++;
}

static void recount_superslab(const hk_arena_t *arena, const hk_superslab_t *superslab,
                              recount_t *r) {
  uint32_t index = superslab->index;
  r->superslabs++;
  r->committed_bytes += superslab->bytes;
  if (index < HK_ARENA_SUPERSLABS_MAX && arena->superslabs[index] != superslab) r->valid = false;
  if (!hk_superslab_is_valid(superslab)) r->valid = false;
  for (uint32_t slot = 0; slot < superslab->slab_count; slot++) {
    recount_slab(arena, &superslab->slabs[slot], r);
  }
}

static recount_t recount(const hk_arena_t *arena) {
  recount_t r = {.valid = true};
  const hk_superslab_t *const lists[] = {arena->supply.full, arena->supply.open};
  for (int i = 0; i < 2; i++) {
    for (const hk_superslab_t *s = lists[i]; s != NULL; s = s->next) {
      recount_superslab(arena, s, &r);
    }
  }
  return r;
}

bool hk_arena_is_valid(hk_arena_t *arena) {
  hk_arena_stats_t s;
  hk_arena_stats(arena, &s);
  recount_t r = recount(arena);
  bool valid = r.valid && r.superslabs == s.superslabs_live && r.used_bytes == s.bytes_used &&
               r.committed_bytes == s.bytes_committed;
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    const hk_bin_stats_t *b = &s.bins[bin];
    valid = valid && (bin >= HK_BIN_MAX ||
                      (b->free_blocks == r.free_blocks[bin] && b->slabs == r.slabs[bin]));
    valid = valid &&
            b->live + b->front_blocks + b->away + b->free_blocks + b->remote_blocks == b->capacity;
  }
  return valid && s.bytes_live + s.bytes_front + s.bytes_away + s.bytes_free_in_slab +
                          s.bytes_free_slabs + s.bytes_slack ==
                      s.bytes_committed;
}

#include "arena/large.h"

#include "arena/failures.h"
#include "arena/remote.h"
#include "arena/supply.h"
#include "base/assert.h"
#include "base/compiler.h"

size_t hk_large_block_bytes(const hk_slab_t *slab) {
  return slab->bin == HK_BIN_HUGE ? slab->superslab->bytes : slab->span_slabs * HK_SLAB_BYTES;
}

static void bind_run(hk_slab_t *first, uint32_t bin, uint32_t span) {
  HK_PUBLISH(first->bin, bin);
  HK_PUBLISH(first->state, HK_SLAB_RUN);
  first->span_slabs = span;
  for (uint32_t i = 1; i < span; i++) HK_PUBLISH(first[i].state, HK_SLAB_RUN_TAIL);
}

static hk_status_t take(hk_arena_t *arena, size_t bytes, hk_slab_t **slab) {
  if (bytes > HK_RUN_SIZE_MAX) {
    hk_status_t status = hk_supply_take_huge(arena, bytes, slab);
    if (status == HK_OK) bind_run(*slab, HK_BIN_HUGE, 1);
    return status;
  }
  uint32_t span = (uint32_t)(bytes / HK_SLAB_BYTES);
  hk_status_t status = hk_supply_take(arena, span, slab);
  if (status == HK_OK) bind_run(*slab, HK_BIN_RUN, span);
  return status;
}

static hk_status_t take_whole_slabs(hk_arena_t *arena, uint64_t size_bytes, hk_slab_t **slab) {
  if (size_bytes > HK_SIZE_MAX) return HK_OUT_OF_MEMORY_OS;
  hk_remote_drain(arena);
  return take(arena, (size_bytes + HK_SLAB_BYTES - 1) & ~(HK_SLAB_BYTES - 1), slab);
}

hk_status_t hk_large_alloc(hk_arena_t *arena, uint64_t size_bytes, uint32_t *ref) {
  if (size_bytes <= HK_CLASS_SIZE_MAX) return HK_INVALID_ARGUMENT;
  hk_slab_t *slab;
  hk_status_t status = take_whole_slabs(arena, size_bytes, &slab);
  if (status != HK_OK) {
    hk_note_refusal(arena, status);
    return status;
  }
  hk_large_kind_t *kind = hk_large_kind(arena, slab->bin);
  hk_cell_add(&kind->refills, 1);
  hk_cell_add(&kind->out, 1);
  hk_cell_raise(&kind->high_water, hk_cell_get(&kind->out));
  hk_cell_add(&kind->block_bytes, hk_large_block_bytes(slab));
  *ref = hk_arena_base_ref(slab);
  return HK_OK;
}

hk_status_t hk_large_free(hk_arena_t *arena, uint32_t ref) {
  hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  if (slab == NULL || (ref & HK_REF_INDEX_MASK) != 0) return HK_NOT_OWNED;
  if (slab->state == HK_SLAB_UNUSED) return HK_DOUBLE_FREE;
  if (slab->state != HK_SLAB_RUN) return HK_NOT_OWNED;
  if (!hk_large_claim(slab)) return HK_DOUBLE_FREE;
  hk_large_give(arena, slab);
  return HK_OK;
}

/* The slabs behind the first `span` of a run leave it. */
static void cut(hk_arena_t *arena, hk_slab_t *first, uint32_t span) {
  uint32_t rest = first->span_slabs - span;
  for (uint32_t i = 0; i < rest; i++) HK_PUBLISH(first[span + i].state, HK_SLAB_UNUSED);
  hk_supply_give(arena, first + span, rest);
}

bool hk_large_resize(hk_arena_t *arena, hk_slab_t *slab, size_t size_bytes) {
  HK_ASSERT(slab->state == HK_SLAB_RUN && !hk_large_is_claimed(slab));
  if (slab->bin != HK_BIN_RUN || slab->exposed) return false;
  if (size_bytes <= HK_CLASS_SIZE_MAX || size_bytes > HK_RUN_SIZE_MAX) return false;
  uint32_t before = slab->span_slabs;
  uint32_t span = (uint32_t)((size_bytes + HK_SLAB_BYTES - 1) / HK_SLAB_BYTES);
  if (span > before && !hk_supply_extend(arena, slab, before, span)) return false;
  if (span < before) cut(arena, slab, span);
  bind_run(slab, HK_BIN_RUN, span);
  hk_large_kind_t *kind = hk_large_kind(arena, HK_BIN_RUN);
  hk_cell_sub(&kind->block_bytes, before * HK_SLAB_BYTES);
  hk_cell_add(&kind->block_bytes, span * HK_SLAB_BYTES);
  return true;
}

void hk_large_give(hk_arena_t *arena, hk_slab_t *slab) {
  hk_large_kind_t *kind = hk_large_kind(arena, slab->bin);
  hk_cell_add(&kind->flushes, 1);
  hk_cell_sub(&kind->out, 1);
  hk_cell_sub(&kind->block_bytes, hk_large_block_bytes(slab));
  uint32_t span = slab->span_slabs;
  for (uint32_t i = 0; i < span; i++) HK_PUBLISH(slab[i].state, HK_SLAB_UNUSED);
  atomic_store_explicit(&slab->remote_queued, 0, memory_order_relaxed);
  if (slab->bin == HK_BIN_HUGE) {
    hk_supply_give_huge(arena, slab);
  } else {
    hk_supply_give(arena, slab, span);
  }
}

void hk_large_reset(hk_arena_t *arena) {
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++) {
    hk_large_kind_t *kind = hk_large_kind(arena, bin);
    hk_counters_t *c = arena->counters;
    double local =
        hk_counter_get(&c->allocs.by_bin[bin]) - (double)atomic_load(&kind->frees_remote);
    hk_counter_set(&c->frees.by_bin[bin], local);
    hk_cell_set(&kind->out, 0);
    hk_cell_set(&kind->block_bytes, 0);
    hk_cell_set(&kind->remote_collected, atomic_load(&kind->frees_remote));
    atomic_store(&kind->remote_bytes, 0);
  }
}

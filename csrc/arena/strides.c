/* Strides: classes that an arena gets and loses in its life.
 *
 * Owns:      the arena's own table, once it is built, and how often it has changed.
 * Called by: everybody, as hk_arena_add_class and hk_arena_retire_class.
 * Calls:     front (magazine of the bin), bin, trace.
 * Threads:   owner only. Other threads that free blocks read records of bins with slabs only, and no such record is
 *            written to; those that read statistics do so under the lock of the registry, and so does this.
 */
#include "front/refill.h"
#include "front/stacks.h"
#include "heap/bin.h"
#include "supply/trace.h"

typedef struct change_t {
  hk_arena_t *arena;
  uint32_t bin, stride; /* 0: its class retires */
  hk_status_t status;
} change_t;

/* Under the lock of the registry. */
static bool change_table(hk_arena_t *arena, void *context) {
  change_t *change = context;
  if (arena != change->arena) return true;
  hk_stat_add(&arena->class_changes, 1);
  if (change->stride == 0) {
    hk_classes_retire(&arena->own_classes, change->bin);
  } else {
    change->status = hk_classes_add(&arena->own_classes, change->bin, change->stride);
  }
  return false;
}

/* The bin for a new class. The one that had its stride before, whose counts and slabs are the same class's. Or one that had
 * none. One that had another comes last, and has no slab any more: its row of the statistics would get what was counted in
 * another. */
static uint32_t choose_bin(const hk_arena_t *arena, uint32_t stride) {
  const hk_classes_t *classes = arena->classes;
  uint32_t vacant = classes->count;
  for (uint32_t bin = classes->built; bin < classes->count; bin++) {
    if (hk_classes_serves(classes, bin)) continue;
    if (classes->bins[bin].stride_bytes == stride) return bin;
    if (hk_stat_get(&arena->bins[bin].slabs) != 0) continue;
    bool is_better =
        vacant >= HK_BIN_MAX ||
        (classes->count == HK_BIN_MAX && classes->bins[bin].row == hk_classes_row_of_size(stride));
    if (is_better) vacant = bin;
  }
  return vacant;
}

hk_status_t hk_arena_add_class(hk_arena_t *arena, uint32_t stride, uint32_t *bin) {
  if (arena->classes != &arena->own_classes || stride == 0) return HK_INVALID_ARGUMENT;
  change_t change = {arena, choose_bin(arena, stride), stride, HK_OK};
  hk_arena_each(change_table, &change);
  if (change.status != HK_OK) return change.status;
  hk_bin_set_retiring(arena, change.bin, false);
  hk_front_add_class(arena, change.bin);
  hk_trace_note(arena, HK_EVENT_LEARN, change.bin, HK_STAGE_CURRENT, stride);
  *bin = change.bin;
  return HK_OK;
}

hk_status_t hk_arena_retire_class(hk_arena_t *arena, uint32_t bin) {
  const hk_classes_t *classes = arena->classes;
  bool was_added = bin >= classes->built && hk_classes_serves(classes, bin);
  if (!was_added) return HK_INVALID_ARGUMENT;
  change_t change = {arena, bin, 0, HK_OK};
  hk_arena_each(change_table, &change);
  hk_front_retire_class(arena, bin);
  hk_bin_set_retiring(arena, bin, true);
  hk_trace_note(arena, HK_EVENT_UNLEARN, bin, HK_STAGE_CURRENT, classes->bins[bin].stride_bytes);
  return HK_OK;
}

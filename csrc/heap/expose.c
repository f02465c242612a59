/* Expose: the slab edge, hk_slab_info, hk_slab_set_exposed and hk_slab_give_away. An exposed slab
 * keeps its address and its memory until it is concealed (I4).
 *
 * Owns:      exposed_slabs and given_bytes of an arena.
 * Called by: fronts of other languages.
 * Calls:     bin, run, letters, supply (lost slabs), SuperSlab (zeroing).
 * Threads:   owner only.
 */
#include <string.h>

#include "heap/bin.h"
#include "heap/run.h"
#include "letters/letters.h"
#include "supply/supply.h"

/* The slab, if a front can have blocks of it: one that serves a class, or the first of a run. */
static hk_slab_t *front_slab(const hk_arena_t *arena, uint32_t slab_number) {
  hk_slab_t *slab = hk_arena_slab(arena, slab_number);
  if (slab == NULL) return NULL;
  return slab->state == HK_SLAB_CLASS || slab->state == HK_SLAB_RUN ? slab : NULL;
}

/* Bytes of a slab, or of all of a span, run or huge mapping, also when it is lost. */
static size_t span_bytes(const hk_slab_t *slab) {
  bool huge = hk_superslab_is_huge(slab->superslab);
  return huge ? slab->superslab->bytes : hk_slab_bytes(slab);
}

/* What a front sees of them. */
static size_t shown_bytes(const hk_slab_t *slab) {
  bool huge = hk_superslab_is_huge(slab->superslab);
  return huge ? slab->superslab->bytes : hk_slab_shown_bytes(slab);
}

hk_status_t hk_slab_info(const hk_arena_t *arena, uint32_t slab_number, hk_slab_info_t *info) {
  const hk_slab_t *slab = front_slab(arena, slab_number);
  if (slab == NULL) return HK_NOT_OWNED;
  *info = (hk_slab_info_t){.address = hk_arena_slab_address(slab),
                           .bytes = shown_bytes(slab),
                           .bin = slab->bin,
                           .exposed = slab->exposed,
                           .fresh = slab->state == HK_SLAB_RUN && slab->fresh};
  return HK_OK;
}

hk_status_t hk_slab_give_away(hk_arena_t *arena, uint32_t slab_number) {
  hk_slab_t *slab = hk_arena_slab(arena, slab_number);
  if (slab == NULL || !slab->exposed) return HK_NOT_OWNED;
  if (slab->given) return HK_OK;
  slab->given = true;
  hk_stat_add(&arena->given_bytes, span_bytes(slab));
  if (slab->state == HK_SLAB_CLASS) hk_bin_put_aside(arena, slab);
  return HK_OK;
}

/* Zeroes a slab but for blocks that are away. */
static void scrub_around(const hk_arena_t *arena, const hk_slab_t *slab) {
  uint64_t away[HK_SLAB_WORDS_MAX] = {0};
  size_t stride = arena->classes->bins[slab->bin].stride_bytes;
  hk_letters_mark_away(arena, slab, away);
  for (uint32_t block = 0; block < slab->capacity; block++) {
    if ((away[block >> 6] >> (block & 63) & 1) != 0) continue;
    memset(hk_arena_slab_address(slab) + block * stride, 0, stride);
  }
}

/* What is lost, or all of it away, is zeroed when it has come back. */
static void scrub(const hk_arena_t *arena, const hk_slab_t *slab) {
  if (slab->borrowers == 0) {
    (void)hk_superslab_zero(hk_arena_slab_address(slab), shown_bytes(slab));
  } else if (slab->state == HK_SLAB_CLASS) {
    scrub_around(arena, slab);
  }
}

/* Zeroes what others have written, and what was live there, before anybody has the memory again. */
static void take_back(hk_arena_t *arena, hk_slab_t *slab) {
  if (arena->scrubs) scrub(arena, slab);
  slab->given = false;
  hk_stat_sub(&arena->given_bytes, span_bytes(slab));
  if (slab->state == HK_SLAB_CLASS) hk_bin_relist(arena, slab);
}

hk_status_t hk_slab_set_exposed(hk_arena_t *arena, uint32_t slab_number, bool exposed) {
  hk_slab_t *slab = hk_arena_slab(arena, slab_number);
  if (slab == NULL) return HK_NOT_OWNED;
  bool lost = slab->state == HK_SLAB_LOST && !exposed;
  if (!lost && front_slab(arena, slab_number) == NULL) return HK_NOT_OWNED;
  if (slab->exposed == exposed) return HK_OK;
  slab->exposed = exposed;
  if (exposed) {
    hk_superslab_note_exposed(slab->superslab, slab->slot, slab->span_slabs);
    hk_stat_add(&arena->exposed_slabs, 1);
  } else {
    hk_stat_sub(&arena->exposed_slabs, 1);
    if (slab->given) take_back(arena, slab);
    if (lost && slab->borrowers == 0) hk_supply_put_lost(arena, slab);
  }
  return HK_OK;
}

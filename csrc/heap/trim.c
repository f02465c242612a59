#include "heap/trim.h"

#include "base/compiler.h"
#include "heap/remote.h"
#include "os/os.h"
#include "supply/supply.h"
#include "supply/trace.h"

/* Offset at which the first `blocks` blocks end; what lies behind the last block belongs to it. */
static size_t end_of(const hk_slab_t *slab, uint32_t stride, uint32_t blocks) {
  return blocks == slab->capacity ? HK_SLAB_BYTES : (size_t)blocks * stride;
}

/* Bit per whole page in [from, to), whose ends are multiples of a page. */
static uint32_t page_mask(size_t from, size_t to, size_t page) {
  uint32_t below_from = ((uint32_t)1 << from / page) - 1, below_to = ((uint32_t)1 << to / page) - 1;
  return from < to ? below_to & ~below_from : 0;
}

static_assert(HK_SLAB_BYTES / 4096 <= 16, "purged_pages has a bit for every page");

/* Bit per page that holds only free blocks, or only what lies behind the last block. */
static uint32_t free_pages(const hk_slab_t *slab, uint32_t stride, size_t page) {
  uint32_t pages = 0, block = 0, end;
  for (; hk_slab_next_free(slab, &block, &end); block = end) {
    size_t from = hk_os_round_to_pages((size_t)block * stride);
    pages |= page_mask(from, end_of(slab, stride, end) & ~(page - 1), page);
  }
  return pages;
}

bool hk_trim_is_ours(const hk_arena_t *arena, const hk_slab_t *slab) {
  if (slab->given) return false;
  if (!slab->exposed || arena->keeps_slab == NULL) return true;
  return arena->keeps_slab(arena->front_context, hk_arena_slab_number(slab));
}

size_t hk_trim_slab(hk_arena_t *arena, hk_slab_t *slab) {
  if (!hk_trim_is_ours(arena, slab)) return 0;
  uint32_t stride = arena->classes->bins[slab->bin].stride_bytes;
  size_t page = hk_os_page_bytes(), bytes = 0;
  size_t touched = hk_os_round_to_pages(end_of(slab, stride, slab->touched_blocks));
  uint32_t todo =
      free_pages(slab, stride, page) & page_mask(0, touched, page) & ~slab->purged_pages;
  slab->trimmed = true;
  while (todo != 0) {
    uint32_t first = hk_ctz32(todo), count = hk_ctz32(~(todo >> first));
    uint32_t stretch = page_mask(first * page, (first + count) * page, page);
    todo &= ~stretch;
    if (hk_os_purge(hk_arena_slab_address(slab) + first * page, count * page)) {
      slab->purged_pages |= (uint16_t)stretch;
      bytes += count * page;
    } else {
      slab->trimmed = false;
    }
  }
  if (bytes > 0) hk_trace_note(arena, HK_EVENT_PURGE, slab->bin, HK_STAGE_CURRENT, bytes);
  if (slab->trimmed && slab->free_count == slab->capacity) slab->touched_blocks = 0;
  return bytes;
}

static size_t trim_superslab(hk_arena_t *arena, hk_superslab_t *superslab) {
  size_t bytes = 0;
  for (uint32_t i = 0; i < superslab->slab_count; i++) {
    hk_slab_t *slab = &superslab->slabs[i];
    if (hk_trim_is_due(slab)) bytes += hk_trim_slab(arena, slab);
  }
  return bytes;
}

void hk_heap_trim(hk_arena_t *arena) {
  size_t bytes = 0;
  hk_remote_drain(arena);
  const hk_tiers_t *tiers = &arena->supply.tiers;
  for (hk_superslab_t *next, *s = hk_tiers_first(tiers); s != NULL; s = next) {
    next =
        hk_tiers_next(tiers, s); /* it may change its list if a slab turns out to be given away */
    bytes += trim_superslab(arena, s);
  }
  hk_stat_add(&arena->returned_bytes, bytes);
  hk_supply_trim(arena);
}

#include "heap/trim.h"

#include "base/compiler.h"
#include "heap/remote.h"
#include "os/os.h"
#include "supply/supply.h"
#include "supply/trace.h"

/* Offset at which the first `blocks` blocks end; what lies behind the last block belongs to it. */
static size_t end_of(const hk_slab_t *slab, uint32_t stride, uint32_t blocks) {
  return blocks == slab->capacity ? hk_slab_shown_bytes(slab) : (size_t)blocks * stride;
}

/* Part of an offset that lies in [begin, begin + 64 KB), counted from there. */
static size_t clip(size_t offset, size_t begin) {
  size_t inside = offset > begin ? offset - begin : 0;
  return inside < HK_SLAB_BYTES ? inside : HK_SLAB_BYTES;
}

/* Bit per whole page in [from, to), whose ends are multiples of a page, of the 64 KB that begin at `begin`. */
static uint32_t page_mask(size_t begin, size_t from, size_t to, size_t page) {
  uint32_t below_from = ((uint32_t)1 << clip(from, begin) / page) - 1;
  uint32_t below_to = ((uint32_t)1 << clip(to, begin) / page) - 1;
  return from < to ? below_to & ~below_from : 0;
}

static_assert(HK_SLAB_BYTES / 4096 <= 16, "purged_pages has a bit for every page");

/* Bit per page of the 64 KB from `begin` on that holds only free blocks, or only what lies behind the last block. */
static uint32_t free_pages(const hk_slab_t *slab, uint32_t stride, size_t begin, size_t page) {
  uint32_t pages = 0, block = 0, end;
  for (; hk_slab_next_free(slab, &block, &end); block = end) {
    size_t from = hk_os_round_to_pages((size_t)block * stride);
    pages |= page_mask(begin, from, end_of(slab, stride, end) & ~(page - 1), page);
  }
  return pages;
}

/* Purges pages of one slab. Returns bytes given back; what the OS refuses stays in `todo`. */
static size_t purge_pages(hk_slab_t *slab, uint32_t *todo, size_t page) {
  size_t bytes = 0;
  for (uint32_t left = *todo; left != 0;) {
    uint32_t first = hk_ctz32(left), count = hk_ctz32(~(left >> first));
    uint32_t stretch = page_mask(0, first * page, (first + count) * page, page);
    left &= ~stretch;
    if (!hk_os_purge(hk_arena_slab_address(slab) + first * page, count * page)) continue;
    slab->purged_pages |= (uint16_t)stretch;
    *todo &= ~stretch;
    bytes += count * page;
  }
  return bytes;
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
  slab->trimmed = true;
  for (uint32_t i = 0; i < slab->span_slabs; i++) {
    size_t begin = i * HK_SLAB_BYTES;
    uint32_t todo = free_pages(slab, stride, begin, page) & page_mask(begin, 0, touched, page) &
                    ~(uint32_t)slab[i].purged_pages;
    bytes += purge_pages(slab + i, &todo, page);
    if (todo != 0) slab->trimmed = false;
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

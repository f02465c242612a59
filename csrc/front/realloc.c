/* Realloc: what C programs expect of an allocator besides hk_alloc and hk_free.
 *
 * Owns:      nothing.
 * Called by: C programs.
 * Calls:     alloc, through hk_alloc and hk_free; shelf; run (resize in place); superslabs (room); pagemap.
 * Threads:   owner only.
 */
#include <string.h>

#include "base/options.h"
#include "front/magazine.h"
#include "front/shelf.h"
#include "heap/run.h"
#include "super/pagemap.h"
#include "supply/superslabs.h"

/* true: nobody has written to this run or huge mapping since the OS gave its pages. */
static bool is_fresh(const void *large_block) {
  const hk_superslab_t *superslab = hk_pagemap_find(large_block);
  uint32_t slot = (uint32_t)(((const char *)large_block - superslab->base) >> HK_SLAB_SHIFT);
  return superslab->slabs[slot].fresh;
}

void *hk_alloc_zeroed(hk_arena_t *arena, size_t count, size_t size_bytes) {
  if (size_bytes != 0 && count > SIZE_MAX / size_bytes) return NULL;
  size_t bytes = count * size_bytes;
  void *block = hk_alloc(arena, bytes);
  if (block == NULL) return NULL;
  if (bytes <= HK_CLASS_SIZE_MAX || !is_fresh(block)) memset(block, 0, bytes);
  return block;
}

void *hk_alloc_aligned(hk_arena_t *arena, size_t size_bytes, size_t alignment) {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) return NULL;
  if (alignment > HK_SUPERSLAB_BYTES) return NULL;
  /* A run is aligned to 64 KB, a huge mapping to 2 MB. */
  if (alignment > HK_SLAB_BYTES) {
    return hk_alloc(arena, size_bytes > HK_RUN_SIZE_MAX ? size_bytes : HK_RUN_SIZE_MAX + 1);
  }
  if (size_bytes > HK_CLASS_SIZE_MAX) return hk_alloc(arena, size_bytes);
  uint32_t bin = hk_classes_bin_aligned(arena->classes, size_bytes, alignment);
  return hk_alloc(arena, arena->classes->bins[bin].stride_bytes);
}

/* The record of the block, if it is a run or a huge mapping of this arena, else NULL. */
static hk_slab_t *large_at(const hk_arena_t *arena, const void *block) {
  if (!hk_owns(arena, block)) return NULL;
  hk_superslab_t *superslab = hk_pagemap_find(block);
  hk_slab_t *slab = &superslab->slabs[hk_superslab_is_huge(superslab) ? 0 : hk_slot_of(block)];
  return slab->state == HK_SLAB_RUN && hk_arena_slab_address(slab) == block ? slab : NULL;
}

/* Resizes a large block without a copy. Returns where it is then; NULL: it must move. */
static void *resize_large(hk_arena_t *arena, hk_slab_t *slab, size_t size_bytes) {
  size_t before_bytes = hk_run_block_bytes(slab);
  /* What is kept may lie behind it, or be the longer mapping that it moves to. */
  if (size_bytes > before_bytes) hk_shelf_clear(arena);
  if (!hk_run_resize(arena, slab, size_bytes)) return NULL;
  hk_run_count_resize(arena, slab, before_bytes);
  return hk_arena_slab_address(slab);
}

/* A block that grows may take a mapping so many times as long that is there with its pages. */
#define GROWTH_MAX 8

/* What to ask for when a large block must move because it grows: what the last one that grew has
 * left, or a quarter more, so that one that grows again and again is copied a few times and not each
 * time. Near a limit, what is needed. */
static size_t with_slack(const hk_arena_t *arena, size_t size_bytes) {
  bool is_limited = hk_options_get()->max_memory_mb != 0;
  if (size_bytes > HK_MAPPING_MAX / GROWTH_MAX || is_limited) return size_bytes;
  size_t warm = hk_superslabs_warm(arena, size_bytes, GROWTH_MAX * size_bytes);
  if (warm != 0) return warm;
  size_t wanted = size_bytes + size_bytes / 4;
  return wanted > hk_superslabs_room(arena) ? size_bytes : wanted;
}

static void *move(hk_arena_t *arena, void *block, size_t usable, size_t size_bytes) {
  bool grows = usable > HK_CLASS_SIZE_MAX && size_bytes > usable;
  void *moved = hk_alloc(arena, grows ? with_slack(arena, size_bytes) : size_bytes);
  if (moved == NULL) return NULL;
  if (grows) hk_run_set_asked(large_at(arena, moved), size_bytes);
  memcpy(moved, block, size_bytes < usable ? size_bytes : usable);
  if (hk_free(arena, block) == HK_OK) return moved;
  (void)hk_free(arena, moved);
  return NULL;
}

void *hk_realloc(hk_arena_t *arena, void *block, size_t size_bytes) {
  if (block == NULL) return hk_alloc(arena, size_bytes);
  size_t usable = hk_usable_size(block);
  if (usable == 0) return NULL;
  hk_slab_t *large = large_at(arena, block);
  if (large != NULL && hk_run_is_claimed(large)) return NULL; /* freed by another thread */
  void *resized = large != NULL ? resize_large(arena, large, size_bytes) : NULL;
  if (resized != NULL) return resized;
  /* A block stays where it is unless it is too small, or more than half of it would be unused. */
  if (size_bytes <= usable && size_bytes >= usable / 2 && hk_owns(arena, block)) return block;
  return move(arena, block, usable, size_bytes);
}

#include "super/extent.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "os/os.h"
#include "super/pagemap.h"

static size_t round_to_chunks(size_t bytes) {
  return (bytes + HK_SUPERSLAB_BYTES - 1) & ~(HK_SUPERSLAB_BYTES - 1);
}

/* Clears the page map behind `bytes`, of what was a mapping of `before`. */
static void forget_behind(char *base, size_t bytes, size_t before) {
  size_t from = round_to_chunks(bytes), to = round_to_chunks(before);
  if (from < to) hk_pagemap_remove(base + from, to - from);
}

static bool resize_in_place(hk_superslab_t *superslab, size_t bytes) {
  size_t before = superslab->bytes;
  /* Shrinking: nobody may find us behind our end once those addresses can be another's. */
  if (bytes < before) forget_behind(superslab->base, bytes, before);
  bool done = hk_os_resize(superslab->base, before, bytes);
  if (done && bytes < before) return true;
  /* Growth is entered; a shrinking that was refused is put back, for which it needs no leaf. */
  if (!done && bytes > before) return false;
  if (hk_pagemap_insert(superslab->base, done ? bytes : before, superslab)) return done;
  (void)hk_os_resize(superslab->base, bytes, before);
  return false;
}

/* Of a mapping with seams a part could be refused when others have moved already. */
static bool resize_elsewhere(hk_superslab_t *superslab, size_t bytes) {
  if (superslab->seam_count > 0) return false;
  char *from = superslab->base, *to = hk_os_map(bytes, HK_SUPERSLAB_BYTES);
  if (to == NULL) return false;
  if (hk_pagemap_insert(to, bytes, superslab)) {
    /* Once the pages have moved, the addresses can be another's at any moment. */
    hk_pagemap_remove(from, superslab->bytes);
    if (hk_os_move(from, superslab->bytes, to, bytes)) {
      HK_WRITE_ONCE(superslab->base, to);
      return true;
    }
    (void)hk_pagemap_insert(from, superslab->bytes, superslab); /* its leaves are there */
    hk_pagemap_remove(to, bytes);
  }
  (void)hk_os_unmap(to, bytes);
  return false;
}

static void drop_seams_behind(hk_superslab_t *superslab, size_t bytes) {
  uint32_t count = 0;
  const uint32_t *seams = hk_superslab_seams(superslab);
  while (count < superslab->seam_count && seams[count] * HK_SLAB_BYTES < bytes) count++;
  hk_superslab_set_seams(superslab, count);
}

bool hk_extent_resize(hk_superslab_t *superslab, size_t bytes) {
  HK_ASSERT(hk_superslab_is_huge(superslab) && !superslab->was_exposed);
  HK_ASSERT(bytes > HK_SUPERSLAB_BYTES && bytes % HK_SLAB_BYTES == 0);
  if (!hk_os_can_move()) return false;
  bool grows = bytes > superslab->bytes;
  if (!resize_in_place(superslab, bytes) && !(grows && resize_elsewhere(superslab, bytes))) {
    return false;
  }
  HK_WRITE_ONCE(superslab->bytes, bytes);
  drop_seams_behind(superslab, bytes);
  return true;
}

/* The system lets a process have some 65,530 mappings, which are not ours alone. */
#define SEAMS_MAX 4096

/* Bytes before a seam; behind the last one, all. */
static size_t seam_at(const hk_superslab_t *superslab, uint32_t seam) {
  bool is_none = seam >= superslab->seam_count;
  return is_none ? superslab->bytes : hk_superslab_seams(superslab)[seam] * HK_SLAB_BYTES;
}

static void add_seam(hk_superslab_t *superslab, size_t at) {
  uint32_t count = superslab->seam_count;
  bool is_known = count > 0 && seam_at(superslab, count - 1) == at;
  if (at == 0 || at == superslab->bytes || is_known) return;
  hk_superslab_seams(superslab)[count] = (uint32_t)(at / HK_SLAB_BYTES);
  hk_superslab_set_seams(superslab, count + 1);
}

static uint32_t first_seam_behind(const hk_superslab_t *superslab, size_t at) {
  uint32_t seam = 0;
  while (seam < superslab->seam_count && seam_at(superslab, seam) <= at) seam++;
  return seam;
}

/* Seams that there is room for in one more mapping, less those at both ends of what comes. */
static uint32_t room_for_seams(const hk_superslab_t *to) {
  uint64_t all = hk_superslab_all_seams() + 2;
  uint32_t count = to->seam_count + 2, room = HK_SUPERSLAB_SEAMS_MAX - count;
  if (count > HK_SUPERSLAB_SEAMS_MAX || all > SEAMS_MAX) return 0;
  return room < SEAMS_MAX - all ? room : (uint32_t)(SEAMS_MAX - all);
}

/* Where what moves begins: at `begin`, or behind it if there is no room for so many seams. */
static size_t within_room(const hk_superslab_t *from, size_t begin, const hk_superslab_t *to) {
  uint32_t room = room_for_seams(to), count = from->seam_count;
  uint32_t inside = count - first_seam_behind(from, begin);
  if (room == 0) return from->bytes;
  return inside > room ? seam_at(from, count - room) : begin;
}

/* Moves what lies from `begin` on, part by part. Returns the bytes that have moved. */
static size_t move_parts(const hk_superslab_t *from, size_t begin, hk_superslab_t *to, size_t at) {
  size_t moved = 0;
  for (uint32_t seam = first_seam_behind(from, begin); begin + moved < from->bytes; seam++) {
    size_t part = seam_at(from, seam) - begin - moved;
    if (!hk_os_move_part(from->base + begin + moved, part, to->base + at + moved)) break;
    add_seam(to, at + moved);
    moved += part;
  }
  if (moved > 0) add_seam(to, at + moved);
  return moved;
}

/* Its addresses without pages go. false: the system refused. */
static bool cut_off_purged(hk_superslab_t *superslab) {
  size_t resident = superslab->bytes - superslab->purged_bytes;
  if (resident < superslab->bytes && !resize_in_place(superslab, resident)) return false;
  HK_WRITE_ONCE(superslab->bytes, resident);
  drop_seams_behind(superslab, resident);
  superslab->purged_bytes = 0;
  return true;
}

size_t hk_extent_give(hk_superslab_t *from, size_t bytes, hk_superslab_t *to, size_t at) {
  HK_ASSERT(hk_superslab_is_huge(from) && hk_superslab_is_huge(to) && !from->was_exposed);
  HK_ASSERT(from->used_slots == 0 && to->used_slots == 0 && at + bytes <= to->bytes);
  if (!cut_off_purged(from)) return 0;
  size_t before = from->bytes, begin = within_room(from, before - bytes, to);
  if (begin == before) return 0;
  /* Once pages have moved, the addresses can be another's at any moment. */
  forget_behind(from->base, begin, before);
  size_t moved = move_parts(from, begin, to, at), lost = before - begin - moved;
  if (moved == 0) {
    (void)hk_pagemap_insert(from->base, before, from); /* its leaves are there */
    return 0;
  }
  if (lost > 0) (void)hk_os_resize(from->base + begin + moved, lost, 0);
  HK_WRITE_ONCE(from->bytes, begin);
  drop_seams_behind(from, begin);
  HK_WRITE_ONCE(to->dirty_slots, 1);
  return moved;
}

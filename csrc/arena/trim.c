/* Trim: the front in C gives its blocks to the core, then the core gives its pages to the OS.
 *
 * Owns:      nothing.
 * Called by: everybody, as hk_arena_trim.
 * Calls:     front (flush), heap (trim).
 * Threads:   owner only.
 */
#include "heap/trim.h"

#include "base/assert.h"
#include "front/refill.h"
#include "stats/valid.h"

size_t hk_arena_trim(hk_arena_t *arena) {
  uint64_t before = hk_arena_returned_bytes(arena);
  /* Slabs of a front in another language may be exposed, so that front retires them itself. */
  if (hk_arena_has_front(arena)) hk_front_flush(arena);
  hk_heap_trim(arena);
  HK_ASSERT_SLOW(hk_arena_is_valid(arena));
  return (size_t)(hk_arena_returned_bytes(arena) - before);
}

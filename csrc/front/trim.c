/* Trim from the top: what the front in C keeps becomes the core's, then the core gives it back.
 *
 * Called by: everybody, as hk_arena_trim.
 * Threads:   owner only.
 */
#include "arena/trim.h"

#include "front/magazine.h"

size_t hk_arena_trim(hk_arena_t *arena) {
  uint64_t before = hk_arena_returned_bytes(arena);
  /* Slabs of a front in another language are for that front to retire: they may be exposed. */
  if (arena->front != NULL) hk_magazine_flush_all(arena);
  hk_trim_arena(arena);
  return (size_t)(hk_arena_returned_bytes(arena) - before);
}

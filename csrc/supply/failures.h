/* Failures: refused requests, as the caller of the library sees them.
 *
 * Owns:      failures_os, failures_limit and failures_retried of an arena.
 * Called by: heap and large (at the block edge), the front in C, fronts of other languages.
 * Threads:   owner only.
 *
 * A refusal is counted where the answer leaves the core. A front that gave back what it kept and
 * then tried again reports it: the first refusal no longer counts, and a success counts as a cured
 * failure.
 */
#ifndef HK_SUPPLY_FAILURES_H
#define HK_SUPPLY_FAILURES_H

#include "supply/record.h"

/* Counts a refusal that a second try cured, and that was not counted before. */
void hk_failures_count_cured(hk_arena_t *arena);

#endif

/* Failures: requests that were refused, as the caller of the library sees them.
 *
 * Owns:      failures_os, failures_limit and failures_retried of an arena.
 * Called by: heap and large (the edges), front (in C), and fronts of other languages.
 * Threads:   owner only.
 * A refusal counts where the answer leaves the core. A front that tries again, after it gave back what it kept,
 * says so: then the first refusal was nobody's, and is counted as cured if the second try was not refused.
 */
#ifndef HK_ARENA_FAILURES_H
#define HK_ARENA_FAILURES_H

#include "arena/arena.h"

/* Counts one that another try cured. */
void hk_failures_count_cured(hk_arena_t *arena);

#endif

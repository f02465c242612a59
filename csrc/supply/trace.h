/* Trace: the flight recorder of an arena, a ring of its last cold events.
 *
 * Owns:      hk_trace_t and its mapping.
 * Called by: whoever does what is worth an event; arena (create, end).
 * Calls:     spare, os (clock).
 * Threads:   owner only.
 */
#ifndef HK_SUPPLY_TRACE_H
#define HK_SUPPLY_TRACE_H

#include "supply/record.h"

/* Makes room for `count` events; 0: none are kept. false: the OS refused. */
bool hk_trace_begin(hk_arena_t *arena, uint64_t count);
void hk_trace_end(hk_arena_t *arena);

/* Bytes of the mapping. */
size_t hk_trace_bytes(const hk_arena_t *arena);

void hk_trace_note_slow(hk_arena_t *arena, hk_event_kind_t kind, uint32_t bin, hk_stage_t stage,
                        uint64_t amount);

/* Notes an event of a class, or with HK_BIN_NONE of none, if the arena keeps any. */
static inline void hk_trace_note(hk_arena_t *arena, hk_event_kind_t kind, uint32_t bin,
                                 hk_stage_t stage, uint64_t amount) {
  if (arena->trace.events != NULL) hk_trace_note_slow(arena, kind, bin, stage, amount);
}

#endif

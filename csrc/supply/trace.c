#include "supply/trace.h"

#include "cache/cache.h"
#include "os/os.h"
#include "os/spare.h"

bool hk_trace_begin(hk_arena_t *arena, uint64_t count) {
  if (count == 0) return true;
  bool fresh; /* not needed: nothing is read that was not written */
  arena->trace.max = (uint32_t)count;
  arena->trace.events = hk_cache_map_metadata(HK_SPARE_EVENTS, hk_trace_bytes(arena), &fresh);
  if (arena->trace.events == NULL) arena->trace.max = 0;
  return arena->trace.events != NULL;
}

void hk_trace_end(hk_arena_t *arena) {
  hk_event_t *events = arena->trace.events;
  if (events != NULL) hk_spare_put(HK_SPARE_EVENTS, events, hk_trace_bytes(arena));
  arena->trace.events = NULL;
}

size_t hk_trace_bytes(const hk_arena_t *arena) {
  return hk_os_round_to_pages(arena->trace.max * sizeof(hk_event_t));
}

HK_NOINLINE void hk_trace_note_slow(hk_arena_t *arena, hk_event_kind_t kind, uint32_t bin,
                                    hk_stage_t stage, uint64_t amount) {
  hk_trace_t *trace = &arena->trace;
  trace->events[trace->count++ % trace->max] = (hk_event_t){.at_ns = hk_os_now_ns(),
                                                            .amount = amount,
                                                            .kind = (uint8_t)kind,
                                                            .bin = (uint8_t)bin,
                                                            .stage = (uint8_t)stage};
}

uint32_t hk_arena_trace(const hk_arena_t *arena, hk_event_t *events, uint32_t max) {
  const hk_trace_t *trace = &arena->trace;
  uint64_t kept = trace->count < trace->max ? trace->count : trace->max;
  uint32_t wanted = kept < max ? (uint32_t)kept : max;
  for (uint32_t i = 0; i < wanted; i++) {
    events[i] = trace->events[(trace->count - wanted + i) % trace->max];
  }
  return wanted;
}

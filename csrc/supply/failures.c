#include "supply/failures.h"

#include "supply/trace.h"

static hk_stat_t *stat_of(hk_arena_t *arena, hk_status_t refusal) {
  return refusal == HK_OUT_OF_MEMORY_OS ? &arena->failures_os : &arena->failures_limit;
}

void hk_note_refusal(hk_arena_t *arena, hk_status_t refusal) {
  hk_stat_add(stat_of(arena, refusal), 1);
  hk_trace_note(arena, HK_EVENT_REFUSE, HK_BIN_NONE, HK_STAGE_CURRENT, (uint64_t)refusal);
}

void hk_failures_count_cured(hk_arena_t *arena) { hk_stat_add(&arena->failures_retried, 1); }

void hk_note_retry(hk_arena_t *arena, hk_status_t refusal, bool cured) {
  hk_stat_t *stat = stat_of(arena, refusal);
  if (hk_stat_get(stat) > 0) hk_stat_sub(stat, 1);
  if (cured) hk_failures_count_cured(arena);
}

#include "arena/failures.h"

static hk_cell_t *cell_of(hk_arena_t *arena, hk_status_t refusal) {
  return refusal == HK_OUT_OF_MEMORY_OS ? &arena->failures_os : &arena->failures_limit;
}

void hk_note_refusal(hk_arena_t *arena, hk_status_t refusal) {
  hk_cell_add(cell_of(arena, refusal), 1);
}

void hk_failures_count_cured(hk_arena_t *arena) { hk_cell_add(&arena->failures_retried, 1); }

void hk_note_retry(hk_arena_t *arena, hk_status_t refusal, bool cured) {
  hk_cell_t *cell = cell_of(arena, refusal);
  if (hk_cell_get(cell) > 0) hk_cell_sub(cell, 1);
  if (cured) hk_failures_count_cured(arena);
}

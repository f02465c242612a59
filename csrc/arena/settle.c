#include "arena/settle.h"

#include <string.h>

#include "front/refill.h"
#include "heap/run.h"

/* Most counters were never touched, and a write would make their pages take up memory. */
static void set_counter(double *counter, double value) {
  if (hk_counter_get(counter) != value) hk_counter_set(counter, value);
}

static void settle(hk_counters_t *c, uint32_t first, uint32_t last) {
  for (uint32_t i = first; i <= last; i++) {
    set_counter(&c->frees.by_length[i], hk_counter_get(&c->allocs.by_length[i]));
  }
}

/* Lengths of bins without refills were never counted. */
static void settle_lengths(hk_arena_t *arena) {
  for (hk_lengths_t l = {0}; hk_classes_next_lengths(arena->classes, &l);) {
    if (hk_stat_get(&arena->bins[l.bin].refills) != 0) settle(arena->counters, l.first, l.last);
  }
}

/* Slots that are looked at together: most are nobody's, and one by one they would take the longest. */
#define SLOTS_AT_ONCE 64
static_assert(HK_COUNTER_SLOTS % SLOTS_AT_ONCE == 0, "no slot is left over");

static bool are_lent(const uint32_t *lengths) {
  uint32_t any = 0;
  for (uint32_t i = 0; i < SLOTS_AT_ONCE; i++) any |= lengths[i];
  return any != 0;
}

/* Calls `visit` for each slot that is lent; what is nobody's counts nothing. */
static void each_slot(hk_counters_t *c, void (*visit)(hk_counters_t *, uint32_t)) {
  for (uint32_t first = 0; first < HK_COUNTER_SLOTS; first += SLOTS_AT_ONCE) {
    if (!are_lent(&c->slot_lengths[first])) continue;
    for (uint32_t i = first; i < first + SLOTS_AT_ONCE; i++) {
      if (c->slot_lengths[i] != 0) visit(c, i);
    }
  }
}

static void settle_slot(hk_counters_t *c, uint32_t slot) {
  hk_counter_set(&c->frees.by_slot[slot], hk_counter_get(&c->allocs.by_slot[slot]));
}

void hk_settle_counters(hk_arena_t *arena) {
  hk_counters_t *c = arena->counters;
  hk_counters_write_begin(c);
  settle_lengths(arena);
  each_slot(c, settle_slot);
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    set_counter(&c->frees.by_bin[bin], hk_counter_get(&c->allocs.by_bin[bin]));
    set_counter(&c->live_bytes[bin], 0);
  }
  hk_run_settle(arena);
  hk_front_settle(arena);
  hk_counters_write_end(c);
}

static void zero_slot(hk_counters_t *c, uint32_t slot) {
  c->allocs.by_slot[slot] = c->frees.by_slot[slot] = 0;
  c->slot_lengths[slot] = 0;
}

static void zero_lengths(hk_counters_t *c, const hk_lengths_t *lengths) {
  size_t bytes = (lengths->last - lengths->first + 1) * sizeof(double);
  memset(&c->allocs.by_length[lengths->first], 0, bytes);
  memset(&c->frees.by_length[lengths->first], 0, bytes);
}

/* What can be other than zero, as above: to look at all of it would take as long as to make a small arena. */
void hk_settle_for_next(hk_arena_t *arena) {
  hk_counters_t *c = arena->counters;
  for (hk_lengths_t l = {0}; hk_classes_next_lengths(arena->classes, &l);) {
    if (hk_stat_get(&arena->bins[l.bin].refills) != 0) zero_lengths(c, &l);
  }
  each_slot(c, zero_slot);
  hk_counters_zero(c->allocs.by_bin, sizeof c->allocs.by_bin);
  hk_counters_zero(c->frees.by_bin, sizeof c->frees.by_bin);
  hk_counters_zero(c->live_bytes, sizeof *c - offsetof(hk_counters_t, live_bytes));
  hk_counters_note_zero(c);
}

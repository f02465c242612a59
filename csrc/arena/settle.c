#include "arena/settle.h"

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

static void settle_slots(hk_counters_t *c) {
  for (uint32_t i = 0; i < HK_COUNTER_SLOTS; i++) {
    if (i % SLOTS_AT_ONCE == 0 && !are_lent(&c->slot_lengths[i])) {
      i += SLOTS_AT_ONCE - 1;
      continue;
    }
    if (c->slot_lengths[i] == 0) continue; /* nobody's: it counts nothing */
    hk_counter_set(&c->frees.by_slot[i], hk_counter_get(&c->allocs.by_slot[i]));
  }
}

void hk_settle_counters(hk_arena_t *arena) {
  hk_counters_t *c = arena->counters;
  hk_counters_write_begin(c);
  settle_lengths(arena);
  settle_slots(c);
  for (uint32_t bin = 0; bin < HK_BIN_MAX; bin++) {
    set_counter(&c->frees.by_bin[bin], hk_counter_get(&c->allocs.by_bin[bin]));
    set_counter(&c->live_bytes[bin], 0);
  }
  hk_run_settle(arena);
  hk_front_settle(arena);
  hk_counters_write_end(c);
}

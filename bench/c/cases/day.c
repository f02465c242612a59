/* day: plays steps from standard input in their moments, and says what memory the process has meanwhile.
 * bench/memory/days.ts makes them. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define SLOTS_MAX (1u << 21)
#define END_OF_TICK UINT32_MAX
#define PAGE_BYTES 4096

typedef struct step_t {
  uint32_t slot, bytes;
} step_t;

typedef struct slot_t {
  char *block;
  uint32_t bytes;
} slot_t;

static slot_t slots[SLOTS_MAX];
static uint64_t live_bytes;

/* The next step. false: the day is over. */
static bool next_step(step_t *step) {
  static step_t steps[8192];
  static size_t at, count;
  if (at == count) {
    size_t got = 0;
    for (ssize_t more = 1; got < sizeof steps && more > 0; got += more > 0 ? (size_t)more : 0) {
      more = read(STDIN_FILENO, (char *)steps + got, sizeof steps - got);
    }
    at = 0;
    count = got / sizeof *steps;
    if (count == 0) return false;
  }
  *step = steps[at++];
  return true;
}

static void play(heap_t *heap, const step_t *step) {
  if (step->slot >= SLOTS_MAX) bench_fail("too many slots");
  slot_t *slot = &slots[step->slot];
  if (step->bytes == 0) {
    live_bytes -= slot->bytes;
    heap_free(heap, slot->block);
    return;
  }
  *slot = (slot_t){heap_alloc(heap, step->bytes), step->bytes};
  if (slot->block == NULL) bench_fail("out of memory");
  for (uint32_t i = 0; i < step->bytes; i += PAGE_BYTES) slot->block[i] = 1;
  live_bytes += step->bytes;
}

static void sleep_until(uint64_t ns) {
  struct timespec until = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
  (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void print_sample(uint64_t ms, uint64_t slowest_ns) {
  (void)dprintf(STDOUT_FILENO,
                "{\"ms\":%llu,\"liveBytes\":%llu,\"rssBytes\":%llu,\"slowestNs\":%llu}\n",
                (unsigned long long)ms, (unsigned long long)live_bytes,
                (unsigned long long)bench_rss_bytes(), (unsigned long long)slowest_ns);
}

/* Plays to the end of the tick. Nanoseconds of a step; the day is over: UINT64_MAX. */
static uint64_t play_tick(heap_t *heap) {
  uint64_t begun_ns = bench_now_ns(), count = 0;
  for (step_t step; next_step(&step); count++) {
    if (step.slot == END_OF_TICK) return count > 0 ? (bench_now_ns() - begun_ns) / count : 0;
    play(heap, &step);
  }
  return UINT64_MAX;
}

void case_day(const uint64_t *arguments) {
  uint64_t tick_ns = arguments[0] * 1000000, sample_ticks = arguments[1];
  memset(slots, 1, sizeof slots); /* resident from the beginning */
  heap_t *heap = heap_open();
  print_sample(0, 0);
  uint64_t start_ns = bench_now_ns(), slowest_ns = 0;
  for (uint64_t tick = 1;; tick++) {
    uint64_t ns = play_tick(heap);
    if (ns == UINT64_MAX) return;
    if (ns > slowest_ns) slowest_ns = ns;
    heap_decay(heap);
    sleep_until(start_ns + tick * tick_ns);
    if (tick % sample_ticks != 0) continue;
    print_sample((bench_now_ns() - start_ns) / 1000000, slowest_ns);
    slowest_ns = 0;
  }
}

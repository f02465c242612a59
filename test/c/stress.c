/* Stress: random sizes of all classes, threads that come and go, remote frees, resets, trims, ends
 * and beginnings of arenas, and every block checked for what was written into it.
 *
 *   stress [--ops N] [--seconds N] [--threads T] [--seed S]
 *
 * Ends after N operations or N seconds, whichever comes first, and exits with 1 when anything was
 * not as it must be. Threads: T that work, while this one reads statistics as monitoring would.
 */
#include <time.h>

#include "stress_worker.h"
#include "threads.h"

/* Operations of a worker until another thread takes it over. */
#define SHIFT_OPERATIONS ((uint64_t)1 << 20)
#define SHIFT_ROUND ((uint64_t)4096)
#define PAUSE_NS 20000000
#define PROGRESS_NS ((uint64_t)60000000000)

static struct {
  uint64_t ops, seconds, threads, seed;
} options = {.ops = UINT64_MAX, .seconds = UINT64_MAX, .threads = 2, .seed = 1};

static struct {
  uint64_t operations; /* of each worker */
  atomic_bool stop;
  _Atomic(uint32_t) finished;
  hk_gate_t gate;
} shift;

static bool parse_options(int argc, char **argv) {
  for (int i = 1; i < argc; i += 2) {
    const char *name = argv[i];
    uint64_t *value = strcmp(name, "--ops") == 0       ? &options.ops
                      : strcmp(name, "--seconds") == 0 ? &options.seconds
                      : strcmp(name, "--threads") == 0 ? &options.threads
                      : strcmp(name, "--seed") == 0    ? &options.seed
                                                       : NULL;
    char *end = NULL;
    if (value == NULL || i + 1 == argc) return false;
    *value = strtoull(argv[i + 1], &end, 10);
    if (*end != '\0' || end == argv[i + 1]) return false;
  }
  return options.threads >= 1 && options.threads <= WORKERS_MAX;
}

/* What a monitor reads, while owners work and arenas come and go. */
static bool observe(hk_arena_t *arena, void *context) {
  static hk_mapped_superslab_t superslabs[64];
  uint64_t *arenas = context;
  hk_arena_stats_t stats;
  hk_arena_stats(arena, &stats);
  (void)hk_arena_heap_map(arena, superslabs, 64);
  if (stats.bytes_committed % HK_SLAB_BYTES != 0) atomic_fetch_add(&mismatches, 1);
  return ++*arenas < WORKERS_MAX * HOMES;
}

static void *work_a_shift(void *context) {
  worker_t *worker = *(worker_t **)context;
  hk_gate_pass(&shift.gate);
  for (uint64_t left = shift.operations; left > 0 && !atomic_load(&shift.stop);) {
    uint64_t round = left < SHIFT_ROUND ? left : SHIFT_ROUND;
    worker_run(worker, round);
    left -= round;
  }
  /* The others may wait for their blocks until the last of them is done. */
  atomic_fetch_add(&shift.finished, 1);
  while (atomic_load(&shift.finished) < worker->workers) {
    worker_drain(worker);
    sched_yield();
  }
  worker_drain(worker);
  return NULL;
}

/* One thread for each worker, until they have done their share or time is up. */
static void run_shift(uint64_t deadline_ns) {
  pthread_t threads[WORKERS_MAX];
  worker_t *taken_over[WORKERS_MAX];
  uint32_t count = (uint32_t)options.threads;
  atomic_store(&shift.finished, 0);
  shift.gate = (hk_gate_t){.wanted = count};
  for (uint32_t i = 0; i < count; i++) {
    taken_over[i] = &workers[i];
    EXPECT_EQ(pthread_create(&threads[i], NULL, work_a_shift, &taken_over[i]), 0);
  }
  while (atomic_load(&shift.finished) < count) {
    uint64_t arenas = 0;
    hk_arena_each(observe, &arenas);
    if (hk_os_now_ns() >= deadline_ns) atomic_store(&shift.stop, true);
    (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  for (uint32_t i = 0; i < count; i++) EXPECT_EQ(pthread_join(threads[i], NULL), 0);
}

static void report(uint64_t begin_ns) {
  double seconds = (double)(hk_os_now_ns() - begin_ns) / 1e9;
#define SUM(field)                                                              \
  uint64_t field = 0;                                                           \
  for (uint32_t i = 0; i < options.threads; i++) field += workers[i].field;
#define PRINT(field) printf(", " #field " %" PRIu64, field);
  WORKER_COUNTS(SUM)
  printf("seed %" PRIu64 ", threads %" PRIu64 ", seconds %.1f", options.seed, options.threads,
         seconds);
  WORKER_COUNTS(PRINT)
  printf(", mismatches %" PRIu64 "\n", atomic_load(&mismatches));
#undef PRINT
#undef SUM
}

static void run_shifts(uint64_t begin_ns) {
  uint64_t seconds_max = (UINT64_MAX - begin_ns) / 1000000000;
  uint64_t deadline_ns =
      options.seconds > seconds_max ? UINT64_MAX : begin_ns + options.seconds * 1000000000;
  uint64_t share = options.ops / options.threads, reported_ns = begin_ns;
  for (uint64_t done = 0; done < share && !atomic_load(&shift.stop);) {
    /* Several shifts, however short the run, because every one moves arenas to other threads. */
    uint64_t part = share / 8 + 1;
    shift.operations = part < SHIFT_OPERATIONS ? part : SHIFT_OPERATIONS;
    if (shift.operations > share - done) shift.operations = share - done;
    run_shift(deadline_ns);
    done += shift.operations;
    if (hk_os_now_ns() - reported_ns < PROGRESS_NS) continue;
    reported_ns = hk_os_now_ns();
    report(begin_ns);
  }
}

/* Mappings that are there for good: leaves of the address map. */
#define LEAVES_MAX 8

/* With every arena gone and the cache empty, all memory is back with the OS. */
static void check_nothing_is_left(const hk_os_stats_t *before) {
  hk_os_stats_t after;
  hk_process_stats_t process;
  hk_test_empty_cache();
  hk_os_stats(&after);
  hk_process_stats(&process);
  EXPECT_EQ(process.superslabs_cached, 0);
  EXPECT_EQ(process.bytes_cached, 0);
  EXPECT_EQ(after.unmap_failed, 0);
  EXPECT(after.map - before->map <= after.unmap - before->unmap + LEAVES_MAX);
}

/* A small cache and a short life in it, so that SuperSlabs go round between workers and the OS. */
static void choose_options(uint64_t seed) {
  hk_options_t *process = hk_test_options();
  process->superslab_max_cached = 16;
  process->superslab_ttl_sec = 1;
  process->free_policy = seed % 2 == 0 ? HK_FREE_POLICY_KEEP : HK_FREE_POLICY_BATCH;
}

int main(int argc, char **argv) {
  if (!parse_options(argc, argv)) {
    fprintf(stderr, "stress [--ops N] [--seconds N] [--threads 1..%d] [--seed S]\n", WORKERS_MAX);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0); /* progress is for those who watch */
  uint32_t count = (uint32_t)options.threads;
  hk_os_stats_t before;
  choose_options(options.seed);
  hk_os_stats(&before);
  uint64_t begin_ns = hk_os_now_ns();
  for (uint32_t i = 0; i < count; i++) worker_begin(&workers[i], i, count, options.seed);
  run_shifts(begin_ns);
  for (uint32_t i = 0; i < count; i++) worker_end(&workers[i]);
  check_nothing_is_left(&before);
  report(begin_ns);
  bool passed = atomic_load(&mismatches) == 0 && atomic_load(&hk_test_failures) == 0;
  return passed ? 0 : 1;
}

#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "allocator.h"

#define THREADS_MAX 64

static uint64_t started_ns, rss_at_start;
static allocator_stats_t stats_at_start;
static char report[8192];

void bench_fail(const char *why) {
  (void)dprintf(STDERR_FILENO, "bench: %s\n", why);
  _exit(1);
}

void *bench_memory(size_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) bench_fail("no memory for the harness");
  return memory;
}

uint64_t bench_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Of all threads and of children that have ended. */
typedef struct usage_t {
  uint64_t cpu_ns, page_faults;
} usage_t;

static void add_usage(usage_t *usage, int who) {
  struct rusage used;
  getrusage(who, &used);
  usage->cpu_ns += (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000u;
  usage->cpu_ns += (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000u;
  usage->page_faults += (uint64_t)used.ru_minflt;
}

static usage_t usage_now(void) {
  usage_t usage = {0};
  add_usage(&usage, RUSAGE_SELF);
  add_usage(&usage, RUSAGE_CHILDREN);
  return usage;
}

static usage_t usage_at_start;

/* A line of /proc/self/status, in bytes. Read without stdio, which would call malloc. */
static uint64_t status_bytes(const char *field) {
  static char text[8192];
  int fd = open("/proc/self/status", O_RDONLY);
  ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
  if (fd >= 0) close(fd);
  text[got > 0 ? got : 0] = 0;
  const char *line = strstr(text, field);
  return line != NULL ? strtoull(line + strlen(field) + 1, NULL, 10) * 1024 : 0;
}

uint64_t bench_rss_bytes(void) { return status_bytes("VmRSS"); }
uint64_t bench_mapped_bytes(void) { return status_bytes("VmSize"); }

/* A system call that nobody else makes: who counts system calls from outside counts from here to
 * the next one. */
static void mark(void) { (void)syscall(SYS_getppid); }

void bench_start(void) {
  rss_at_start = bench_rss_bytes();
  stats_at_start = allocator_stats();
  mark();
  usage_at_start = usage_now();
  started_ns = bench_now_ns();
}

static void append(const char *format, ...) {
  size_t used = strlen(report);
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(report + used, sizeof report - used, format, arguments);
  va_end(arguments);
}

void bench_report(const char *name, uint64_t value) {
  append(",\"%s\":%llu", name, (unsigned long long)value);
}

void bench_report_at(const char *name, uint64_t at, uint64_t value) {
  append(",\"%s %llu\":%llu", name, (unsigned long long)at, (unsigned long long)value);
}

/* The counts that an allocator keeps of itself; nothing for one that keeps none, or whose heaps have
 * ended since and taken theirs with them. */
static void report_stats(void) {
  allocator_stats_t stats = allocator_stats();
  if (stats.allocs < stats_at_start.allocs) stats = stats_at_start = (allocator_stats_t){0};
  bench_report("allocs", stats.allocs - stats_at_start.allocs);
  bench_report("slow", stats.slow - stats_at_start.slow);
  if (stats.allocs == 0) return;
  append(",\"rows\":[%llu", (unsigned long long)stats.rows[0]);
  for (int row = 1; row < ALLOCATOR_ROWS; row++)
    append(",%llu", (unsigned long long)stats.rows[row]);
  append("]");
}

void bench_stop(uint64_t operations) {
  uint64_t ns = bench_now_ns() - started_ns;
  usage_t usage = usage_now();
  mark();
  bench_report("cpuNs", usage.cpu_ns - usage_at_start.cpu_ns);
  bench_report("pageFaults", usage.page_faults - usage_at_start.page_faults);
  bench_report("rssStart", rss_at_start);
  bench_report("rssPeak", status_bytes("VmHWM"));
  report_stats();
  (void)dprintf(STDOUT_FILENO, "{\"operations\":%llu,\"ns\":%llu%s}\n",
                (unsigned long long)operations, (unsigned long long)ns, report);
}

void bench_expect_empty(void) {
  if (allocator_stats().live != 0) bench_fail("there are blocks that nobody has freed");
  if (!allocator_adds_up()) bench_fail("the allocator's books do not add up");
}

typedef struct thread_t {
  void (*work)(void *context, uint32_t thread);
  void *context;
  uint32_t number;
} thread_t;

static pthread_barrier_t all_ready, all_here;
static _Atomic bool clock_runs;

static void *thread_main(void *argument) {
  const thread_t *thread = argument;
  thread->work(thread->context, thread->number);
  return NULL;
}

void bench_ready(void) {
  pthread_barrier_wait(&all_ready);
  /* Not asleep: threads that are woken one after another would not start together. */
  while (!atomic_load(&clock_runs)) (void)sched_yield();
}

void bench_meet(void) { pthread_barrier_wait(&all_here); }

void bench_threads(uint32_t count, void (*work)(void *context, uint32_t thread), void *context) {
  pthread_t ids[THREADS_MAX];
  thread_t threads[THREADS_MAX];
  if (count == 0 || count > THREADS_MAX) bench_fail("1 to 64 threads");
  pthread_barrier_init(&all_ready, NULL, count + 1);
  pthread_barrier_init(&all_here, NULL, count);
  for (uint32_t i = 0; i < count; i++) {
    threads[i] = (thread_t){work, context, i};
    if (pthread_create(&ids[i], NULL, thread_main, &threads[i]) != 0) bench_fail("no thread");
  }
  pthread_barrier_wait(&all_ready);
  bench_start();
  atomic_store(&clock_runs, true);
  for (uint32_t i = 0; i < count; i++) pthread_join(ids[i], NULL);
}

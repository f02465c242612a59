/* fork_storm: a process with a heap forks one child after another while threads of it allocate and free.
 * A child reads blocks of its parent, frees every second one, allocates and frees a thousand of its own,
 * and ends; one that hangs is ended by its alarm. An operation is a child.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../block.h"
#include "programs.h"

#define BUSY_THREADS_MAX 8
#define BUSY_BLOCKS 256
#define CHILD_BLOCKS 1000
#define CHILD_SECONDS 20

static _Atomic bool stop;

static size_t random_size(uint32_t random) {
  return (random & 63) == 0 ? 16384 + (random >> 12) : 8 + (random & 1023);
}

static void *be_busy(void *unused) {
  block_t *blocks[BUSY_BLOCKS] = {0};
  uint32_t state = 77;
  heap_t *heap = heap_open();
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    state = bench_random(state);
    block_t **slot = &blocks[state % BUSY_BLOCKS];
    if (*slot != NULL) block_end(heap, *slot);
    *slot = block_new(heap, random_size(state), state);
  }
  for (int i = 0; i < BUSY_BLOCKS; i++) {
    if (blocks[i] != NULL) block_end(heap, blocks[i]);
  }
  heap_leave(heap);
  return unused;
}

static void live_as_child(heap_t *heap, block_t **parents, uint64_t count, uint32_t state) {
  block_t *own[CHILD_BLOCKS];
  alarm(CHILD_SECONDS);
  for (uint64_t i = 0; i < count; i += 2) block_end(heap, parents[i]);
  for (int i = 0; i < CHILD_BLOCKS; i++) {
    state = bench_random(state);
    own[i] = block_new(heap, random_size(state), state);
  }
  for (int i = 0; i < CHILD_BLOCKS; i++) block_end(heap, own[i]);
  for (uint64_t i = 1; CHECKED && i < count; i += 2) block_check(parents[i]);
  _exit(0);
}

static void fork_child(heap_t *heap, block_t **blocks, uint64_t count, uint32_t number) {
  int status = 0;
  pid_t child = fork();
  if (child < 0) bench_fail("no child");
  if (child == 0) live_as_child(heap, blocks, count, 1000 + number);
  if (waitpid(child, &status, 0) != child || status != 0) bench_fail("a child did not end well");
}

/* children busy_threads bytes */
void program_fork_storm(const uint64_t *arguments) {
  uint64_t bytes = 0, count = 0;
  uint32_t state = 4242;
  pthread_t ids[BUSY_THREADS_MAX];
  block_t **blocks = bench_memory(arguments[2] / BLOCK_BYTES_MIN * sizeof *blocks);
  if (arguments[1] > BUSY_THREADS_MAX) bench_fail("at most 8 threads");
  heap_t *heap = heap_open();
  for (; bytes < arguments[2]; bytes += blocks[count++]->bytes) {
    state = bench_random(state);
    blocks[count] = block_new(heap, random_size(state), state);
  }
  for (uint64_t i = 0; i < arguments[1]; i++) {
    if (pthread_create(&ids[i], NULL, be_busy, NULL) != 0) bench_fail("no thread");
  }
  bench_start();
  for (uint64_t i = 0; i < arguments[0]; i++) fork_child(heap, blocks, count, (uint32_t)i);
  atomic_store(&stop, true);
  for (uint64_t i = 0; i < arguments[1]; i++) pthread_join(ids[i], NULL);
  for (uint64_t i = 0; i < count; i++) block_end(heap, blocks[i]);
  bench_expect_empty();
  bench_stop(arguments[0]);
}

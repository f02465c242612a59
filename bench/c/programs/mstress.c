/* mstress: a server whose threads come, do unequal amounts of work and go, after the stress test of D.
 * Leijen's mimalloc. A thread allocates blocks of powers of two; some it keeps to its end, others it
 * frees at random, and some it leaves in a table where any thread finds them, later ones too. After
 * each round half of the table is freed. An operation is a block.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../block.h"
#include "programs.h"

#define THREADS_MAX 64
#define TABLE 1000
#define SHARES 8 /* thread n does 1 + n % 8 shares of work */

typedef struct mstress_t {
  _Atomic(block_t *) table[TABLE];
  uint32_t share; /* blocks */
} mstress_t;

typedef struct worker_t {
  _Alignas(128) mstress_t *stress;
  heap_t *heap;
  block_t **blocks; /* a list that grows, of the heap itself */
  uint32_t count, capacity, state, number;
} worker_t;

static uint32_t next(worker_t *worker) { return worker->state = bench_random(worker->state); }

/* In 2 % 1 to 4 KB, in 0.1 % 8 to 64 KB, else 8 to 512 bytes. */
static size_t random_size(worker_t *worker) {
  uint32_t random = next(worker), kind = random >> 16 & 1023, power = random & 0xff;
  if (kind == 0) return (size_t)8192 << (power % 4);
  if (kind <= 20) return (size_t)1024 << (power % 3);
  return (size_t)8 << (power % 7);
}

static void add(worker_t *worker, block_t *block) {
  if (worker->count == worker->capacity) {
    uint32_t capacity = worker->capacity == 0 ? 64 : 2 * worker->capacity;
    block_t **blocks = heap_alloc(worker->heap, capacity * sizeof *blocks);
    if (worker->count > 0) memcpy(blocks, worker->blocks, worker->count * sizeof *blocks);
    heap_free(worker->heap, worker->blocks);
    worker->blocks = blocks;
    worker->capacity = capacity;
  }
  worker->blocks[worker->count++] = block;
}

static void free_at_random(worker_t *worker) {
  block_t **slot = &worker->blocks[next(worker) % worker->count];
  block_end(worker->heap, *slot);
  *slot = worker->blocks[--worker->count];
}

/* Leaves a block in the table, and takes what was there. */
static void exchange(worker_t *worker) {
  block_t **slot = &worker->blocks[next(worker) % worker->count];
  uint32_t place = next(worker) % TABLE;
  *slot = atomic_exchange(&worker->stress->table[place], *slot);
  if (*slot == NULL) *slot = worker->blocks[--worker->count];
}

static void *run(void *context) {
  worker_t *worker = context;
  worker->heap = heap_open();
  uint32_t to_do = worker->stress->share * (1 + worker->number % SHARES);
  while (to_do-- > 0) {
    add(worker, block_new(worker->heap, random_size(worker), worker->state));
    uint32_t random = next(worker) >> 8;
    if (random % 3 != 0 && worker->count > 16) free_at_random(worker);
    if (random % 4 == 0 && worker->count > 0) exchange(worker);
  }
  while (worker->count > 0) block_end(worker->heap, worker->blocks[--worker->count]);
  heap_free(worker->heap, worker->blocks);
  heap_leave(worker->heap);
  return NULL;
}

static void run_round(mstress_t *stress, worker_t *workers, uint32_t threads, uint32_t round) {
  pthread_t ids[THREADS_MAX];
  for (uint32_t i = 0; i < threads; i++) {
    workers[i] = (worker_t){.stress = stress, .number = i, .state = 43 + round * THREADS_MAX + i};
    if (pthread_create(&ids[i], NULL, run, &workers[i]) != 0) bench_fail("no thread");
  }
  for (uint32_t i = 0; i < threads; i++) pthread_join(ids[i], NULL);
}

static void free_table(mstress_t *stress, heap_t *heap, uint32_t step) {
  for (uint32_t i = 0; i < TABLE; i += step) {
    block_t *block = atomic_exchange(&stress->table[i], NULL);
    if (block != NULL) block_end(heap, block);
  }
}

/* threads share rounds */
void program_mstress(const uint64_t *arguments) {
  uint32_t threads = (uint32_t)arguments[0], shares = 0;
  if (threads == 0 || threads > THREADS_MAX) bench_fail("1 to 64 threads");
  mstress_t *stress = bench_memory(sizeof *stress);
  worker_t *workers = bench_memory(threads * sizeof *workers);
  stress->share = (uint32_t)arguments[1];
  for (uint32_t i = 0; i < threads; i++) shares += 1 + i % SHARES;
  heap_t *heap = heap_open();
  bench_start();
  for (uint32_t round = 0; round < arguments[2]; round++) {
    run_round(stress, workers, threads, round);
    free_table(stress, heap, 2);
  }
  free_table(stress, heap, 1);
  bench_report("rssEnd", bench_rss_bytes());
  bench_expect_empty();
  bench_stop(shares * arguments[2] * stress->share);
}

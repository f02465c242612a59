/* larson: a server whose threads come and go, after P. Larson and M. Krishnan, "Memory allocation for
 * long-running server applications" (1998). A thread replaces random blocks of its array, hands the
 * array to a successor that it starts, and ends; so blocks are freed by another thread than the one
 * that allocated them. An operation is one replacement: a free and an allocation.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

typedef struct larson_t {
  uint32_t min, chunks, rounds;
  bench_divisor_t by_chunks, by_sizes;
  _Atomic bool stop;
  _Atomic uint32_t running;
} larson_t;

/* What a thread hands to its successor. On cache lines of its own. */
typedef struct chain_t {
  _Alignas(128) larson_t *larson;
  unsigned char **blocks;
  uint64_t operations;
  uint32_t state;
} chain_t;

static unsigned char *new_block(const larson_t *larson, heap_t *heap, uint32_t random) {
  unsigned char *block = heap_alloc(heap, larson->min + bench_modulo(random, larson->by_sizes));
  block[0] = (unsigned char)random;
  return block;
}

static void replace_blocks(chain_t *chain, heap_t *heap) {
  const larson_t *larson = chain->larson;
  uint64_t count = (uint64_t)larson->rounds * larson->chunks;
  uint32_t state = chain->state;
  uint64_t done = 0;
  while (done < count && !atomic_load_explicit(&larson->stop, memory_order_relaxed)) {
    state = bench_random(state);
    unsigned char **slot = &chain->blocks[bench_modulo(state, larson->by_chunks)];
    state = bench_random(state);
    bench_read(*slot);
    heap_free(heap, *slot);
    *slot = new_block(larson, heap, state);
    done++;
  }
  chain->state = state;
  chain->operations += done;
}

static void *thread_main(void *argument);

static void start_thread(chain_t *chain) {
  pthread_t id;
  if (pthread_create(&id, NULL, thread_main, chain) != 0) bench_fail("no thread");
  pthread_detach(id);
}

static void *thread_main(void *argument) {
  chain_t *chain = argument;
  larson_t *larson = chain->larson;
  heap_t *heap = heap_open();
  replace_blocks(chain, heap);
  bool stop = atomic_load(&larson->stop);
  if (!stop) start_thread(chain);
  heap_leave(heap);
  if (stop) atomic_fetch_sub(&larson->running, 1);
  return NULL;
}

static void sleep_ms(uint64_t ms) {
  struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&t, NULL);
}

void case_larson(const uint64_t *arguments) {
  larson_t larson = {.min = (uint32_t)arguments[1],
                     .chunks = (uint32_t)arguments[3],
                     .rounds = (uint32_t)arguments[4],
                     .by_chunks = bench_divisor((uint32_t)arguments[3]),
                     .by_sizes = bench_divisor((uint32_t)(arguments[2] - arguments[1]))};
  uint32_t threads = (uint32_t)arguments[6];
  uint32_t state = (uint32_t)arguments[5];
  chain_t *chains = bench_memory(threads * sizeof *chains);
  heap_t *heap = heap_open();
  for (uint32_t i = 0; i < threads; i++) {
    chains[i] = (chain_t){.larson = &larson, .state = (uint32_t)arguments[5] + i};
    chains[i].blocks = bench_memory(larson.chunks * sizeof *chains[i].blocks);
    for (uint32_t k = 0; k < larson.chunks; k++) {
      state = bench_random(state);
      chains[i].blocks[k] = new_block(&larson, heap, state);
    }
  }
  atomic_store(&larson.running, threads);
  bench_start();
  for (uint32_t i = 0; i < threads; i++) start_thread(&chains[i]);
  sleep_ms(arguments[0]);
  atomic_store(&larson.stop, true);
  while (atomic_load(&larson.running) > 0) sleep_ms(1);
  uint64_t operations = 0;
  for (uint32_t i = 0; i < threads; i++) operations += chains[i].operations;
  bench_stop(operations);
}

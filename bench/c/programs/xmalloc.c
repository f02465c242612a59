/* xmalloc: half of the threads allocate and the other half free, after C. Lever and D. Boreham, "malloc()
 * performance in a multithreaded Linux environment" (2000). Blocks go from one side to the other in
 * batches, through one queue behind a lock; a batch is a block itself. An operation is a block.
 */
#include <pthread.h>

#include "../block.h"
#include "programs.h"

#define BATCH_BLOCKS 120
#define QUEUE_BATCHES 64

typedef struct batch_t {
  block_t *blocks[BATCH_BLOCKS];
} batch_t;

typedef struct xmalloc_t {
  pthread_mutex_t lock;
  pthread_cond_t has_room, has_batch;
  batch_t *queue[QUEUE_BATCHES];
  uint32_t first, count;
  uint64_t batches; /* of each allocating thread */
} xmalloc_t;

static const uint16_t sizes[] = {8,   12,  16,  24,  32,  48,  64, 96,
                                 128, 192, 256, 384, 512, 768, 24, 32};

static void put(xmalloc_t *x, batch_t *batch) {
  pthread_mutex_lock(&x->lock);
  while (x->count == QUEUE_BATCHES) pthread_cond_wait(&x->has_room, &x->lock);
  x->queue[(x->first + x->count++) % QUEUE_BATCHES] = batch;
  pthread_cond_signal(&x->has_batch);
  pthread_mutex_unlock(&x->lock);
}

static batch_t *take(xmalloc_t *x) {
  pthread_mutex_lock(&x->lock);
  while (x->count == 0) pthread_cond_wait(&x->has_batch, &x->lock);
  batch_t *batch = x->queue[x->first];
  x->first = (x->first + 1) % QUEUE_BATCHES;
  x->count--;
  pthread_cond_signal(&x->has_room);
  pthread_mutex_unlock(&x->lock);
  return batch;
}

static void allocate(xmalloc_t *x, heap_t *heap, uint32_t state) {
  for (uint64_t i = 0; i < x->batches; i++) {
    batch_t *batch = heap_alloc(heap, sizeof *batch);
    for (int k = 0; k < BATCH_BLOCKS; k++) {
      state = bench_random(state);
      batch->blocks[k] = block_new(heap, sizes[state >> 28], state);
    }
    put(x, batch);
  }
}

static void release(xmalloc_t *x, heap_t *heap) {
  for (uint64_t i = 0; i < x->batches; i++) {
    batch_t *batch = take(x);
    for (int k = 0; k < BATCH_BLOCKS; k++) block_end(heap, batch->blocks[k]);
    heap_free(heap, batch);
  }
}

static void work(void *context, uint32_t thread) {
  heap_t *heap = heap_open();
  bench_ready();
  if (thread % 2 == 0) {
    allocate(context, heap, 1234567 + thread);
  } else {
    release(context, heap);
  }
  heap_leave(heap);
}

/* threads (even) blocks (of each pair) */
void program_xmalloc(const uint64_t *arguments) {
  static xmalloc_t x = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .has_room = PTHREAD_COND_INITIALIZER,
                        .has_batch = PTHREAD_COND_INITIALIZER};
  uint32_t threads = (uint32_t)arguments[0];
  x.batches = arguments[1] / BATCH_BLOCKS;
  bench_threads(threads, work, &x);
  bench_expect_empty();
  bench_stop(threads / 2 * x.batches * (BATCH_BLOCKS + 1));
}

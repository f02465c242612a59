/* handover: one thread allocates, another one frees. Every free is remote. An operation is a block. */
#include <sched.h>
#include <stdatomic.h>

#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define RING 4096u
#define BATCH 64u /* blocks between two looks at the other side */
#define SPINS 1000u

typedef struct handover_t {
  _Alignas(128) _Atomic uint64_t written;
  _Alignas(128) _Atomic uint64_t read;
  _Alignas(128) uint64_t blocks;
  uint32_t min;
  bench_divisor_t by_sizes;
  unsigned char **ring;
} handover_t;

/* Waits until *counter is at least `wanted`. */
static void wait_for(_Atomic uint64_t *counter, uint64_t wanted) {
  for (uint32_t spins = 0; atomic_load_explicit(counter, memory_order_acquire) < wanted; spins++) {
    if (spins > SPINS) (void)sched_yield();
  }
}

static void produce(handover_t *h, heap_t *heap) {
  uint32_t state = 1234567;
  for (uint64_t at = 0; at < h->blocks; at += BATCH) {
    if (at + BATCH > RING) wait_for(&h->read, at + BATCH - RING);
    for (uint64_t i = at; i < at + BATCH; i++) {
      state = bench_random(state);
      unsigned char *block = heap_alloc(heap, h->min + bench_modulo(state, h->by_sizes));
      block[0] = (unsigned char)state;
      h->ring[i % RING] = block;
    }
    atomic_store_explicit(&h->written, at + BATCH, memory_order_release);
  }
}

static void consume(handover_t *h, heap_t *heap) {
  for (uint64_t at = 0; at < h->blocks; at += BATCH) {
    wait_for(&h->written, at + BATCH);
    for (uint64_t i = at; i < at + BATCH; i++) {
      unsigned char *block = h->ring[i % RING];
      bench_read(block);
      heap_free(heap, block);
    }
    atomic_store_explicit(&h->read, at + BATCH, memory_order_release);
  }
}

static void work(void *context, uint32_t thread) {
  heap_t *heap = heap_open();
  bench_ready();
  if (thread == 0) {
    produce(context, heap);
  } else {
    consume(context, heap);
  }
  heap_leave(heap);
}

void case_handover(const uint64_t *arguments) {
  static handover_t h;
  h.blocks = arguments[0] / BATCH * BATCH;
  h.min = (uint32_t)arguments[1];
  h.by_sizes = bench_divisor((uint32_t)(arguments[2] - arguments[1] + 1));
  h.ring = bench_memory(RING * sizeof *h.ring);
  bench_threads(2, work, &h);
  bench_stop(h.blocks);
}

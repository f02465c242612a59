/* Threads for tests: starting a few of them together, and handing pointers from one to another. */
#ifndef HK_TEST_THREADS_H
#define HK_TEST_THREADS_H

#include <pthread.h>
#include <sched.h>

#include "support.h"

#define HK_TEST_THREADS_MAX 8

/* Runs `body` in `count` threads at once, each with an element of `contexts`, and joins them. */
static inline void hk_test_run_threads(uint32_t count, void *(*body)(void *), void *contexts,
                                       size_t context_bytes) {
  pthread_t threads[HK_TEST_THREADS_MAX];
  for (uint32_t i = 0; i < count; i++) {
    void *context = (char *)contexts + i * context_bytes;
    EXPECT_EQ(pthread_create(&threads[i], NULL, body, context), 0);
  }
  for (uint32_t i = 0; i < count; i++) EXPECT_EQ(pthread_join(threads[i], NULL), 0);
}

/* A gate that opens when `wanted` threads have arrived, so that they start as one. */
typedef struct hk_gate_t {
  atomic_uint arrived;
  uint32_t wanted;
} hk_gate_t;

static inline void hk_gate_pass(hk_gate_t *gate) {
  atomic_fetch_add(&gate->arrived, 1);
  while (atomic_load(&gate->arrived) < gate->wanted) sched_yield();
}

/* A queue of pointers with one writer and one reader. */
#define HK_CHANNEL_SIZE 256

typedef struct hk_channel_t {
  atomic_uint head, tail; /* release by the side that moves it, acquire by the other */
  void *items[HK_CHANNEL_SIZE];
} hk_channel_t;

static inline bool hk_channel_try_send(hk_channel_t *channel, void *item) {
  uint32_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);
  uint32_t head = atomic_load_explicit(&channel->head, memory_order_acquire);
  if (tail - head == HK_CHANNEL_SIZE) return false;
  channel->items[tail % HK_CHANNEL_SIZE] = item;
  atomic_store_explicit(&channel->tail, tail + 1, memory_order_release);
  return true;
}

static inline void hk_channel_send(hk_channel_t *channel, void *item) {
  while (!hk_channel_try_send(channel, item)) sched_yield();
}

/* false: nothing there now. */
static inline bool hk_channel_receive(hk_channel_t *channel, void **item) {
  uint32_t head = atomic_load_explicit(&channel->head, memory_order_relaxed);
  if (head == atomic_load_explicit(&channel->tail, memory_order_acquire)) return false;
  *item = channel->items[head % HK_CHANNEL_SIZE];
  atomic_store_explicit(&channel->head, head + 1, memory_order_release);
  return true;
}

/* A thread that owns no arena: it checks and frees what comes in, until NULL does. */
typedef struct hk_freer_t {
  void (*check)(const void *block);
  hk_channel_t channel;
  uint64_t freed;
  pthread_t thread;
} hk_freer_t;

static inline void *hk_freer_run(void *context) {
  hk_freer_t *freer = context;
  for (void *block;;) {
    if (!hk_channel_receive(&freer->channel, &block)) {
      sched_yield();
      continue;
    }
    if (block == NULL) return NULL;
    freer->check(block);
    if (hk_free(NULL, block) != HK_OK) EXPECT(!"freed");
    freer->freed++;
  }
}

static inline void hk_freers_start(hk_freer_t *freers, int count,
                                   void (*check)(const void *block)) {
  for (int i = 0; i < count; i++) {
    freers[i].check = check;
    EXPECT_EQ(pthread_create(&freers[i].thread, NULL, hk_freer_run, &freers[i]), 0);
  }
}

/* Returns how many blocks they have freed. */
static inline uint64_t hk_freers_join(hk_freer_t *freers, int count) {
  uint64_t freed = 0;
  for (int i = 0; i < count; i++) {
    hk_channel_send(&freers[i].channel, NULL);
    EXPECT_EQ(pthread_join(freers[i].thread, NULL), 0);
    freed += freers[i].freed;
  }
  return freed;
}

/* A thread that frees whatever is handed to it, one block at a time, as one that owns no arena. */
typedef struct hk_handover_t {
  _Atomic(void *) block; /* NULL: taken, or none yet */
  atomic_bool stop;
  pthread_t thread;
} hk_handover_t;

static inline void *hk_handover_run(void *context) {
  hk_handover_t *handover = context;
  while (!atomic_load(&handover->stop)) {
    void *block = atomic_exchange(&handover->block, NULL);
    if (block == NULL) {
      sched_yield();
    } else if (hk_free(NULL, block) != HK_OK) {
      EXPECT(!"freed");
    }
  }
  return NULL;
}

static inline void hk_handover_start(hk_handover_t *handover) {
  EXPECT_EQ(pthread_create(&handover->thread, NULL, hk_handover_run, handover), 0);
}

static inline void hk_handover_stop(hk_handover_t *handover) {
  atomic_store(&handover->stop, true);
  EXPECT_EQ(pthread_join(handover->thread, NULL), 0);
}

#endif

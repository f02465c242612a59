/* Workers of the stress test: each owns arenas, and sends blocks of them to others to be freed.
 *
 * A worker is a state, not a thread: thread after thread takes it over, so its arenas outlive the
 * threads that made them. Beside every arena stands a model, which says what statistics must say.
 */
#ifndef HK_TEST_STRESS_WORKER_H
#define HK_TEST_STRESS_WORKER_H

#include "checked_block.h"

#define WORKERS_MAX 16
#define HOMES 2   /* arenas of a worker */
#define SLOTS 768 /* blocks of an arena, live or not */
#define MAILBOX_LETTERS 256

/* An arena and what must be true of it. Owner-only but for `abroad`. */
typedef struct home_t {
  hk_arena_t *arena;
  block_t slots[SLOTS];
  size_t favourite_bytes; /* every other block has this size, so that slabs of a class fill up */
  /* Since the arena was created. */
  uint64_t allocs[HK_BIN_COUNT], frees[HK_BIN_COUNT], remote_frees[HK_BIN_COUNT];
  _Atomic(uint32_t) abroad; /* blocks sent away; lowered (release) by whoever has freed one */
} home_t;

/* One writer, one reader. */
typedef struct mailbox_t {
  struct {
    block_t block;
    home_t *home;
  } letters[MAILBOX_LETTERS];
  _Atomic(uint32_t) written, read; /* release by the side that moves it, acquire by the other */
} mailbox_t;

#define WORKER_COUNTS(X) \
  X(operations) X(allocs) X(refusals) X(resizes) X(frees) X(remote_frees) X(misuses) X(trims) \
  X(resets) X(arenas) X(checks)

typedef struct worker_t {
  uint32_t number, workers; /* constant */
  hk_random_t random;
  uint64_t next_key;
  home_t homes[HOMES];
  mailbox_t inbox[WORKERS_MAX]; /* by sender */
#define WORKER_FIELD(field) uint64_t field;
  WORKER_COUNTS(WORKER_FIELD)
#undef WORKER_FIELD
} worker_t;

/* All workers, and what went wrong so far. */
extern worker_t workers[WORKERS_MAX];
extern _Atomic(uint64_t) mismatches;

void worker_begin(worker_t *worker, uint32_t number, uint32_t count, uint64_t seed);

/* Does so many operations. Other workers must be running, or draining, meanwhile. */
void worker_run(worker_t *worker, uint64_t operations);

/* Frees what other workers have sent. */
void worker_drain(worker_t *worker);

/* Frees everything, compares every count with the model and ends the arenas. To be called when all
 * letters are read. */
void worker_end(worker_t *worker);

#endif

#include "stress_worker.h"

#include <sched.h>

#include "base/assert.h"
#include "heap/remote.h"
#include "random_mixed.h"

worker_t workers[WORKERS_MAX];
_Atomic(uint64_t) mismatches;

#define REPORTED_MISMATCHES 10
/* Debug builds are slow and run short, so what is rare comes more often there. */
#define RARELY_ONE_IN (HK_DEBUG ? 256 : 2048)
#define LIMITED_BYTES (12 * HK_MIB)

#define MUST(condition) \
  ((condition) ? (void)0 : mismatch(worker, #condition, __LINE__))

static void mismatch(const worker_t *worker, const char *what, int line) {
  if (atomic_fetch_add(&mismatches, 1) >= REPORTED_MISMATCHES) return;
  printf("MISMATCH worker %u operation %" PRIu64 " line %d: %s\n", worker->number,
         worker->operations, line, what);
}

static bool chance(worker_t *worker, uint32_t one_in) {
  return hk_random_below(&worker->random, one_in) == 0;
}

static uint32_t bin_of(const home_t *home, size_t bytes) {
  if (bytes > HK_RUN_SIZE_MAX) return HK_BIN_HUGE;
  if (bytes > HK_CLASS_SIZE_MAX) return HK_BIN_RUN;
  return hk_classes_bin(hk_arena_classes(home->arena), bytes);
}

static home_t *random_home(worker_t *worker) {
  return &worker->homes[hk_random_below(&worker->random, HOMES)];
}

/* --- Arenas ----------------------------------------------------------------------------------- */

static void choose_favourite(worker_t *worker, home_t *home) {
  home->favourite_bytes = (size_t)8 << hk_random_below(&worker->random, 11);
  home->favourite_bytes -= hk_random_below(&worker->random, (uint32_t)home->favourite_bytes / 2);
}

/* The first arena of a worker is an ordinary one. Of the others one in four has a limit that its
 * blocks run into, and one in four has few classes. */
static void open_home(worker_t *worker, home_t *home) {
  static const uint32_t sizes[] = {16, 48, 1024, 20000};
  hk_arena_options_t options = {0};
  bool is_ordinary = home == &worker->homes[0];
  if (!is_ordinary && chance(worker, 4)) options.max_bytes = LIMITED_BYTES;
  if (!is_ordinary && chance(worker, 4)) {
    options.class_sizes = sizes;
    options.class_count = sizeof sizes / sizeof sizes[0];
  }
  memset(home, 0, sizeof *home);
  choose_favourite(worker, home);
  MUST(hk_arena_create(&options, &home->arena) == HK_OK);
  worker->arenas++;
}

/* Waits until nobody else has a block of this arena. */
static void call_home(worker_t *worker, home_t *home) {
  while (atomic_load_explicit(&home->abroad, memory_order_acquire) != 0) {
    worker_drain(worker);
    sched_yield();
  }
}

/* Every count, when no block is abroad. */
static void check_counts(worker_t *worker, home_t *home) {
  hk_remote_drain(home->arena);
  hk_arena_stats_t stats = hk_test_stats(home->arena);
  MUST(hk_arena_is_valid(home->arena));
  MUST(stats.double_frees == 0);
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    const hk_bin_stats_t *b = &stats.bins[bin];
    MUST(b->allocs == home->allocs[bin]);
    MUST(b->frees_remote == home->remote_frees[bin] && b->remote_blocks == 0);
    MUST(b->frees_local + b->frees_remote == home->frees[bin]);
    MUST(b->live == home->allocs[bin] - home->frees[bin]);
  }
  worker->checks++;
}

static void check_slots(worker_t *worker, const home_t *home) {
  for (int i = 0; i < SLOTS; i++) {
    if (home->slots[i].address != NULL) MUST(block_holds(&home->slots[i]));
  }
}

static void reset_home(worker_t *worker, home_t *home) {
  call_home(worker, home);
  check_slots(worker, home);
  hk_arena_reset(home->arena);
  memset(home->slots, 0, sizeof home->slots);
  memcpy(home->frees, home->allocs, sizeof home->frees);
  check_counts(worker, home);
  MUST(hk_arena_used_bytes(home->arena) == 0);
  worker->resets++;
}

static void close_home(worker_t *worker, home_t *home) {
  call_home(worker, home);
  check_slots(worker, home);
  check_counts(worker, home);
  MUST(hk_arena_destroy(home->arena) == HK_OK);
}

static void trim_home(worker_t *worker, home_t *home) {
  (void)hk_arena_trim(home->arena);
  MUST(hk_arena_is_valid(home->arena));
  worker->trims++;
}

/* --- Blocks ----------------------------------------------------------------------------------- */

static void *alloc_zeroed(worker_t *worker, home_t *home, block_t *block) {
  block->address = hk_alloc_zeroed(home->arena, 1, block->bytes);
  if (block->address != NULL) MUST(block_is_zero(block));
  return block->address;
}

/* An aligned block is of a class that suits, or a run or huge mapping. */
static void *alloc_aligned(worker_t *worker, home_t *home, block_t *block) {
  uint32_t log2 = hk_random_below(&worker->random, 22);
  size_t alignment = (size_t)1 << (log2 > 16 && !chance(worker, 64) ? log2 - 10 : log2);
  block->address = hk_alloc_aligned(home->arena, block->bytes, alignment);
  MUST((uintptr_t)block->address % alignment == 0);
  if (alignment > HK_SLAB_BYTES) {
    block->bin = bin_of(home, block->bytes > HK_RUN_SIZE_MAX ? block->bytes : HK_RUN_SIZE_MAX + 1);
  } else if (block->bytes <= HK_CLASS_SIZE_MAX) {
    block->bin = hk_classes_bin_aligned(hk_arena_classes(home->arena), block->bytes, alignment);
  }
  return block->address;
}

static void *alloc_somehow(worker_t *worker, home_t *home, block_t *block) {
  switch (hk_random_below(&worker->random, 16)) {
    case 0:
      return alloc_zeroed(worker, home, block);
    case 1:
      return alloc_aligned(worker, home, block);
    default:
      return block->address = hk_alloc(home->arena, block->bytes);
  }
}

static void count_refusal(worker_t *worker, const home_t *home) {
  MUST(hk_arena_max_bytes(home->arena) != 0);
  worker->refusals++;
}

static void sign(worker_t *worker, block_t *block) {
  block->key = worker->next_key++ * WORKERS_MAX + worker->number;
}

static void alloc_block(worker_t *worker, home_t *home, block_t *block) {
  block->bytes = chance(worker, 2) ? home->favourite_bytes : random_size(&worker->random);
  block->bin = bin_of(home, block->bytes);
  sign(worker, block);
  if (alloc_somehow(worker, home, block) == NULL) {
    count_refusal(worker, home);
    return;
  }
  home->allocs[block->bin]++;
  worker->allocs++;
  block_fill(block);
}

static void resize_block(worker_t *worker, home_t *home, block_t *block) {
  size_t bytes = random_size(&worker->random);
  char *moved = hk_realloc(home->arena, block->address, bytes);
  if (moved == NULL) {
    count_refusal(worker, home);
    MUST(block_holds(block));
    return;
  }
  if (moved != block->address) {
    home->frees[block->bin]++;
    block->bin = bin_of(home, hk_usable_size(moved)); /* it may have room to grow */
    home->allocs[block->bin]++;
    block->address = moved;
  }
  MUST(block_holds_after_resize(block, bytes));
  block->bytes = bytes;
  sign(worker, block);
  block_fill(block);
  worker->resizes++;
}

static void free_block(worker_t *worker, home_t *home, block_t *block) {
  MUST(block_holds(block));
  MUST(hk_free(home->arena, block->address) == HK_OK);
  home->frees[block->bin]++;
  worker->frees++;
  block->address = NULL;
}

/* What a careful program never does, where the answer is certain. */
static void misuse(worker_t *worker, home_t *home, block_t *block) {
  int local = 0;
  MUST(hk_free(home->arena, &local) == HK_NOT_OWNED);
  MUST(hk_free(NULL, NULL) == HK_OK);
  if (block->address == NULL) return;
  bool is_large = block->bin >= HK_BIN_MAX;
  void *address = block->address;
  MUST(hk_usable_size(address) >= block->bytes);
  MUST(hk_owns(home->arena, address) && !hk_owns(NULL, address));
  MUST(hk_free(home->arena, (char *)address + 1) == HK_NOT_OWNED);
  MUST(hk_free(NULL, (char *)address + 1) == HK_NOT_OWNED);
  free_block(worker, home, block);
  hk_status_t status = hk_free(home->arena, address);
  MUST(status == HK_DOUBLE_FREE || (is_large && status == HK_NOT_OWNED));
  worker->misuses++;
}

/* --- Letters ---------------------------------------------------------------------------------- */

static void send_block(worker_t *worker, home_t *home, block_t *block) {
  if (block->address == NULL || worker->workers == 1) return;
  uint32_t to = (worker->number + 1 + hk_random_below(&worker->random, worker->workers - 1)) %
                worker->workers;
  mailbox_t *mailbox = &workers[to].inbox[worker->number];
  uint32_t written = atomic_load_explicit(&mailbox->written, memory_order_relaxed);
  uint32_t read = atomic_load_explicit(&mailbox->read, memory_order_acquire);
  if (written - read == MAILBOX_LETTERS) return;
  home->frees[block->bin]++;
  home->remote_frees[block->bin]++;
  atomic_fetch_add_explicit(&home->abroad, 1, memory_order_relaxed);
  mailbox->letters[written % MAILBOX_LETTERS].block = *block;
  mailbox->letters[written % MAILBOX_LETTERS].home = home;
  atomic_store_explicit(&mailbox->written, written + 1, memory_order_release);
  block->address = NULL;
}

/* Moves a block of another worker's arena into an own one, which frees it where it was. */
static void take_in(worker_t *worker, const block_t *block) {
  home_t *home = &worker->homes[0];
  block_t own = {.bytes = block->bytes / 2 + 1};
  own.bin = bin_of(home, own.bytes);
  own.address = hk_realloc(home->arena, block->address, own.bytes);
  MUST(own.address != NULL && own.address != block->address);
  home->allocs[own.bin]++;
  worker->allocs++;
  own.key = block->key;
  MUST(block_holds(&own));
  free_block(worker, home, &own);
}

static void free_foreign(worker_t *worker, const block_t *block) {
  MUST(block_holds(block));
  if (block->bytes <= WHOLE_BYTES && block->key / WORKERS_MAX % 16 == 0) {
    take_in(worker, block);
  } else {
    hk_arena_t *own = block->key / WORKERS_MAX % 2 == 0 ? worker->homes[0].arena : NULL;
    MUST(hk_free(own, block->address) == HK_OK);
  }
  worker->remote_frees++;
}

void worker_drain(worker_t *worker) {
  for (uint32_t from = 0; from < worker->workers; from++) {
    mailbox_t *mailbox = &worker->inbox[from];
    uint32_t read = atomic_load_explicit(&mailbox->read, memory_order_relaxed);
    uint32_t written = atomic_load_explicit(&mailbox->written, memory_order_acquire);
    for (; read != written; read++) {
      home_t *home = mailbox->letters[read % MAILBOX_LETTERS].home;
      free_foreign(worker, &mailbox->letters[read % MAILBOX_LETTERS].block);
      atomic_fetch_sub_explicit(&home->abroad, 1, memory_order_release);
      atomic_store_explicit(&mailbox->read, read + 1, memory_order_release);
    }
  }
}

/* --- Life ------------------------------------------------------------------------------------- */

static void do_rarely(worker_t *worker, home_t *home, uint32_t r) {
  switch (r) {
    case 0:
      close_home(worker, home);
      open_home(worker, home);
      break;
    case 1:
    case 2:
      reset_home(worker, home);
      break;
    case 3:
    case 4:
      trim_home(worker, home);
      break;
    case 5:
      MUST(hk_arena_is_valid(home->arena));
      choose_favourite(worker, home);
      break;
    default:
      misuse(worker, home, &home->slots[hk_random_below(&worker->random, SLOTS)]);
  }
}

static void do_one(worker_t *worker) {
  home_t *home = random_home(worker);
  uint64_t r = hk_random_next(&worker->random);
  block_t *block = &home->slots[r % SLOTS];
  r >>= 32;
  if (r % RARELY_ONE_IN == 0) {
    do_rarely(worker, home, (uint32_t)(r / RARELY_ONE_IN) % 64);
  } else if (r % 8 == 1) {
    send_block(worker, home, block);
  } else if (block->address != NULL && r % 32 == 2) {
    resize_block(worker, home, block);
  } else if (block->address != NULL) {
    free_block(worker, home, block);
  } else {
    alloc_block(worker, home, block);
  }
  if (r % 16 == 3) worker_drain(worker);
  worker->operations++;
}

void worker_begin(worker_t *worker, uint32_t number, uint32_t count, uint64_t seed) {
  worker->number = number;
  worker->workers = count;
  worker->random = (hk_random_t){seed * WORKERS_MAX + number};
  for (int i = 0; i < HOMES; i++) open_home(worker, &worker->homes[i]);
}

void worker_run(worker_t *worker, uint64_t operations) {
  while (operations-- > 0) do_one(worker);
}

/* An arena that has been through all this still counts to the unit. */
static void check_golden(worker_t *worker, hk_arena_t *arena) {
  uint64_t before[HK_ROW_COUNT], after[HK_ROW_COUNT];
  random_mixed_rows(arena, before);
  random_mixed(arena, 20000, 256, 1, 16, 1024);
  random_mixed_rows(arena, after);
  for (uint32_t row = 0; row <= HK_ROW_C7; row++) {
    MUST(after[row] - before[row] == random_mixed_golden[row]);
  }
}

void worker_end(worker_t *worker) {
  for (int i = 0; i < HOMES; i++) {
    home_t *home = &worker->homes[i];
    for (int slot = 0; slot < SLOTS; slot++) {
      if (home->slots[slot].address != NULL) free_block(worker, home, &home->slots[slot]);
    }
    check_counts(worker, home);
    MUST(hk_test_stats(home->arena).bytes_live == 0);
    if (i == 0) check_golden(worker, home->arena);
    MUST(hk_arena_destroy(home->arena) == HK_OK);
  }
}

#include "heap/remote.h"

#include <string.h>

#include "heap/bin.h"
#include "heap/run.h"
#include "letters/letters.h"
#include "supply/supply.h"

static void push(hk_arena_t *arena, hk_slab_t *slab) {
  hk_slab_t *head = atomic_load_explicit(&arena->remote_queue, memory_order_relaxed);
  do {
    slab->remote_next = head;
  } while (!atomic_compare_exchange_weak_explicit(&arena->remote_queue, &head, slab,
                                                  memory_order_seq_cst, memory_order_relaxed));
}

static void enqueue(hk_arena_t *arena, hk_slab_t *slab) {
  if (atomic_exchange_explicit(&slab->remote_queued, 1, memory_order_acq_rel) == 0) {
    push(arena, slab);
  }
}

/* Sets a bit in a word that looks empty. Whoever sets the first bit of a word queues the slab. */
static hk_remote_t put_first(hk_arena_t *arena, hk_slab_t *slab, uint32_t index) {
  /* Once the bit is set, the owner may collect it and find the slab empty, but it must not retire
   * the slab while this thread may still write to its record. */
  atomic_fetch_add_explicit(&slab->remote_writers, 1, memory_order_relaxed);
  hk_remote_t result = hk_slab_put_remote(slab, index);
  if (result == HK_REMOTE_FIRST) enqueue(arena, slab);
  atomic_fetch_sub_explicit(&slab->remote_writers, 1, memory_order_release);
  return result;
}

hk_status_t hk_remote_put(hk_arena_t *arena, hk_slab_t *slab, uint32_t index) {
  hk_remote_t result = hk_slab_join_remote(slab, index);
  if (result == HK_REMOTE_ALONE) result = put_first(arena, slab, index);
  return result == HK_REMOTE_DOUBLE ? HK_DOUBLE_FREE : HK_OK;
}

static void note_gained(hk_arena_t *arena, uint32_t bin) {
  arena->gained_bins[bin / 64] |= (uint64_t)1 << bin % 64;
}

hk_status_t hk_remote_put_kept(hk_arena_t *arena, hk_slab_t *slab, uint32_t index) {
  hk_bin_t *b = &arena->bins[slab->bin];
  if (hk_slab_is_queued(slab, index) || !hk_slab_put(slab, index)) {
    hk_stat_add(&arena->double_frees, 1);
    return HK_DOUBLE_FREE;
  }
  hk_stat_sub(&b->out, 1);
  hk_stat_add(&b->remote_collected, 1);
  note_gained(arena, slab->bin);
  hk_bin_relist(arena, slab);
  return HK_OK;
}

void hk_remote_count(hk_arena_t *arena, uint32_t bin) {
  atomic_fetch_add_explicit(&arena->bins[bin].frees_remote, 1, memory_order_release);
}

hk_status_t hk_remote_put_large(hk_arena_t *arena, hk_slab_t *slab) {
  if (!hk_run_claim(slab)) return HK_DOUBLE_FREE;
  push(arena, slab);
  return HK_OK;
}

void hk_remote_count_large(hk_arena_t *arena, uint32_t bin, uint64_t bytes) {
  hk_run_kind_t *kind = hk_run_kind(arena, bin);
  /* The frees after the bytes: see hk_remote_finish. */
  atomic_fetch_add_explicit(&kind->bytes_remote, bytes, memory_order_release);
  atomic_fetch_add_explicit(&kind->frees_remote, 1, memory_order_release);
}

static void collect_large(hk_arena_t *arena, hk_slab_t *slab) {
  hk_run_kind_t *kind = hk_run_kind(arena, slab->bin);
  hk_run_count_collected(arena, slab);
  hk_stat_add(&kind->bytes_collected, hk_run_block_bytes(slab));
  hk_stat_add(&kind->remote_collected, 1);
  hk_run_put(arena, slab);
}

static void collect(hk_arena_t *arena, hk_slab_t *slab) {
  hk_bin_t *b = &arena->bins[slab->bin];
  uint64_t duplicates = 0;
  /* The slab leaves the queue before its bits are read: a free in between queues it again. */
  atomic_exchange_explicit(&slab->remote_queued, 0, memory_order_acq_rel);
  uint32_t gained = hk_slab_collect_remote(slab, &duplicates);
  hk_stat_sub(&b->out, gained);
  hk_stat_add(&b->remote_collected, gained + duplicates);
  hk_stat_add(&b->drains, 1);
  hk_stat_add(&arena->double_frees, duplicates);
  if (gained == 0) return;
  note_gained(arena, slab->bin);
  hk_bin_relist(arena, slab);
}

/* --- Letters that borrowers have returned ----------------------------------------------------- */

static void put_back_block(hk_arena_t *arena, hk_slab_t *slab, uint32_t block) {
  hk_bin_t *b = &arena->bins[slab->bin];
  if (!hk_slab_put(slab, block)) {
    hk_stat_add(&arena->double_frees, 1);
    return;
  }
  hk_stat_sub(&b->out, 1);
  hk_bin_relist(arena, slab);
}

/* Its front keeps the ArrayBuffer of a large block, and gets the block back with it. */
static void put_back_large(hk_arena_t *arena, hk_slab_t *slab) {
  slab->list = HK_SLAB_LIST_BACK;
  slab->next = arena->mail.large;
  arena->mail.large = slab;
}

static void collect_letter(hk_arena_t *arena, hk_letter_t *letter) {
  hk_slab_t *slab = letter->slab;
  uint32_t block = letter->block;
  if (!hk_letters_end(arena, letter)) {
    if (slab->borrowers == 0 && !slab->exposed) hk_supply_put_lost(arena, slab);
    return;
  }
  if (arena->scrubs) memset(letter->address, 0, (size_t)letter->bytes);
  if (slab->state == HK_SLAB_CLASS) {
    put_back_block(arena, slab, block);
  } else {
    put_back_large(arena, slab);
  }
}

void hk_letters_collect(hk_arena_t *arena) {
  hk_letter_t *letter = hk_letters_take_returned(arena);
  while (letter != NULL) {
    hk_letter_t *next = letter->next; /* it is changed when the letter ends */
    collect_letter(arena, letter);
    letter = next;
  }
}

hk_status_t hk_letter_reserve(hk_arena_t *arena) {
  if (arena->mail.unused == NULL) hk_letters_collect(arena);
  return hk_letters_reserve(arena);
}

int64_t hk_letter_take_large(hk_arena_t *arena) {
  hk_letters_collect(arena);
  hk_slab_t *slab = arena->mail.large;
  if (slab == NULL) return -1;
  arena->mail.large = slab->next;
  slab->list = HK_SLAB_LIST_NONE;
  return hk_arena_base_ref(slab);
}

/* --- All of it -------------------------------------------------------------------------------- */

void hk_remote_drain(hk_arena_t *arena) {
  hk_letters_collect(arena);
  if (atomic_load_explicit(&arena->remote_queue, memory_order_relaxed) == NULL) return;
  hk_slab_t *slab = atomic_exchange_explicit(&arena->remote_queue, NULL, memory_order_acquire);
  while (slab != NULL) {
    hk_slab_t *next = slab->remote_next;
    if (slab->state == HK_SLAB_RUN) {
      collect_large(arena, slab);
    } else {
      collect(arena, slab);
    }
    slab = next;
  }
}

/* After a fork there may be nobody left who will count, so that waiting has an end: this many times
 * longer than a free takes. */
#define INHERITED_YIELDS_MAX 1000

static void wait_until(const hk_arena_t *arena, const _Atomic(uint64_t) *frees,
                       uint64_t collected) {
  uint32_t yields = 0;
  while (atomic_load_explicit(frees, memory_order_acquire) < collected) {
    if (arena->inherited && yields++ == INHERITED_YIELDS_MAX) return;
    hk_os_yield();
  }
}

void hk_remote_finish(hk_arena_t *arena) {
  hk_remote_drain(arena);
  HK_EACH_USED_BIN(arena, bin) {
    const hk_bin_t *b = &arena->bins[bin];
    wait_until(arena, &b->frees_remote, hk_stat_get(&b->remote_collected));
  }
  for (uint32_t bin = HK_BIN_MAX; bin < HK_BIN_COUNT; bin++) {
    const hk_run_kind_t *kind = hk_run_kind(arena, bin);
    wait_until(arena, &kind->frees_remote, hk_stat_get(&kind->remote_collected));
  }
}

/* Letters: blocks handed over to other threads, and back.
 *
 * Owns:       the table of all letters of the process; hk_mail_t, and the counts of what is away.
 * Called by:  everybody, as hk_letter_*; remote (what came back), arena (revoke, leave, holders), stats.
 * Calls:      failures, os, lock.
 * Threads:    the arena's owner offers, recalls, revokes and collects; any thread adopts and returns.
 *             Who wins the compare-and-swap of a letter's word has the letter, and nobody else.
 * Invariants: `borrowers` of a slab = its letters that are offered, adopted or returned; such a slab keeps
 *             its class, and a reset leaves it LOST. A record outlives its letters, each of which holds it.
 *
 *             offer                 adopt                 return
 *    UNUSED ---------> OFFERED ---------------> ADOPTED --------> RETURNED ---> UNUSED
 *       ^                 |                                          collect by the owner
 *       +-----------------+ recall, revoke
 *
 * A borrower touches nothing of the arena but its letter, the stack that the letter goes back on, and the
 * count of holders; bitmaps and lists are the owner's alone. test/model/letters.mjs tries every order of the
 * steps. */
#ifndef HK_LETTERS_LETTERS_H
#define HK_LETTERS_LETTERS_H

#include "supply/record.h"

typedef enum hk_letter_state_t {
  HK_LETTER_UNUSED = 0,
  HK_LETTER_OFFERED,  /* whoever has the ticket may adopt it, the owner may take it back */
  HK_LETTER_ADOPTED,  /* the borrower's */
  HK_LETTER_RETURNED, /* on its way to the owner */
} hk_letter_state_t;

typedef struct hk_letter_t hk_letter_t;
struct hk_letter_t {
  /* shared: generation x 4 + hk_letter_state_t. A letter whose generations are used up is never offered
   * again. An offer stores it (release); all others compare and swap
   * (acquire, release). */
  alignas(64) _Atomic(uint64_t) word;
  _Atomic(hk_arena_t *) arena; /* constant while an arena has the batch; NULL in the pool */
  /* Written by the owner before the offer, read by whoever has the letter. */
  hk_slab_t *slab; /* the owner alone looks behind it */
  void *address;
  uint64_t bytes;
  uint32_t block;  /* its index in the slab */
  uint32_t number; /* constant: its index in the table */
  /* UNUSED: in the list of the owner. RETURNED: on the stack of the arena. */
  hk_letter_t *next;
  hk_letter_t
      *next_batch; /* of the first letter of a batch: the next batch of the arena, or of the pool */
};

/* Letters of an arena come and go in batches. */
#define HK_LETTER_BATCH 64

/* true: letters of the arena are in other hands, or were a moment ago. Owner only. */
static inline bool hk_letters_are_away(const hk_arena_t *arena) {
  return atomic_load_explicit((_Atomic(uint64_t) *)&arena->mail.holders, memory_order_acquire) > 1;
}

/* Puts an adopted letter on its arena's stack of returned ones. The caller still holds the arena, and drops
 * that hold next. HK_BAD_TICKET: it was not adopted by this ticket, and nothing has changed. */
hk_status_t hk_letters_put_back(uint64_t ticket, hk_arena_t **arena);

/* Takes the whole stack of returned letters; NULL: it is empty. Each is linked by `next`. */
static inline hk_letter_t *hk_letters_take_returned(hk_arena_t *arena) {
  if (atomic_load_explicit(&arena->mail.returned, memory_order_relaxed) == NULL) return NULL;
  return atomic_exchange_explicit(&arena->mail.returned, NULL, memory_order_acquire);
}

/* Ends a letter that was on the stack. true: its slab is the arena's still, and the block, which is away no
 * longer, the caller's to put back. false: the slab is lost. */
bool hk_letters_end(hk_arena_t *arena, hk_letter_t *letter);

/* Makes sure that the arena has an unused letter. HK_OUT_OF_MEMORY_OS. */
hk_status_t hk_letters_reserve(hk_arena_t *arena);

/* Takes every letter back that nobody has adopted. To be called before the arena forgets its slabs; those of
 * letters that are still away become lost. */
void hk_letters_revoke(hk_arena_t *arena);

/* Sets the bit of each block of a slab that is away. Bits as in hk_slab_t.free_bits. */
void hk_letters_mark_away(const hk_arena_t *arena, const hk_slab_t *slab, uint64_t *bits);

/* Gives the arena's letters to the pool, at the end of its record. */
void hk_letters_leave(hk_arena_t *arena);

/* Tickets that were refused in this process. Any thread. */
uint64_t hk_letters_refused(void);

/* Hold the lock of the pool while the process forks. */
void hk_letters_lock(void);
void hk_letters_unlock(void);

#endif

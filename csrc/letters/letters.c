#include "letters/letters.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "os/os.h"
#include "supply/failures.h"

#define STATE_BITS 2
#define STATE_MASK (((uint64_t)1 << STATE_BITS) - 1)

static uint64_t word_of(uint64_t generation, hk_letter_state_t state) {
  return generation << STATE_BITS | (uint64_t)state;
}

static uint64_t generation_of(uint64_t word) { return word >> STATE_BITS; }

/* --- The table -------------------------------------------------------------------------------- */

#define CHUNK_LETTERS 1024
#define CHUNKS_MAX (HK_LETTERS_MAX / CHUNK_LETTERS)
#define CHUNK_BYTES (CHUNK_LETTERS * sizeof(hk_letter_t))
static_assert(sizeof(hk_letter_t) == 64, "one cache line");

/* Chunks are published with release, read with acquire, and stay for ever: a ticket may be any number at
 * any time. */
static _Atomic(hk_letter_t *) chunks[CHUNKS_MAX];

/* Batches that no arena has. All fields under the lock. */
static struct {
  hk_lock_t lock;
  hk_letter_t *batches;
  uint32_t chunk_count;
} pool = {.lock = HK_LOCK_INIT(HK_LOCK_RANK_LETTERS)};

static _Atomic(uint64_t) refused_count;

uint64_t hk_letters_refused(void) {
  return atomic_load_explicit(&refused_count, memory_order_relaxed);
}

void hk_letters_lock(void) { hk_lock_acquire(&pool.lock); }
void hk_letters_unlock(void) { hk_lock_release(&pool.lock); }

/* Where a letter's generations begin, so that a number made up is no ticket. They are no secret. */
static uint64_t first_generation(uint64_t seed) {
  seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
  seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebu;
  return ((seed ^ (seed >> 31)) & (HK_LETTER_GENERATION_MAX >> 1)) + 1;
}

static void put_batch(hk_letter_t *batch) {
  batch->next_batch = pool.batches;
  pool.batches = batch;
}

/* Under the lock. false: the OS refused, or there are enough letters. */
static bool map_chunk(void) {
  if (pool.chunk_count == CHUNKS_MAX) return false;
  hk_letter_t *chunk = hk_os_map_metadata(hk_os_round_to_pages(CHUNK_BYTES));
  if (chunk == NULL) return false;
  uint64_t seed = hk_os_now_ns() ^ (uint64_t)(uintptr_t)chunk;
  for (uint32_t i = 0; i < CHUNK_LETTERS; i++) {
    chunk[i].number = pool.chunk_count * CHUNK_LETTERS + i;
    uint64_t generation = first_generation(seed + i * 0x9e3779b97f4a7c15u);
    atomic_init(&chunk[i].word, word_of(generation, HK_LETTER_UNUSED));
  }
  for (uint32_t i = CHUNK_LETTERS; i > 0; i -= HK_LETTER_BATCH) {
    put_batch(&chunk[i - HK_LETTER_BATCH]);
  }
  atomic_store_explicit(&chunks[pool.chunk_count++], chunk, memory_order_release);
  return true;
}

static hk_letter_t *take_batch(void) {
  hk_lock_acquire(&pool.lock);
  hk_letter_t *batch = pool.batches != NULL || map_chunk() ? pool.batches : NULL;
  if (batch != NULL) pool.batches = batch->next_batch;
  hk_lock_release(&pool.lock);
  return batch;
}

/* The letter of a ticket, whatever its state; NULL: there is none. */
static hk_letter_t *letter_of(uint64_t ticket) {
  uint32_t number = (uint32_t)(ticket & (HK_LETTERS_MAX - 1));
  if (ticket >> HK_LETTER_INDEX_BITS > HK_LETTER_GENERATION_MAX) return NULL;
  hk_letter_t *chunk = atomic_load_explicit(&chunks[number / CHUNK_LETTERS], memory_order_acquire);
  return chunk == NULL ? NULL : &chunk[number % CHUNK_LETTERS];
}

/* Moves a letter from one state to another, if it is in that and of the ticket's generation. Of all who try,
 * one gets true. */
static bool move(hk_letter_t *letter, uint64_t generation, hk_letter_state_t from,
                 hk_letter_state_t to) {
  uint64_t expected = word_of(generation, from);
  return atomic_compare_exchange_strong_explicit(&letter->word, &expected, word_of(generation, to),
                                                 memory_order_acq_rel, memory_order_relaxed);
}

/* The same by ticket. NULL: refused. */
static hk_letter_t *claim(uint64_t ticket, hk_letter_state_t from, hk_letter_state_t to) {
  hk_letter_t *letter = letter_of(ticket);
  if (letter != NULL && move(letter, ticket >> HK_LETTER_INDEX_BITS, from, to)) return letter;
  atomic_fetch_add_explicit(&refused_count, 1, memory_order_relaxed);
  return NULL;
}

/* --- Letters of one arena --------------------------------------------------------------------- */

/* Its word says UNUSED. */
static void put_unused(hk_mail_t *mail, hk_letter_t *letter) {
  uint64_t word = atomic_load_explicit(&letter->word, memory_order_relaxed);
  if (generation_of(word) == HK_LETTER_GENERATION_MAX) return;
  letter->next = mail->unused;
  mail->unused = letter;
}

static bool add_batch(hk_arena_t *arena) {
  hk_letter_t *batch = take_batch();
  if (batch == NULL) return false;
  batch->next_batch = arena->mail.batches;
  arena->mail.batches = batch;
  for (uint32_t i = HK_LETTER_BATCH; i-- > 0;) {
    atomic_store_explicit(&batch[i].arena, arena, memory_order_relaxed);
    put_unused(&arena->mail, &batch[i]);
  }
  return true;
}

hk_status_t hk_letters_reserve(hk_arena_t *arena) {
  /* A batch can be used up altogether. */
  while (arena->mail.unused == NULL) {
    if (add_batch(arena)) continue;
    hk_note_refusal(arena, HK_OUT_OF_MEMORY_OS);
    return HK_OUT_OF_MEMORY_OS;
  }
  return HK_OK;
}

void hk_letters_leave(hk_arena_t *arena) {
  hk_mail_t *mail = &arena->mail;
  if (mail->batches == NULL) return;
  hk_lock_acquire(&pool.lock);
  for (hk_letter_t *batch = mail->batches, *next; batch != NULL; batch = next) {
    next = batch->next_batch;
    for (uint32_t i = 0; i < HK_LETTER_BATCH; i++) {
      HK_ASSERT((atomic_load(&batch[i].word) & STATE_MASK) == HK_LETTER_UNUSED);
      atomic_store_explicit(&batch[i].arena, NULL, memory_order_relaxed);
    }
    put_batch(batch);
  }
  hk_lock_release(&pool.lock);
  mail->batches = mail->unused = NULL;
}

/* --- What is away ----------------------------------------------------------------------------- */

static size_t bytes_of(const hk_slab_t *slab) {
  bool huge = hk_superslab_is_huge(slab->superslab);
  return huge ? slab->superslab->bytes : slab->span_slabs * HK_SLAB_BYTES;
}

static void count_away(hk_arena_t *arena, const hk_slab_t *slab, int64_t blocks) {
  hk_lent_t *lent = &arena->lent[slab->bin];
  bool is_class = slab->state == HK_SLAB_CLASS;
  size_t bytes = is_class ? arena->classes->bins[slab->bin].stride_bytes : bytes_of(slab);
  hk_stat_add(&lent->away, (uint64_t)blocks);
  hk_stat_add(&lent->away_bytes, (uint64_t)blocks * bytes);
}

/* The slabs of all that is away are about to be lost to the bins. */
static void forget_away(hk_arena_t *arena) {
  if (hk_stat_get(&arena->mail.offered) == 0) return;
  for (uint32_t bin = 0; bin < HK_BIN_COUNT; bin++) {
    hk_stat_set(&arena->lent[bin].away, 0);
    hk_stat_set(&arena->lent[bin].away_bytes, 0);
  }
}

/* Written by the owner alone; the heap map reads it meanwhile. */
static void add_borrowers(hk_slab_t *slab, int32_t count) {
  HK_WRITE_ONCE(slab->borrowers, slab->borrowers + (uint32_t)count);
}

/* The owner has taken an offered letter back, which is UNUSED now. It holds the arena itself, so this is never
 * the last hold. */
static void unpin(hk_arena_t *arena, hk_letter_t *letter) {
  add_borrowers(letter->slab, -1);
  put_unused(&arena->mail, letter);
  atomic_fetch_sub_explicit(&arena->mail.holders, 1, memory_order_relaxed);
}

/* --- Offer, recall, revoke -------------------------------------------------------------------- */

/* Whether the block can be handed over, with `bytes` of it. */
static hk_status_t check_block(const hk_arena_t *arena, const hk_slab_t *slab, uint32_t block,
                               uint64_t bytes) {
  if (slab == NULL || bytes == 0) return HK_NOT_OWNED;
  if (slab->given) return HK_SLAB_BUSY;
  if (slab->state == HK_SLAB_RUN) {
    if (block != 0 || bytes > bytes_of(slab)) return HK_NOT_OWNED;
    bool is_free = atomic_load(&slab->remote_queued) != 0 || slab->list != HK_SLAB_LIST_NONE;
    return !is_free && slab->borrowers == 0 ? HK_OK : HK_DOUBLE_FREE;
  }
  if (!hk_slab_has_block(slab, block)) return HK_NOT_OWNED;
  if (bytes > arena->classes->bins[slab->bin].stride_bytes) return HK_NOT_OWNED;
  return hk_slab_is_free(slab, block) ? HK_DOUBLE_FREE : HK_OK;
}

static void fill_in(const hk_arena_t *arena, hk_letter_t *letter, hk_slab_t *slab, uint32_t block,
                    uint64_t bytes) {
  size_t stride = slab->state == HK_SLAB_CLASS ? arena->classes->bins[slab->bin].stride_bytes : 0;
  letter->slab = slab;
  letter->block = block;
  letter->address = hk_arena_slab_address(slab) + block * stride;
  letter->bytes = bytes;
}

hk_status_t hk_letter_offer(hk_arena_t *arena, uint32_t ref, uint64_t bytes, uint64_t *ticket) {
  uint32_t block = ref & HK_REF_INDEX_MASK;
  hk_slab_t *slab = hk_arena_slab(arena, ref >> HK_REF_INDEX_BITS);
  if (arena->ended) return HK_ARENA_DESTROYED;
  hk_status_t status = check_block(arena, slab, block, bytes);
  if (status == HK_OK) status = hk_letters_reserve(arena);
  if (status != HK_OK) return status;
  hk_letter_t *letter = arena->mail.unused;
  arena->mail.unused = letter->next;
  fill_in(arena, letter, slab, block, bytes);
  add_borrowers(slab, 1);
  /* Others may still be writing when they have given it back. */
  hk_superslab_note_exposed(slab->superslab, slab->slot, slab->span_slabs);
  slab->superslab->was_lent = true;
  count_away(arena, slab, 1);
  hk_stat_add(&arena->mail.offered, 1);
  atomic_fetch_add_explicit(&arena->mail.holders, 1, memory_order_relaxed);
  uint64_t before = atomic_load_explicit(&letter->word, memory_order_relaxed);
  uint64_t generation = generation_of(before) + 1;
  *ticket = generation << HK_LETTER_INDEX_BITS | letter->number;
  atomic_store_explicit(&letter->word, word_of(generation, HK_LETTER_OFFERED),
                        memory_order_release);
  return HK_OK;
}

/* Why a letter of the arena's own is not offered with this ticket. */
static hk_status_t refusal_of(const hk_letter_t *letter, uint64_t generation) {
  uint64_t word = atomic_load_explicit((_Atomic(uint64_t) *)&letter->word, memory_order_relaxed);
  if (generation <= generation_of(word)) return HK_SLAB_BUSY;
  atomic_fetch_add_explicit(&refused_count, 1, memory_order_relaxed);
  return HK_BAD_TICKET;
}

hk_status_t hk_letter_recall(hk_arena_t *arena, uint64_t ticket, hk_recalled_t *recalled) {
  hk_letter_t *letter = letter_of(ticket);
  uint64_t generation = ticket >> HK_LETTER_INDEX_BITS;
  if (letter == NULL || atomic_load_explicit(&letter->arena, memory_order_relaxed) != arena) {
    atomic_fetch_add_explicit(&refused_count, 1, memory_order_relaxed);
    return HK_BAD_TICKET;
  }
  if (!move(letter, generation, HK_LETTER_OFFERED, HK_LETTER_UNUSED)) {
    return refusal_of(letter, generation);
  }
  const hk_slab_t *slab = letter->slab;
  *recalled = (hk_recalled_t){
      .ref = hk_arena_base_ref(slab) + letter->block, .bin = slab->bin, .bytes = letter->bytes};
  count_away(arena, slab, -1);
  hk_stat_add(&arena->mail.recalled, 1);
  unpin(arena, letter);
  return HK_OK;
}

static void revoke(hk_arena_t *arena, hk_letter_t *letter) {
  uint64_t word = atomic_load_explicit(&letter->word, memory_order_relaxed);
  if ((word & STATE_MASK) != HK_LETTER_OFFERED) return;
  if (!move(letter, generation_of(word), HK_LETTER_OFFERED, HK_LETTER_UNUSED)) return;
  hk_stat_add(&arena->mail.revoked, 1);
  unpin(arena, letter);
}

void hk_letters_revoke(hk_arena_t *arena) {
  for (hk_letter_t *batch = arena->mail.batches; batch != NULL; batch = batch->next_batch) {
    for (uint32_t i = 0; i < HK_LETTER_BATCH; i++) revoke(arena, &batch[i]);
  }
  forget_away(arena);
  arena->mail.large = NULL; /* their blocks are about to be free */
}

static void mark_away(const hk_letter_t *letter, const hk_slab_t *slab, uint64_t *bits) {
  uint64_t word = atomic_load_explicit((_Atomic(uint64_t) *)&letter->word, memory_order_relaxed);
  if ((word & STATE_MASK) == HK_LETTER_UNUSED || letter->slab != slab) return;
  bits[letter->block >> 6] |= (uint64_t)1 << (letter->block & 63);
}

void hk_letters_mark_away(const hk_arena_t *arena, const hk_slab_t *slab, uint64_t *bits) {
  const hk_letter_t *batch = arena->mail.batches;
  for (; batch != NULL; batch = batch->next_batch) {
    for (uint32_t i = 0; i < HK_LETTER_BATCH; i++) mark_away(&batch[i], slab, bits);
  }
}

/* --- Adopt and return ------------------------------------------------------------------------- */

hk_status_t hk_letter_adopt(uint64_t ticket, void **address, uint64_t *bytes) {
  const hk_letter_t *letter = claim(ticket, HK_LETTER_OFFERED, HK_LETTER_ADOPTED);
  if (letter == NULL) return HK_BAD_TICKET;
  hk_arena_t *arena =
      atomic_load_explicit((_Atomic(hk_arena_t *) *)&letter->arena, memory_order_relaxed);
  atomic_fetch_add_explicit(&arena->mail.adopted, 1, memory_order_relaxed);
  *address = letter->address;
  *bytes = letter->bytes;
  return HK_OK;
}

hk_status_t hk_letters_put_back(uint64_t ticket, hk_arena_t **result) {
  hk_letter_t *letter = claim(ticket, HK_LETTER_ADOPTED, HK_LETTER_RETURNED);
  if (letter == NULL) return HK_BAD_TICKET;
  hk_arena_t *arena = atomic_load_explicit(&letter->arena, memory_order_relaxed);
  hk_letter_t *head = atomic_load_explicit(&arena->mail.returned, memory_order_relaxed);
  do {
    letter->next = head;
  } while (!atomic_compare_exchange_weak_explicit(&arena->mail.returned, &head, letter,
                                                  memory_order_release, memory_order_relaxed));
  *result = arena;
  return HK_OK;
}

bool hk_letters_end(hk_arena_t *arena, hk_letter_t *letter) {
  hk_slab_t *slab = letter->slab;
  uint64_t word = atomic_load_explicit(&letter->word, memory_order_relaxed);
  bool is_ours = slab->state != HK_SLAB_LOST;
  HK_ASSERT((word & STATE_MASK) == HK_LETTER_RETURNED && slab->borrowers > 0);
  add_borrowers(slab, -1);
  hk_stat_add(&arena->mail.collected, 1);
  if (is_ours) {
    count_away(arena, slab, -1);
    hk_stat_add(&arena->lent[slab->bin].returned, 1);
  }
  atomic_store_explicit(&letter->word, word_of(generation_of(word), HK_LETTER_UNUSED),
                        memory_order_relaxed);
  put_unused(&arena->mail, letter);
  return is_ours;
}

#include "super/slab.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"

static uint64_t word_mask(uint32_t capacity, uint32_t word) {
  uint32_t bits = capacity - word * 64;
  return bits >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << bits) - 1;
}

void hk_slab_lead(hk_slab_t *first, uint32_t span_slabs) {
  first->span_slabs = span_slabs;
  for (uint32_t i = 1; i < span_slabs; i++) {
    first[i].span_slabs = i;
    first[i].is_short = false;
    HK_WRITE_ONCE(first[i].bin, first->bin);
    HK_WRITE_ONCE(first[i].state, HK_SLAB_TAIL);
  }
}

void hk_slab_disband(hk_slab_t *first) {
  uint32_t span = first->span_slabs;
  for (uint32_t i = 0; i < span; i++) HK_WRITE_ONCE(first[i].state, HK_SLAB_UNUSED);
}

static void forget_purged(hk_slab_t *slab) {
  for (uint32_t i = 0; i < slab->span_slabs; i++) slab[i].purged_pages = 0;
}

static void free_blocks(hk_slab_t *slab, size_t bytes, const hk_class_t *c) {
  HK_WRITE_ONCE(slab->capacity, (uint16_t)(bytes / c->stride_bytes));
  HK_WRITE_ONCE(slab->free_count, slab->capacity);
  slab->touched_blocks = slab->fresh ? 0 : slab->capacity;
  uint32_t last = hk_slab_words(slab) - 1;
  for (uint32_t w = 0; w < last; w++) slab->free_bits[w] = ~(uint64_t)0;
  slab->free_bits[last] = word_mask(slab->capacity, last);
}

void hk_slab_bind(hk_slab_t *slab, uint32_t bin, const hk_class_t *c, uint32_t span_slabs,
                  uint64_t *pool) {
  HK_ASSERT(slab->state == HK_SLAB_UNUSED && !slab->exposed && slab->borrowers == 0);
  size_t bytes = span_slabs * HK_SLAB_BYTES;
  slab->low_word = 0;
  slab->trimmed = slab->is_short = false;
  HK_WRITE_ONCE(slab->bin, bin);
  HK_WRITE_ONCE(slab->state, HK_SLAB_CLASS);
  slab->list = HK_SLAB_LIST_NONE;
  hk_slab_lead(slab, span_slabs);
  forget_purged(slab);
  bool is_inline = bytes / c->stride_bytes <= HK_SLAB_WORDS_INLINE * 64;
  slab->free_bits = is_inline ? slab->inline_bits : pool;
  free_blocks(slab, bytes, c);
}

void hk_slab_shorten(hk_slab_t *slab, const hk_class_t *c) {
  HK_ASSERT(slab->state == HK_SLAB_CLASS && slab->free_count == slab->capacity);
  HK_ASSERT(slab->span_slabs == 1 && c->stride_bytes <= HK_SHORT_STRIDE_MAX);
  slab->is_short = true;
  free_blocks(slab, HK_SHORT_SLAB_BYTES, c);
}

void hk_slab_unbind(hk_slab_t *slab) {
  HK_ASSERT(slab->state == HK_SLAB_CLASS && slab->free_count == slab->capacity);
  HK_ASSERT(hk_slab_is_quiet(slab));
  hk_slab_disband(slab);
  slab->list = HK_SLAB_LIST_NONE;
}

/* Blocks up to index `last` have left the core. */
static void note_taken(hk_slab_t *slab, uint32_t last) {
  slab->trimmed = false;
  forget_purged(slab);
  if (last >= slab->touched_blocks) slab->touched_blocks = (uint16_t)(last + 1);
}

uint32_t hk_slab_take(hk_slab_t *slab, uint32_t base_ref, uint32_t *refs, uint32_t want) {
  HK_ASSERT_SLOW(hk_slab_is_valid(slab));
  uint32_t words = hk_slab_words(slab);
  uint32_t taken = 0;
  uint32_t w = slab->low_word;
  for (; w < words; w++) {
    uint64_t bits = slab->free_bits[w];
    while (bits != 0 && taken < want) {
      refs[taken++] = base_ref + w * 64 + hk_ctz64(bits);
      bits &= bits - 1;
    }
    slab->free_bits[w] = bits;
    if (bits != 0) break;
  }
  slab->low_word = (uint16_t)w;
  HK_WRITE_ONCE(slab->free_count, slab->free_count - taken);
  if (taken > 0) note_taken(slab, refs[taken - 1] - base_ref);
  return taken;
}

uint32_t hk_slab_take_blocks(hk_slab_t *slab, char *base, uint32_t stride_bytes, void **blocks,
                             uint32_t want) {
  HK_ASSERT_SLOW(hk_slab_is_valid(slab));
  uint32_t taken = slab->free_count < want ? slab->free_count : want;
  if (taken == 0) return 0;
  uint32_t index = 0, w = slab->low_word;
  for (void **next = blocks + taken; next > blocks; w++) {
    uint64_t bits = slab->free_bits[w];
    while (bits != 0 && next > blocks) {
      index = w * 64 + hk_ctz64(bits);
      *--next = base + (size_t)index * stride_bytes;
      bits &= bits - 1;
    }
    slab->free_bits[w] = bits;
    if (bits != 0) break;
  }
  slab->low_word = (uint16_t)w;
  HK_WRITE_ONCE(slab->free_count, slab->free_count - taken);
  note_taken(slab, index);
  return taken;
}

static void lower_hint(hk_slab_t *slab, uint32_t word) {
  if (word < slab->low_word) slab->low_word = (uint16_t)word;
}

bool hk_slab_put(hk_slab_t *slab, uint32_t index) {
  uint32_t word = index >> 6;
  uint64_t bit = (uint64_t)1 << (index & 63);
  if (HK_UNLIKELY((slab->free_bits[word] & bit) != 0)) return false;
  slab->free_bits[word] |= bit;
  HK_WRITE_ONCE(slab->free_count, slab->free_count + 1);
  slab->trimmed = false;
  lower_hint(slab, word);
  return true;
}

/* false: none begins at `offset`, because the slab serves another class by now, or another span begins elsewhere. */
static bool find_block(const hk_slab_t *slab, const hk_class_t *c, uint32_t offset,
                       uint32_t *index) {
  *index = hk_classes_index(c, offset);
  return *index < slab->capacity && *index * c->stride_bytes == offset;
}

uint32_t hk_slab_put_blocks(hk_slab_t *slab, const hk_class_t *c, const char *base,
                            void *const *blocks, uint32_t count) {
  uint32_t put = 0, low = slab->low_word, index;
  for (uint32_t i = 0; i < count; i++) {
    if (!find_block(slab, c, (uint32_t)((const char *)blocks[i] - base), &index)) continue;
    uint64_t *word = &slab->free_bits[index >> 6], bit = (uint64_t)1 << (index & 63);
    if (HK_UNLIKELY((*word & bit) != 0)) continue;
    *word |= bit;
    if (index >> 6 < low) low = index >> 6;
    put++;
  }
  if (put == 0) return 0;
  slab->low_word = (uint16_t)low;
  slab->trimmed = false;
  HK_WRITE_ONCE(slab->free_count, slab->free_count + put);
  return put;
}

hk_remote_t hk_slab_join_remote(hk_slab_t *slab, uint32_t index) {
  _Atomic(uint64_t) *word = &slab->remote_bits[index >> 6];
  uint64_t bit = (uint64_t)1 << (index & 63);
  uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
  while (before != 0) {
    if ((before & bit) != 0) return HK_REMOTE_DOUBLE;
    if (atomic_compare_exchange_weak_explicit(word, &before, before | bit, memory_order_release,
                                              memory_order_relaxed)) {
      return HK_REMOTE_JOINED;
    }
  }
  return HK_REMOTE_ALONE;
}

hk_remote_t hk_slab_put_remote(hk_slab_t *slab, uint32_t index) {
  uint64_t bit = (uint64_t)1 << (index & 63);
  uint64_t before =
      atomic_fetch_or_explicit(&slab->remote_bits[index >> 6], bit, memory_order_release);
  if ((before & bit) != 0) return HK_REMOTE_DOUBLE;
  return before == 0 ? HK_REMOTE_FIRST : HK_REMOTE_JOINED;
}

uint32_t hk_slab_collect_remote(hk_slab_t *slab, uint64_t *duplicates) {
  uint32_t gained = 0;
  uint32_t collected = 0;
  _Atomic(uint64_t) *words = slab->remote_bits;
  for (uint32_t w = 0; w < hk_slab_words(slab); w++) {
    if (atomic_load_explicit(&words[w], memory_order_relaxed) == 0) continue;
    uint64_t bits = atomic_exchange_explicit(&words[w], 0, memory_order_acquire);
    uint64_t fresh = bits & ~slab->free_bits[w];
    collected += hk_popcount64(bits);
    gained += hk_popcount64(fresh);
    slab->free_bits[w] |= fresh;
    lower_hint(slab, w);
  }
  HK_WRITE_ONCE(slab->free_count, slab->free_count + gained);
  slab->trimmed = false;
  *duplicates += collected - gained;
  HK_ASSERT_SLOW(hk_slab_is_valid(slab));
  return gained;
}

/* Index of the first block at or behind `from` whose free bit is `wanted`, else the capacity. */
static uint32_t find_bit(const hk_slab_t *slab, uint32_t from, bool wanted) {
  while (from < slab->capacity) {
    uint64_t bits = slab->free_bits[from >> 6];
    bits = (wanted ? bits : ~bits) >> (from & 63);
    if (bits != 0) {
      from += hk_ctz64(bits);
      return from < slab->capacity ? from : slab->capacity;
    }
    from = (from | 63) + 1;
  }
  return slab->capacity;
}

bool hk_slab_next_free(const hk_slab_t *slab, uint32_t *from, uint32_t *to) {
  *from = find_bit(slab, *from, true);
  *to = find_bit(slab, *from, false);
  return *from < slab->capacity;
}

bool hk_slab_is_valid(const hk_slab_t *slab) {
  uint32_t set = 0;
  for (uint32_t w = 0; w < hk_slab_words(slab); w++) {
    uint64_t bits = slab->free_bits[w];
    if ((bits & ~word_mask(slab->capacity, w)) != 0) return false;
    if (bits != 0 && w < slab->low_word) return false;
    set += hk_popcount64(bits);
  }
  return set == slab->free_count;
}

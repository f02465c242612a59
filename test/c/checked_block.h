/* Blocks of stress and fuzzing: what is written into one, and whether it is still there.
 *
 * Every byte of a block up to 512 B carries a pattern. Of a longer one its head, its tail and a
 * place in between that depends on the key; one in WHOLE_ONE_IN is written and read whole. /
 */
#ifndef HK_TEST_CHECKED_BLOCK_H
#define HK_TEST_CHECKED_BLOCK_H

#include "support.h"

#define WHOLE_BYTES 512
#define WHOLE_ONE_IN 32
#define PLACE_BYTES ((size_t)64)

typedef struct block_t {
  void *address; /* NULL: none */
  size_t bytes;
  uint64_t key; /* no other block has it */
  uint32_t bin; /* of the arena it is from */
} block_t;

/* Part of a block, beginning at a multiple of 8. */
typedef struct range_t {
  size_t from, to;
} range_t;

/* The parts of a block that are written and read; returns how many. */
static inline int block_ranges(const block_t *block, range_t ranges[3]) {
  size_t bytes = block->bytes;
  if (bytes <= WHOLE_BYTES || block->key % WHOLE_ONE_IN == 0) {
    ranges[0] = (range_t){0, bytes};
    return 1;
  }
  size_t tail = (bytes - PLACE_BYTES) & ~(size_t)7;
  size_t middle = (size_t)(hk_pattern_word(block->key, 1) % tail) & ~(size_t)7;
  ranges[0] = (range_t){0, PLACE_BYTES};
  ranges[1] = (range_t){middle, middle + PLACE_BYTES};
  ranges[2] = (range_t){tail, bytes};
  return 3;
}

static inline void block_fill(const block_t *block) {
  range_t ranges[3];
  for (int r = block_ranges(block, ranges); r-- > 0;) {
    uint64_t *at = (uint64_t *)((char *)block->address + ranges[r].from);
    size_t i = ranges[r].from;
    for (; i + 8 <= ranges[r].to; i += 8) *at++ = hk_pattern_word(block->key, i);
    uint64_t rest = hk_pattern_word(block->key, i);
    memcpy(at, &rest, ranges[r].to - i);
  }
}

/* true: what block_fill wrote is still there. */
static inline bool block_holds(const block_t *block) {
  range_t ranges[3];
  for (int r = block_ranges(block, ranges); r-- > 0;) {
    const uint64_t *at = (const uint64_t *)((const char *)block->address + ranges[r].from);
    size_t i = ranges[r].from;
    uint64_t wrong = 0;
    for (; i + 8 <= ranges[r].to; i += 8) wrong |= *at++ ^ hk_pattern_word(block->key, i);
    uint64_t rest = hk_pattern_word(block->key, i);
    if (wrong != 0 || memcmp(at, &rest, ranges[r].to - i) != 0) return false;
  }
  return true;
}

/* The same after the block has become `bytes` long: what of it can still be known. */
static inline bool block_holds_after_resize(const block_t *block, size_t bytes) {
  block_t kept = *block;
  if (bytes < kept.bytes) kept.bytes = bytes;
  bool is_whole = block->bytes <= WHOLE_BYTES || block->key % WHOLE_ONE_IN == 0;
  if (!is_whole && kept.bytes > PLACE_BYTES) kept.bytes = PLACE_BYTES;
  return block_holds(&kept);
}

/* true: all that block_fill would write reads as zero. */
static inline bool block_is_zero(const block_t *block) {
  range_t ranges[3];
  for (int r = block_ranges(block, ranges); r-- > 0;) {
    if (!hk_is_zero((char *)block->address + ranges[r].from, ranges[r].to - ranges[r].from)) {
      return false;
    }
  }
  return true;
}

/* A size of any class, run or huge mapping, small ones most often, edges of classes among them. */
static inline size_t random_size(hk_random_t *random) {
  uint64_t r = hk_random_next(random);
  uint64_t kind = r & 1023;
  r >>= 10;
  if (kind < 700) return 1 + r % 1024;
  if (kind < 760) return ((size_t)1 << (3 + r % 14)) - 1 + (r >> 8) % 3;
  if (kind < 960) return 1025 + r % (8192 - 1024);
  if (kind < 1000) return 8193 + r % (HK_CLASS_SIZE_MAX - 8192);
  if (kind < 1006) return HK_CLASS_SIZE_MAX + 1 + r % (HK_RUN_SIZE_MAX - HK_CLASS_SIZE_MAX);
  if (kind == 1006 && r % 8 == 0) return HK_RUN_SIZE_MAX + 1 + (r >> 8) % (6 * HK_MIB);
  return 1 + r % 16;
}

#endif

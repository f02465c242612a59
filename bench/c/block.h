/* Block: memory of the allocator that knows how long it is and whose. Programs that exist in other
 * people's words write what they allocate and read it before they free it: the first 8 bytes in a
 * bench, all of them in a build for tests, where no two blocks hold the same.
 */
#ifndef BENCH_BLOCK_H
#define BENCH_BLOCK_H

#include <string.h>

#include "allocator.h"
#include "harness.h"

#define BLOCK_BYTES_MIN sizeof(block_t)

typedef struct block_t {
  uint32_t bytes, tag;
  unsigned char rest[];
} block_t;

/* The byte at `i` of a block: blocks that overlap disagree. */
static inline unsigned char block_byte(const block_t *block, size_t i) {
  uint64_t key = ((uintptr_t)block >> 3) * 0x9e3779b97f4a7c15u + block->tag;
  return (unsigned char)((key >> 32) + i);
}

static inline void block_fill(block_t *block) {
  for (size_t i = 0; i + BLOCK_BYTES_MIN < block->bytes; i++) block->rest[i] = block_byte(block, i);
}

/* Fails when somebody else has written to the block. */
static inline void block_check(const block_t *block) {
  if (block->bytes < BLOCK_BYTES_MIN) bench_fail("a block has lost its head");
  for (size_t i = 0; i + BLOCK_BYTES_MIN < block->bytes; i++) {
    if (block->rest[i] != block_byte(block, i)) bench_fail("a block has the bytes of another");
  }
}

static inline void block_write(block_t *block, size_t bytes, uint32_t tag) {
  block->bytes = (uint32_t)bytes;
  block->tag = tag;
  if (CHECKED) block_fill(block);
}

/* A block of at least 8 bytes; `tag` is any number. */
static inline block_t *block_new(heap_t *heap, size_t bytes, uint32_t tag) {
  block_t *block = heap_alloc(heap, bytes);
  if (CHECKED && block == NULL) bench_fail("out of memory");
  block_write(block, bytes, tag);
  return block;
}

static inline void block_end(heap_t *heap, block_t *block) {
  if (CHECKED) block_check(block);
  bench_read(block);
  heap_free(heap, block);
}

#endif

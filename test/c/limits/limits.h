/* Limits that the kernel sets a process, for tests that run in a child. Linux. */
#ifndef HK_TEST_LIMITS_H
#define HK_TEST_LIMITS_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "checked_block.h"

/* A number in a file of /proc; `field` is what stands before it. -1: it is not there. */
static inline long long read_number(const char *path, const char *field) {
  char text[8192];
  int file = open(path, O_RDONLY);
  ssize_t got = file >= 0 ? read(file, text, sizeof text - 1) : 0;
  if (file >= 0) close(file);
  if (got <= 0) return -1;
  text[got] = 0;
  const char *at = strstr(text, field);
  return at != NULL ? strtoll(at + strlen(field), NULL, 10) : -1;
}

/* VmSize, VmData or VmRSS of this process. */
static inline uint64_t status_bytes(const char *field) {
  long long kilobytes = read_number("/proc/self/status", field);
  return kilobytes > 0 ? (uint64_t)kilobytes * HK_KIB : 0;
}

/* A limit on bytes of this process. */
typedef struct limit_t {
  int resource;
  const char *counted; /* field of status that it limits */
} limit_t;

/* RLIMIT_DATA counts what may be written, touched or not: as a kernel does that never overcommits. */
static const limit_t address_space = {RLIMIT_AS, "VmSize:"};
static const limit_t committed = {RLIMIT_DATA, "VmData:"};

/* Allows so much more than there is. */
static inline void leave_bytes(const limit_t *limit, uint64_t bytes) {
  struct rlimit now;
  EXPECT_EQ(getrlimit((__rlimit_resource_t)limit->resource, &now), 0);
  now.rlim_cur = status_bytes(limit->counted) + bytes;
  EXPECT_EQ(setrlimit((__rlimit_resource_t)limit->resource, &now), 0);
}

/* --- Blocks that are held, oldest first ------------------------------------------------------- */

typedef struct held_t {
  hk_arena_t *arena;
  block_t *blocks;
  size_t count, capacity, bytes;
  uint64_t key;
} held_t;

static inline bool hold_one(held_t *held, size_t bytes) {
  if (held->count == held->capacity) return false;
  block_t *block = &held->blocks[held->count];
  *block = (block_t){.address = hk_alloc(held->arena, bytes), .bytes = bytes, .key = held->key++};
  if (block->address == NULL) return false;
  block_fill(block);
  held->count++;
  held->bytes += bytes;
  return true;
}

/* Until it is refused. */
static inline void hold_all(held_t *held, size_t bytes) {
  errno = 0;
  while (hold_one(held, bytes)) continue;
  EXPECT(held->count < held->capacity);
  EXPECT_EQ(errno, 0);
}

/* Frees the oldest, until no more than `bytes` are held. */
static inline void free_down_to(held_t *held, size_t bytes) {
  size_t freed = 0;
  for (; held->bytes > bytes; freed++) {
    block_t *block = &held->blocks[freed];
    if (!block_holds(block)) EXPECT(!"its own bytes");
    if (hk_free(held->arena, block->address) != HK_OK) EXPECT(!"freed");
    held->bytes -= block->bytes;
  }
  held->count -= freed;
  memmove(held->blocks, held->blocks + freed, held->count * sizeof *held->blocks);
}

static inline void expect_held(const held_t *held) {
  for (size_t i = 0; i < held->count; i++) {
    if (!block_holds(&held->blocks[i])) EXPECT(!"its own bytes");
  }
}

#endif

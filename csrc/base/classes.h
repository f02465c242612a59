/* Size classes: which stride serves which size.
 *
 * Owns:      the default table. An arena may have a table of its own.
 * Called by: everybody.
 * Threads:   any; the default table never changes once it is built. To one of its own an arena adds classes and retires
 *            them (arena/strides.c).
 *
 * A size class is a stride; its slabs and counts in an arena are the bin of the same number. Classes that a table was
 * built with ascend. One that is added later takes whatever number is unused, so the order of strides is that of sizes:
 * the class after a stride is the one that serves the next size.
 * Statistics report neighbouring bins together as a row (C0..C7, M0..M5, run, huge).
 */
#ifndef HK_BASE_CLASSES_H
#define HK_BASE_CLASSES_H

#include "base/config.h"
#include "base/status.h"

#define HK_BIN_MAX 96
#define HK_BIN_RUN 96 /* pseudo bin: runs of slabs, > 64 KB .. 2 MB */
#define HK_BIN_HUGE 97 /* pseudo bin: mappings of their own, > 2 MB */
#define HK_BIN_COUNT 98
#define HK_BIN_WORDS ((HK_BIN_MAX + 63) / 64) /* of a set with a bit per bin */
#define HK_BIN_NONE 0xff

/* Rows in the order of reports. X(name, largest size in bytes). */
#define HK_ROW_LIST(X)                                                                        \
  X(C0, 8) X(C1, 16) X(C2, 32) X(C3, 64) X(C4, 128) X(C5, 256) X(C6, 512) X(C7, 1024)         \
  X(M0, 2048) X(M1, 4096) X(M2, 8192) X(M3, 16384) X(M4, 32768) X(M5, 65536)                  \
  X(run, 2097152) X(huge, (HK_SIZE_MAX))

enum {
#define HK_ROW_ENUM(name, bytes) HK_ROW_##name,
  HK_ROW_LIST(HK_ROW_ENUM)
#undef HK_ROW_ENUM
      HK_ROW_COUNT
};

typedef struct hk_class_t {
  uint32_t stride_bytes;
  uint32_t
      span_slabs; /* 1, 2, 4 or 8: slabs that serve the class together, where there is room for so many */
  uint32_t capacity;           /* blocks in those */
  uint32_t reciprocal;         /* ceil(2^32 / stride): offset -> index without a division */
  uint32_t check, block_limit; /* see hk_classes_is_block */
  uint32_t row;
  uint32_t first_bytes; /* the smallest size that it served when it was made */
} hk_class_t;

typedef struct hk_classes_t {
  uint32_t count, built; /* classes made so far, and those that the table was built with */
  hk_class_t bins[HK_BIN_MAX];
  /* 64 x bin, by (size + 7) / 8. One table serves all sizes, because sizes are hard to predict and
   * a mispredicted branch costs more than a cache line of this table. */
  uint16_t by_size_x64[HK_CLASS_SIZE_MAX / 8 + 1];
} hk_classes_t;

/* The default table; built at the first call, which any thread may make, and never freed. */
const hk_classes_t *hk_classes_default(void);

/* Builds `table` from strictly ascending strides, each 8 or a multiple of 16, at most 64 KB. A
 * stride of 64 KB is added unless it is the last, so that every size up to 64 KB has a bin.
 * HK_INVALID_ARGUMENT: the strides are not such, and `table` is unusable. */
hk_status_t hk_classes_build(hk_classes_t *table, const uint32_t *strides, size_t count);

/* Makes the class of a stride in the record of a `bin` that is retired, or behind the last. It has no slabs, unless the
 * stride is the one that it had: sizes up to the stride that the next longer one served are its own from now on.
 * HK_INVALID_ARGUMENT: it is no such stride, or serves already, and nothing has changed. */
hk_status_t hk_classes_add(hk_classes_t *table, uint32_t bin, uint32_t stride);

/* The next longer class serves the sizes of this one, which was added, from now on; its record stays as it is. */
void hk_classes_retire(hk_classes_t *table, uint32_t bin);

/* Row of a requested size; the same for every table. */
uint32_t hk_classes_row_of_size(size_t size_bytes);
const char *hk_classes_row_name(uint32_t row);

/* 64 x the smallest bin whose stride holds `size_bytes` (0..64 KB): the byte offset of the bin's
 * record in an array of records of one cache line each. */
static inline size_t hk_classes_bin_x64(const hk_classes_t *table, size_t size_bytes) {
  return table->by_size_x64[(size_bytes + 7) >> 3];
}

static inline uint32_t hk_classes_bin(const hk_classes_t *table, size_t size_bytes) {
  return (uint32_t)hk_classes_bin_x64(table, size_bytes) / 64;
}

/* The class of the sizes behind those of another one, which has not the longest stride. */
static inline uint32_t hk_classes_next(const hk_classes_t *table, uint32_t bin) {
  return hk_classes_bin(table, table->bins[bin].stride_bytes + 1);
}

/* Lengths that have counters of their own and one class. */
typedef struct hk_lengths_t {
  uint32_t bin, first, last;
} hk_lengths_t;

/* The lengths behind `lengths`, which begin as zeroes. false: those were the last. */
static inline bool hk_classes_next_lengths(const hk_classes_t *table, hk_lengths_t *lengths) {
  if (lengths->last == HK_EXACT_LENGTH_MAX) return false;
  uint32_t first = lengths->last + 1, bin = hk_classes_bin(table, first);
  uint32_t stride = table->bins[bin].stride_bytes;
  uint32_t last = stride < HK_EXACT_LENGTH_MAX ? stride : HK_EXACT_LENGTH_MAX;
  *lengths = (hk_lengths_t){bin, first, last};
  return true;
}

/* false: it is retired, or never was made. */
static inline bool hk_classes_serves(const hk_classes_t *table, uint32_t bin) {
  return bin < table->count && hk_classes_bin(table, table->bins[bin].stride_bytes) == bin;
}

/* Smallest bin that holds `size_bytes` at a multiple of `alignment` (a power of two up to 64 KB).
 * There always is one: spans are aligned to 64 KB, and the last stride is 64 KB. */
uint32_t hk_classes_bin_aligned(const hk_classes_t *table, size_t size_bytes, size_t alignment);

/* Index of the block at a byte offset in a slab, or of the block that begins there in a longer span. */
static inline uint32_t hk_classes_index(const hk_class_t *c, uint32_t offset) {
  return (uint32_t)(((uint64_t)offset * c->reciprocal) >> 32);
}

/* true: a block begins at this byte offset in a span. `block_limit` is what the low 32 bits of offset x check
 * are for the block after the last.
 *
 * In a single slab `check` is the reciprocal, and these bits are the remainder, scaled: from block to block they
 * grow by less than reciprocal / capacity, and by the reciprocal with every byte in between (Lemire, Kaser and
 * Kurz, "Faster remainder by direct computation", 2019). In a longer span that would not be enough; there, of a
 * stride of 2^g x an odd number, they are the index x 2^g, and more for all other offsets: see classes.c. */
static inline bool hk_classes_is_block(uint32_t check, uint32_t block_limit, uint32_t offset) {
  return offset * check < block_limit;
}

#endif

#include "base/classes.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/once.h"

/* Up to 1 KB there are 8 steps per doubling (below 128 B fewer, because 16 B is the smallest step).
 * Beyond, a stride is 64 KB / k, so that k blocks fill a slab: every 4th k, then every 2nd. Beyond 8 KB it is a span
 * / k: of all such strides, 8, 8 and 6 per doubling with which uniform lengths up to 31 KB and log-uniform ones up
 * to 64 KB waste least, where a span of n slabs counts as 0.4 % x (n - 1) worse, because it lies free in larger
 * pieces. */
static const uint32_t default_strides[] = {
    8,     16,    32,    48,    64,    80,    96,    112,   128,   144,   160,   176,
    192,   208,   224,   240,   256,   288,   320,   352,   384,   416,   448,   480,
    512,   576,   640,   704,   768,   832,   896,   960,   1024,  1088,  1168,  1248,
    1360,  1488,  1632,  1808,  2048,  2176,  2336,  2512,  2720,  2976,  3264,  3632,
    4096,  4368,  4672,  5040,  5456,  5952,  6544,  7280,  8192,  9024,  10048, 10880,
    11904, 13056, 14528, 15360, 16384, 16896, 18688, 20160, 21824, 23808, 26176, 29120,
    32768, 37440, 43648, 47616, 52416, 58240, 65536};
#define DEFAULT_COUNT (sizeof default_strides / sizeof default_strides[0])
_Static_assert(DEFAULT_COUNT <= HK_BIN_MAX, "the default table fits");

static const char *const row_names[] = {
#define ROW_NAME(name, bytes) #name,
    HK_ROW_LIST(ROW_NAME)
#undef ROW_NAME
};

static const uint64_t row_sizes[] = {
#define ROW_SIZE(name, bytes) bytes,
    HK_ROW_LIST(ROW_SIZE)
#undef ROW_SIZE
};

uint32_t hk_classes_row_of_size(size_t size_bytes) {
  uint32_t row = 0;
  while (row + 1 < HK_ROW_COUNT && size_bytes > row_sizes[row]) row++;
  return row;
}

const char *hk_classes_row_name(uint32_t row) {
  return row < HK_ROW_COUNT ? row_names[row] : "none";
}

static bool is_stride(uint32_t stride) {
  return stride != 0 && stride <= HK_CLASS_SIZE_MAX && (stride % 16 == 0 || stride == 8);
}

static bool strides_are_valid(const uint32_t *strides, size_t count) {
  if (strides == NULL || count == 0 || count > HK_BIN_MAX) return false;
  for (size_t i = 0; i < count; i++) {
    if (!is_stride(strides[i])) return false;
    if (i > 0 && strides[i] <= strides[i - 1]) return false;
  }
  return strides[count - 1] == HK_CLASS_SIZE_MAX || count < HK_BIN_MAX;
}

/* Longer spans are for strides beyond this one: shorter blocks leave little at the end of a slab. */
#define SPAN_STRIDE_MIN 8192

/* The shortest span whose blocks cost no more than those of the longest. Half of it has half as many blocks, if
 * their number is even, and less than that else. */
static uint32_t span_of_stride(uint32_t stride) {
  if (stride <= SPAN_STRIDE_MIN) return 1;
  uint32_t span = HK_SPAN_SLABS_MAX, blocks = (uint32_t)(span * HK_SLAB_BYTES / stride);
  for (; span > 1 && blocks % 2 == 0; blocks /= 2) span /= 2;
  return span;
}

/* Of a single slab. over = 0: the stride is a power of two, and no offset lies behind the last block. */
static void set_slab_check(hk_class_t *c) {
  uint32_t over = c->stride_bytes * c->reciprocal; /* modulo 2^32 */
  c->check = c->reciprocal;
  c->block_limit = over == 0 ? 1 : c->capacity * over;
}

/* Of a longer span. The stride is 2^g x m. `check` is an inverse of m modulo 2^(32 - g), and so chosen that
 * check x m = 1 + m x 2^(32 - g). So check x m x offset = offset + (m x offset mod 2^g) x 2^(32 - g), whose second
 * part is 0 only of multiples of 2^g. If check x offset is below capacity x 2^g, then m times that is below the end of
 * the last block, which is at most 2^(32 - g), and nothing was lost modulo 2^32: the second part is 0, and the offset
 * is m x 2^g times an index. */
static void set_span_check(hk_class_t *c) {
  uint32_t shift = hk_ctz32(c->stride_bytes), odd = c->stride_bytes >> shift, inverse = odd;
  HK_ASSERT((uint64_t)c->span_slabs * HK_SLAB_BYTES <= (uint64_t)1 << (32 - shift));
  for (int bits = 3; bits < 32; bits *= 2)
    inverse *= 2 - odd * inverse; /* Newton: right in so many bits */
  c->check = inverse + ((uint32_t)1 << (32 - shift));
  c->block_limit = c->capacity << shift;
}

static hk_class_t class_of_stride(uint32_t stride) {
  uint32_t span = span_of_stride(stride);
  hk_class_t c = {.stride_bytes = stride,
                  .span_slabs = span,
                  .capacity = (uint32_t)(span * HK_SLAB_BYTES / stride),
                  .reciprocal = (uint32_t)((((uint64_t)1 << 32) + stride - 1) / stride),
                  .row = hk_classes_row_of_size(stride)};
  if (span == 1) {
    set_slab_check(&c);
  } else {
    set_span_check(&c);
  }
  return c;
}

static void index_by_size(hk_classes_t *table) {
  uint32_t bin = 0;
  table->bins[0].first_bytes = 1;
  for (uint32_t i = 0; i <= HK_CLASS_SIZE_MAX / 8; i++) {
    if (i * 8 > table->bins[bin].stride_bytes) {
      bin++;
      table->bins[bin].first_bytes = table->bins[bin - 1].stride_bytes + 1;
    }
    table->by_size_x64[i] = (uint16_t)(bin * 64);
  }
}

/* Gives the sizes up to a stride that `from` serves to `to`. Returns the smallest of them. */
static uint32_t move_sizes(hk_classes_t *table, uint32_t stride, uint32_t from, uint32_t to) {
  uint32_t i = stride / 8;
  for (; i > 0 && table->by_size_x64[i] == from * 64; i--) {
    table->by_size_x64[i] = (uint16_t)(to * 64);
  }
  /* Nobody asks for 0 bytes but as for one. */
  if (i == 0) table->by_size_x64[0] = table->by_size_x64[1];
  return i * 8 + 1;
}

hk_status_t hk_classes_add(hk_classes_t *table, uint32_t bin, uint32_t stride) {
  if (bin >= HK_BIN_MAX || bin > table->count || !is_stride(stride)) return HK_INVALID_ARGUMENT;
  uint32_t next = hk_classes_bin(table, stride);
  if (table->bins[next].stride_bytes == stride || hk_classes_serves(table, bin))
    return HK_INVALID_ARGUMENT;
  /* A class that comes again may have slabs, and so readers; there is nothing to be written then. */
  bool is_new = bin == table->count || table->bins[bin].stride_bytes != stride;
  if (is_new) table->bins[bin] = class_of_stride(stride);
  table->bins[bin].first_bytes = move_sizes(table, stride, next, bin);
  if (bin == table->count) table->count++;
  return HK_OK;
}

void hk_classes_retire(hk_classes_t *table, uint32_t bin) {
  uint32_t stride = table->bins[bin].stride_bytes;
  HK_ASSERT(bin >= table->built && hk_classes_serves(table, bin));
  (void)move_sizes(table, stride, bin, hk_classes_next(table, bin));
}

hk_status_t hk_classes_build(hk_classes_t *table, const uint32_t *strides, size_t count) {
  if (!strides_are_valid(strides, count)) return HK_INVALID_ARGUMENT;
  for (size_t i = 0; i < count; i++) table->bins[i] = class_of_stride(strides[i]);
  table->count = (uint32_t)count;
  if (strides[count - 1] < HK_CLASS_SIZE_MAX) {
    table->bins[table->count++] = class_of_stride((uint32_t)HK_CLASS_SIZE_MAX);
  }
  table->built = table->count;
  index_by_size(table);
  return HK_OK;
}

const hk_classes_t *hk_classes_default(void) {
  static hk_classes_t table;
  static hk_once_t once;
  if (hk_once_begin(&once)) {
    HK_CHECK(hk_classes_build(&table, default_strides, DEFAULT_COUNT) == HK_OK);
    hk_once_end(&once);
  }
  return &table;
}

uint32_t hk_classes_bin_aligned(const hk_classes_t *table, size_t size_bytes, size_t alignment) {
  uint32_t bin = hk_classes_bin(table, size_bytes);
  while (table->bins[bin].stride_bytes % alignment != 0) bin = hk_classes_next(table, bin);
  return bin;
}

/* Fixed geometry of the allocator.
 *
 * Owns:      the sizes that every other box is built on; none can be tuned at run time.
 * Called by: everybody.
 */
#ifndef HK_BASE_CONFIG_H
#define HK_BASE_CONFIG_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HK_KIB ((size_t)1024)
#define HK_MIB (HK_KIB * HK_KIB)

/* A slab serves one size class at a time; SuperSlabs are what the arena takes from the OS. */
#define HK_SLAB_SHIFT 16
#define HK_SLAB_BYTES ((size_t)1 << HK_SLAB_SHIFT)
#define HK_SUPERSLAB_SHIFT 21
#define HK_SUPERSLAB_BYTES ((size_t)1 << HK_SUPERSLAB_SHIFT)
#define HK_SUPERSLAB_SLABS 32

/* Most slabs that serve a class together, as a span. A span has 1, 2, 4 or 8 slabs and begins at a multiple of so
 * many, so that the low bits of an address say where in it that is. */
#define HK_SPAN_SLABS_MAX 8

/* A block reference is slab number x 8192 + block index: a non-negative integer of 31 bits, which
 * every JavaScript engine stores as a small integer. A slab has 8192 blocks of the smallest
 * class. */
#define HK_REF_INDEX_BITS 13
#define HK_REF_INDEX_MASK (((uint32_t)1 << HK_REF_INDEX_BITS) - 1)
#define HK_ARENA_SUPERSLABS_MAX 8192 /* that references lead to */

/* Most blocks in one batch between a front and the core. */
#define HK_BATCH_MAX 2048

/* 0: built for those who have no front in C, so that nothing of it is in the program. */
#ifndef HK_FRONT_IN_C
#define HK_FRONT_IN_C 1
#endif

/* Largest sizes that a class and a run serve. */
#define HK_CLASS_SIZE_MAX HK_SLAB_BYTES
#define HK_RUN_SIZE_MAX HK_SUPERSLAB_BYTES
/* A short slab has its blocks in the first of its bytes, because all that JavaScript sees is wiped after it; and what
 * strides it may have, so that some fit. */
#define HK_SHORT_SLAB_BYTES (HK_SLAB_BYTES / 4)
#define HK_SHORT_STRIDE_MAX (HK_SHORT_SLAB_BYTES / 4)
/* Larger requests are refused without asking the OS: 2^47 bytes is a usual user address space. */
#define HK_SIZE_MAX ((uint64_t)1 << 47)
/* The same of what a `size_t` counts: where it has 32 bits, rounding up must not wrap. */
#define HK_MAPPING_MAX (SIZE_MAX > UINT32_MAX ? HK_SIZE_MAX : (uint64_t)1 << 31)

/* Every length up to this one has counters of its own. */
#define HK_EXACT_LENGTH_MAX 1024

static_assert(HK_SUPERSLAB_BYTES == HK_SLAB_BYTES * HK_SUPERSLAB_SLABS,
              "32 slabs fill a SuperSlab");
static_assert(HK_SLAB_BYTES / 8 == (size_t)1 << HK_REF_INDEX_BITS,
              "every 8-byte block has an index");

#endif

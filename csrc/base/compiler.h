/* Compiler: what the core asks of it beyond C11: branch hints, bit counting, inlining, plain
 * accesses that do not tear. */
#ifndef HK_BASE_COMPILER_H
#define HK_BASE_COMPILER_H

#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define HK_LIKELY(x) __builtin_expect(!!(x), 1)
#define HK_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define HK_NOINLINE __attribute__((noinline))
/* For functions of a few instructions on the hot path: they start at a cache line. */
#define HK_HOT __attribute__((aligned(64)))
/* Hides where a pointer comes from, so that the compiler keeps it in one register instead of
 * computing the address of each field again. */
#define HK_OPAQUE(pointer) __asm__("" : "+r"(pointer))

/* Index of the lowest set bit; `bits` must not be 0. */
static inline uint32_t hk_ctz64(uint64_t bits) { return (uint32_t)__builtin_ctzll(bits); }
static inline uint32_t hk_ctz32(uint32_t bits) { return (uint32_t)__builtin_ctz(bits); }
/* Index of the highest set bit; `bits` must not be 0. */
static inline uint32_t hk_log2(uint64_t bits) { return 63 - (uint32_t)__builtin_clzll(bits); }
#else
#include <intrin.h>
#define HK_LIKELY(x) (x)
#define HK_UNLIKELY(x) (x)
#define HK_NOINLINE __declspec(noinline)
#define HK_HOT
#define HK_OPAQUE(pointer) ((void)(pointer))

static inline uint32_t hk_ctz64(uint64_t bits) {
  unsigned long index;
  _BitScanForward64(&index, bits);
  return (uint32_t)index;
}
static inline uint32_t hk_ctz32(uint32_t bits) { return hk_ctz64(bits); }
static inline uint32_t hk_log2(uint64_t bits) {
  unsigned long index;
  _BitScanReverse64(&index, bits);
  return (uint32_t)index;
}
#endif

/* Set bits, by adding up ever wider fields. Not every x86-64 has an instruction for it, and without one compilers call a
 * function for theirs. */
static inline uint32_t hk_popcount32(uint32_t bits) {
  bits -= bits >> 1 & 0x55555555;
  bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
  return ((bits + (bits >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}
static inline uint32_t hk_popcount64(uint64_t bits) {
  return hk_popcount32((uint32_t)bits) + hk_popcount32((uint32_t)(bits >> 32));
}

/* 1: built for the thread sanitizer, which accepts only atomic accesses. */
#if defined(__SANITIZE_THREAD__)
#define HK_THREAD_SANITIZER 1
#elif defined(__has_feature)
#define HK_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define HK_THREAD_SANITIZER 0
#endif

/* Access a field that one thread writes and any thread may read: plain loads and stores without
 * order, which the compiler neither tears nor invents. The writer itself may read the field
 * plainly. */
#define HK_WRITE_ONCE(field, value) \
  __atomic_store_n(&(field), (__typeof__(field))(value), __ATOMIC_RELAXED)
#define HK_READ_ONCE(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

#endif

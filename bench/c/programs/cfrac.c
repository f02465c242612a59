/* cfrac: arithmetic on numbers of 2 to 18 bytes, as the program of that name that factors by continued
 * fractions (D. Barrett) and that B. Zorn measured allocators with: every result is a new block, and
 * most are freed a few results later. It expands sqrt(N), N of 110 bits: the quotients, the sequences
 * P and Q, and A, the numerators modulo N, with A^2 = +-Q modulo N. An A whose Q ends in 8 zero bits
 * is kept to the end. An operation is an A.
 */
#include "../allocator.h"
#include "../harness.h"
#include "programs.h"

typedef unsigned __int128 wide_t;

#define DIGIT_BITS 16

typedef struct number_t {
  uint32_t count;
  uint16_t digits[]; /* lowest first; the highest is not 0 */
} number_t;

typedef struct relation_t {
  struct relation_t *next;
  number_t *a;
} relation_t;

typedef struct expansion_t {
  heap_t *heap;
  number_t *modulus, *a, *a_before;
  wide_t n;
  uint64_t root, p, q, q_before;
  double modulus_top;
} expansion_t;

static number_t *number_new(heap_t *heap, uint32_t count) {
  number_t *number = heap_alloc(heap, sizeof *number + count * sizeof(uint16_t));
  number->count = count;
  return number;
}

static number_t *trimmed(number_t *number) {
  while (number->count > 0 && number->digits[number->count - 1] == 0) number->count--;
  return number;
}

static number_t *number_from(heap_t *heap, wide_t value) {
  number_t *number = number_new(heap, sizeof value * 8 / DIGIT_BITS);
  for (uint32_t i = 0; i < number->count; i++) number->digits[i] = (uint16_t)(value >> 16 * i);
  return trimmed(number);
}

static number_t *times(heap_t *heap, const number_t *number, uint32_t factor) {
  number_t *product = number_new(heap, number->count + 2);
  uint64_t carry = 0;
  for (uint32_t i = 0; i < product->count; i++) {
    if (i < number->count) carry += (uint64_t)number->digits[i] * factor;
    product->digits[i] = (uint16_t)carry;
    carry >>= DIGIT_BITS;
  }
  return trimmed(product);
}

static number_t *plus(heap_t *heap, const number_t *a, const number_t *b) {
  number_t *sum = number_new(heap, (a->count > b->count ? a->count : b->count) + 1);
  uint32_t carry = 0;
  for (uint32_t i = 0; i < sum->count; i++) {
    carry += (i < a->count ? a->digits[i] : 0u) + (i < b->count ? b->digits[i] : 0u);
    sum->digits[i] = (uint16_t)carry;
    carry >>= DIGIT_BITS;
  }
  return trimmed(sum);
}

/* a - b; b is not more than a. */
static number_t *minus(heap_t *heap, const number_t *a, const number_t *b) {
  number_t *difference = number_new(heap, a->count);
  int32_t borrow = 0;
  for (uint32_t i = 0; i < a->count; i++) {
    borrow += (int32_t)a->digits[i] - (int32_t)(i < b->count ? b->digits[i] : 0u);
    difference->digits[i] = (uint16_t)borrow;
    borrow >>= DIGIT_BITS;
  }
  return trimmed(difference);
}

static bool is_less(const number_t *a, const number_t *b) {
  if (a->count != b->count) return a->count < b->count;
  for (uint32_t i = a->count; i-- > 0;) {
    if (a->digits[i] != b->digits[i]) return a->digits[i] < b->digits[i];
  }
  return false;
}

/* As a multiple of 2^64. */
static double top_of(const number_t *number) {
  double value = 0;
  for (uint32_t i = number->count; i-- > 4;) value = value * 65536 + number->digits[i];
  return value;
}

/* The number modulo N, which takes its place. */
static number_t *reduced(const expansion_t *e, number_t *number) {
  double quotient = top_of(number) / e->modulus_top;
  uint32_t estimate = quotient >= 1 ? (uint32_t)quotient - 1 : 0; /* never too large */
  number_t *multiple = times(e->heap, e->modulus, estimate);
  number_t *rest = minus(e->heap, number, multiple);
  heap_free(e->heap, multiple);
  heap_free(e->heap, number);
  while (!is_less(rest, e->modulus)) {
    number_t *less = minus(e->heap, rest, e->modulus);
    heap_free(e->heap, rest);
    rest = less;
  }
  return rest;
}

/* One partial quotient further. It fits 32 bits for all but one in 4 billion. */
static void advance(expansion_t *e) {
  uint64_t quotient = (e->root + e->p) / e->q;
  uint64_t p = quotient * e->q - e->p, q = e->q_before + quotient * (e->p - p);
  number_t *product = times(e->heap, e->a, (uint32_t)quotient);
  number_t *sum = plus(e->heap, product, e->a_before);
  heap_free(e->heap, product);
  heap_free(e->heap, e->a_before);
  e->a_before = e->a;
  e->a = reduced(e, sum);
  e->q_before = e->q;
  e->p = p;
  e->q = q;
}

#if CHECKED
static wide_t value_of(const number_t *number) {
  wide_t value = 0;
  for (uint32_t i = number->count; i-- > 0;) value = value << DIGIT_BITS | number->digits[i];
  return value;
}

/* Whether A^2 = (-1)^step Q modulo N: what numbers cost when somebody else writes to them. */
static void check(const expansion_t *e, const number_t *a, uint64_t q, bool is_odd) {
  wide_t factor = value_of(a), square = 0;
  for (int bit = 127; bit >= 0; bit--) {
    square = square * 2 % e->n;
    if (factor >> bit & 1) square = (square + factor) % e->n;
  }
  if (square != (is_odd ? e->n - q : q)) bench_fail("a number has the digits of another");
}
#endif

static uint64_t root_of(wide_t n) {
  wide_t root = (wide_t)1 << 63;
  for (wide_t next = 0; (next = (root + n / root) / 2) < root;) root = next;
  return (uint64_t)root;
}

static void free_relations(heap_t *heap, relation_t *relation) {
  while (relation != NULL) {
    relation_t *next = relation->next;
    heap_free(heap, relation->a);
    heap_free(heap, relation);
    relation = next;
  }
}

static relation_t *keep(const expansion_t *e, relation_t *relations) {
  relation_t *relation = heap_alloc(e->heap, sizeof *relation);
  *relation = (relation_t){relations, times(e->heap, e->a, 1)};
  return relation;
}

/* steps */
void program_cfrac(const uint64_t *arguments) {
  relation_t *relations = NULL;
  expansion_t e = {.heap = heap_open(), .q_before = 1};
  e.n = ((wide_t)0x2b992ddfa232u << 64) | 0x49d6e9f1c1c5a3b7u;
  e.root = root_of(e.n);
  e.p = e.root; /* the first step is done: a0 = root, P1 = a0, Q1 = N - a0^2 */
  e.q = (uint64_t)(e.n - (wide_t)e.root * e.root);
  e.modulus = number_from(e.heap, e.n);
  e.modulus_top = top_of(e.modulus);
  e.a_before = number_from(e.heap, 1);
  e.a = number_from(e.heap, e.root);
  bench_start();
  for (uint64_t step = 1; step <= arguments[0]; step++) {
#if CHECKED
    check(&e, e.a, e.q, step % 2 == 1);
#endif
    if ((e.q & 0xff) == 0) relations = keep(&e, relations);
    advance(&e);
  }
  free_relations(e.heap, relations);
  heap_free(e.heap, e.modulus);
  heap_free(e.heap, e.a_before);
  heap_free(e.heap, e.a);
  bench_expect_empty();
  bench_stop(arguments[0]);
}

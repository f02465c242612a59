/* espresso: covers of cubes, split and merged, as the logic minimizer of that name (Berkeley) does and
 * B. Zorn measured allocators with: lists, single cubes and covers of 8 bytes to some KB, in nests that
 * are freed from the inside out. It computes the complement of a cover by Shannon's expansion: of both
 * cofactors in a variable, recursively, and then of the two together. An operation is a complement.
 */
#include <string.h>

#include "../allocator.h"
#include "../harness.h"
#include "programs.h"

#define VARIABLES 20
#define LITERALS 5
#define LOOKED_AT 6 /* for a cube in the other cover: all would be most of the work */
#define ALL ((1ull << 2 * VARIABLES) - 1)

/* Two bits for each variable: may it be 0, may it be 1. A variable that may be neither: no point. */
typedef uint64_t cube_t;

typedef struct cover_t {
  uint32_t count;
  cube_t cubes[];
} cover_t;

/* Cubes as the expansion sees them: pointers to cubes of somebody else's, and what they have lost. */
typedef struct list_t {
  cube_t *lost; /* literals that every cube has been relieved of */
  uint32_t count;
  const cube_t *cubes[];
} list_t;

static cube_t literal(uint32_t variable, bool value) {
  return ALL ^ ((value ? 1ull : 2ull) << 2 * variable);
}

static cover_t *cover_new(heap_t *heap, uint32_t capacity) {
  cover_t *cover = heap_alloc(heap, sizeof *cover + capacity * sizeof(cube_t));
  cover->count = 0;
  return cover;
}

static list_t *list_new(heap_t *heap, uint32_t capacity) {
  list_t *list = heap_alloc(heap, sizeof *list + capacity * sizeof(cube_t *));
  list->lost = heap_alloc(heap, sizeof *list->lost);
  list->count = 0;
  return list;
}

static void list_end(heap_t *heap, list_t *list) {
  heap_free(heap, list->lost);
  heap_free(heap, list);
}

static bool has_points(cube_t cube) { return ((cube | cube >> 1) & (ALL / 3)) == ALL / 3; }

/* Cubes that have points where the literal holds. */
static list_t *cofactor(heap_t *heap, const list_t *of, cube_t by) {
  list_t *list = list_new(heap, of->count);
  *list->lost = *of->lost | (ALL ^ by);
  for (uint32_t i = 0; i < of->count; i++) {
    if (has_points((*of->cubes[i] | *of->lost) & by)) list->cubes[list->count++] = of->cubes[i];
  }
  return list;
}

/* The variable that most cubes depend on. */
static uint32_t busiest(const list_t *list) {
  uint8_t counts[VARIABLES] = {0};
  uint32_t best = 0;
  for (uint32_t i = 0; i < list->count; i++) {
    cube_t missing = ALL ^ (*list->cubes[i] | *list->lost);
    for (; missing != 0; missing &= missing - 1) counts[__builtin_ctzll(missing) / 2]++;
  }
  for (uint32_t v = 1; v < VARIABLES; v++) best = counts[v] > counts[best] ? v : best;
  return best;
}

/* De Morgan: a cube for every literal. */
static cover_t *complement_of_cube(heap_t *heap, cube_t cube) {
  cube_t missing = ALL ^ cube;
  cover_t *cover = cover_new(heap, (uint32_t)__builtin_popcountll(missing));
  for (; missing != 0; missing &= missing - 1) {
    cube_t bit = missing & -missing, other = bit & (ALL / 3) ? bit << 1 : bit >> 1;
    cover->cubes[cover->count++] = ALL ^ other;
  }
  return cover;
}

/* Both covers, each where its literal holds; cubes that both have near their beginning hold everywhere. */
static cover_t *merge(heap_t *heap, cover_t *zero, cover_t *one, uint32_t variable) {
  cover_t *cover = cover_new(heap, zero->count + one->count);
  for (uint32_t i = 0; i < zero->count; i++) {
    uint32_t k = 0;
    uint32_t end = one->count < LOOKED_AT ? one->count : LOOKED_AT;
    while (k < end && one->cubes[k] != zero->cubes[i]) k++;
    bool both = k < end;
    cover->cubes[cover->count++] = both ? one->cubes[k] : zero->cubes[i] & literal(variable, false);
    if (both) one->cubes[k] = one->cubes[--one->count];
  }
  for (uint32_t k = 0; k < one->count; k++) {
    cover->cubes[cover->count++] = one->cubes[k] & literal(variable, true);
  }
  heap_free(heap, zero);
  heap_free(heap, one);
  return cover;
}

static cover_t *complement_of_cofactor(heap_t *heap, const list_t *list, cube_t by);

static cover_t *complement(heap_t *heap, const list_t *list) {
  if (list->count == 0) {
    cover_t *everything = cover_new(heap, 1);
    everything->cubes[everything->count++] = ALL;
    return everything;
  }
  for (uint32_t i = 0; i < list->count; i++) {
    if ((*list->cubes[i] | *list->lost) == ALL) return cover_new(heap, 0);
  }
  if (list->count == 1) return complement_of_cube(heap, *list->cubes[0] | *list->lost);
  uint32_t variable = busiest(list);
  cover_t *zero = complement_of_cofactor(heap, list, literal(variable, false));
  cover_t *one = complement_of_cofactor(heap, list, literal(variable, true));
  return merge(heap, zero, one, variable);
}

static cover_t *complement_of_cofactor(heap_t *heap, const list_t *list, cube_t by) {
  list_t *part = cofactor(heap, list, by);
  cover_t *cover = complement(heap, part);
  list_end(heap, part);
  return cover;
}

static cover_t *random_cover(heap_t *heap, uint32_t count, uint32_t *state) {
  cover_t *cover = cover_new(heap, count);
  while (cover->count < count) {
    cube_t cube = ALL;
    for (int i = 0; i < LITERALS; i++) {
      *state = bench_random(*state);
      cube_t narrower = cube & literal((*state >> 8) % VARIABLES, *state >> 31);
      if (has_points(narrower)) cube = narrower;
    }
    cover->cubes[cover->count++] = cube;
  }
  return cover;
}

#if CHECKED
static bool covers(const cover_t *cover, cube_t point) {
  for (uint32_t i = 0; i < cover->count; i++) {
    if ((cover->cubes[i] & point) == point) return true;
  }
  return false;
}

/* Every point is in the cover or in its complement, and in one only. */
static void check(const cover_t *cover, const cover_t *complement, uint32_t state) {
  for (int i = 0; i < 1000; i++) {
    cube_t point = ALL;
    state = bench_random(state);
    for (uint32_t v = 0; v < VARIABLES; v++) point &= literal(v, state >> v & 1);
    if (covers(cover, point) == covers(complement, point)) bench_fail("a cube of another");
  }
}
#endif

/* Returns cubes, so that nothing is computed for nobody. */
static uint64_t play(heap_t *heap, uint32_t cubes, uint32_t *state) {
  cover_t *cover = random_cover(heap, cubes, state);
  list_t *list = list_new(heap, cubes);
  *list->lost = 0;
  for (uint32_t i = 0; i < cubes; i++) list->cubes[list->count++] = &cover->cubes[i];
  cover_t *result = complement(heap, list);
  uint64_t count = result->count;
#if CHECKED
  check(cover, result, *state);
#endif
  list_end(heap, list);
  heap_free(heap, result);
  heap_free(heap, cover);
  return count;
}

/* complements cubes */
void program_espresso(const uint64_t *arguments) {
  uint32_t state = 1234567;
  uint64_t cubes = 0;
  heap_t *heap = heap_open();
  bench_start();
  for (uint64_t i = 0; i < arguments[0]; i++) cubes += play(heap, (uint32_t)arguments[1], &state);
  bench_expect_empty();
  bench_report("cubes", cubes);
  bench_stop(arguments[0]);
}

/* A test harness in one header.
 *
 *   HK_TEST(slab_starts_empty) { EXPECT_EQ(hk_slab_free_count(&slab), 0); }
 *   HK_TEST_MAIN(slab_starts_empty, ...)
 *
 * A test left out of HK_TEST_MAIN is an unused variable, and the compiler says so. A failed
 * expectation is printed and the test goes on, so expectations are safe in any thread. The first
 * argument of the program, if given, selects the tests whose name contains it.
 */
#ifndef HK_TEST_HARNESS_H
#define HK_TEST_HARNESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct hk_test {
  const char *name;
  void (*run)(void);
} hk_test_t;

/* The record is an array of one, so that its bare name is a pointer HK_TEST_MAIN can list. */
#define HK_TEST(name)                                     \
  static void name##_run(void);                           \
  static const hk_test_t name[1] = {{#name, name##_run}}; \
  static void name##_run(void)

#define HK_TEST_MAIN(...)                                                                   \
  int main(int argc, char **argv) {                                                         \
    static const hk_test_t *const tests[] = {__VA_ARGS__};                                  \
    return hk_test_run_all(tests, sizeof tests / sizeof tests[0], argc > 1 ? argv[1] : ""); \
  }

#define EXPECT(condition) hk_test_expect((condition), #condition, __FILE__, __LINE__)

/* Integers, enumerations, booleans and pointers; both values are printed when they differ. */
#define EXPECT_EQ(actual, expected)                                                            \
  do {                                                                                         \
    _Static_assert(!_Generic((actual), float: 1, double: 1, default: 0), "not for fractions"); \
    hk_test_expect_eq((intmax_t)(actual), (intmax_t)(expected), #actual " == " #expected,      \
                      __FILE__, __LINE__);                                                     \
  } while (0)

#define EXPECT_STR_EQ(actual, expected) \
  hk_test_expect_str_eq((actual), (expected), #actual " == " #expected, __FILE__, __LINE__)

/* Of the running test. Atomic, relaxed: read only after the test has joined its threads. */
static atomic_int hk_test_failures;

static inline bool hk_test_expect(bool holds, const char *text, const char *file, int line) {
  if (!holds) {
    atomic_fetch_add_explicit(&hk_test_failures, 1, memory_order_relaxed);
    printf("  %s:%d: %s\n", file, line, text);
  }
  return holds;
}

static inline void hk_test_expect_eq(intmax_t actual, intmax_t expected, const char *text,
                                     const char *file, int line) {
  if (!hk_test_expect(actual == expected, text, file, line)) {
    printf("    %jd (0x%jx) against %jd (0x%jx)\n", actual, (uintmax_t)actual, expected,
           (uintmax_t)expected);
  }
}

static inline void hk_test_expect_str_eq(const char *actual, const char *expected, const char *text,
                                         const char *file, int line) {
  if (!hk_test_expect(strcmp(actual, expected) == 0, text, file, line)) {
    printf("    \"%s\" against \"%s\"\n", actual, expected);
  }
}

static inline int hk_test_run_all(const hk_test_t *const *tests, size_t count, const char *filter) {
  int passed = 0, failed = 0;
  setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not swallow the name of the test before it */
  for (size_t i = 0; i < count; i++) {
    if (strstr(tests[i]->name, filter) == NULL) continue;
    atomic_store_explicit(&hk_test_failures, 0, memory_order_relaxed);
    tests[i]->run();
    const bool ok = atomic_load_explicit(&hk_test_failures, memory_order_relaxed) == 0;
    ok ? passed++ : failed++;
    printf("%s %s\n", ok ? "ok" : "FAIL", tests[i]->name);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

#endif

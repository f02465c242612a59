/* Checks.
 *
 * HK_CHECK        always, O(1): ends the process on corruption that must not go on.
 * HK_ASSERT       in debug builds (HK_DEBUG), O(1).
 * HK_ASSERT_SLOW  in debug builds, O(n): whole structures, where a box is entered or left.
 */
#ifndef HK_BASE_ASSERT_H
#define HK_BASE_ASSERT_H

#ifndef HK_DEBUG
#define HK_DEBUG 0
#endif

/* Prints one line to stderr and aborts. */
_Noreturn void hk_assert_fail(const char *condition, const char *file, int line);

#define HK_CHECK(condition) \
  ((condition) ? (void)0 : hk_assert_fail(#condition, __FILE__, __LINE__))

#if HK_DEBUG
#define HK_ASSERT(condition) HK_CHECK(condition)
#define HK_ASSERT_SLOW(condition) HK_CHECK(condition)
#else
#define HK_ASSERT(condition) ((void)0)
#define HK_ASSERT_SLOW(condition) ((void)0)
#endif

#endif

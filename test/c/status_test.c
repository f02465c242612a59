#include "base/status.h"

#include "harness.h"

static const struct {
  hk_status_t status;
  int value;
  const char *name;
} expected[] = {{HK_OK, 0, "OK"},
                {HK_OUT_OF_MEMORY_OS, 1, "OUT_OF_MEMORY_OS"},
                {HK_OUT_OF_MEMORY_LIMIT, 2, "OUT_OF_MEMORY_LIMIT"},
                {HK_OUT_OF_MEMORY_TABLE, 3, "OUT_OF_MEMORY_TABLE"},
                {HK_INVALID_ARGUMENT, 4, "INVALID_ARGUMENT"},
                {HK_NOT_OWNED, 5, "NOT_OWNED"},
                {HK_DOUBLE_FREE, 6, "DOUBLE_FREE"},
                {HK_SLAB_BUSY, 7, "SLAB_BUSY"},
                {HK_ARENA_DESTROYED, 8, "ARENA_DESTROYED"},
                {HK_OUT_OF_MEMORY_PROCESS, 9, "OUT_OF_MEMORY_PROCESS"},
                {HK_BAD_TICKET, 10, "BAD_TICKET"}};
#define EXPECTED_COUNT (sizeof expected / sizeof expected[0])

/* The front compares numbers, so a value that moves is a wrong error code there. */
HK_TEST(values_and_names_are_permanent) {
#define COUNT_ONE(name, value, text) +1
  EXPECT_EQ(EXPECTED_COUNT, 0 HK_STATUS_LIST(COUNT_ONE));
#undef COUNT_ONE
  for (size_t i = 0; i < EXPECTED_COUNT; i++) {
    EXPECT_EQ(expected[i].status, expected[i].value);
    EXPECT_STR_EQ(hk_status_name(expected[i].status), expected[i].name);
  }
}

HK_TEST(every_status_has_a_text_of_its_own) {
  for (size_t i = 0; i < EXPECTED_COUNT; i++) {
    const char *text = hk_status_text(expected[i].status);
    EXPECT(strlen(text) > 0);
    for (size_t j = 0; j < i; j++) EXPECT(strcmp(text, hk_status_text(expected[j].status)) != 0);
  }
}

HK_TEST(a_foreign_value_is_unknown_and_not_a_crash) {
  EXPECT_STR_EQ(hk_status_name((hk_status_t)EXPECTED_COUNT), "UNKNOWN");
  EXPECT_STR_EQ(hk_status_name((hk_status_t)-1), "UNKNOWN");
  EXPECT_STR_EQ(hk_status_text((hk_status_t)99), "unknown status");
}

HK_TEST_MAIN(values_and_names_are_permanent, every_status_has_a_text_of_its_own,
             a_foreign_value_is_unknown_and_not_a_crash)

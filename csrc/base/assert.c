#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void hk_assert_fail(const char *condition, const char *file, int line) {
  fprintf(stderr, "hakmem-arena: check failed: %s (%s:%d)\n", condition, file, line);
  abort();
}

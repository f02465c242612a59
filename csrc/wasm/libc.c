/* C library: the few functions of it that the core calls, for builds without one.
 *
 * Called by: the core, through csrc/wasm/include/.
 * Threads:   one has each memory.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "wasm/host.h"

_Noreturn void hk_assert_fail(const char *condition, const char *file, int line) {
  hk_host_fail(condition, file, line);
}

/* With bulk memory these are single instructions. */
void *memcpy(void *to, const void *from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }

void *memmove(void *to, const void *from, size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}

void *memset(void *to, int value, size_t bytes) { return __builtin_memset(to, value, bytes); }

int memcmp(const void *a, const void *b, size_t bytes) {
  const unsigned char *left = a, *right = b;
  for (size_t i = 0; i < bytes; i++) {
    if (left[i] != right[i]) return left[i] - right[i];
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

char *strchr(const char *text, int character) {
  while (*text != 0 && *text != (char)character) text++;
  return *text != 0 ? (char *)(uintptr_t)text : NULL;
}

char *getenv(const char *name) {
  static char value[64]; /* longer than any that an option takes */
  int length = hk_host_env(name, value, sizeof value);
  return length >= 0 ? value : NULL;
}

/* Base 10. What does not fit is the largest or smallest number. */
long long strtoll(const char *text, char **end, int base) {
  const char *at = text;
  unsigned long long number = 0, most = INT64_MAX;
  (void)base;
  while (*at == ' ' || (*at >= '\t' && *at <= '\r')) at++;
  int is_negative = *at == '-';
  if (*at == '-' || *at == '+') at++;
  const char *digits = at;
  for (; *at >= '0' && *at <= '9'; at++) {
    unsigned digit = (unsigned)(*at - '0');
    number = number > (most - digit) / 10 ? most : number * 10 + digit;
  }
  *end = (char *)(uintptr_t)(at == digits ? text : at);
  return is_negative ? -(long long)number : (long long)number;
}

static char *put(char *at, const char *last, char character) {
  if (at < last) *at = character;
  return at + 1;
}

static char *put_number(char *at, const char *last, unsigned long long number) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count > 0) at = put(at, last, digits[--count]);
  return at;
}

int snprintf(char *out, size_t room, const char *format, ...) {
  va_list arguments;
  char *at = out, *last = out + room - 1;
  va_start(arguments, format);
  for (; *format != 0; format++) {
    if (*format != '%') {
      at = put(at, last, *format);
    } else if (format[1] == 's') {
      for (const char *text = va_arg(arguments, const char *); *text != 0; text++) {
        at = put(at, last, *text);
      }
      format++;
    } else { /* %llu */
      at = put_number(at, last, va_arg(arguments, unsigned long long));
      format += 3;
    }
  }
  va_end(arguments);
  *(at < last ? at : last) = 0;
  return (int)(at - out);
}

/* What GNU's C++ library for glibc expects of its C library and musl does not have. Only for running a
 * program made for musl on a machine whose libraries are not; exceptions and thread-local destructors
 * of C++ do not work this way. */
#define _GNU_SOURCE
#include <locale.h>
#include <stdint.h>
#include <sys/random.h>
#include <time.h>

uint32_t arc4random(void) {
  uint32_t value = 0;
  (void)getrandom(&value, sizeof value, 0);
  return value;
}

size_t __strftime_l(char *text, size_t size, const char *format, const struct tm *time,
                    locale_t locale) {
  return strftime_l(text, size, format, time, locale);
}

int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *library) {
  (void)destroy, (void)object, (void)library;
  return 0;
}

char __libc_single_threaded = 0;

int _dl_find_object(void *address, void *found) {
  (void)address, (void)found;
  return -1;
}

unsigned __cpu_model[16];
int __cpu_indicator_init(void) { return 0; }

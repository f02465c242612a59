/* See string.h beside this file. */
#ifndef HK_WASM_STDLIB_H
#define HK_WASM_STDLIB_H

#include <stddef.h>

/* Valid until the next call. */
char *getenv(const char *name);
long long strtoll(const char *text, char **end, int base);

#endif

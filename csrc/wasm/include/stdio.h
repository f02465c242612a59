/* See string.h beside this file. */
#ifndef HK_WASM_STDIO_H
#define HK_WASM_STDIO_H

#include <stddef.h>

/* Knows %s and %llu. */
int snprintf(char *out, size_t room, const char *format, ...);

#endif

/* What the core takes of the C library where there is none: csrc/wasm/libc.c has it. */
#ifndef HK_WASM_STRING_H
#define HK_WASM_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
char *strchr(const char *text, int character);

#endif

/* Host: what JavaScript does for the core, beside what os_wasm.c asks of it. lib/native/wasm/ has both. */
#ifndef HK_WASM_HOST_H
#define HK_WASM_HOST_H

#include <stddef.h>

#define HK_IMPORT(name) __attribute__((import_module("host"), import_name(name)))
#define HK_EXPORT(name) __attribute__((export_name(name)))

/* Writes a variable of the environment, ended by a zero, into `out`. Returns its length; -1: it is not
 * set, or too long. */
HK_IMPORT("env") int hk_host_env(const char *name, char *out, size_t room);

/* A check has failed: throws. */
HK_IMPORT("fail") _Noreturn void hk_host_fail(const char *condition, const char *file, int line);

#endif

/* The contract of a platform file: os_unix.c, os_windows.c or os_wasm.c implements it, and os.c alone calls
 * it.
 *
 * Threads: every primitive may be called from any thread. None changes errno.
 */
#ifndef HK_OS_OS_PRIMS_H
#define HK_OS_OS_PRIMS_H

#include "base/config.h"

/* NEVER: this system does not do that, which is no failure. */
typedef enum hk_os_result_t {
  HK_OS_DONE,
  HK_OS_NO_MEMORY,
  HK_OS_REFUSED,
  HK_OS_NEVER
} hk_os_result_t;

/* The primitives as a table, so that a test can put a failing OS in their place. */
typedef struct hk_os_prims_t {
  void *(*map)(size_t bytes, size_t alignment); /* NULL: refused */
  hk_os_result_t (*unmap)(void *address, size_t bytes);
  hk_os_result_t (*purge)(void *address, size_t bytes); /* DONE: reads as zero afterwards */
  hk_os_result_t (*advise_huge)(void *address, size_t bytes, bool want);
  uint64_t (*now_ns)(void);
  uint64_t (*coarse_ns)(void); /* behind now_ns by some milliseconds. NULL: nothing is cheaper */
  /* Resizes a mapping, or its end, pages and all: where it is when `to` is NULL, else onto the
   * mapping, or part of one, of `new_bytes` at `to`, which it replaces. NULL: this system cannot. */
  hk_os_result_t (*remap)(void *address, size_t bytes, void *to, size_t new_bytes);
  /* Zeroes a range whose bytes are not in the memory of the core. NULL: they are, and it writes to
   * them itself. */
  void (*zero)(void *address, size_t bytes);
} hk_os_prims_t;

/* The real operating system. */
extern const hk_os_prims_t hk_os_native;

/* Size of a page, asked of the system each time; hk_os_page_bytes keeps the answer. */
size_t hk_os_prim_page_bytes(void);

/* Bytes of memory that the machine has; 0: the system does not say. */
uint64_t hk_os_prim_ram_bytes(void);

/* See hk_os_thread_id. */
uintptr_t hk_os_prim_thread_id(void);

/* See hk_os_yield. */
void hk_os_prim_yield(void);

#endif

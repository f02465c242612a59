/* Spare: a few mappings of metadata, kept for the next arena.
 *
 * Owns:      at most HK_SPARE_MAX mappings of at most HK_SPARE_BYTES_MAX bytes each.
 * Called by: arena (record), counters, refill (stacks): mappings that come and go with an arena.
 * Calls:     os, lock.
 * Threads:   any; one lock, never held across a system call.
 */
#ifndef HK_OS_SPARE_H
#define HK_OS_SPARE_H

#include "base/config.h"

#define HK_SPARE_MAX 8
#define HK_SPARE_BYTES_MAX (768 * HK_KIB) /* the stacks of a front with the default classes */

/* What a mapping was. It serves the same again, because some are expected as they were left. */
typedef enum hk_spare_kind_t {
  HK_SPARE_RECORD,
  HK_SPARE_COUNTERS,
  HK_SPARE_STACKS,
  HK_SPARE_EVENTS,
  HK_SPARE_KINDS
} hk_spare_kind_t;

/* Takes a spare mapping of this kind and of exactly `bytes` (whole pages), or else maps one. `*fresh`: it comes from
 * the OS and is zero; otherwise it is as it was put. The caller owns it. NULL: the OS refused. */
void *hk_spare_take(hk_spare_kind_t kind, size_t bytes, bool *fresh);

/* How many of this kind were taken so far: from the OS, or of those that had been put. Any thread. */
uint64_t hk_spare_taken(hk_spare_kind_t kind, bool fresh);

/* Keeps a mapping as it is, or unmaps it. If the OS refuses to unmap it, its address space is
 * lost. */
void hk_spare_put(hk_spare_kind_t kind, void *address, size_t bytes);

/* Sets how many mappings are kept from now on; at first HK_SPARE_MAX. For tests. */
void hk_spare_limit(uint32_t count);

/* Unmaps every spare mapping. Returns their bytes. */
size_t hk_spare_trim(void);

/* Hold the lock while the process forks. */
void hk_spare_lock(void);
void hk_spare_unlock(void);

#endif

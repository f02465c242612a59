/* Spare: a few mappings of metadata, kept for the next one who needs as much.
 *
 * Owns:      mappings given to it; at most HK_SPARE_MAX of them, each of up to HK_SPARE_BYTES_MAX bytes.
 * Called by: arena (its record, counters and front), which come and go with every arena.
 * Threads:   any; one lock, never held across a system call.
 */
#ifndef HK_OS_SPARE_H
#define HK_OS_SPARE_H

#include "base/config.h"

#define HK_SPARE_MAX 8
#define HK_SPARE_BYTES_MAX (512 * HK_KIB)

/* Maps `bytes` (whole pages), or finds a spare mapping of just as many. `*fresh`: it comes from the OS and
 * is zero; else it is as it was given. The caller owns it. NULL: the OS refused. */
void *hk_spare_take(size_t bytes, bool *fresh);

/* Gives a mapping away: kept as it is, or unmapped. An OS that refuses to costs address space. */
void hk_spare_put(void *address, size_t bytes);

/* Most mappings kept from here on, up to HK_SPARE_MAX, which is what it is at first. For tests. */
void hk_spare_limit(uint32_t count);

/* Unmaps all that is kept. Returns bytes. */
size_t hk_spare_trim(void);

#endif

/* RAM: how much memory this process may use, which is what the machine has or what its control group
 * lets it have.
 *
 * Owns:      nothing.
 * Called by: supply, for HAKMEM_MAX_MEMORY_MB=auto.
 * Calls:     open, read, close; os_prims.
 * Threads:   any. errno is kept.
 */
#ifndef HK_OS_RAM_H
#define HK_OS_RAM_H

#include "base/config.h"

/* Bytes; 0: the system does not say. Read anew at each call. */
uint64_t hk_ram_bytes(void);

/* Bytes that the control groups of a process allow, version 1 or 2, its own and those above it;
 * UINT64_MAX: they set no limit. `self`: the file that names the groups, /proc/self/cgroup; `root`:
 * where they are mounted, /sys/fs/cgroup. */
uint64_t hk_ram_of_groups(const char *self, const char *root);

#endif

/* The operating system: the only box that knows which one it is.
 *
 * Owns:      address space primitives, the purge guard, counts of system calls, mutexes.
 * Called by: super (SuperSlabs, huge mappings, metadata), arena (its own struct).
 * Calls:     os_unix.c or os_windows.c, one of which implements the hk_os_prim_* contract below.
 * Threads:   every function may be called from any thread; counters are atomic, relaxed.
 */
#ifndef HK_OS_OS_H
#define HK_OS_OS_H

#include "os/os_prims.h"

/* X(field): system calls made and refused since the process started; map and unmap of SuperSlabs and huge
 * mappings, those of metadata apart. metadata_bytes: mapped now for metadata, or kept by an OS that refused
 * to unmap it, whatever it was for. */
#define HK_OS_STATS(X)                                                                      \
  X(map) X(map_failed) X(unmap) X(unmap_failed) X(purge) X(purge_enomem) X(purge_failed)    \
  X(map_metadata) X(unmap_metadata) X(metadata_bytes)

typedef struct hk_os_stats_t {
#define HK_OS_STATS_FIELD(field) uint64_t field;
  HK_OS_STATS(HK_OS_STATS_FIELD)
#undef HK_OS_STATS_FIELD
  bool purge_disabled;
} hk_os_stats_t;

/* Maps `bytes` (a multiple of the page size) of zeroed, readable and writable memory at a multiple
 * of `alignment` (a power of two). Pages cost nothing until touched. NULL: the OS refuses. The
 * caller owns the mapping and gives it back with hk_os_unmap. */
void *hk_os_map(size_t bytes, size_t alignment);

/* Gives back a whole mapping. false: the OS refused, and it stays mapped for ever. */
bool hk_os_unmap(void *address, size_t bytes);

/* The same for metadata, wherever it is, which is counted apart. */
void *hk_os_map_metadata(size_t bytes);
bool hk_os_unmap_metadata(void *address, size_t bytes);

/* Gives the pages of a range back; the range stays mapped and reads as zero. false: nothing
 * changed, contents are as they were. After an ENOMEM (or, with HAKMEM_SS_MADVISE_STRICT, an
 * EINVAL) purging is disabled for the process: the count of mappings is exhausted and asking again
 * can only make it worse. */
bool hk_os_purge(void *address, size_t bytes);

/* Asks for huge pages on a 2 MB aligned range, or for none. Advice only. */
void hk_os_advise_huge(void *address, size_t bytes, bool want);

/* Monotonic clock. */
uint64_t hk_os_now_ns(void);

/* The calling thread, as a number that no other running thread has; never 0. */
uintptr_t hk_os_thread_id(void);

size_t hk_os_page_bytes(void);

/* Rounds up to whole pages. */
size_t hk_os_round_to_pages(size_t bytes);

void hk_os_stats(hk_os_stats_t *stats);

/* Replaces the primitives (NULL: the native ones) and re-enables purging. Only while no other
 * thread uses the allocator; for tests. */
void hk_os_replace(const hk_os_prims_t *prims);

#endif

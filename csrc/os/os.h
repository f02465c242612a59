/* OS: address space, clock and threads, for every room above.
 *
 * Owns:      counts of system calls; whether the process still purges.
 * Called by: every room above os.
 * Calls:     os_unix.c, os_windows.c or os_wasm.c, by the contract os_prims.h.
 * Threads:   any; counts are atomic, relaxed.
 */
#ifndef HK_OS_OS_H
#define HK_OS_OS_H

#include "os/os_prims.h"

/* X(field): system calls made and refused since the process started. `map` and `unmap` are of
 * SuperSlabs and huge mappings, those of metadata are apart. metadata_bytes: mapped now for
 * metadata, and whatever the OS refused to unmap. */
#define HK_OS_STATS(X)                                                                      \
  X(map) X(map_failed) X(unmap) X(unmap_failed) X(purge) X(purge_enomem) X(purge_failed)    \
  X(purged_bytes) X(purge_ns)                                                               \
  X(map_metadata) X(unmap_metadata) X(metadata_bytes)

typedef struct hk_os_stats_t {
#define HK_OS_STATS_FIELD(field) uint64_t field;
  HK_OS_STATS(HK_OS_STATS_FIELD)
#undef HK_OS_STATS_FIELD
  bool purge_disabled;
} hk_os_stats_t;

/* Maps `bytes` (whole pages) of zeroed, readable and writable memory at a multiple of `alignment`
 * (a power of two). Pages cost nothing until they are touched. The caller owns the mapping and ends
 * it with hk_os_unmap. NULL: the OS refused. */
void *hk_os_map(size_t bytes, size_t alignment);

/* Unmaps a whole mapping; of 0 bytes: hk_os_move_part took it all. false: the OS refused, and it stays mapped for ever. */
bool hk_os_unmap(void *address, size_t bytes);

/* Map and unmap for metadata, which is counted apart. */
void *hk_os_map_metadata(size_t bytes);
bool hk_os_unmap_metadata(void *address, size_t bytes);

/* Resizes a mapping, or its end, where it is; to 0 bytes: unmaps that. Its pages stay as they are, new ones read as zero. false: nothing
 * changed, because the system has no such call or somebody is behind the mapping. */
bool hk_os_resize(void *address, size_t bytes, size_t new_bytes);

/* Moves a mapping, pages and all, onto the larger one of `new_bytes` at `to`, which nobody has
 * touched. Nothing is left at `address`. false: nothing changed. */
bool hk_os_move(void *address, size_t bytes, void *to, size_t new_bytes);

/* The same of a part of a mapping, which must be one to the system, too, onto so many bytes of another
 * that nobody has touched. Nothing of it is left at `address`. false: nothing changed. */
bool hk_os_move_part(void *address, size_t bytes, void *to);

/* true: the system has what hk_os_resize and hk_os_move need. */
bool hk_os_can_move(void);

/* Gives the pages of a range back; the range stays mapped and reads as zero. false: nothing
 * changed, not even contents. An ENOMEM (with HAKMEM_SS_MADVISE_STRICT any refusal) disables
 * purging for the process: the OS has no more mappings to give, and each try could split one. */
bool hk_os_purge(void *address, size_t bytes);

/* Touches every page of a range, so that its first use causes no page fault: the first byte of each
 * becomes zero. */
void hk_os_touch(void *address, size_t bytes);

/* Zeroes a range; what hk_os_purge does where it can. */
void hk_os_zero(void *address, size_t bytes);

/* Advises huge pages for a range aligned to 2 MB, or small pages. */
void hk_os_advise_huge(void *address, size_t bytes, bool want);

/* The monotonic clock. */
uint64_t hk_os_now_ns(void);

/* The same clock where a few milliseconds do not matter: it may be so much behind, and costs a third. */
uint64_t hk_os_coarse_ns(void);

/* Mappings that the OS has refused so far. */
uint64_t hk_os_refusals(void);

/* The calling thread, as a number that no other running thread has; never 0. */
uintptr_t hk_os_thread_id(void);

/* Lets other threads run, while the calling one waits for one of them. */
void hk_os_yield(void);

size_t hk_os_page_bytes(void);

/* Rounds up to whole pages. */
size_t hk_os_round_to_pages(size_t bytes);

void hk_os_stats(hk_os_stats_t *stats);

/* Replaces the primitives (NULL: the native ones) and re-enables purging. Only while no other
 * thread uses the allocator; for tests. */
void hk_os_replace(const hk_os_prims_t *prims);

#endif

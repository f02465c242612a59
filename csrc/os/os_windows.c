/* The contract os_prims.h on Windows: VirtualAlloc and VirtualFree. */
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <string.h>
#include <windows.h>

#include "os/os_prims.h"

/* Another thread may take the room between finding it and mapping it. */
enum { ALIGNED_MAP_TRIES = 64 };

/* Commits at once: pages count against the commit limit, but use no memory until they are
 * touched. */
static void *commit_at(void *address, size_t bytes) {
  return VirtualAlloc(address, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static bool is_aligned(const void *address, size_t alignment) {
  return ((uintptr_t)address & (alignment - 1)) == 0;
}

/* Reserves more than is asked for, releases all of it, and maps the aligned part of where it was:
 * Windows cannot release a part of a reservation. */
static void *map_where_aligned(size_t bytes, size_t alignment) {
  size_t padded = bytes + alignment;
  if (padded < bytes) return NULL;
  for (int i = 0; i < ALIGNED_MAP_TRIES; i++) {
    char *room = VirtualAlloc(NULL, padded, MEM_RESERVE, PAGE_NOACCESS);
    if (room == NULL) return NULL;
    char *aligned = room + (-(uintptr_t)room & (uintptr_t)(alignment - 1));
    (void)VirtualFree(room, 0, MEM_RELEASE);
    void *address = commit_at(aligned, bytes);
    if (address != NULL) return address;
  }
  return NULL;
}

static void *windows_map(size_t bytes, size_t alignment) {
  void *address = commit_at(NULL, bytes);
  if (address == NULL || is_aligned(address, alignment)) return address;
  (void)VirtualFree(address, 0, MEM_RELEASE);
  return map_where_aligned(bytes, alignment);
}

static hk_os_result_t windows_unmap(void *address, size_t bytes) {
  (void)bytes; /* a reservation is released whole */
  return VirtualFree(address, 0, MEM_RELEASE) ? HK_OS_DONE : HK_OS_REFUSED;
}

/* Does not decommit, because committing again may be refused, and then a live range faults. Reset
 * pages may be dropped instead of written to the page file; zeroed first, they read as zero in
 * either case. Unlocking pages that are not locked fails, but takes them out of the working set. */
static hk_os_result_t windows_purge(void *address, size_t bytes) {
  memset(address, 0, bytes);
  if (VirtualAlloc(address, bytes, MEM_RESET, PAGE_READWRITE) == NULL) return HK_OS_REFUSED;
  (void)VirtualUnlock(address, bytes);
  return HK_OS_DONE;
}

/* Large pages need a privilege and stay in memory, so a library should not ask for them. */
static hk_os_result_t windows_advise_huge(void *address, size_t bytes, bool want) {
  (void)address, (void)bytes, (void)want;
  return HK_OS_REFUSED;
}

static uint64_t windows_now_ns(void) {
  LARGE_INTEGER ticks, per_second;
  (void)QueryPerformanceFrequency(&per_second);
  (void)QueryPerformanceCounter(&ticks);
  uint64_t count = (uint64_t)ticks.QuadPart, rate = (uint64_t)per_second.QuadPart;
  return count / rate * 1000000000u + count % rate * 1000000000u / rate;
}

uint64_t hk_os_prim_ram_bytes(void) {
  MEMORYSTATUSEX status = {.dwLength = sizeof status};
  return GlobalMemoryStatusEx(&status) ? status.ullTotalPhys : 0;
}

uintptr_t hk_os_prim_thread_id(void) { return GetCurrentThreadId(); }

void hk_os_prim_yield(void) { (void)SwitchToThread(); }

size_t hk_os_prim_page_bytes(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

const hk_os_prims_t hk_os_native = {.map = windows_map,
                                    .unmap = windows_unmap,
                                    .purge = windows_purge,
                                    .advise_huge = windows_advise_huge,
                                    .now_ns = windows_now_ns};

#endif

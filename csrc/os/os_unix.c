/* The contract os_prims.h on Linux, macOS and the BSDs: mmap, madvise, munmap. */
#ifndef _WIN32
#ifdef __linux__
#define _GNU_SOURCE /* mremap */
#else
#define _DEFAULT_SOURCE
#endif
#define _DARWIN_C_SOURCE

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "os/os_prims.h"

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

static void *map_anywhere(size_t bytes) {
  int before = errno;
  void *address =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  errno = before;
  return address == MAP_FAILED ? NULL : address;
}

static bool is_aligned(const void *address, size_t alignment) {
  return ((uintptr_t)address & (alignment - 1)) == 0;
}

/* Maps more than is asked for, and unmaps what lies outside the aligned part. */
static void *map_and_cut(size_t bytes, size_t alignment) {
  size_t padded = bytes + alignment - hk_os_prim_page_bytes();
  if (padded < bytes) return NULL;
  char *start = map_anywhere(padded);
  if (start == NULL) return NULL;
  size_t head = (size_t)(-(intptr_t)start & (intptr_t)(alignment - 1));
  size_t tail = padded - head - bytes;
  if (head > 0) (void)munmap(start, head);
  if (tail > 0) (void)munmap(start + head + bytes, tail);
  return start + head;
}

static void *unix_map(size_t bytes, size_t alignment) {
  if (alignment <= hk_os_prim_page_bytes()) return map_anywhere(bytes);
  /* The OS usually lays mappings of one size side by side, so a plain one is often aligned. */
  void *address = map_anywhere(bytes);
  if (address == NULL || is_aligned(address, alignment)) return address;
  (void)munmap(address, bytes);
  return map_and_cut(bytes, alignment);
}

/* A refusal is our business: `errno` is put back to what the program had. */
static hk_os_result_t result_of(int outcome, int errno_before) {
  if (outcome == 0) return HK_OS_DONE;
  hk_os_result_t result = errno == ENOMEM ? HK_OS_NO_MEMORY : HK_OS_REFUSED;
  errno = errno_before;
  return result;
}

static hk_os_result_t unix_unmap(void *address, size_t bytes) {
  int before = errno;
  return result_of(munmap(address, bytes), before);
}

static hk_os_result_t unix_purge(void *address, size_t bytes) {
  int before = errno;
#ifdef __linux__
  return result_of(madvise(address, bytes, MADV_DONTNEED), before);
#else
  /* Only Linux zeroes pages at MADV_DONTNEED; elsewhere a new mapping does. */
  void *fresh =
      mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  return fresh == address ? HK_OS_DONE : result_of(-1, before);
#endif
}

static hk_os_result_t unix_advise_huge(void *address, size_t bytes, bool want) {
#if defined(MADV_HUGEPAGE) && defined(MADV_NOHUGEPAGE)
  int before = errno;
  return result_of(madvise(address, bytes, want ? MADV_HUGEPAGE : MADV_NOHUGEPAGE), before);
#else
  (void)address, (void)bytes, (void)want;
  return HK_OS_REFUSED;
#endif
}

#ifdef __linux__
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Several mappings of the kernel may lie in one of ours: only the last of them grows. */
static hk_os_result_t resize(char *address, size_t bytes, size_t new_bytes) {
  if (new_bytes <= bytes) return unix_unmap(address + new_bytes, bytes - new_bytes);
  int before = errno;
  size_t page = hk_os_prim_page_bytes();
  void *now = mremap(address + bytes - page, page, new_bytes - bytes + page, 0);
  return result_of(now == MAP_FAILED ? -1 : 0, before);
}

/* Before some refusals the kernel has unmapped what is to be replaced. */
static void map_again(void *address, size_t bytes) {
  int before = errno;
  void *now = mmap(address, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (now != MAP_FAILED && now != address) (void)munmap(now, bytes); /* before Linux 4.17 */
  errno = before;
}

static hk_os_result_t linux_remap(void *address, size_t bytes, void *to, size_t new_bytes) {
  if (to == NULL) return resize(address, bytes, new_bytes);
  int before = errno;
  void *now = mremap(address, bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  if (now == MAP_FAILED) map_again(to, new_bytes);
  return result_of(now == MAP_FAILED ? -1 : 0, before);
}
#endif

static uint64_t read_clock(clockid_t clock) {
  struct timespec now;
  (void)clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t unix_now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

#ifdef CLOCK_MONOTONIC_COARSE
static uint64_t linux_coarse_ns(void) { return read_clock(CLOCK_MONOTONIC_COARSE); }
#endif

size_t hk_os_prim_page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

uint64_t hk_os_prim_ram_bytes(void) {
  long pages = sysconf(_SC_PHYS_PAGES);
  return pages > 0 ? (uint64_t)pages * hk_os_prim_page_bytes() : 0;
}

uintptr_t hk_os_prim_thread_id(void) { return (uintptr_t)pthread_self(); }

void hk_os_prim_yield(void) { (void)sched_yield(); }

const hk_os_prims_t hk_os_native = {.map = unix_map,
                                    .unmap = unix_unmap,
                                    .purge = unix_purge,
                                    .advise_huge = unix_advise_huge,
#ifdef __linux__
                                    .remap = linux_remap,
#endif
#ifdef CLOCK_MONOTONIC_COARSE
                                    .coarse_ns = linux_coarse_ns,
#endif
                                    .now_ns = unix_now_ns};

#endif

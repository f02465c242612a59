/* What several tests need: random numbers, patterns, an OS that fails on demand, child processes.
 *
 * Threads: everything here belongs to the thread that runs the test.
 */
#ifndef HK_TEST_SUPPORT_H
#define HK_TEST_SUPPORT_H

#include <inttypes.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/cache.h"
#include "harness.h"
#include "os/os.h"
#include "os/spare.h"
#include "stats/valid.h"
#include "super/pagemap.h"
#include "supply/record.h"

/* --- Random numbers --------------------------------------------------------------------------- */

typedef struct hk_random_t {
  uint64_t state;
} hk_random_t;

/* Starts a sequence and prints its seed; the environment's HK_TEST_SEED replaces `seed`. */
static inline hk_random_t hk_random_begin(uint64_t seed) {
  const char *wanted = getenv("HK_TEST_SEED");
  if (wanted != NULL) seed = strtoull(wanted, NULL, 10);
  printf("  seed %" PRIu64 "\n", seed);
  return (hk_random_t){seed};
}

/* splitmix64: any seed is a good one. */
static inline uint64_t hk_random_next(hk_random_t *random) {
  uint64_t z = random->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* 0 .. bound - 1. */
static inline uint32_t hk_random_below(hk_random_t *random, uint32_t bound) {
  return (uint32_t)(hk_random_next(random) % bound);
}

/* --- Rounds ----------------------------------------------------------------------------------- */

/* How often a test of a race tries: `few`, unless the environment's HK_TEST_ROUNDS says more. */
static inline uint32_t hk_test_rounds(uint32_t few) {
  const char *wanted = getenv("HK_TEST_ROUNDS");
  return wanted == NULL ? few : (uint32_t)strtoul(wanted, NULL, 10);
}

/* --- Patterns --------------------------------------------------------------------------------- */

static inline uint64_t hk_pattern_word(uint64_t key, size_t i) {
  return (key + 1) * 0x9e3779b97f4a7c15u + i * 0xff51afd7ed558ccdu;
}

/* Writes every byte of a block, differently for every key. */
static inline void hk_pattern_fill(void *block, size_t bytes, uint64_t key) {
  for (size_t i = 0; i < bytes; i += 8) {
    uint64_t word = hk_pattern_word(key, i);
    memcpy((char *)block + i, &word, bytes - i < 8 ? bytes - i : 8);
  }
}

/* true: every byte is as hk_pattern_fill left it. */
static inline bool hk_pattern_holds(const void *block, size_t bytes, uint64_t key) {
  for (size_t i = 0; i < bytes; i += 8) {
    uint64_t word = hk_pattern_word(key, i);
    if (memcmp((const char *)block + i, &word, bytes - i < 8 ? bytes - i : 8) != 0) return false;
  }
  return true;
}

static inline bool hk_is_zero(const void *block, size_t bytes) {
  const char *at = block;
  return bytes == 0 || (*at == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}

/* --- An OS that fails on demand --------------------------------------------------------------- */

/* The native OS behind a gate: refusals and time are set by the test, calls are counted. A `nth` is
 * the number of the one call to be refused, as `maps`, `unmaps` and `purges` count them; 0:
 * none. */
static struct {
  uint64_t maps_allowed;                     /* further maps that are not refused */
  size_t bytes_allowed;                      /* mapped at once; a limit on address space */
  hk_os_result_t unmap_result, purge_result; /* HK_OS_DONE: as the native OS says */
  hk_os_result_t advise_result;
  uint64_t nth_map, nth_unmap, nth_purge;
  hk_os_result_t nth_purge_result;
  uint64_t now_ns;   /* the time, which stands still */
  uint64_t purge_ns; /* but for what a purge takes of it */
  uint64_t clock_reads;
  uint64_t maps, unmaps, purges, advices; /* calls that arrived */
  size_t mapped_bytes;                    /* mapped through here and not unmapped */
  size_t slab_bytes;                      /* of which SuperSlabs and huge mappings */
  void *stuck;                            /* what the nth unmap was for */
  size_t stuck_bytes;
  bool advice; /* the last one */
} fake_os;

static inline void *fake_os_map(size_t bytes, size_t alignment) {
  fake_os.maps++;
  if (fake_os.maps == fake_os.nth_map || fake_os.maps_allowed == 0) return NULL;
  if (bytes > fake_os.bytes_allowed - fake_os.mapped_bytes) return NULL;
  fake_os.maps_allowed--;
  void *address = hk_os_native.map(bytes, alignment);
  if (address != NULL) fake_os.mapped_bytes += bytes;
  if (address != NULL && bytes >= HK_SUPERSLAB_BYTES) fake_os.slab_bytes += bytes;
  return address;
}

static inline hk_os_result_t fake_os_unmap(void *address, size_t bytes) {
  fake_os.unmaps++;
  if (fake_os.unmaps == fake_os.nth_unmap) {
    fake_os.stuck = address;
    fake_os.stuck_bytes = bytes;
    return HK_OS_NO_MEMORY;
  }
  if (fake_os.unmap_result != HK_OS_DONE) return fake_os.unmap_result;
  fake_os.mapped_bytes -= bytes;
  if (bytes >= HK_SUPERSLAB_BYTES) fake_os.slab_bytes -= bytes;
  return hk_os_native.unmap(address, bytes);
}

static inline hk_os_result_t fake_os_purge(void *address, size_t bytes) {
  fake_os.purges++;
  fake_os.now_ns += fake_os.purge_ns;
  if (fake_os.purges == fake_os.nth_purge) return fake_os.nth_purge_result;
  if (fake_os.purge_result != HK_OS_DONE) return fake_os.purge_result;
  return hk_os_native.purge(address, bytes);
}

static inline hk_os_result_t fake_os_advise_huge(void *address, size_t bytes, bool want) {
  (void)address, (void)bytes;
  fake_os.advices++;
  fake_os.advice = want;
  return fake_os.advise_result;
}

static inline uint64_t fake_os_now_ns(void) {
  fake_os.clock_reads++;
  return fake_os.now_ns;
}

/* Empties the process-wide cache, whatever its limits. */
static inline void hk_test_empty_cache(void) {
  hk_cache_expire(UINT64_MAX);
  (void)hk_spare_trim();
}

/* Gives the address map the leaves around here, so that no later map is one of its own. To be
 * called while no SuperSlab is mapped. */
static inline void hk_test_prepare_map(void) {
  uintptr_t reach = (uintptr_t)64 << 30;
  hk_test_empty_cache();
  void *probe = hk_os_map(HK_SUPERSLAB_BYTES, HK_SUPERSLAB_BYTES);
  uintptr_t here = (uintptr_t)probe;
  EXPECT(hk_os_unmap(probe, HK_SUPERSLAB_BYTES));
  hk_superslab_t around;
  const char *base = (const char *)(here - reach);
  EXPECT(hk_pagemap_insert(base, 2 * reach, &around));
  hk_pagemap_remove(base, 2 * reach);
}

/* Puts the fake OS in place, well-behaved and with all counts at 0, over an empty cache. */
static inline void fake_os_begin(void) {
  static const hk_os_prims_t prims = {.map = fake_os_map,
                                      .unmap = fake_os_unmap,
                                      .purge = fake_os_purge,
                                      .advise_huge = fake_os_advise_huge,
                                      .now_ns = fake_os_now_ns};
  hk_test_empty_cache();
  memset(&fake_os, 0, sizeof fake_os);
  fake_os.maps_allowed = UINT64_MAX;
  fake_os.bytes_allowed = SIZE_MAX;
  fake_os.now_ns = 1;
  hk_os_replace(&prims);
  hk_spare_limit(0); /* so that every map is one of the OS; spare_test.c has the rest */
}

/* Puts the native OS back. */
static inline void fake_os_end(void) {
  fake_os.unmap_result = HK_OS_DONE;
  hk_test_empty_cache();
  hk_os_replace(NULL);
  hk_spare_limit(HK_SPARE_MAX);
}

/* --- Arenas ----------------------------------------------------------------------------------- */

/* An arena with the default classes and a limit; 0: none. */
static inline hk_arena_t *hk_test_arena(uint64_t max_bytes) {
  hk_arena_t *arena = NULL;
  hk_arena_options_t options = {.max_bytes = max_bytes};
  EXPECT_EQ(hk_arena_create(&options, &arena), HK_OK);
  return arena;
}

static inline hk_arena_stats_t hk_test_stats(hk_arena_t *arena) {
  hk_arena_stats_t stats;
  hk_arena_stats(arena, &stats);
  return stats;
}

/* Bin of the default table, or pseudo bin, that serves `size_bytes`. */
static inline uint32_t hk_test_bin(size_t size_bytes) {
  if (size_bytes > HK_CLASS_SIZE_MAX)
    return size_bytes > HK_RUN_SIZE_MAX ? HK_BIN_HUGE : HK_BIN_RUN;
  return hk_classes_bin(hk_classes_default(), size_bytes);
}

/* Address of a block of a class, from the public edges alone. */
static inline char *hk_test_address(hk_arena_t *arena, uint32_t ref) {
  hk_slab_info_t info;
  if (hk_slab_info(arena, ref >> HK_REF_INDEX_BITS, &info) != HK_OK) return NULL;
  uint32_t index = ref & HK_REF_INDEX_MASK;
  if (index == 0) return info.address;
  return (char *)info.address + index * hk_arena_classes(arena)->bins[info.bin].stride_bytes;
}

/* Retires every slab that is empty; returns how many. */
static inline uint32_t hk_test_retire_all(hk_arena_t *arena) {
  uint32_t retired = 0;
  for (int32_t slab; (slab = hk_next_retirable(arena, 0)) >= 0; retired++) {
    if (!EXPECT(hk_retire(arena, (uint32_t)slab) == HK_OK)) break;
  }
  return retired;
}

/* Conceals every exposed slab that was not given away, as a front does at its end. */
static inline void hk_test_conceal_all(hk_arena_t *arena) {
  for (uint32_t number = 0; number < HK_ARENA_SUPERSLABS_MAX * HK_SUPERSLAB_SLABS; number++) {
    const hk_slab_t *slab = hk_arena_slab(arena, number);
    if (slab == NULL || !slab->exposed || slab->given) continue;
    EXPECT_EQ(hk_slab_set_exposed(arena, number, false), HK_OK);
  }
}

/* --- Options and child processes -------------------------------------------------------------- */

/* The options of this process, to be changed and put back by a single-threaded test. */
static inline hk_options_t *hk_test_options(void) { return (hk_options_t *)hk_options_get(); }

/* Runs `body` in a process of its own. Returns its exit code, which is 0 when every expectation
 * held, or minus the signal that ended it. What it prints to stderr goes nowhere. */
static inline int hk_test_in_child(void (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(2);
    atomic_store(&hk_test_failures, 0);
    body();
    fflush(stdout);
    _exit(atomic_load(&hk_test_failures) == 0 ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 2;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif

/* The contract os_prims.h in WebAssembly, where data and the records about it lie in different places.
 *
 * Metadata is in the linear memory, page by page. It is a shared memory, so that growing it leaves
 * every ArrayBuffer over it as it was.
 * SuperSlabs are only addresses: numbers above the linear memory's end, which nothing here ever reads
 * or writes. The host has the bytes, an ArrayBuffer for each slab (lib/native/wasm/), and is told which
 * to forget.
 */
#ifdef __wasm__
#include <string.h>

#include "os/os_prims.h"

#define IMPORT(name) __attribute__((import_module("host"), import_name(name)))

/* Forgets the bytes of a range of whole slabs; they read as zero from then on. */
IMPORT("forget") void hk_host_forget(void *address, size_t bytes);
/* Milliseconds of a monotonic clock. */
IMPORT("now") double hk_host_now(void);

#define PAGE_BYTES ((size_t)4096)
#define WASM_PAGE_BYTES ((size_t)65536)

/* The linear memory never grows beyond DATA_BASE: tools/build/wasm.mjs says so to the linker. */
#define DATA_BASE ((uintptr_t)256 * HK_MIB)
#define PAGE_COUNT (DATA_BASE / PAGE_BYTES)

/* The last 2 MB stay free, so that the end of a mapping is no wrapped 0. */
#define CHUNK_COUNT (((uint32_t)0 - HK_SUPERSLAB_BYTES - DATA_BASE) / HK_SUPERSLAB_BYTES)

extern char __heap_base; /* where the linker has put nothing */

/* A bit for each page of metadata, and each 2 MB of data, that is in use. No entry of `pages` from
 * `top_page` on was ever used, so these pages are zero. */
static uint32_t pages[PAGE_COUNT / 32], chunks[CHUNK_COUNT / 32 + 1];
static size_t first_page, top_page;

static bool is_set(const uint32_t *bits, size_t i) { return (bits[i / 32] >> i % 32 & 1) != 0; }

static void flip(uint32_t *bits, size_t from, size_t count) {
  for (size_t i = from; i < from + count; i++) bits[i / 32] ^= (uint32_t)1 << i % 32;
}

/* The lowest stretch of `count` clear bits in [from, end); `end`: there is none. */
static size_t find_clear(const uint32_t *bits, size_t from, size_t end, size_t count) {
  size_t clear = 0;
  for (size_t i = from; i < end; i++) {
    clear = is_set(bits, i) ? 0 : clear + 1;
    if (clear == count) return i + 1 - count;
  }
  return end;
}

/* Makes the memory reach up to `end_page`. */
static bool grow(size_t end_page) {
  size_t have = __builtin_wasm_memory_size(0) * WASM_PAGE_BYTES, need = end_page * PAGE_BYTES;
  if (need <= have) return true;
  size_t more = (need - have + WASM_PAGE_BYTES - 1) / WASM_PAGE_BYTES;
  return __builtin_wasm_memory_grow(0, more) != SIZE_MAX;
}

static void *map_metadata(size_t bytes) {
  if (top_page == 0) {
    first_page = ((uintptr_t)&__heap_base + PAGE_BYTES - 1) / PAGE_BYTES;
    top_page = first_page;
  }
  size_t count = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
  size_t at = find_clear(pages, first_page, PAGE_COUNT, count), end = at + count;
  if (at == PAGE_COUNT || !grow(end)) return NULL;
  flip(pages, at, count);
  char *address = (char *)(at * PAGE_BYTES);
  if (at < top_page) memset(address, 0, ((end < top_page ? end : top_page) - at) * PAGE_BYTES);
  if (top_page < end) top_page = end;
  return address;
}

static size_t chunks_of(size_t bytes) {
  return (bytes + HK_SUPERSLAB_BYTES - 1) / HK_SUPERSLAB_BYTES;
}

static void *map_data(size_t bytes) {
  size_t at = find_clear(chunks, 0, CHUNK_COUNT, chunks_of(bytes));
  if (at == CHUNK_COUNT) return NULL;
  flip(chunks, at, chunks_of(bytes));
  return (void *)(DATA_BASE + at * HK_SUPERSLAB_BYTES);
}

/* Only SuperSlabs ask for an alignment. */
static void *wasm_map(size_t bytes, size_t alignment) {
  if (bytes > HK_MAPPING_MAX) return NULL;
  return alignment > PAGE_BYTES ? map_data(bytes) : map_metadata(bytes);
}

static hk_os_result_t wasm_unmap(void *address, size_t bytes) {
  uintptr_t at = (uintptr_t)address;
  if (at < DATA_BASE) {
    flip(pages, at / PAGE_BYTES, (bytes + PAGE_BYTES - 1) / PAGE_BYTES);
    return HK_OS_DONE;
  }
  hk_host_forget(address, bytes);
  flip(chunks, (at - DATA_BASE) / HK_SUPERSLAB_BYTES, chunks_of(bytes));
  return HK_OS_DONE;
}

/* A part of an ArrayBuffer cannot be given back. */
static hk_os_result_t wasm_purge(void *address, size_t bytes) {
  if (((uintptr_t)address | bytes) % HK_SLAB_BYTES != 0) return HK_OS_NEVER;
  hk_host_forget(address, bytes);
  return HK_OS_DONE;
}

static hk_os_result_t wasm_advise_huge(void *address, size_t bytes, bool want) {
  (void)address, (void)bytes, (void)want;
  return HK_OS_NEVER;
}

static uint64_t wasm_now_ns(void) { return (uint64_t)(hk_host_now() * 1e6); }

/* The host has put a number in the place of `auto`. */
uint64_t hk_os_prim_ram_bytes(void) { return 0; }

uintptr_t hk_os_prim_thread_id(void) { return 1; }

void hk_os_prim_yield(void) {}

size_t hk_os_prim_page_bytes(void) { return PAGE_BYTES; }

const hk_os_prims_t hk_os_native = {.map = wasm_map,
                                    .unmap = wasm_unmap,
                                    .purge = wasm_purge,
                                    .advise_huge = wasm_advise_huge,
                                    .now_ns = wasm_now_ns,
                                    .zero = hk_host_forget};

#endif

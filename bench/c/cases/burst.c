/* burst: grows to so many bytes, frees all, and says what stays resident, before and after a trim.
 * An operation is one block, allocated, touched on every page, and freed. */
#include "../allocator.h"
#include "../cases.h"
#include "../harness.h"

#define KIB 1024u
#define PAGE_BYTES 4096u

void case_burst(const uint64_t *arguments) {
  uint64_t wanted = arguments[0], bytes = 0, count = 0;
  unsigned char **blocks = bench_memory(wanted / KIB * sizeof *blocks);
  uint32_t state = 1234567;
  heap_t *heap = heap_open();
  heap_free(heap, heap_alloc(heap, KIB)); /* what an allocator sets up once is not the burst's */
  bench_start();
  while (bytes < wanted) {
    state = bench_random(state);
    size_t size = (size_t)KIB << (state % 6); /* 1 to 32 KB */
    unsigned char *block = heap_alloc(heap, size);
    for (size_t i = 0; i < size; i += PAGE_BYTES) block[i] = 1;
    blocks[count++] = block;
    bytes += size;
  }
  for (uint64_t i = 0; i < count; i++) heap_free(heap, blocks[i]);
  bench_report("rssFreed", bench_rss_bytes());
  heap_trim(heap);
  bench_report("rssTrimmed", bench_rss_bytes());
  bench_stop(count);
}

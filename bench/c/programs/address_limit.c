/* address_limit: fills a process that may have so much more address space (RLIMIT_AS) until it is
 * refused, frees the older half of its bytes, goes on with another size until it is refused again, and so
 * on; then frees all and asks for one block of half of the room. An operation is a block.
 */
#include <sys/resource.h>

#include "../block.h"
#include "programs.h"

#define PHASES 6

static const uint32_t sizes[PHASES] = {100, 40000, 500000, 1000, 3000000, 48};

static void limit_address_space(uint64_t further) {
  struct rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = bench_mapped_bytes() + further;
  if (setrlimit(RLIMIT_AS, &limit) != 0) bench_fail("no limit");
}

typedef struct hoard_t {
  block_t **blocks;
  uint64_t count, bytes, most_bytes, least_bytes; /* at refusals */
} hoard_t;

/* Returns blocks allocated. */
static uint64_t fill(heap_t *heap, hoard_t *hoard, uint32_t size) {
  uint64_t before = hoard->count;
  for (void *memory; (memory = heap_alloc(heap, size)) != NULL; hoard->bytes += size) {
    block_t *block = hoard->blocks[hoard->count++] = memory;
    block_write(block, size, (uint32_t)hoard->count);
  }
  if (hoard->bytes > hoard->most_bytes) hoard->most_bytes = hoard->bytes;
  if (hoard->bytes < hoard->least_bytes) hoard->least_bytes = hoard->bytes;
  return hoard->count - before;
}

/* Frees the oldest blocks, down to so many bytes. */
static void shrink(heap_t *heap, hoard_t *hoard, uint64_t bytes) {
  uint64_t freed = 0;
  while (hoard->bytes > bytes) {
    block_t *block = hoard->blocks[freed++];
    hoard->bytes -= block->bytes;
    block_end(heap, block);
  }
  hoard->count -= freed;
  memmove(hoard->blocks, &hoard->blocks[freed], hoard->count * sizeof *hoard->blocks);
}

/* bytes */
void program_address_limit(const uint64_t *arguments) {
  uint64_t operations = 0;
  hoard_t hoard = {.least_bytes = UINT64_MAX};
  hoard.blocks = bench_memory(arguments[0] / 32 * sizeof *hoard.blocks);
  heap_t *heap = heap_open();
  heap_free(heap, heap_alloc(heap, sizes[0])); /* what an allocator sets up once */
  bench_start();
  limit_address_space(arguments[0]);
  for (int phase = 0; phase < PHASES; phase++) {
    operations += fill(heap, &hoard, sizes[phase]);
    shrink(heap, &hoard, hoard.bytes / 2);
  }
  shrink(heap, &hoard, 0);
  void *large = heap_alloc(heap, arguments[0] / 2);
  bench_report("large", large == NULL ? 0 : arguments[0] / 2);
  heap_free(heap, large);
  bench_report("most", hoard.most_bytes);
  bench_report("least", hoard.least_bytes);
  bench_expect_empty();
  bench_stop(operations + 1);
}

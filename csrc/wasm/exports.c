/* Exports: the core for JavaScript, as WebAssembly. What csrc/binding does with Node-API is split in two here:
 * numbers pass through these functions, and lib/native/wasm/ has what needs JavaScript.
 *
 * Owns:      the buffers through which more than a number travels. JavaScript asks where they are.
 * Called by: lib/native/wasm/core.ts, which has checked the arguments: an arena is one that lives.
 * Threads:   one has each memory.
 *
 * Results are >= 0, or a negated status.
 */
#include <string.h>

#include "hakmem.h"
#include "os/os.h"
#include "snapshot.h"
#include "wasm/host.h"

/* References on their way, and class sizes of an arena to be created. */
static uint32_t exchange[HK_BATCH_MAX];

#define COUNT_OPTION(field, name, max, choices, meaning) +1
enum { OPTION_COUNT = 0 HK_ARENA_OPTION_LIST(COUNT_OPTION) };
#undef COUNT_OPTION

static double settings[OPTION_COUNT];
static char name[HK_ARENA_NAME_MAX + 1];

static struct {
  uint32_t address, bytes, bin, fresh;
} slab_out;

/* Of the arena that was created last: its serial, and where its counters are. */
static double created[2];

HK_EXPORT("exchange") uint32_t *export_exchange(void) { return exchange; }
HK_EXPORT("settings") double *export_settings(void) { return settings; }
HK_EXPORT("name") char *export_name(void) { return name; }
HK_EXPORT("slabOut") const void *export_slab_out(void) { return &slab_out; }
HK_EXPORT("created") const double *export_created(void) { return created; }

/* --- Life of an arena --- */

/* Pages of an ArrayBuffer cannot be given back, so the core must not try while a slab has one. */
static bool is_never_ours(void *context, uint32_t slab) {
  (void)context, (void)slab;
  return false;
}

/* The arena's name, ended by a zero, is in `name`, its options in `settings`, `class_count` class sizes in
 * `exchange`. `left`: counters of an arena that has ended, which JavaScript holds, or NULL. Writes `created`; the counters
 * there are held for JavaScript, which drops them. */
HK_EXPORT("create") int32_t export_create(uint32_t class_count, hk_counters_t *left) {
  hk_arena_options_t options = {.name = name[0] != 0 ? name : NULL,
                                .class_sizes = class_count != 0 ? exchange : NULL,
                                .class_count = class_count,
                                .counters = left};
  const double *next = settings;
#define READ_OPTION(field, option_name, max, choices, meaning) options.field = (uint64_t)*next++;
  HK_ARENA_OPTION_LIST(READ_OPTION)
#undef READ_OPTION
  hk_arena_t *arena;
  hk_status_t status = hk_arena_create(&options, &arena);
  if (status != HK_OK) return -(int32_t)status;
  hk_arena_ask_before_purge(arena, is_never_ours, NULL);
  hk_counters_t *counters = hk_arena_counters(arena);
  if (counters != left) hk_counters_hold(counters);
  created[0] = (double)hk_arena_id(arena);
  created[1] = (double)(uintptr_t)counters;
  return (int32_t)(uintptr_t)arena;
}

HK_EXPORT("end") int32_t export_end(hk_arena_t *arena) {
  /* What is written late goes to ArrayBuffers that the host keeps long enough. */
  hk_arena_settle(arena);
  return -(int32_t)hk_arena_end(arena);
}

HK_EXPORT("reset") void export_reset(hk_arena_t *arena) { hk_arena_reset(arena); }
HK_EXPORT("trim") void export_trim(hk_arena_t *arena) { (void)hk_arena_trim(arena); }
HK_EXPORT("setPolicy")
int32_t export_set_policy(hk_arena_t *arena, double delay_ms, uint32_t free_policy,
                          uint32_t high_slabs, uint32_t high_share, uint32_t low_slabs,
                          uint32_t low_share) {
  hk_arena_policy_t policy = {.purge_delay_ms = (int64_t)delay_ms,
                              .free_policy = free_policy,
                              .empty_high = {high_slabs, high_share},
                              .empty_low = {low_slabs, low_share}};
  return -(int32_t)hk_arena_set_policy(arena, &policy);
}
HK_EXPORT("addClass") int32_t export_add_class(hk_arena_t *arena, uint32_t stride) {
  uint32_t bin;
  hk_status_t status = hk_arena_add_class(arena, stride, &bin);
  return status == HK_OK ? (int32_t)bin : -(int32_t)status;
}
HK_EXPORT("retireClass") int32_t export_retire_class(hk_arena_t *arena, uint32_t bin) {
  return -(int32_t)hk_arena_retire_class(arena, bin);
}
HK_EXPORT("returned") double export_returned(hk_arena_t *arena) {
  return (double)hk_arena_returned_bytes(arena);
}

HK_EXPORT("countersBytes") uint32_t export_counters_bytes(void) { return sizeof(hk_counters_t); }
HK_EXPORT("dropCounters") void export_drop_counters(hk_counters_t *counters) {
  hk_counters_drop(counters);
}

/* Milliseconds until the next call, -1: none is needed. Calls for several arenas follow one for the cache
 * (NULL), from whose time on they share their millisecond. */
HK_EXPORT("decay") double export_decay(hk_arena_t *arena) {
  static uint64_t now_ns;
  if (arena == NULL) now_ns = hk_clock_ns();
  uint64_t due_ns = hk_decay(arena, now_ns);
  if (due_ns == UINT64_MAX) return -1;
  return due_ns > now_ns ? (double)(due_ns - now_ns) / 1e6 : 0;
}

/* --- Blocks --- */

HK_EXPORT("refill") int32_t export_refill(hk_arena_t *arena, uint32_t bin, uint32_t want) {
  uint32_t got = 0;
  hk_status_t status = hk_refill(arena, bin, exchange, want, &got);
  return status == HK_OK ? (int32_t)got : -(int32_t)status;
}

/* A slab to retire, plus one; or 0. */
HK_EXPORT("flush") int32_t export_flush(hk_arena_t *arena, uint32_t bin, uint32_t count) {
  if (count > HK_BATCH_MAX) return -(int32_t)HK_INVALID_ARGUMENT;
  hk_status_t status = hk_flush(arena, bin, exchange, count);
  return status == HK_OK ? hk_next_retirable(arena, UINT32_MAX) + 1 : -(int32_t)status;
}

/* The first integer of `exchange` is then 1 if the block reads as zero, else 0. */
HK_EXPORT("largeAlloc") int32_t export_large_alloc(hk_arena_t *arena, double size) {
  uint32_t ref = 0;
  hk_status_t status = hk_large_alloc(arena, (uint64_t)size, &ref);
  if (status != HK_OK) return -(int32_t)status;
  hk_slab_info_t slab = {0};
  (void)hk_slab_info(arena, ref >> HK_REF_INDEX_BITS, &slab);
  exchange[0] = slab.fresh ? 1 : 0;
  return (int32_t)ref;
}

HK_EXPORT("largeFree") int32_t export_large_free(hk_arena_t *arena, uint32_t ref) {
  return -(int32_t)hk_large_free(arena, ref);
}

HK_EXPORT("noteRetry") void export_note_retry(hk_arena_t *arena, int32_t refusal, int32_t cured) {
  hk_note_retry(arena, (hk_status_t)-refusal, cured != 0);
}

HK_EXPORT("noteRefusal") void export_note_refusal(hk_arena_t *arena, int32_t status) {
  hk_note_refusal(arena, (hk_status_t)status);
}

/* --- Slabs --- */

/* Describes a slab in `slabOut`. */
HK_EXPORT("slabInfo") int32_t export_slab_info(hk_arena_t *arena, uint32_t slab) {
  hk_slab_info_t info;
  hk_status_t status = hk_slab_info(arena, slab, &info);
  if (status != HK_OK) return -(int32_t)status;
  slab_out.address = (uint32_t)(uintptr_t)info.address;
  slab_out.bytes = (uint32_t)info.bytes;
  slab_out.bin = info.bin;
  slab_out.fresh = info.fresh;
  return 0;
}

HK_EXPORT("setExposed") void export_set_exposed(hk_arena_t *arena, uint32_t slab, int32_t exposed) {
  (void)hk_slab_set_exposed(arena, slab, exposed != 0);
}
HK_EXPORT("giveAway") void export_give_away(hk_arena_t *arena, uint32_t slab) {
  (void)hk_slab_give_away(arena, slab);
}
HK_EXPORT("nextRetirable") int32_t export_next_retirable(hk_arena_t *arena, uint32_t keep) {
  return hk_next_retirable(arena, keep);
}
HK_EXPORT("isRetirable") int32_t export_is_retirable(hk_arena_t *arena, uint32_t slab) {
  return hk_slab_is_retirable(arena, slab);
}
HK_EXPORT("retire") int32_t export_retire(hk_arena_t *arena, uint32_t slab) {
  return -(int32_t)hk_retire(arena, slab);
}

/* --- Statistics --- */

static void *buffer;
static size_t buffer_bytes;

/* Memory for what the functions below write; NULL: there is none. */
HK_EXPORT("buffer") void *export_buffer(uint32_t bytes) {
  if (bytes <= buffer_bytes) return buffer;
  size_t wanted = hk_os_round_to_pages(bytes);
  void *larger = hk_os_map_metadata(wanted);
  if (larger == NULL) return NULL;
  if (buffer != NULL) (void)hk_os_unmap_metadata(buffer, buffer_bytes);
  buffer = larger;
  buffer_bytes = wanted;
  return buffer;
}

HK_EXPORT("processStats") uint32_t export_process_stats(double *out) {
  return (uint32_t)hk_snapshot_process(out);
}
HK_EXPORT("arenaStats") uint32_t export_arena_stats(hk_arena_t *arena, double *out) {
  return (uint32_t)hk_snapshot_arena(arena, out);
}
HK_EXPORT("heapStats") int32_t export_heap_stats(double *out, uint32_t room) {
  return (int32_t)hk_snapshot_heap(out, room);
}

HK_EXPORT("lengths") uint32_t export_lengths(double serial, double *out, uint32_t room) {
  return (uint32_t)hk_snapshot_lengths(serial, out, room);
}
HK_EXPORT("trace") uint32_t export_trace(hk_arena_t *arena, double *out, uint32_t room) {
  return (uint32_t)hk_snapshot_trace(arena, out, room);
}

typedef struct differences_t {
  double *out, *end;
} differences_t;

static void write_difference(const hk_difference_t *difference, void *context) {
  differences_t *differences = context;
  if (differences->out == differences->end) return;
  *differences->out++ = (double)(uintptr_t)difference->what;
  *differences->out++ = difference->bin;
  *differences->out++ = difference->slab;
  *differences->out++ = (double)difference->counted;
  *differences->out++ = (double)difference->recorded;
}

/* Writes up to `max` differences, five doubles for each: where its text is, bin, slab, counted, recorded. Returns how
 * many. */
HK_EXPORT("verify") uint32_t export_verify(hk_arena_t *arena, double *out, uint32_t max) {
  differences_t differences = {out, out + max * 5};
  (void)hk_arena_verify(arena, write_difference, &differences);
  return (uint32_t)(differences.out - out) / 5;
}

/* Writes the strides of an arena to `exchange`. Returns how many; 0: it has those of the default classes. */
HK_EXPORT("strides") uint32_t export_strides(hk_arena_t *arena, int32_t even_if_default) {
  const hk_classes_t *classes = hk_arena_classes(arena);
  if (classes == hk_classes_default() && !even_if_default) return 0;
  for (uint32_t i = 0; i < classes->count; i++) exchange[i] = classes->bins[i].stride_bytes;
  return classes->count;
}

HK_EXPORT("superslabCount") uint32_t export_superslab_count(hk_arena_t *arena) {
  return hk_arena_heap_map(arena, NULL, 0);
}

/* Bytes of `buffer` that heapMap needs for `count` SuperSlabs: their rows, and their records behind them. */
HK_EXPORT("heapMapBytes") uint32_t export_heap_map_bytes(uint32_t count) {
  return count *
             (uint32_t)(HK_SNAPSHOT_ROW_LENGTH * sizeof(uint32_t) + sizeof(hk_mapped_superslab_t)) +
         8;
}

/* Writes the rows of `count` SuperSlabs. Returns their length in integers. */
HK_EXPORT("heapMap") uint32_t export_heap_map(hk_arena_t *arena, uint32_t *rows, uint32_t count) {
  uintptr_t behind = (uintptr_t)(rows + count * HK_SNAPSHOT_ROW_LENGTH);
  hk_mapped_superslab_t *records = (hk_mapped_superslab_t *)((behind + 7) & ~(uintptr_t)7);
  (void)hk_arena_heap_map(arena, records, count);
  for (uint32_t i = 0; i < count; i++) {
    hk_snapshot_superslab(&records[i], rows + i * HK_SNAPSHOT_ROW_LENGTH);
  }
  return count * HK_SNAPSHOT_ROW_LENGTH;
}

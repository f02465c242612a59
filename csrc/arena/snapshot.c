/* Snapshot: see include/snapshot.h.
 *
 * Owns:      nothing.
 * Called by: binding, wasm.
 * Calls:     the API of statistics, hakmem_stats.h.
 * Threads:   any.
 */
#include "snapshot.h"

#include <string.h>

typedef struct record_t {
  hk_arena_stats_t stats;
  hk_bin_stats_t rows[HK_ROW_COUNT];
} record_t;

/* By way of a signed integer, because that is one instruction, and no count has 63 bits. */
#define WRITE_FIELD(field) *out++ = (double)(int64_t)stats->field;

static double *write_process(double *out) {
  hk_process_stats_t process, *stats = &process;
  hk_process_stats(stats);
  HK_PROCESS_STATS(WRITE_FIELD)
  return out;
}

static double *write_bin(double *out, const hk_bin_stats_t *stats) {
  HK_BIN_STATS(WRITE_FIELD)
  return out;
}

static bool was_used(const hk_bin_stats_t *bin) {
  return (bin->allocs | bin->capacity | bin->refills) != 0;
}

/* Index and fields of each of `count` bins, or rows, that was used. `used`: how many those are. */
static double *write_used(double *out, const hk_bin_stats_t *bins, uint32_t count, double *used) {
  *used = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!was_used(&bins[i])) continue;
    *out++ = i;
    out = write_bin(out, &bins[i]);
    ++*used;
  }
  return out;
}

static double *write_record(double *out, uint64_t serial, const record_t *record) {
  const hk_arena_stats_t *stats = &record->stats;
  *out++ = (double)serial;
  double *bins = out++, *rows = out++;
  HK_ARENA_STATS(WRITE_FIELD)
  out = write_used(out, stats->bins, HK_BIN_COUNT, bins);
  return write_used(out, record->rows, HK_ROW_COUNT, rows);
}

#define ADD_FIELD(field) sum->field += stats->field;

static void add_bin(hk_bin_stats_t *sum, const hk_bin_stats_t *stats) { HK_BIN_STATS(ADD_FIELD) }

static void add_fields(hk_arena_stats_t *sum, const hk_arena_stats_t *stats) {
  HK_ARENA_STATS(ADD_FIELD)
}

static uint32_t row_of(const hk_classes_t *classes, uint32_t bin) {
  if (bin < HK_BIN_MAX) return classes->bins[bin].row;
  return bin == HK_BIN_RUN ? HK_ROW_run : HK_ROW_huge;
}

/* An allocation is counted after the call that it needed, and both are read at work. */
static void bound_slow(hk_bin_stats_t *bin) {
#define BOUND_STAGE(name, field, meaning)                                                   \
  if (bin->slow > bin->allocs) {                                                            \
    uint64_t early = bin->slow - bin->allocs;                                               \
    if (early > bin->stage_##field) early = bin->stage_##field;                             \
    bin->stage_##field -= early;                                                            \
    bin->slow -= early;                                                                     \
  }
  HK_STAGE_LIST(BOUND_STAGE)
#undef BOUND_STAGE
}

static void read_arena(hk_arena_t *arena, record_t *record) {
  const hk_classes_t *classes = hk_arena_classes(arena);
  hk_arena_stats(arena, &record->stats);
  memset(record->rows, 0, sizeof record->rows);
  for (uint32_t i = 0; i < HK_BIN_COUNT; i++) {
    hk_bin_stats_t *bin = &record->stats.bins[i];
    if (!was_used(bin)) continue;
    bound_slow(bin);
    add_bin(&record->rows[row_of(classes, i)], bin);
  }
}

static void add_record(record_t *sum, const record_t *record, bool has_default_classes) {
  add_fields(&sum->stats, &record->stats);
  for (uint32_t i = 0; i < HK_ROW_COUNT; i++) {
    if (was_used(&record->rows[i])) add_bin(&sum->rows[i], &record->rows[i]);
  }
  for (uint32_t i = 0; has_default_classes && i < HK_BIN_COUNT; i++) {
    if (was_used(&record->stats.bins[i])) add_bin(&sum->stats.bins[i], &record->stats.bins[i]);
  }
}

size_t hk_snapshot_process(double *out) { return (size_t)(write_process(out) - out); }

size_t hk_snapshot_arena(hk_arena_t *arena, double *out) {
  record_t record;
  read_arena(arena, &record);
  double *end = write_record(write_process(out), hk_arena_id(arena), &record);
  return (size_t)(end - out);
}

typedef struct writer_t {
  double *out, *end;
  size_t needed;
  record_t record, totals;
} writer_t;

/* Leaves room for the totals. */
static bool write_next(hk_arena_t *arena, void *context) {
  writer_t *writer = context;
  writer->needed += HK_SNAPSHOT_RECORD_MAX;
  if (writer->end - writer->out < 2 * HK_SNAPSHOT_RECORD_MAX) return true;
  read_arena(arena, &writer->record);
  add_record(&writer->totals, &writer->record, hk_arena_classes(arena) == hk_classes_default());
  writer->out = write_record(writer->out, hk_arena_id(arena), &writer->record);
  return true;
}

int64_t hk_snapshot_heap(double *out, size_t room) {
  writer_t writer = {.end = out + room,
                     .needed = HK_SNAPSHOT_PROCESS_FIELDS + HK_SNAPSHOT_RECORD_MAX};
  writer.out = write_process(out);
  hk_arena_each(write_next, &writer);
  if (writer.needed > room) return -(int64_t)writer.needed;
  return write_record(writer.out, 0, &writer.totals) - out;
}

typedef struct length_writer_t {
  double serial;
  double *out, *end;
} length_writer_t;

static void write_length(const hk_length_stats_t *length, void *context) {
  length_writer_t *writer = context;
  if (writer->end - writer->out < HK_SNAPSHOT_LENGTH_FIELDS) return;
  *writer->out++ = (double)length->first;
  *writer->out++ = (double)length->last;
  *writer->out++ = (double)length->allocs;
  *writer->out++ = (double)length->live;
  *writer->out++ = (double)length->live_bytes;
}

static bool write_lengths_of(hk_arena_t *arena, void *context) {
  length_writer_t *writer = context;
  if ((double)hk_arena_id(arena) != writer->serial) return true;
  hk_arena_lengths(arena, write_length, writer);
  return false;
}

size_t hk_snapshot_lengths(double serial, double *out, size_t room) {
  length_writer_t writer = {serial, out, out + room};
  hk_arena_each(write_lengths_of, &writer);
  return (size_t)(writer.out - out);
}

/* Events are read into the end of the same memory, where each lies behind what is written for it. */
size_t hk_snapshot_trace(hk_arena_t *arena, double *out, size_t room) {
  static_assert(sizeof(hk_event_t) <= 3 * sizeof(double), "two doubles are saved for each event");
  size_t fit = room / HK_SNAPSHOT_EVENT_FIELDS;
  uint32_t max = fit < HK_TRACE_EVENTS_MAX ? (uint32_t)fit : HK_TRACE_EVENTS_MAX;
  const char *events = (const char *)(out + 2 * (size_t)max);
  uint32_t count = hk_arena_trace(arena, (hk_event_t *)events, max);
  for (uint32_t i = 0; i < count; i++) {
    hk_event_t event;
    memcpy(&event, events + i * sizeof event, sizeof event);
    double fields[HK_SNAPSHOT_EVENT_FIELDS] = {(double)event.at_ns / 1e6, event.kind, event.bin,
                                               event.stage, (double)event.amount};
    memcpy(out + i * HK_SNAPSHOT_EVENT_FIELDS, fields, sizeof fields);
  }
  return (size_t)count * HK_SNAPSHOT_EVENT_FIELDS;
}

void hk_snapshot_superslab(const hk_mapped_superslab_t *superslab, uint32_t *out) {
  *out++ = superslab->index;
  *out++ = (uint32_t)(superslab->bytes / HK_SLAB_BYTES);
  *out++ = superslab->slab_count;
  *out++ = superslab->tier;
  for (uint32_t i = 0; i < HK_SUPERSLAB_SLABS; i++) {
    const hk_mapped_slab_t *slab = &superslab->slabs[i];
    *out++ = slab->use;
    *out++ = slab->bin;
    *out++ = slab->touched ? 1 : 0;
    *out++ = slab->taken;
    *out++ = slab->capacity;
    *out++ = slab->away;
  }
}

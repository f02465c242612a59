/* Snapshot: statistics as flat doubles in memory of the caller, so that reading allocates nothing. It is how
 * JavaScript gets them, whatever the core is compiled to.
 *
 * What is written: the process's fields; then a record for each arena: its number, how many bins and how
 * many rows follow, its own fields, for each bin that was ever used its index and fields, and for each
 * row that has one its index and the sums of its bins. Behind those of the whole heap comes a record of
 * number 0, the sums of all; its bins are those of arenas with the default classes. Orders are those of
 * the lists in hakmem_stats.h.
 */
#ifndef HK_SNAPSHOT_H
#define HK_SNAPSHOT_H

#include "hakmem.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HK_COUNT_FIELD(field) +1
enum {
  HK_SNAPSHOT_BIN_FIELDS = 0 HK_BIN_STATS(HK_COUNT_FIELD),
  HK_SNAPSHOT_ARENA_FIELDS = 0 HK_ARENA_STATS(HK_COUNT_FIELD),
  HK_SNAPSHOT_PROCESS_FIELDS = 0 HK_PROCESS_STATS(HK_COUNT_FIELD),
  HK_SNAPSHOT_RECORD_HEADER = 3,
  /* Doubles that one arena takes at most. */
  HK_SNAPSHOT_RECORD_MAX = HK_SNAPSHOT_RECORD_HEADER + HK_SNAPSHOT_ARENA_FIELDS +
                           (HK_BIN_COUNT + HK_ROW_COUNT) * (1 + HK_SNAPSHOT_BIN_FIELDS)
};
#undef HK_COUNT_FIELD

/* The process's fields. `out` has room for HK_SNAPSHOT_PROCESS_FIELDS doubles; returns how many were
 * written. */
size_t hk_snapshot_process(double *out);

/* The same, and the record of one arena: room for HK_SNAPSHOT_RECORD_MAX more. */
size_t hk_snapshot_arena(hk_arena_t *arena, double *out);

/* The same of every arena of every thread of the process, oldest first, and the totals. `room` (for one
 * arena at least) is of doubles. Returns how many were written; or, if `out` was too short, minus the
 * length that would have been enough. */
int64_t hk_snapshot_heap(double *out, size_t room);

/* Of lengths (hk_length_stats_t), flat: the first, the last, allocations, live ones and their bytes. */
enum {
  HK_SNAPSHOT_LENGTH_FIELDS = 5,
  HK_SNAPSHOT_LENGTHS_MAX =
      HK_SNAPSHOT_LENGTH_FIELDS * (HK_EXACT_LENGTH_MAX + HK_COUNTER_SLOTS + HK_BIN_COUNT)
};

/* The lengths of an arena of any thread, by its number, as many as fit. Returns how many doubles were
 * written; 0 also when it has ended. */
size_t hk_snapshot_lengths(double serial, double *out, size_t room);

/* The last events of an arena (hk_event_t) that fit, flat: milliseconds, kind, bin, stage and amount.
 * Returns how many doubles were written; what follows them up to `room` may be written, too. */
enum { HK_SNAPSHOT_EVENT_FIELDS = 5 };
size_t hk_snapshot_trace(hk_arena_t *arena, double *out, size_t room);

/* Of the heap map (hk_mapped_superslab_t), flat: index, size in slabs of 64 KB, slab count, tier, then 32 times
 * use, bin, touched, taken, capacity, away (zeroes beyond the slab count). lib/stats/heap-map.ts reads them. */
enum { HK_SNAPSHOT_ROW_LENGTH = 4 + HK_SUPERSLAB_SLABS * 6 };

void hk_snapshot_superslab(const hk_mapped_superslab_t *superslab, uint32_t *out);

#ifdef __cplusplus
}
#endif

#endif

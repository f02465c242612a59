/* Tables: what JavaScript must know of the core's constants, by table, row and column, read from the one place that
 * has them. csrc/binding/tables.cc tells the same to Node-API.
 */
#include <string.h>

#include "hakmem.h"
#include "snapshot.h"
#include "wasm/host.h"

/* Written by the build: tools/build/native-identity.cjs. */
#include <hk_identity.h>

typedef struct number_t {
  const char *name;
  double value;
} number_t;

#define FIELD(field) {#field, 0},
static const number_t bin_fields[] = {HK_BIN_STATS(FIELD){NULL, 0}};
static const number_t arena_fields[] = {HK_ARENA_STATS(FIELD){NULL, 0}};
static const number_t process_fields[] = {HK_PROCESS_STATS(FIELD){NULL, 0}};
#undef FIELD

#define STATUS(name, value, text) {#name, value}, {text, value},
static const number_t statuses[] = {HK_STATUS_LIST(STATUS){NULL, 0}};
#undef STATUS

#define WORD(name, word, amount) {word, 0},
static const number_t event_kinds[] = {HK_EVENT_LIST(WORD){NULL, 0}};
#undef WORD

#define STAGE(name, field, meaning) {#field, 0},
static const number_t stages[] = {HK_STAGE_LIST(STAGE){NULL, 0}};
#undef STAGE

#define ROW(name, bytes) {#name, (double)(bytes)},
static const number_t rows[] = {HK_ROW_LIST(ROW){NULL, 0}};
#undef ROW

static const struct {
  const char *name, *choices, *meaning;
  double max;
} arena_options[] = {
#define ARENA_OPTION(field, name, max, choices, meaning) {name, choices, meaning, (double)(max)},
    HK_ARENA_OPTION_LIST(ARENA_OPTION)
#undef ARENA_OPTION
};

/* Offsets into the counters, in doubles. */
#define OFFSET(type, field) (double)(offsetof(type, field) / sizeof(double))
static const number_t counter_layout[] = {
    {"allocs", OFFSET(hk_counters_t, allocs)},
    {"frees", OFFSET(hk_counters_t, frees)},
    {"cellLengths", OFFSET(hk_counters_t, slot_lengths)},
    {"liveBytes", OFFSET(hk_counters_t, live_bytes)},
    {"liveBlockBytes", OFFSET(hk_counters_t, live_block_bytes)},
    {"moves", OFFSET(hk_counters_t, seqlock)},
    {"cellBase", OFFSET(hk_front_counts_t, by_slot)},
    {"binBase", OFFSET(hk_front_counts_t, by_bin)},
    {"cellCount", HK_COUNTER_SLOTS},
    {"binCount", HK_BIN_COUNT},
    {NULL, 0}};

#define FRONT_STAT(field) {#field, OFFSET(hk_counters_t, field)},
static const number_t front_stats[] = {HK_FRONT_STATS(FRONT_STAT){NULL, 0}};
static const number_t front_bin_stats[] = {HK_FRONT_BIN_STATS(FRONT_STAT){NULL, 0}};
#undef FRONT_STAT

static const number_t constants[] = {{"statsVersion", HK_STATS_VERSION},
                                     {"statsRecordMax", HK_SNAPSHOT_RECORD_MAX},
                                     {"lengthsMax", HK_SNAPSHOT_LENGTHS_MAX},
                                     {"runBin", HK_BIN_RUN},
                                     {"hugeBin", HK_BIN_HUGE},
                                     {HK_IDENTITY, 0},
                                     {NULL, 0}};

/* In the order of WASM_TABLES in lib/native/wasm/tables.ts. */
static const number_t *const tables[] = {
    bin_fields,  arena_fields,    process_fields, statuses, rows,     counter_layout,
    front_stats, front_bin_stats, event_kinds,    stages,   constants};

/* NULL: there are no more. */
HK_EXPORT("tableName") const char *export_table_name(uint32_t table, uint32_t row) {
  return tables[table][row].name;
}

HK_EXPORT("tableValue") double export_table_value(uint32_t table, uint32_t row) {
  return tables[table][row].value;
}

/* Options of an arena. Columns: name, choices, meaning. NULL: there are no more. */
HK_EXPORT("arenaOptionText") const char *export_arena_option_text(uint32_t row, uint32_t column) {
  if (row >= sizeof arena_options / sizeof arena_options[0]) return NULL;
  const char *choices = arena_options[row].choices;
  if (column == 1) return choices != NULL ? choices : "";
  return column == 0 ? arena_options[row].name : arena_options[row].meaning;
}

HK_EXPORT("arenaOptionMax") double export_arena_option_max(uint32_t row) {
  return arena_options[row].max;
}

/* Options of the process. Columns: name, choices, unit, meaning. NULL: there are no more. */
HK_EXPORT("optionText") const char *export_option_text(uint32_t row, uint32_t column) {
  size_t count;
  const hk_option_info_t *table = hk_options_table(&count);
  if (row >= count) return NULL;
  const char *texts[] = {table[row].name, table[row].choices, table[row].unit, table[row].meaning};
  return texts[column] != NULL ? texts[column] : "";
}

/* Columns: value, default, min, max. */
HK_EXPORT("optionNumber") double export_option_number(uint32_t row, uint32_t column) {
  size_t count;
  const hk_option_info_t *info = &hk_options_table(&count)[row];
  int64_t value;
  memcpy(&value, (const char *)hk_options_get() + info->offset, sizeof value);
  int64_t numbers[] = {value, info->default_value, info->min, info->max};
  return (double)numbers[column];
}

HK_EXPORT("optionWarning") const char *export_option_warning(uint32_t i) {
  return hk_options_warning(i);
}

HK_EXPORT("defaultStride") uint32_t export_default_stride(uint32_t i) {
  const hk_classes_t *classes = hk_classes_default();
  return i < classes->count ? classes->bins[i].stride_bytes : 0;
}

// Tables: what JavaScript must know of the core's constants, read from the one place that has them.
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

#define HK_FIELD_NAME(field) #field,
const char *const kBinFields[] = {HK_BIN_STATS(HK_FIELD_NAME)};
const char *const kArenaFields[] = {HK_ARENA_STATS(HK_FIELD_NAME)};
const char *const kProcessFields[] = {HK_PROCESS_STATS(HK_FIELD_NAME)};
#undef HK_FIELD_NAME

template <size_t N> Napi::Array NamesOf(Napi::Env env, const char *const (&names)[N]) {
  Napi::Array result = Napi::Array::New(env, N);
  for (uint32_t i = 0; i < N; i++) result.Set(i, names[i]);
  return result;
}

constexpr hk_status_t kStatuses[] = {
#define HK_STATUS_VALUE(name, value, text) HK_##name,
    HK_STATUS_LIST(HK_STATUS_VALUE)
#undef HK_STATUS_VALUE
};

// [{ name, value, text }]
Napi::Array Statuses(Napi::Env env) {
  Napi::Array result = Napi::Array::New(env);
  for (hk_status_t status : kStatuses) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", hk_status_name(status));
    row.Set("value", static_cast<double>(status));
    row.Set("text", hk_status_text(status));
    result.Set(result.Length(), row);
  }
  return result;
}

// [{ name, choices, unit, meaning, value, default, min, max }]
Napi::Array Options(Napi::Env env) {
  size_t count;
  const hk_option_info_t *table = hk_options_table(&count);
  const auto *values = reinterpret_cast<const char *>(hk_options_get());
  Napi::Array result = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) {
    const hk_option_info_t &info = table[i];
    int64_t value;
    std::memcpy(&value, values + info.offset, sizeof value);
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", info.name);
    row.Set("choices", info.choices != nullptr ? info.choices : "");
    row.Set("unit", info.unit);
    row.Set("meaning", info.meaning);
    row.Set("value", static_cast<double>(value));
    row.Set("default", static_cast<double>(info.default_value));
    row.Set("min", static_cast<double>(info.min));
    row.Set("max", static_cast<double>(info.max));
    result.Set(i, row);
  }
  return result;
}

Napi::Array OptionWarnings(Napi::Env env) {
  Napi::Array result = Napi::Array::New(env);
  for (uint32_t i = 0; hk_options_warning(i) != nullptr; i++) result.Set(i, hk_options_warning(i));
  return result;
}

// Offsets in doubles of the front's counters.
Napi::Object CounterLayout(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
#define HK_OFFSET(js_name, field) \
  result.Set(js_name, static_cast<double>(offsetof(hk_counters_t, field) / sizeof(double)))
  HK_OFFSET("allocs", allocs);
  HK_OFFSET("frees", frees);
  HK_OFFSET("cellLengths", cell_lengths);
  HK_OFFSET("liveBytes", live_bytes);
  HK_OFFSET("liveBlockBytes", live_block_bytes);
  HK_OFFSET("pinnedBytes", pinned_bytes);
  HK_OFFSET("detachedSlabs", detached_slabs);
  HK_OFFSET("leakedBlocks", leaked_blocks);
  HK_OFFSET("doubleFrees", double_frees);
  HK_OFFSET("staleFrees", stale_frees);
  HK_OFFSET("foreignFrees", foreign_frees);
  HK_OFFSET("moves", moves);
#undef HK_OFFSET
  result.Set("cellBase", static_cast<double>(offsetof(hk_tallies_t, by_cell) / sizeof(double)));
  result.Set("binBase", static_cast<double>(offsetof(hk_tallies_t, by_bin) / sizeof(double)));
  result.Set("cellCount", HK_COUNTER_CELLS);
  return result;
}

Napi::Array DefaultStrides(Napi::Env env) {
  const hk_classes_t *classes = hk_classes_default();
  Napi::Array result = Napi::Array::New(env, classes->count);
  for (uint32_t i = 0; i < classes->count; i++) result.Set(i, classes->bins[i].stride_bytes);
  return result;
}

const char *const kRowNames[] = {
#define HK_ROW_NAME(name, bytes) #name,
    HK_ROW_LIST(HK_ROW_NAME)
#undef HK_ROW_NAME
};

Napi::Array RowSizes(Napi::Env env) {
  static const uint64_t sizes[] = {
#define HK_ROW_SIZE(name, bytes) bytes,
      HK_ROW_LIST(HK_ROW_SIZE)
#undef HK_ROW_SIZE
  };
  Napi::Array result = Napi::Array::New(env, HK_ROW_COUNT);
  for (uint32_t i = 0; i < HK_ROW_COUNT; i++) result.Set(i, static_cast<double>(sizes[i]));
  return result;
}

} // namespace

void DefineTables(Napi::Object exports) {
  Napi::Env env = exports.Env();
  Napi::Object tables = Napi::Object::New(env);
  tables.Set("statsVersion", HK_STATS_VERSION);
  tables.Set("binFields", NamesOf(env, kBinFields));
  tables.Set("arenaFields", NamesOf(env, kArenaFields));
  tables.Set("processFields", NamesOf(env, kProcessFields));
  tables.Set("statuses", Statuses(env));
  tables.Set("options", Options(env));
  tables.Set("optionWarnings", OptionWarnings(env));
  tables.Set("counters", CounterLayout(env));
  tables.Set("defaultStrides", DefaultStrides(env));
  tables.Set("rowNames", NamesOf(env, kRowNames));
  tables.Set("rowSizes", RowSizes(env));
  tables.Set("runBin", HK_BIN_RUN);
  tables.Set("hugeBin", HK_BIN_HUGE);
  exports.Set("tables", tables);
}

} // namespace hakmem

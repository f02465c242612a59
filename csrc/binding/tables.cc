// Tables: what JavaScript must know of the core's constants, read from the one place that has them.
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

napi_value String(napi_env env, const char *text) {
  napi_value result;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

Napi::Array Names(napi_env env, const char *const *names, uint32_t count) {
  Napi::Array result = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) result.Set(i, String(env, names[i]));
  return result;
}

#define HK_FIELD_NAME(field) #field,
const char *const kBinFields[] = {HK_BIN_STATS(HK_FIELD_NAME)};
const char *const kArenaFields[] = {HK_ARENA_STATS(HK_FIELD_NAME)};
const char *const kProcessFields[] = {HK_PROCESS_STATS(HK_FIELD_NAME)};
#undef HK_FIELD_NAME

template <size_t N> Napi::Array NamesOf(napi_env env, const char *const (&names)[N]) {
  return Names(env, names, N);
}

// [{ name, value, text }]
Napi::Array Statuses(napi_env env) {
  Napi::Array result = Napi::Array::New(env);
  uint32_t count = 0;
#define HK_STATUS_ROW(status_name, value, text)                             \
  {                                                                         \
    Napi::Object row = Napi::Object::New(env);                              \
    row.Set("name", String(env, hk_status_name(HK_##status_name)));         \
    row.Set("value", Int32(env, HK_##status_name));                         \
    row.Set("text", String(env, hk_status_text(HK_##status_name)));         \
    result.Set(count++, row);                                               \
  }
  HK_STATUS_LIST(HK_STATUS_ROW)
#undef HK_STATUS_ROW
  return result;
}

// [{ name, choices, unit, meaning, value, default, min, max }]
Napi::Array Options(napi_env env) {
  Napi::Array result = Napi::Array::New(env);
  size_t count;
  const hk_option_info_t *table = hk_options_table(&count);
  const auto *values = reinterpret_cast<const char *>(hk_options_get());
  for (uint32_t i = 0; i < count; i++) {
    const hk_option_info_t &info = table[i];
    int64_t value;
    std::memcpy(&value, values + info.offset, sizeof value);
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", String(env, info.name));
    row.Set("choices", String(env, info.choices != nullptr ? info.choices : ""));
    row.Set("unit", String(env, info.unit));
    row.Set("meaning", String(env, info.meaning));
    row.Set("value", Double(env, static_cast<double>(value)));
    row.Set("default", Double(env, static_cast<double>(info.default_value)));
    row.Set("min", Double(env, static_cast<double>(info.min)));
    row.Set("max", Double(env, static_cast<double>(info.max)));
    result.Set(i, row);
  }
  return result;
}

Napi::Array OptionWarnings(napi_env env) {
  Napi::Array result = Napi::Array::New(env);
  for (uint32_t i = 0; hk_options_warning(i) != nullptr; i++) {
    result.Set(i, String(env, hk_options_warning(i)));
  }
  return result;
}

// Offsets in doubles of the front's counters.
Napi::Object CounterLayout(napi_env env) {
  Napi::Object result = Napi::Object::New(env);
#define HK_OFFSET(js_name, field) \
  result.Set(js_name, Int32(env, static_cast<int32_t>(offsetof(hk_counters_t, field) / sizeof(double))))
  HK_OFFSET("allocs", allocs);
  HK_OFFSET("frees", frees);
  HK_OFFSET("cellLengths", cell_lengths);
  HK_OFFSET("liveBytes", live_bytes);
  HK_OFFSET("liveBlockBytes", live_block_bytes);
  HK_OFFSET("pinnedBytes", pinned_bytes);
  HK_OFFSET("detachedSlabs", detached_slabs);
#undef HK_OFFSET
  result.Set("cellBase", Int32(env, offsetof(hk_tallies_t, by_cell) / sizeof(double)));
  result.Set("binBase", Int32(env, offsetof(hk_tallies_t, by_bin) / sizeof(double)));
  result.Set("cellCount", Int32(env, HK_COUNTER_CELLS));
  return result;
}

Napi::Array DefaultStrides(napi_env env) {
  const hk_classes_t *classes = hk_classes_default();
  Napi::Array result = Napi::Array::New(env, classes->count);
  for (uint32_t i = 0; i < classes->count; i++) {
    result.Set(i, Double(env, classes->bins[i].stride_bytes));
  }
  return result;
}

const char *const kRowNames[] = {
#define HK_ROW_NAME(name, bytes) #name,
    HK_ROW_LIST(HK_ROW_NAME)
#undef HK_ROW_NAME
};

Napi::Array RowSizes(napi_env env) {
  static const uint64_t sizes[] = {
#define HK_ROW_SIZE(name, bytes) bytes,
      HK_ROW_LIST(HK_ROW_SIZE)
#undef HK_ROW_SIZE
  };
  Napi::Array result = Napi::Array::New(env, HK_ROW_COUNT);
  for (uint32_t i = 0; i < HK_ROW_COUNT; i++) {
    result.Set(i, Double(env, static_cast<double>(sizes[i])));
  }
  return result;
}

} // namespace

napi_value DefineTables(napi_env env, napi_value exports) {
  Napi::Object tables = Napi::Object::New(env);
  tables.Set("statsVersion", Int32(env, HK_STATS_VERSION));
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
  tables.Set("runBin", Int32(env, HK_BIN_RUN));
  tables.Set("hugeBin", Int32(env, HK_BIN_HUGE));
  napi_set_named_property(env, exports, "tables", tables);
  return exports;
}

} // namespace hakmem

// Tables: what JavaScript must know of the core's constants, read from the one place that has them.
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

napi_value String(napi_env env, const char *text) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

napi_value Names(napi_env env, const char *const *names, uint32_t count) {
  napi_value result = NewArray(env);
  for (uint32_t i = 0; i < count; i++) Put(env, result, i, String(env, names[i]));
  return result;
}

#define HK_FIELD_NAME(field) #field,
const char *const kBinFields[] = {HK_BIN_STATS(HK_FIELD_NAME)};
const char *const kArenaFields[] = {HK_ARENA_STATS(HK_FIELD_NAME)};
const char *const kProcessFields[] = {HK_PROCESS_STATS(HK_FIELD_NAME)};
#undef HK_FIELD_NAME

template <size_t N> napi_value NamesOf(napi_env env, const char *const (&names)[N]) {
  return Names(env, names, N);
}

// [{ name, value, text }]
napi_value Statuses(napi_env env) {
  napi_value result = NewArray(env);
  uint32_t count = 0;
#define HK_STATUS_ROW(status_name, value, text)                             \
  {                                                                         \
    napi_value row = NewObject(env);                              \
    Put(env, row, "name", String(env, hk_status_name(HK_##status_name)));         \
    Put(env, row, "value", Int32(env, HK_##status_name));                         \
    Put(env, row, "text", String(env, hk_status_text(HK_##status_name)));         \
    Put(env, result, count++, row);                                               \
  }
  HK_STATUS_LIST(HK_STATUS_ROW)
#undef HK_STATUS_ROW
  return result;
}

// [{ name, choices, unit, meaning, value, default, min, max }]
napi_value Options(napi_env env) {
  napi_value result = NewArray(env);
  size_t count;
  const hk_option_info_t *table = hk_options_table(&count);
  const auto *values = reinterpret_cast<const char *>(hk_options_get());
  for (uint32_t i = 0; i < count; i++) {
    const hk_option_info_t &info = table[i];
    int64_t value;
    std::memcpy(&value, values + info.offset, sizeof value);
    napi_value row = NewObject(env);
    Put(env, row, "name", String(env, info.name));
    Put(env, row, "choices", String(env, info.choices != nullptr ? info.choices : ""));
    Put(env, row, "unit", String(env, info.unit));
    Put(env, row, "meaning", String(env, info.meaning));
    Put(env, row, "value", Double(env, static_cast<double>(value)));
    Put(env, row, "default", Double(env, static_cast<double>(info.default_value)));
    Put(env, row, "min", Double(env, static_cast<double>(info.min)));
    Put(env, row, "max", Double(env, static_cast<double>(info.max)));
    Put(env, result, i, row);
  }
  return result;
}

napi_value OptionWarnings(napi_env env) {
  napi_value result = NewArray(env);
  for (uint32_t i = 0; hk_options_warning(i) != nullptr; i++) {
    Put(env, result, i, String(env, hk_options_warning(i)));
  }
  return result;
}

// Offsets in doubles of the front's counters.
napi_value CounterLayout(napi_env env) {
  napi_value result = NewObject(env);
#define HK_OFFSET(js_name, field) \
  Put(env, result, js_name, Int32(env, static_cast<int32_t>(offsetof(hk_counters_t, field) / sizeof(double))))
  HK_OFFSET("allocs", allocs);
  HK_OFFSET("frees", frees);
  HK_OFFSET("cellLengths", slot_lengths);
  HK_OFFSET("liveBytes", live_bytes);
  HK_OFFSET("liveBlockBytes", live_block_bytes);
  HK_OFFSET("pinnedBytes", pinned_bytes);
  HK_OFFSET("detachedSlabs", detached_slabs);
  HK_OFFSET("leakedBlocks", leaked_blocks);
  HK_OFFSET("doubleFrees", double_frees);
  HK_OFFSET("staleFrees", stale_frees);
  HK_OFFSET("foreignFrees", foreign_frees);
  HK_OFFSET("moves", seqlock);
#undef HK_OFFSET
  Put(env, result, "cellBase", Int32(env, offsetof(hk_front_counts_t, by_slot) / sizeof(double)));
  Put(env, result, "binBase", Int32(env, offsetof(hk_front_counts_t, by_bin) / sizeof(double)));
  Put(env, result, "cellCount", Int32(env, HK_COUNTER_SLOTS));
  return result;
}

napi_value DefaultStrides(napi_env env) {
  const hk_classes_t *classes = hk_classes_default();
  napi_value result = NewArray(env);
  for (uint32_t i = 0; i < classes->count; i++) {
    Put(env, result, i, Double(env, classes->bins[i].stride_bytes));
  }
  return result;
}

const char *const kRowNames[] = {
#define HK_ROW_NAME(name, bytes) #name,
    HK_ROW_LIST(HK_ROW_NAME)
#undef HK_ROW_NAME
};

napi_value RowSizes(napi_env env) {
  static const uint64_t sizes[] = {
#define HK_ROW_SIZE(name, bytes) bytes,
      HK_ROW_LIST(HK_ROW_SIZE)
#undef HK_ROW_SIZE
  };
  napi_value result = NewArray(env);
  for (uint32_t i = 0; i < HK_ROW_COUNT; i++) {
    Put(env, result, i, Double(env, static_cast<double>(sizes[i])));
  }
  return result;
}

} // namespace

napi_value DefineTables(napi_env env, napi_value exports) {
  napi_value tables = NewObject(env);
  Put(env, tables, "statsVersion", Int32(env, HK_STATS_VERSION));
  Put(env, tables, "binFields", NamesOf(env, kBinFields));
  Put(env, tables, "arenaFields", NamesOf(env, kArenaFields));
  Put(env, tables, "processFields", NamesOf(env, kProcessFields));
  Put(env, tables, "statuses", Statuses(env));
  Put(env, tables, "options", Options(env));
  Put(env, tables, "optionWarnings", OptionWarnings(env));
  Put(env, tables, "counters", CounterLayout(env));
  Put(env, tables, "defaultStrides", DefaultStrides(env));
  Put(env, tables, "rowNames", NamesOf(env, kRowNames));
  Put(env, tables, "rowSizes", RowSizes(env));
  Put(env, tables, "runBin", Int32(env, HK_BIN_RUN));
  Put(env, tables, "hugeBin", Int32(env, HK_BIN_HUGE));
  napi_set_named_property(env, exports, "tables", tables);
  return exports;
}

} // namespace hakmem

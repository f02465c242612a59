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
  for (uint32_t i = 0; i < N; i++) PutElement(result, i, names[i]);
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
  uint32_t count = 0;
  for (hk_status_t status : kStatuses) {
    Napi::Object row = Napi::Object::New(env);
    row.DefineProperties({
        Field(env, "name", hk_status_name(status)),
        Field(env, "value", static_cast<double>(status)),
        Field(env, "text", hk_status_text(status)),
    });
    PutElement(result, count++, row);
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
    row.DefineProperties({
        Field(env, "name", info.name),
        Field(env, "choices", info.choices != nullptr ? info.choices : ""),
        Field(env, "unit", info.unit),
        Field(env, "meaning", info.meaning),
        Field(env, "value", static_cast<double>(value)),
        Field(env, "default", static_cast<double>(info.default_value)),
        Field(env, "min", static_cast<double>(info.min)),
        Field(env, "max", static_cast<double>(info.max)),
    });
    PutElement(result, i, row);
  }
  return result;
}

Napi::Array OptionWarnings(Napi::Env env) {
  Napi::Array result = Napi::Array::New(env);
  for (uint32_t i = 0; hk_options_warning(i) != nullptr; i++)
    PutElement(result, i, hk_options_warning(i));
  return result;
}

struct ArenaOption {
  const char *name, *choices, *meaning;
  uint64_t max;
};

constexpr ArenaOption kArenaOptions[] = {
#define HK_ARENA_OPTION_ROW(field, name, max, choices, meaning) {name, choices, meaning, max},
    HK_ARENA_OPTION_LIST(HK_ARENA_OPTION_ROW)
#undef HK_ARENA_OPTION_ROW
};

// [{ name, choices, meaning, max }], in the order of createArena's settings
Napi::Array ArenaOptions(Napi::Env env) {
  Napi::Array result = Napi::Array::New(env);
  uint32_t count = 0;
  for (const ArenaOption &option : kArenaOptions) {
    Napi::Object row = Napi::Object::New(env);
    row.DefineProperties({
        Field(env, "name", option.name),
        Field(env, "choices", option.choices != nullptr ? option.choices : ""),
        Field(env, "meaning", option.meaning),
        Field(env, "max", static_cast<double>(option.max)),
    });
    PutElement(result, count++, row);
  }
  return result;
}

#define HK_OFFSET_OF(type, field) static_cast<double>(offsetof(type, field) / sizeof(double))

// { name: offset } of what the front counts for the whole arena.
Napi::Object FrontStats(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
#define HK_STAT_FIELD(field) Field(env, #field, HK_OFFSET_OF(hk_counters_t, field)),
  result.DefineProperties({HK_FRONT_STATS(HK_STAT_FIELD)});
#undef HK_STAT_FIELD
  return result;
}

// { name: offset } of what it says of each bin.
Napi::Object FrontBinStats(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
#define HK_STAT_FIELD(field) Field(env, #field, HK_OFFSET_OF(hk_counters_t, field)),
  result.DefineProperties({HK_FRONT_BIN_STATS(HK_STAT_FIELD)});
#undef HK_STAT_FIELD
  return result;
}

// Where things are in the front's counters: offsets in doubles.
Napi::Object CounterLayout(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
  result.DefineProperties({
      Field(env, "allocs", HK_OFFSET_OF(hk_counters_t, allocs)),
      Field(env, "frees", HK_OFFSET_OF(hk_counters_t, frees)),
      Field(env, "cellLengths", HK_OFFSET_OF(hk_counters_t, slot_lengths)),
      Field(env, "liveBytes", HK_OFFSET_OF(hk_counters_t, live_bytes)),
      Field(env, "liveBlockBytes", HK_OFFSET_OF(hk_counters_t, live_block_bytes)),
      Field(env, "moves", HK_OFFSET_OF(hk_counters_t, seqlock)),
      Field(env, "cellBase", HK_OFFSET_OF(hk_front_counts_t, by_slot)),
      Field(env, "binBase", HK_OFFSET_OF(hk_front_counts_t, by_bin)),
      Field(env, "cellCount", HK_COUNTER_SLOTS),
      Field(env, "binCount", HK_BIN_COUNT),
      Field(env, "stats", FrontStats(env)),
      Field(env, "binStats", FrontBinStats(env)),
  });
  return result;
}

Napi::Array DefaultStrides(Napi::Env env) {
  const hk_classes_t *classes = hk_classes_default();
  Napi::Array result = Napi::Array::New(env, classes->count);
  for (uint32_t i = 0; i < classes->count; i++)
    PutElement(result, i, classes->bins[i].stride_bytes);
  return result;
}

const char *const kEventKinds[] = {
#define HK_EVENT_WORD(name, word, amount) word,
    HK_EVENT_LIST(HK_EVENT_WORD)
#undef HK_EVENT_WORD
};

const char *const kStages[] = {
#define HK_STAGE_WORD(name, field, meaning) #field,
    HK_STAGE_LIST(HK_STAGE_WORD)
#undef HK_STAGE_WORD
};

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
  for (uint32_t i = 0; i < HK_ROW_COUNT; i++) PutElement(result, i, static_cast<double>(sizes[i]));
  return result;
}

} // namespace

void DefineTables(Napi::Object exports) {
  Napi::Env env = exports.Env();
  Napi::Object tables = Napi::Object::New(env);
  tables.DefineProperties({
      Field(env, "statsVersion", HK_STATS_VERSION),
      Field(env, "binFields", NamesOf(env, kBinFields)),
      Field(env, "arenaFields", NamesOf(env, kArenaFields)),
      Field(env, "processFields", NamesOf(env, kProcessFields)),
      Field(env, "statuses", Statuses(env)),
      Field(env, "options", Options(env)),
      Field(env, "arenaOptions", ArenaOptions(env)),
      Field(env, "optionWarnings", OptionWarnings(env)),
      Field(env, "counters", CounterLayout(env)),
      Field(env, "defaultStrides", DefaultStrides(env)),
      Field(env, "rowNames", NamesOf(env, kRowNames)),
      Field(env, "rowSizes", RowSizes(env)),
      Field(env, "eventKinds", NamesOf(env, kEventKinds)),
      Field(env, "stages", NamesOf(env, kStages)),
      Field(env, "runBin", HK_BIN_RUN),
      Field(env, "hugeBin", HK_BIN_HUGE),
  });
  exports.DefineProperty(Field(env, "tables", tables));
}

} // namespace hakmem

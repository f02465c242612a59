// Statistics: snapshots as flat arrays of doubles, in the order of the field lists in hakmem.h.
//
// One arena: arena fields, then for each bin the bin fields. tables.cc tells JavaScript the names.
#include <cstdlib>
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

#define HK_COUNT_FIELD(field) +1
constexpr size_t kBinFields = 0 HK_BIN_STATS(HK_COUNT_FIELD);
constexpr size_t kArenaFields = 0 HK_ARENA_STATS(HK_COUNT_FIELD);
constexpr size_t kProcessFields = 0 HK_PROCESS_STATS(HK_COUNT_FIELD);
#undef HK_COUNT_FIELD
constexpr size_t kSnapshotLength = kArenaFields + HK_BIN_COUNT * kBinFields;

void Flatten(const hk_arena_stats_t &stats, double *out) {
#define HK_WRITE_FIELD(field) *out++ = static_cast<double>(stats.field);
  HK_ARENA_STATS(HK_WRITE_FIELD)
#undef HK_WRITE_FIELD
  for (const hk_bin_stats_t &bin : stats.bins) {
#define HK_WRITE_FIELD(field) *out++ = static_cast<double>(bin.field);
    HK_BIN_STATS(HK_WRITE_FIELD)
#undef HK_WRITE_FIELD
  }
}

struct Snapshot {
  double serial;
  uint32_t class_count;
  uint32_t strides[HK_BIN_MAX];
  char name[HK_ARENA_NAME_MAX + 1];
  hk_arena_stats_t stats;
};

void TakeSnapshot(hk_arena_t *core, Snapshot *snapshot) {
  const hk_classes_t *classes = hk_arena_classes(core);
  snapshot->serial = static_cast<double>(hk_arena_id(core));
  snapshot->class_count = classes->count;
  for (uint32_t i = 0; i < classes->count; i++) {
    snapshot->strides[i] = classes->bins[i].stride_bytes;
  }
  std::strcpy(snapshot->name, hk_arena_name(core));
  hk_arena_stats(core, &snapshot->stats);
}

napi_value DoublesToJs(napi_env env, size_t length, double **data) {
  napi_value buffer = nullptr, array = nullptr;
  void *bytes = nullptr;
  if (napi_create_arraybuffer(env, length * sizeof(double), &bytes, &buffer) != napi_ok) {
    return nullptr;
  }
  *data = static_cast<double *>(bytes);
  napi_create_typedarray(env, napi_float64_array, length, buffer, 0, &array);
  return array;
}

// { serial, name, strides, values }
napi_value SnapshotToJs(napi_env env, const Snapshot &snapshot) {
  double *values = nullptr, *strides = nullptr;
  napi_value result = NewObject(env);
  napi_value values_array = DoublesToJs(env, kSnapshotLength, &values);
  napi_value strides_array = DoublesToJs(env, snapshot.class_count, &strides);
  if (values_array == nullptr || strides_array == nullptr) return nullptr;
  Flatten(snapshot.stats, values);
  for (uint32_t i = 0; i < snapshot.class_count; i++) strides[i] = snapshot.strides[i];
  napi_value name = nullptr;
  napi_create_string_utf8(env, snapshot.name, NAPI_AUTO_LENGTH, &name);
  Put(env, result, "serial", Double(env, snapshot.serial));
  Put(env, result, "name", name);
  Put(env, result, "strides", strides_array);
  Put(env, result, "values", values_array);
  return result;
}

// arenaStats(arena) -> snapshot
napi_value ArenaStats(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok()) return arguments.Refuse();
  Snapshot snapshot;
  TakeSnapshot(arena->core, &snapshot);
  return SnapshotToJs(env, snapshot);
}

struct SnapshotList {
  Snapshot *items;
  uint32_t count, capacity;
};

bool CountArena(hk_arena_t *, void *context) {
  ++*static_cast<uint32_t *>(context);
  return true;
}

bool AppendArena(hk_arena_t *core, void *context) {
  auto *list = static_cast<SnapshotList *>(context);
  if (list->count == list->capacity) return false;
  TakeSnapshot(core, &list->items[list->count++]);
  return true;
}

// heapStats() -> [snapshot, ...]: every arena of every thread of the process, oldest first
napi_value HeapStats(napi_env env, napi_callback_info) {
  SnapshotList list = {};
  hk_arena_each(CountArena, &list.capacity);
  list.items = static_cast<Snapshot *>(std::malloc((list.capacity + 1) * sizeof(Snapshot)));
  if (list.items != nullptr) hk_arena_each(AppendArena, &list);
  napi_value result = NewArray(env);
  for (uint32_t i = 0; i < list.count; i++) Put(env, result, i, SnapshotToJs(env, list.items[i]));
  std::free(list.items);
  return result;
}

// processStats() -> Float64Array
napi_value ProcessStats(napi_env env, napi_callback_info) {
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  double *out = nullptr;
  napi_value array = DoublesToJs(env, kProcessFields, &out);
  if (array == nullptr) return nullptr;
#define HK_WRITE_FIELD(field) *out++ = static_cast<double>(stats.field);
  HK_PROCESS_STATS(HK_WRITE_FIELD)
#undef HK_WRITE_FIELD
  return array;
}

} // namespace

napi_value DefineStats(napi_env env, napi_value exports) {
  Define(env, exports, "arenaStats", ArenaStats);
  Define(env, exports, "heapStats", HeapStats);
  Define(env, exports, "processStats", ProcessStats);
  return exports;
}

} // namespace hakmem

// Statistics: snapshots as flat doubles in memory of the caller, so that reading allocates nothing.
//
// What is written: the process's fields; then for each arena its number, how many bins follow, its own
// fields, and for each bin that was ever used its index and fields. Orders are those of the lists in
// hakmem.h; tables.cc tells JavaScript the names.
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

#define HK_COUNT_FIELD(field) +1
constexpr size_t kBinFields = 0 HK_BIN_STATS(HK_COUNT_FIELD);
constexpr size_t kArenaFields = 0 HK_ARENA_STATS(HK_COUNT_FIELD);
constexpr size_t kProcessFields = 0 HK_PROCESS_STATS(HK_COUNT_FIELD);
#undef HK_COUNT_FIELD
constexpr size_t kRecordHeader = 2;
constexpr size_t kRecordMax = kRecordHeader + kArenaFields + HK_BIN_COUNT * (1 + kBinFields);

#define HK_WRITE_FIELD(field) *out++ = static_cast<double>(stats.field);

double *WriteProcess(double *out) {
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  HK_PROCESS_STATS(HK_WRITE_FIELD)
  return out;
}

double *WriteBin(double *out, const hk_bin_stats_t &stats) {
  HK_BIN_STATS(HK_WRITE_FIELD)
  return out;
}

double *WriteArena(double *out, hk_arena_t *core) {
  hk_arena_stats_t stats;
  hk_arena_stats(core, &stats);
  *out++ = static_cast<double>(hk_arena_id(core));
  double *bins = out++;
  uint32_t used = 0;
  HK_ARENA_STATS(HK_WRITE_FIELD)
  for (uint32_t i = 0; i < HK_BIN_COUNT; i++) {
    const hk_bin_stats_t &bin = stats.bins[i];
    if (bin.allocs == 0 && bin.capacity == 0 && bin.refills == 0) continue;
    *out++ = i;
    out = WriteBin(out, bin);
    used++;
  }
  *bins = used;
  return out;
}

#undef HK_WRITE_FIELD

// arenaStats(arena, out) -> doubles written. `out` has room for one arena (statsRecordMax, and the process).
napi_value ArenaStats(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  size_t room = 0;
  double *out = arguments.Doubles(1, &room);
  if (!arguments.ok() || room < kProcessFields + kRecordMax) return arguments.Refuse();
  double *end = WriteArena(WriteProcess(out), arena->core);
  return Double(env, static_cast<double>(end - out));
}

struct HeapWriter {
  double *out, *end;
  size_t needed;
};

bool WriteNextArena(hk_arena_t *core, void *context) {
  auto *writer = static_cast<HeapWriter *>(context);
  writer->needed += kRecordMax;
  if (static_cast<size_t>(writer->end - writer->out) >= kRecordMax) {
    writer->out = WriteArena(writer->out, core);
  }
  return true;
}

// heapStats(out) -> doubles written, for every arena of every thread of the process, oldest first; or, if
// `out` was too short, minus the length that would have been enough.
napi_value HeapStats(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t room = 0;
  double *out = arguments.Doubles(0, &room);
  if (!arguments.ok() || room < kProcessFields) return arguments.Refuse();
  HeapWriter writer = {WriteProcess(out), out + room, kProcessFields};
  hk_arena_each(WriteNextArena, &writer);
  if (writer.needed > room) return Double(env, -static_cast<double>(writer.needed));
  return Double(env, static_cast<double>(writer.out - out));
}

struct ArenaInfo {
  double serial;
  bool found;
  uint32_t class_count;
  uint32_t strides[HK_BIN_MAX];
  char name[HK_ARENA_NAME_MAX + 1];
};

bool DescribeArena(hk_arena_t *core, void *context) {
  auto *info = static_cast<ArenaInfo *>(context);
  if (static_cast<double>(hk_arena_id(core)) != info->serial) return true;
  const hk_classes_t *classes = hk_arena_classes(core);
  info->found = true;
  info->class_count = classes->count;
  for (uint32_t i = 0; i < classes->count; i++) info->strides[i] = classes->bins[i].stride_bytes;
  std::strcpy(info->name, hk_arena_name(core));
  return false;
}

// arenaInfo(serial) -> { name, strides } of an arena of any thread, or undefined when it has ended
napi_value DescribeArenaBySerial(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaInfo arena = {};
  arena.serial = arguments.Double(0);
  if (!arguments.ok()) return arguments.Refuse();
  hk_arena_each(DescribeArena, &arena);
  if (!arena.found) return nullptr;
  napi_value result = NewObject(env), strides = NewArray(env), name = nullptr;
  napi_create_string_utf8(env, arena.name, NAPI_AUTO_LENGTH, &name);
  for (uint32_t i = 0; i < arena.class_count; i++)
    Put(env, strides, i, Double(env, arena.strides[i]));
  Put(env, result, "name", name);
  Put(env, result, "strides", strides);
  return result;
}

} // namespace

napi_value DefineStats(napi_env env, napi_value exports) {
  Define(env, exports, "arenaStats", ArenaStats);
  Define(env, exports, "heapStats", HeapStats);
  Define(env, exports, "arenaInfo", DescribeArenaBySerial);
  Put(env, exports, "statsRecordMax", Int32(env, static_cast<int32_t>(kRecordMax)));
  return exports;
}

} // namespace hakmem

// Statistics: snapshots (snapshot.h) into arrays of the caller, and what arenas are called. tables.cc tells
// JavaScript the names of the fields.
#include <cstdlib>
#include <cstring>

#include "binding/arguments.h"
#include "snapshot.h"

namespace hakmem {

namespace {

constexpr size_t kArenaRoom = HK_SNAPSHOT_PROCESS_FIELDS + HK_SNAPSHOT_RECORD_MAX;

// processStats(out) -> doubles written.
Napi::Value ProcessStats(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  size_t room = 0;
  double *out = arguments.Doubles(0, &room);
  if (!arguments.ok() || room < HK_SNAPSHOT_PROCESS_FIELDS) return arguments.Refuse();
  return Napi::Number::New(info.Env(), static_cast<double>(hk_snapshot_process(out)));
}

// arenaStats(arena, out) -> doubles written. `out` has room for one arena (statsRecordMax, and the process).
Napi::Value ArenaStats(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  size_t room = 0;
  double *out = arguments.Doubles(1, &room);
  if (!arguments.ok() || room < kArenaRoom) return arguments.Refuse();
  hk_letters_collect(arena->core);
  return Napi::Number::New(info.Env(), static_cast<double>(hk_snapshot_arena(arena->core, out)));
}

// heapStats(out) -> doubles written, for every arena of every thread of the process, oldest first, and the
// totals; or, if `out` was too short, minus the length that would have been enough.
Napi::Value HeapStats(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  size_t room = 0;
  double *out = arguments.Doubles(0, &room);
  if (!arguments.ok() || room < kArenaRoom) return arguments.Refuse();
  return Napi::Number::New(info.Env(), static_cast<double>(hk_snapshot_heap(out, room)));
}

struct ArenaInfo {
  uint32_t stride_count; // 0: those of the default classes
  uint32_t strides[HK_BIN_MAX];
  char name[HK_ARENA_NAME_MAX + 1]; // empty: there is no such arena
};

struct Census {
  const double *serials; // ascending
  size_t count, next;
  ArenaInfo *infos; // zeroed
};

void Describe(const hk_arena_t *core, ArenaInfo *info) {
  const hk_classes_t *classes = hk_arena_classes(core);
  std::strcpy(info->name, hk_arena_name(core));
  if (classes == hk_classes_default()) return;
  info->stride_count = classes->count;
  for (uint32_t i = 0; i < classes->count; i++) info->strides[i] = classes->bins[i].stride_bytes;
}

// Arenas come in the order of their serials, so that one walk finds all. No JavaScript here: the registry is locked.
bool DescribeNext(hk_arena_t *core, void *context) {
  auto *census = static_cast<Census *>(context);
  auto serial = static_cast<double>(hk_arena_id(core));
  while (census->next < census->count && !(census->serials[census->next] >= serial)) census->next++;
  if (census->next == census->count) return false;
  if (census->serials[census->next] == serial) Describe(core, &census->infos[census->next++]);
  return true;
}

Napi::Value InfoToJs(Napi::Env env, const ArenaInfo &info) {
  Napi::Object result = Napi::Object::New(env);
  result.DefineProperties({Field(env, "name", static_cast<const char *>(info.name))});
  if (info.stride_count == 0) return result;
  Napi::Array strides = Napi::Array::New(env);
  for (uint32_t i = 0; i < info.stride_count; i++) PutElement(strides, i, info.strides[i]);
  result.DefineProperties({Field(env, "strides", strides)});
  return result;
}

// arenaInfo(serial) -> { name, strides? } of an arena of any thread, without strides when it has the default
// classes; undefined when it has ended
Napi::Value DescribeArenaBySerial(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaInfo arena = {};
  double serial = arguments.Double(0);
  if (!arguments.ok()) return arguments.Refuse();
  Census census = {&serial, 1, 0, &arena};
  hk_arena_each(DescribeNext, &census);
  return arena.name[0] != 0 ? InfoToJs(info.Env(), arena) : info.Env().Undefined();
}

// arenaInfos(serials) -> [what arenaInfo says of each], for ascending serials; where an arena has ended is a hole
Napi::Value DescribeArenas(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  size_t count = 0;
  const double *serials = arguments.Doubles(0, &count);
  if (!arguments.ok()) return arguments.Refuse();
  Napi::Array result = Napi::Array::New(info.Env());
  auto *infos = static_cast<ArenaInfo *>(std::calloc(count + 1, sizeof(ArenaInfo)));
  if (infos == nullptr) return result;
  Census census = {serials, count, 0, infos};
  hk_arena_each(DescribeNext, &census);
  for (uint32_t i = 0; i < count; i++) {
    if (infos[i].name[0] == 0) continue;
    Napi::HandleScope scope(info.Env());
    PutElement(result, i, InfoToJs(info.Env(), infos[i]));
  }
  std::free(infos);
  return result;
}

// arenaLengths(serial, out) -> doubles written: for each length, or class, of an arena of any thread the first and
// the last, allocations, live ones and their bytes. `out` has room for lengthsMax doubles.
Napi::Value ArenaLengths(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  double serial = arguments.Double(0);
  size_t room = 0;
  double *out = arguments.Doubles(1, &room);
  if (!arguments.ok()) return arguments.Refuse();
  return Napi::Number::New(info.Env(), static_cast<double>(hk_snapshot_lengths(serial, out, room)));
}

// arenaTrace(arena, out) -> doubles written: of each event that fits, the last ones, when it was in milliseconds, its
// kind, its bin, its stage and its amount.
Napi::Value ArenaTrace(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  size_t room = 0;
  double *out = arguments.Doubles(1, &room);
  if (!arguments.ok()) return arguments.Refuse();
  double written = static_cast<double>(hk_snapshot_trace(arena->core, out, room));
  return Napi::Number::New(info.Env(), written);
}

struct Differences {
  Napi::Env env;
  Napi::Array list;
  uint32_t count;
};

// More would say no more.
constexpr uint32_t kDifferencesMax = 1000;

void AddDifference(const hk_difference_t *difference, void *context) {
  auto *differences = static_cast<Differences *>(context);
  if (differences->count == kDifferencesMax) return;
  Napi::HandleScope scope(differences->env);
  Napi::Object row = Napi::Object::New(differences->env);
  row.DefineProperties({
      Field(differences->env, "what", difference->what),
      Field(differences->env, "bin", difference->bin),
      Field(differences->env, "slab", static_cast<double>(difference->slab)),
      Field(differences->env, "counted", static_cast<double>(difference->counted)),
      Field(differences->env, "recorded", static_cast<double>(difference->recorded)),
  });
  PutElement(differences->list, differences->count++, row);
}

// verifyArena(arena) -> [{ what, bin, slab, counted, recorded }], of numbers that counting again does not bear out
Napi::Value VerifyArena(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok()) return arguments.Refuse();
  Differences differences = {info.Env(), Napi::Array::New(info.Env()), 0};
  hk_arena_verify(arena->core, AddDifference, &differences);
  return differences.list;
}

} // namespace

void DefineStats(Napi::Object exports) {
  Define<ProcessStats>(exports, "processStats");
  Define<ArenaStats>(exports, "arenaStats");
  Define<HeapStats>(exports, "heapStats");
  Define<DescribeArenaBySerial>(exports, "arenaInfo");
  Define<DescribeArenas>(exports, "arenaInfos");
  Define<ArenaLengths>(exports, "arenaLengths");
  Define<ArenaTrace>(exports, "arenaTrace");
  Define<VerifyArena>(exports, "verifyArena");
  exports.DefineProperty(
      Field(exports.Env(), "statsRecordMax", static_cast<double>(HK_SNAPSHOT_RECORD_MAX)));
  exports.DefineProperty(
      Field(exports.Env(), "lengthsMax", static_cast<double>(HK_SNAPSHOT_LENGTHS_MAX)));
}

} // namespace hakmem

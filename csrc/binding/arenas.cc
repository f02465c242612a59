// Arenas: create, reset, trim, decay, destroy.
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

void DropCounters(Napi::Env, void *, hk_counters_t *counters) { hk_counters_drop(counters); }

// The front's counters as an ArrayBuffer; it keeps the counters alive, not the arena. Empty: out of memory.
Napi::ArrayBuffer CountersBuffer(Napi::Env env, hk_arena_t *core) {
  hk_counters_t *counters = hk_arena_counters(core);
  hk_counters_hold(counters);
  auto buffer = Napi::ArrayBuffer::New(env, counters, sizeof *counters, DropCounters, counters);
  if (buffer.IsEmpty()) hk_counters_drop(counters);
  return buffer;
}

// The JavaScript side has let go of the arena without destroying it, or after.
void HandleCollected(Napi::Env env, ArenaHandle *arena) {
  AbandonAll(env, arena);
  OrphanArena(arena);
  DropArena(arena);
}

Napi::External<ArenaHandle> GarbageHandle(Napi::Env env, ArenaHandle *arena) {
  HoldArena(arena);
  auto handle = Napi::External<ArenaHandle>::New(env, arena, HandleCollected);
  if (handle.IsEmpty()) DropArena(arena);
  return handle;
}

#define HK_COUNT_OPTION(field, name, max, choices, meaning) +1
constexpr size_t kOptionCount = 0 HK_ARENA_OPTION_LIST(HK_COUNT_OPTION);
#undef HK_COUNT_OPTION

// The numbers of HK_ARENA_OPTION_LIST in its order, which tables.cc tells JavaScript; undefined: 0 for all. The
// core knows their bounds.
bool ReadSettings(Arguments *arguments, size_t i, hk_arena_options_t *options) {
  size_t count = 0;
  if ((*arguments)[i].IsUndefined()) return true;
  const double *given = arguments->Doubles(i, &count);
  if (!arguments->ok() || count != kOptionCount) return false;
  double settings
      [kOptionCount]; // copied before they are checked: another thread may write to what was given
  std::memcpy(settings, given, sizeof settings);
  for (double setting : settings) {
    if (!(setting >= 0 && setting <= static_cast<double>(HK_SIZE_MAX))) return false;
  }
  const double *next = settings;
#define HK_READ_OPTION(field, name, max, choices, meaning) \
  options->field = static_cast<uint64_t>(*next++);
  HK_ARENA_OPTION_LIST(HK_READ_OPTION)
#undef HK_READ_OPTION
  return true;
}

// false: no string of at most HK_ARENA_NAME_MAX bytes without a zero.
bool ReadName(Napi::Value value, char (&name)[HK_ARENA_NAME_MAX + 6]) {
  size_t length = 0; // There is room for one more character, so that too long is still too long.
  if (!value.IsString()) return false;
  if (napi_get_value_string_utf8(value.Env(), value, name, sizeof name, &length) != napi_ok)
    return false;
  return length <= HK_ARENA_NAME_MAX && std::memchr(name, 0, length) == nullptr;
}

// false: it is something else than class sizes, or undefined.
bool ReadClassSizes(Arguments *arguments, size_t i, uint32_t (&sizes)[HK_BIN_MAX + 1],
                    hk_arena_options_t *options) {
  const uint32_t *given = arguments->OptionalUint32s(i, &options->class_count);
  if (!arguments->ok()) return false;
  if (given == nullptr) return true;
  if (options->class_count == 0) return false;
  // One more than there can be, so that too many are still too many.
  if (options->class_count > HK_BIN_MAX + 1) options->class_count = HK_BIN_MAX + 1;
  // Copied before they are checked: another thread may write to what was given.
  std::memcpy(sizes, given, options->class_count * sizeof *given);
  options->class_sizes = sizes;
  return true;
}

// false: JavaScript may have given another name, of which UTF-8 has made this one. It has U+FFFD for whatever is half a
// character.
bool IsAsGiven(const char *name) { return std::strstr(name, "\xEF\xBF\xBD") == nullptr; }

// An arena with the counters and the handle of an earlier one: JavaScript has all else. Empty: it has not.
Napi::Value ArenaAgain(Napi::Env env, const ArenaHandle *arena) {
  uint32_t *serial = IsAsGiven(hk_arena_name(arena->core)) ? Exchange(env) : nullptr;
  if (serial == nullptr) return Napi::Value();
  uint64_t id = hk_arena_id(arena->core);
  serial[0] = static_cast<uint32_t>(id);
  serial[1] = static_cast<uint32_t>(id >> 32);
  return Napi::Number::New(env, HandleOf(arena));
}

// Enters a new arena and makes what JavaScript gets of it. Empty: out of memory.
Napi::Value ArenaToJs(Napi::Env env, hk_arena_t *core, Napi::ArrayBuffer counters,
                      Napi::Value handle) {
  const void *idle = handle.IsExternal() ? handle.As<Napi::External<void>>().Data() : nullptr;
  ArenaHandle *arena = AddArena(EnvironmentOf(env), core, idle);
  if (arena == nullptr) {
    hk_arena_destroy(core);
    return Napi::Value();
  }
  hk_arena_ask_before_purge(core, IsOurs, arena);
  bool has_counters = !counters.IsEmpty() && counters.Data() == hk_arena_counters(core);
  Napi::Value again = has_counters && arena == idle ? ArenaAgain(env, arena) : Napi::Value();
  if (!again.IsEmpty()) return again;
  if (!has_counters) counters = CountersBuffer(env, core);
  if (arena != idle) handle = counters.IsEmpty() ? Napi::Value() : GarbageHandle(env, arena);
  if (counters.IsEmpty() || handle.IsEmpty()) {
    OrphanArena(arena);
    return Napi::Value();
  }
  Napi::Object result = Napi::Object::New(env);
  result.DefineProperties({
      Field(env, "id", HandleOf(arena)),
      Field(env, "serial", static_cast<double>(hk_arena_id(core))),
      Field(env, "name", hk_arena_name(core)),
      Field(env, "counters", counters),
      Field(env, "handle", handle),
  });
  return result;
}

// createArena(name, settings?, classSizes?, counters?, handle?) -> { id, serial, name, counters, handle } | id, serial in
// exchange | -status. A name is at most HK_ARENA_NAME_MAX bytes of UTF-8 without a zero; an empty one is none. Counters
// and handle of an arena that has ended are used again; then the result may be a number.
Napi::Value CreateArena(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  char name[HK_ARENA_NAME_MAX + 6];
  uint32_t sizes[HK_BIN_MAX + 1];
  hk_arena_options_t options = {};
  bool readable = arguments.ok() && ReadName(arguments[0], name) &&
                  ReadSettings(&arguments, 1, &options) &&
                  ReadClassSizes(&arguments, 2, sizes, &options);
  if (!readable) return arguments.Refuse();
  options.name = name[0] != 0 ? name : nullptr;
  hk_arena_t *core = nullptr;
  Napi::ArrayBuffer counters;
  if (arguments[3].IsArrayBuffer()) {
    counters = arguments[3].As<Napi::ArrayBuffer>();
    options.counters = TakeCounters(EnvironmentOf(env), counters);
  }
  hk_status_t status = hk_arena_create(&options, &core);
  if (status != HK_OK) return Failure(env, status);
  Napi::Value result = ArenaToJs(env, core, counters, arguments[4]);
  if (!result.IsEmpty()) return result;
  if (env.IsExceptionPending()) env.GetAndClearPendingException();
  return Failure(env, HK_OUT_OF_MEMORY_OS);
}

// Conceals all slabs but those listed in argument 1, an optional Uint32Array. false: it is something else.
bool ConcealUnpinned(Napi::Env env, Arguments *arguments, ArenaHandle *arena) {
  size_t count = 0;
  const uint32_t *pinned = arguments->OptionalUint32s(1, &count);
  if (!arguments->ok()) return false;
  for (size_t i = 0; i < count; i++) PinSlab(arena, pinned[i]);
  ConcealAll(env, arena);
  return true;
}

// The arena is over. Its counters, if argument 2 is their ArrayBuffer, serve the next one.
void EndArena(Napi::Env env, const Arguments &arguments, ArenaHandle *arena) {
  Napi::Value value = arguments[2];
  Napi::ArrayBuffer counters;
  if (value.IsArrayBuffer()) counters = value.As<Napi::ArrayBuffer>();
  bool are_its = !counters.IsEmpty() && counters.Data() == hk_arena_counters(arena->core);
  HoldArena(arena);
  if (are_its) hk_arena_leave_counters(arena->core);
  OrphanArena(arena);
  if (are_its && arena->core == nullptr) {
    LeaveCounters(EnvironmentOf(env), counters.Data());
    LeaveArena(EnvironmentOf(env), arena);
  }
  DropArena(arena);
}

// destroyArena(arena, pinned?, counters?) -> 0. Bytes that were given away keep their slabs until they are let go,
// pinned slabs stay attached until they are unpinned; all else goes back now.
Napi::Value DestroyArena(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok() || !ConcealUnpinned(info.Env(), &arguments, arena)) return arguments.Refuse();
  if (HasPins(arena)) {
    arena->ended = true;
    hk_arena_end(arena->core);
  } else {
    EndArena(info.Env(), arguments, arena);
  }
  return Napi::Number::New(info.Env(), 0);
}

// resetArena(arena, pinned?) -> 0
Napi::Value ResetArena(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok() || !ConcealUnpinned(info.Env(), &arguments, arena)) return arguments.Refuse();
  hk_arena_reset(arena->core);
  return Napi::Number::New(info.Env(), 0);
}

// returnedBytes(arena) -> bytes of pages given back to the OS so far
Napi::Value ReturnedBytes(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok()) return arguments.Refuse();
  return Napi::Number::New(info.Env(), static_cast<double>(hk_arena_returned_bytes(arena->core)));
}

// trimArena(arena) -> bytes given back to the OS
Napi::Value TrimArena(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok()) return arguments.Refuse();
  return Napi::Number::New(info.Env(), static_cast<double>(hk_arena_trim(arena->core)));
}

// A whole number up to `max`, or one more.
uint32_t Clamped(double value, uint32_t max) {
  return value >= 0 && value <= max ? static_cast<uint32_t>(value) : max + 1;
}

// setPolicy(arena, values) -> 0 | -status. Six doubles: purge delay in milliseconds, free policy, and of empty slabs the
// high limit and the low one, each as a number and as a share in 1/65536.
Napi::Value SetPolicy(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  size_t count = 0;
  const double *given = arguments.Doubles(1, &count);
  double values[6]; // copied before they are checked: another thread may write to what was given
  if (!arguments.ok() || count != 6) return arguments.Refuse();
  std::memcpy(values, given, sizeof values);
  constexpr double kDelayMax = HK_PURGE_DELAY_MAX;
  if (!(values[0] >= -1 && values[0] <= kDelayMax)) return arguments.Refuse();
  hk_arena_policy_t policy = {};
  policy.purge_delay_ms = static_cast<int64_t>(values[0]);
  policy.free_policy = Clamped(values[1], 1);
  policy.empty_high = {Clamped(values[2], HK_EMPTY_SLABS_MAX),
                       Clamped(values[3], HK_EMPTY_SHARE_ONE)};
  policy.empty_low = {Clamped(values[4], HK_EMPTY_SLABS_MAX),
                      Clamped(values[5], HK_EMPTY_SHARE_ONE)};
  return Failure(info.Env(), hk_arena_set_policy(arena->core, &policy));
}

// addClass(arena, stride) -> index of the new class | -status
Napi::Value AddClass(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t stride = arguments.Uint32(1), bin = 0;
  if (!arguments.ok()) return arguments.Refuse();
  hk_status_t status = hk_arena_add_class(arena->core, stride, &bin);
  if (status != HK_OK) return Failure(info.Env(), status);
  return Napi::Number::New(info.Env(), bin);
}

// retireClass(arena, index) -> 0 | -status
Napi::Value RetireClass(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t bin = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  return Failure(info.Env(), hk_arena_retire_class(arena->core, bin));
}

// decay() -> milliseconds until it wants to be called again, 0 or more; -1: nothing waits. Of all arenas of this
// environment, and of the cache, what nobody needed for a while goes back, for a millisecond's work.
Napi::Value Decay(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  if (!arguments.ok()) return arguments.Refuse();
  const Environment *environment = EnvironmentOf(info.Env());
  uint64_t now_ns = hk_clock_ns(), next_ns = hk_decay(nullptr, now_ns);
  for (uint32_t i = 0; i < environment->slot_count; i++) {
    const ArenaHandle *arena = environment->slots[i].arena;
    if (arena == nullptr || arena->ended) continue;
    uint64_t due_ns = hk_decay(arena->core, now_ns);
    if (due_ns < next_ns) next_ns = due_ns;
  }
  if (next_ns == UINT64_MAX) return Napi::Number::New(info.Env(), -1);
  double ms = next_ns > now_ns ? static_cast<double>(next_ns - now_ns) / 1e6 : 0;
  return Napi::Number::New(info.Env(), ms);
}

// purgeLarge(arena, reference, from, bytes) -> bytes given back to the OS, of a block that the front keeps
Napi::Value PurgeLarge(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t ref = arguments.Uint32(1);
  double from = arguments.Double(2), bytes = arguments.Double(3);
  constexpr double max = static_cast<double>(HK_SIZE_MAX);
  bool readable = from >= 0 && bytes >= 0 && from <= max && bytes <= max;
  if (!arguments.ok() || !readable) return arguments.Refuse();
  size_t purged =
      hk_large_purge(arena->core, ref, static_cast<size_t>(from), static_cast<size_t>(bytes));
  return Napi::Number::New(info.Env(), static_cast<double>(purged));
}

} // namespace

void DefineArenas(Napi::Object exports) {
  Define<CreateArena>(exports, "createArena");
  Define<DestroyArena>(exports, "destroyArena");
  Define<ResetArena>(exports, "resetArena");
  Define<ReturnedBytes>(exports, "returnedBytes");
  Define<SetPolicy>(exports, "setPolicy");
  Define<AddClass>(exports, "addClass");
  Define<RetireClass>(exports, "retireClass");
  Define<TrimArena>(exports, "trimArena");
  Define<Decay>(exports, "decay");
  Define<PurgeLarge>(exports, "purgeLarge");
}

} // namespace hakmem

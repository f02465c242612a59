// Arenas: create, reset, trim, destroy.
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

// Settings of createArena, in this order: 1 + HK_THP_*, 1 + HK_FREE_POLICY_* (0: as the process has it), and
// bytes to prewarm. Undefined: 0 for all.
bool ReadSettings(Arguments *arguments, size_t i, hk_arena_options_t *options) {
  size_t count = 0;
  if ((*arguments)[i].IsUndefined()) return true;
  const double *given = arguments->Doubles(i, &count);
  if (!arguments->ok() || count != 3) return false;
  double settings[3]; // copied before they are checked: another thread may write to what was given
  std::memcpy(settings, given, sizeof settings);
  for (size_t k = 0; k < count; k++) {
    if (!(settings[k] >= 0 && settings[k] <= static_cast<double>(HK_SIZE_MAX))) return false;
  }
  if (settings[0] > 3 || settings[1] > 3) return false;
  options->thp = static_cast<uint32_t>(settings[0]);
  options->policy = static_cast<uint32_t>(settings[1]);
  options->prewarm_bytes = static_cast<uint64_t>(settings[2]);
  return true;
}

// false: neither true nor false, nor undefined, which is false.
bool ReadScrubs(Napi::Value value, bool *scrubs) {
  *scrubs = value.IsBoolean() && value.As<Napi::Boolean>().Value();
  return value.IsBoolean() || value.IsUndefined();
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

// Enters a new arena and makes what JavaScript gets of it. Empty: out of memory.
Napi::Value ArenaToJs(Napi::Env env, hk_arena_t *core) {
  ArenaHandle *arena = AddArena(EnvironmentOf(env), core);
  if (arena == nullptr) {
    hk_arena_destroy(core);
    return Napi::Value();
  }
  Napi::Value counters = CountersBuffer(env, core);
  Napi::Value handle = counters.IsEmpty() ? Napi::Value() : GarbageHandle(env, arena);
  if (handle.IsEmpty()) {
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

// createArena(name, maxBytes, classSizes?, settings?, scrubs?) -> { id, serial, name, counters, handle } | -status.
// A name is at most HK_ARENA_NAME_MAX bytes of UTF-8 without a zero; an empty one is none.
Napi::Value CreateArena(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  char name[HK_ARENA_NAME_MAX + 6];
  uint32_t sizes[HK_BIN_MAX + 1];
  hk_arena_options_t options = {};
  double max_bytes = arguments.Double(1);
  bool readable = arguments.ok() && ReadName(arguments[0], name) &&
                  ReadClassSizes(&arguments, 2, sizes, &options) &&
                  ReadSettings(&arguments, 3, &options) &&
                  ReadScrubs(arguments[4], &options.scrubs) && max_bytes >= 0 &&
                  max_bytes <= static_cast<double>(HK_SIZE_MAX);
  if (!readable) return arguments.Refuse();
  options.name = name[0] != 0 ? name : nullptr;
  options.max_bytes = static_cast<uint64_t>(max_bytes);
  hk_arena_t *core = nullptr;
  hk_status_t status = hk_arena_create(&options, &core);
  if (status != HK_OK) return Failure(env, status);
  Napi::Value result = ArenaToJs(env, core);
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

// destroyArena(arena, pinned?) -> 0. Bytes that were given away keep their slabs until they are let go,
// pinned slabs stay attached until they are unpinned; all else goes back now.
Napi::Value DestroyArena(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok() || !ConcealUnpinned(info.Env(), &arguments, arena)) return arguments.Refuse();
  if (HasPins(arena)) {
    arena->ended = true;
    hk_arena_end(arena->core);
  } else {
    OrphanArena(arena);
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
  NoticeGivenAway(info.Env(), arena);
  return Napi::Number::New(info.Env(), static_cast<double>(hk_arena_trim(arena->core)));
}

} // namespace

void DefineArenas(Napi::Object exports) {
  Define<CreateArena>(exports, "createArena");
  Define<DestroyArena>(exports, "destroyArena");
  Define<ResetArena>(exports, "resetArena");
  Define<ReturnedBytes>(exports, "returnedBytes");
  Define<TrimArena>(exports, "trimArena");
}

} // namespace hakmem

// Arenas: create, reset, trim, destroy.
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

void DropCounters(napi_env, void *, void *hint) {
  hk_counters_drop(static_cast<hk_counters_t *>(hint));
}

// The front's counters as an ArrayBuffer; it keeps the counters alive, not the arena.
napi_value CountersBuffer(napi_env env, hk_arena_t *core) {
  hk_counters_t *counters = hk_arena_counters(core);
  napi_value buffer = nullptr;
  hk_counters_hold(counters);
  napi_status status = napi_create_external_arraybuffer(env, counters, sizeof *counters,
                                                        DropCounters, counters, &buffer);
  if (status != napi_ok) hk_counters_drop(counters);
  return buffer;
}

// The JavaScript side has let go of the arena without destroying it, or after.
void HandleCollected(napi_env env, void *data, void *) {
  auto *arena = static_cast<ArenaHandle *>(data);
  AbandonAll(env, arena);
  OrphanArena(arena);
  DropArena(arena);
}

napi_value GarbageHandle(napi_env env, ArenaHandle *arena) {
  napi_value handle = nullptr;
  HoldArena(arena);
  if (napi_create_external(env, arena, HandleCollected, nullptr, &handle) != napi_ok) {
    DropArena(arena);
  }
  return handle;
}

// Settings of createArena, in this order: 1 + HK_THP_*, 1 + HK_FREE_POLICY_* (0: as the process has it), and
// bytes to prewarm. Undefined: 0 for all.
bool ReadSettings(napi_env env, Arguments *arguments, size_t i, hk_arena_options_t *options) {
  size_t count = 0;
  napi_valuetype type = napi_undefined;
  napi_typeof(env, arguments->value(i), &type);
  if (type == napi_undefined) return true;
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
bool ReadScrubs(napi_env env, napi_value value, bool *scrubs) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_undefined || napi_get_value_bool(env, value, scrubs) == napi_ok;
}

// createArena(name, maxBytes, classSizes?, settings?, scrubs?) -> { id, serial, counters, handle } | -status. A name
// is at most HK_ARENA_NAME_MAX bytes of UTF-8 without a zero; an empty one is none.
napi_value CreateArena(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  char name[HK_ARENA_NAME_MAX +
            6]; // room for one more character, so that too long is still too long
  hk_arena_options_t options = {};
  double max_bytes = arguments.Double(1);
  uint32_t sizes[HK_BIN_MAX + 1]; // one more, so that too many are still too many
  const uint32_t *given = arguments.Uint32Array(2, &options.class_count);
  bool readable = arguments.ok() && ReadSettings(env, &arguments, 3, &options) &&
                  ReadScrubs(env, arguments.value(4), &options.scrubs) && max_bytes >= 0 &&
                  max_bytes <= static_cast<double>(HK_SIZE_MAX) &&
                  (given == nullptr || options.class_count > 0);
  // Copied before they are checked: another thread may write to what was given.
  if (readable && given != nullptr) {
    if (options.class_count > HK_BIN_MAX + 1) options.class_count = HK_BIN_MAX + 1;
    std::memcpy(sizes, given, options.class_count * sizeof *given);
    options.class_sizes = sizes;
  }
  size_t length = 0;
  if (!readable ||
      napi_get_value_string_utf8(env, arguments.value(0), name, sizeof name, &length) != napi_ok) {
    return arguments.Refuse();
  }
  if (length > HK_ARENA_NAME_MAX || std::memchr(name, 0, length) != nullptr) {
    return arguments.Refuse();
  }
  options.name = length > 0 ? name : nullptr;
  options.max_bytes = static_cast<uint64_t>(max_bytes);
  hk_arena_t *core = nullptr;
  hk_status_t status = hk_arena_create(&options, &core);
  if (status != HK_OK) return Failure(env, status);
  ArenaHandle *arena = AddArena(GetEnvironment(env), core);
  if (arena == nullptr) {
    hk_arena_destroy(core);
    return Failure(env, HK_OUT_OF_MEMORY_OS);
  }
  napi_value counters = CountersBuffer(env, core);
  napi_value handle = counters != nullptr ? GarbageHandle(env, arena) : nullptr;
  if (handle == nullptr) {
    OrphanArena(arena);
    return Failure(env, HK_OUT_OF_MEMORY_OS);
  }
  napi_value result = NewObject(env);
  Put(env, result, "id", Double(env, HandleOf(arena)));
  Put(env, result, "serial", Double(env, static_cast<double>(hk_arena_id(core))));
  napi_value core_name = nullptr;
  napi_create_string_utf8(env, hk_arena_name(core), NAPI_AUTO_LENGTH, &core_name);
  Put(env, result, "name", core_name);
  Put(env, result, "counters", counters);
  Put(env, result, "handle", handle);
  return result;
}

// Conceals all slabs but those listed in argument 1, an optional Uint32Array. false: it is something else.
bool ConcealUnpinned(napi_env env, Arguments *arguments, ArenaHandle *arena) {
  size_t count = 0;
  const uint32_t *pinned = arguments->Uint32Array(1, &count);
  if (!arguments->ok()) return false;
  for (size_t i = 0; i < count; i++) PinSlab(env, arena, pinned[i]);
  ConcealAll(env, arena);
  return true;
}

// destroyArena(arena, pinned?) -> 0. Bytes that were given away keep their slabs until they are let go,
// pinned slabs stay attached until they are unpinned; all else goes back now.
napi_value DestroyArena(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok() || !ConcealUnpinned(env, &arguments, arena)) return arguments.Refuse();
  if (HasPins(arena)) {
    arena->ended = true;
    hk_arena_end(arena->core);
  } else {
    OrphanArena(arena);
  }
  return Int32(env, 0);
}

// resetArena(arena, pinned?) -> 0
napi_value ResetArena(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok() || !ConcealUnpinned(env, &arguments, arena)) return arguments.Refuse();
  hk_arena_reset(arena->core);
  return Int32(env, 0);
}

// returnedBytes(arena) -> bytes of pages given back to the OS so far
napi_value ReturnedBytes(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok()) return arguments.Refuse();
  return Double(env, static_cast<double>(hk_arena_returned_bytes(arena->core)));
}

// trimArena(arena) -> bytes given back to the OS
napi_value TrimArena(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok()) return arguments.Refuse();
  NoticeGivenAway(env, arena);
  return Double(env, static_cast<double>(hk_arena_trim(arena->core)));
}

} // namespace

napi_value DefineArenas(napi_env env, napi_value exports) {
  Define(env, exports, "createArena", CreateArena);
  Define(env, exports, "destroyArena", DestroyArena);
  Define(env, exports, "resetArena", ResetArena);
  Define(env, exports, "returnedBytes", ReturnedBytes);
  Define(env, exports, "trimArena", TrimArena);
  return exports;
}

} // namespace hakmem

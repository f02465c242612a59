// Slabs: edge 2 between front and core. A slab is exposed as one external ArrayBuffer and concealed
// by detaching it, so that a stale view of it has length 0.
#include <cstdlib>

#include "binding/arguments.h"

namespace hakmem {

namespace {

// V8 has freed the backing store, and nobody reaches the bytes any more, wherever they had gone; or the world
// ends, and then only what was attached until now is nobody's.
void BackingStoreFreed(napi_env env, void *, void *hint) {
  auto *exposure = static_cast<Exposure *>(hint);
  ArenaHandle *arena = exposure->arena;
  if (arena == nullptr) { // its world ended before
    std::free(exposure);
    return;
  }
  const Environment *environment = exposure->environment;
  // Without a sentinel the world may be ending and nobody knows.
  bool is_free = environment->ending ? exposure->ending : environment->sentinel != nullptr;
  LeaveExposure(exposure);
  if (arena->slabs[exposure->slab].current == exposure) {
    arena->slabs[exposure->slab].current = nullptr;
  }
  if (exposure->buffer != nullptr) napi_delete_reference(env, exposure->buffer);
  if (is_free) {
    ReleaseHold(env, exposure);
  } else {
    Recount(env, exposure);
    GiveAway(exposure);
  }
  DropArena(arena);
  std::free(exposure);
}

void SentinelFreed(napi_env env, void *, void *hint) {
  auto *sentinel = static_cast<Sentinel *>(hint);
  Environment *environment = sentinel->environment;
  if (environment != nullptr) {
    environment->sentinel = nullptr;
    BeginEnding(env, environment);
  }
  if (sentinel->buffer != nullptr) napi_delete_reference(env, sentinel->buffer);
  std::free(sentinel);
}

// It is the youngest no more, and its ArrayBuffer is garbage.
void DropSentinel(napi_env env, Environment *environment) {
  Sentinel *sentinel = environment->sentinel;
  if (sentinel == nullptr) return;
  environment->sentinel = nullptr;
  sentinel->environment = nullptr;
  napi_delete_reference(env, sentinel->buffer);
  sentinel->buffer = nullptr;
}

// To be called when an external ArrayBuffer has been made. false: out of memory, or a worker that is being
// terminated; the old sentinel stays, and that ArrayBuffer must be shown to nobody.
bool RenewSentinel(napi_env env, Environment *environment) {
  static uint64_t nothing; // nobody else ever sees this ArrayBuffer
  napi_value buffer = nullptr;
  auto *sentinel = static_cast<Sentinel *>(std::calloc(1, sizeof(Sentinel)));
  if (sentinel == nullptr) return false;
  napi_status status = napi_create_external_arraybuffer(env, &nothing, sizeof nothing,
                                                        SentinelFreed, sentinel, &buffer);
  if (status != napi_ok) {
    std::free(sentinel);
    return false;
  }
  if (napi_create_reference(env, buffer, 1, &sentinel->buffer) != napi_ok) return false;
  DropSentinel(env, environment);
  sentinel->environment = environment;
  environment->sentinel = sentinel;
  return true;
}

bool IsPinned(const SlabEntry *entry) {
  return entry->current != nullptr && entry->current->pinned;
}

// An exposure's own ArrayBuffer if it is attached, else nullptr.
napi_value AttachedBufferOf(napi_env env, const Exposure *exposure) {
  napi_value buffer = nullptr;
  if (exposure->buffer == nullptr) return nullptr;
  if (napi_get_reference_value(env, exposure->buffer, &buffer) != napi_ok) return nullptr;
  bool detached = true;
  if (buffer == nullptr || napi_is_detached_arraybuffer(env, buffer, &detached) != napi_ok) {
    return nullptr;
  }
  return detached ? nullptr : buffer;
}

// The slab's current ArrayBuffer if it is attached, else nullptr.
napi_value AttachedBuffer(napi_env env, const SlabEntry *entry) {
  return entry->current != nullptr ? AttachedBufferOf(env, entry->current) : nullptr;
}

// The slab's current ArrayBuffer, if any, is no longer ours to detach, and its bytes are somebody else's, unless
// the caller detaches it now: from here on V8 decides when they are free, and has to know their size.
void ForgetCurrent(napi_env env, SlabEntry *entry) {
  Exposure *exposure = entry->current;
  if (exposure == nullptr) return;
  Recount(env, exposure);
  napi_delete_reference(env, exposure->buffer);
  exposure->buffer = nullptr;
  entry->current = nullptr;
}

// V8 counts external bytes towards the schedule of its garbage collector, although collecting can never
// free arena memory: slabs come off its account while they are exposed. V8 ends the process when the
// account goes below zero, so whatever V8 may free by itself has to be back on it before: strong
// references keep slabs from that, and larger blocks, which V8 detaches one by one when the environment
// ends, stay on the account.
constexpr int64_t kAccountReserve = 512 * 1024;

void Discount(napi_env env, Exposure *exposure) {
  int64_t total = 0;
  if (exposure->bytes > static_cast<int64_t>(HK_SLAB_BYTES)) return;
  if (napi_adjust_external_memory(env, 0, &total) != napi_ok) return;
  if (total < exposure->bytes + kAccountReserve) return;
  exposure->discounted = napi_adjust_external_memory(env, -exposure->bytes, &total) == napi_ok;
}

// Before the ArrayBuffer is made, because making it is what asks V8 to collect.
napi_value WrapSlab(napi_env env, const hk_slab_info_t &slab, Exposure *exposure) {
  napi_value buffer = nullptr;
  Discount(env, exposure);
  napi_status status = napi_create_external_arraybuffer(env, slab.address, slab.bytes,
                                                        BackingStoreFreed, exposure, &buffer);
  if (status == napi_ok) return buffer;
  Recount(env, exposure);
  return nullptr;
}

// Node 24 and later end the process when Node-API detaches an ArrayBuffer that somebody has marked as
// untransferable. JavaScript's own way throws instead.
constexpr uint32_t kAbortingMajor = 24;

void FindTransfer(napi_env env) {
  const napi_node_version *version = nullptr;
  napi_value object = nullptr;
  napi_valuetype type = napi_undefined;
  if (napi_get_node_version(env, &version) != napi_ok || version->major < kAbortingMajor) return;
  napi_get_global(env, &object);
  for (const char *name : {"ArrayBuffer", "prototype", "transfer"}) {
    if (napi_get_named_property(env, object, name, &object) != napi_ok) return;
  }
  if (napi_typeof(env, object, &type) != napi_ok || type != napi_function) return;
  napi_create_reference(env, object, 1, &GetEnvironment(env)->transfer);
}

bool IsDetached(napi_env env, napi_value buffer) {
  bool detached = false;
  return napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && detached;
}

// false: it must stay attached, or this environment is being terminated.
bool DetachBuffer(napi_env env, napi_value buffer) {
  Environment *environment = GetEnvironment(env);
  if (environment->transfer == nullptr) return napi_detach_arraybuffer(env, buffer) == napi_ok;
  napi_value transfer = nullptr, length = nullptr, error = nullptr;
  napi_get_reference_value(env, environment->transfer, &transfer);
  napi_create_uint32(env, 0, &length);
  // A program may have put a function of its own in its place: that finds nothing half done.
  environment->detaching = true;
  napi_status status = napi_call_function(env, buffer, transfer, 1, &length, nullptr);
  environment->detaching = false;
  if (status != napi_ok) napi_get_and_clear_last_exception(env, &error);
  return IsDetached(env, buffer);
}

// Whether somebody else has, or may have, the bytes of a slab without an attached ArrayBuffer. The slab serves
// nobody then until they are free.
bool IsGivenAway(napi_env env, SlabEntry *entry) {
  Exposure *exposure = entry->current;
  ForgetCurrent(env, entry);
  if (exposure != nullptr) GiveAway(exposure);
  return entry->holds > 0;
}

// The front will refuse its caller: nothing else can be done without an ArrayBuffer.
napi_value NoMemory(napi_env env, ArenaHandle *arena) {
  hk_note_refusal(arena->core, HK_OUT_OF_MEMORY_OS);
  return Failure(env, HK_OUT_OF_MEMORY_OS);
}

// expose(arena, slab) -> ArrayBuffer | -status; HK_SLAB_BUSY: somebody has taken its ArrayBuffer away and holds it
napi_value Expose(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t number = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  hk_slab_info_t slab;
  hk_status_t status = hk_slab_info(arena->core, number, &slab);
  if (status != HK_OK) return Failure(env, status);
  SlabEntry *entry = EntryOf(arena, number);
  if (entry == nullptr) return NoMemory(env, arena);
  napi_value buffer = AttachedBuffer(env, entry);
  if (buffer != nullptr) return buffer;
  if (IsGivenAway(env, entry)) return Failure(env, HK_SLAB_BUSY);

  auto *exposure = static_cast<Exposure *>(std::calloc(1, sizeof(Exposure)));
  if (exposure == nullptr) return NoMemory(env, arena);
  exposure->arena = arena;
  exposure->slab = number;
  exposure->bytes = static_cast<int64_t>(slab.bytes);
  exposure->holding = true;
  buffer = WrapSlab(env, slab, exposure);
  if (buffer == nullptr) {
    std::free(exposure);
    return NoMemory(env, arena);
  }
  HoldArena(arena);
  EnterExposure(arena->environment, exposure);
  if (!RenewSentinel(env, arena->environment) ||
      napi_create_reference(env, buffer, 1, &exposure->buffer) != napi_ok) {
    exposure->holding = false; // JavaScript has not seen it
    napi_detach_arraybuffer(env, buffer);
    Recount(env, exposure);
    return NoMemory(env, arena);
  }
  entry->current = exposure;
  entry->holds++;
  hk_slab_set_exposed(arena->core, number, true);
  return buffer;
}

// nextRetirable(arena, keep) -> slab | -1: an empty slab beyond the `keep` that each class may have.
napi_value NextRetirable(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t keep = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  return Int32(env, hk_next_retirable(arena->core, keep));
}

// retire(arena, slab) -> 0 | -status. Detaches the slab's ArrayBuffer and takes it out of its class.
napi_value Retire(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t number = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  if (!hk_slab_is_retirable(arena->core, number)) return Failure(env, HK_SLAB_BUSY);
  ConcealSlab(env, arena, number);
  return Failure(env, hk_retire(arena->core, number));
}

// unpin(arena, slab) -> 0 | -status. Conceals a slab that was pinned when its arena was reset or destroyed; the last
// one of a destroyed arena ends it.
napi_value Unpin(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  double handle = arguments.Double(0);
  uint32_t number = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  ArenaHandle *arena = FindPinnedArena(GetEnvironment(env), handle);
  // It has ended already if all slabs that were to stay had been given away.
  if (arena == nullptr) return Failure(env, HK_ARENA_DESTROYED);
  if (number < arena->slab_count && IsPinned(&arena->slabs[number])) {
    ConcealSlab(env, arena, number);
  }
  if (arena->ended && !HasPins(arena)) OrphanArena(arena);
  return Int32(env, 0);
}

// detach(arrayBuffer) -> 0 | 1: of an ArrayBuffer whose memory is V8's own. 1: it must stay attached.
napi_value Detach(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  bool is_arraybuffer = false;
  if (!arguments.ok() || napi_is_arraybuffer(env, arguments.value(0), &is_arraybuffer) != napi_ok ||
      !is_arraybuffer) {
    return arguments.Refuse();
  }
  return Int32(env, DetachBuffer(env, arguments.value(0)) ? 0 : 1);
}

} // namespace

bool ConcealSlab(napi_env env, ArenaHandle *arena, uint32_t slab) {
  if (slab >= arena->slab_count) return true;
  SlabEntry *entry = &arena->slabs[slab];
  napi_value buffer = AttachedBuffer(env, entry);
  Exposure *exposure = entry->current;
  ForgetCurrent(env, entry);
  if (buffer != nullptr && DetachBuffer(env, buffer)) {
    ReleaseHold(env, exposure);
  } else if (exposure != nullptr) {
    GiveAway(exposure);
  }
  return entry->holds == 0;
}

void NoticeGivenAway(napi_env env, ArenaHandle *arena) {
  for (uint32_t slab = 0; slab < arena->slab_count; slab++) {
    SlabEntry *entry = &arena->slabs[slab];
    if (entry->current != nullptr && AttachedBuffer(env, entry) == nullptr) IsGivenAway(env, entry);
  }
}

void ConcealAll(napi_env env, ArenaHandle *arena) {
  for (uint32_t slab = 0; slab < arena->slab_count; slab++) {
    if (!IsPinned(&arena->slabs[slab])) ConcealSlab(env, arena, slab);
  }
}

void PinSlab(napi_env env, ArenaHandle *arena, uint32_t slab) {
  if (slab >= arena->slab_count) return;
  SlabEntry *entry = &arena->slabs[slab];
  if (AttachedBuffer(env, entry) != nullptr) entry->current->pinned = true;
}

bool HasPins(const ArenaHandle *arena) {
  for (uint32_t slab = 0; slab < arena->slab_count; slab++) {
    if (IsPinned(&arena->slabs[slab])) return true;
  }
  return false;
}

void AbandonAll(napi_env env, ArenaHandle *arena) {
  for (uint32_t slab = 0; slab < arena->slab_count; slab++) {
    SlabEntry *entry = &arena->slabs[slab];
    Exposure *exposure = entry->current;
    if (exposure == nullptr) continue;
    uint32_t count = 0;
    Recount(env, exposure);
    napi_reference_unref(env, exposure->buffer, &count);
    entry->current = nullptr;
  }
}

void BeginEnding(napi_env env, Environment *environment) {
  napi_handle_scope scope = nullptr;
  environment->ending = true;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  for (Exposure *exposure = environment->exposures; exposure != nullptr;
       exposure = exposure->next) {
    exposure->ending = AttachedBufferOf(env, exposure) != nullptr;
    if (exposure->arena->core != nullptr) hk_arena_settle(exposure->arena->core);
  }
  napi_close_handle_scope(env, scope);
}

napi_value DefineSlabs(napi_env env, napi_value exports) {
  Define(env, exports, "expose", Expose);
  Define(env, exports, "nextRetirable", NextRetirable);
  Define(env, exports, "retire", Retire);
  Define(env, exports, "unpin", Unpin);
  Define(env, exports, "detach", Detach);
  FindTransfer(env);
  return exports;
}

} // namespace hakmem

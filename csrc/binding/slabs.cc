// Slabs: edge 2 between front and core. A slab is exposed as one external ArrayBuffer and concealed
// by detaching it, so that a stale view of it has length 0.
//
// Plain Node-API. Making an ArrayBuffer: node-addon-api would allocate once more for each, and throw where the
// answer is a status. Detaching: a failure is an answer too, and the program's own code may run, and be
// terminated, inside; node-addon-api ends the process when it then finds no exception to throw.
#include "binding/hot_arguments.h"

namespace hakmem {

namespace {

// V8 has freed the backing store, and nobody reaches the bytes any more, wherever they had gone; or the world
// ends, and then only what was attached until now is nobody's.
void BackingStoreFreed(napi_env env, void *, void *hint) {
  auto *exposure = static_cast<Exposure *>(hint);
  ArenaHandle *arena = exposure->arena;
  Environment *environment = exposure->environment;
  if (environment == nullptr) { // its world ended before
    delete exposure;
    return;
  }
  if (arena == nullptr) {
    ForgetWarm(exposure);
    LeaveExposure(exposure);
    Recount(env, exposure);
    delete exposure;
    return;
  }
  bool is_leaving = HasLeft(environment, exposure);
  bool is_free = is_leaving || IsNobodys(environment, exposure->ending);
  LeaveExposure(exposure);
  if (arena->slabs[exposure->slab].current == exposure) {
    arena->slabs[exposure->slab].current = nullptr;
  }
  // What the front has not detached was somebody else's until now, or still is, noticed or not.
  if (!is_leaving) GiveAway(exposure);
  if (is_free) {
    ReleaseHold(env, exposure);
  } else {
    Recount(env, exposure);
  }
  DropArena(arena);
  delete exposure;
}

void SentinelFreed(napi_env env, void *, void *hint) {
  auto *sentinel = static_cast<Sentinel *>(hint);
  Environment *environment = sentinel->environment;
  if (environment != nullptr) {
    environment->sentinel = nullptr;
    BeginEnding(env, environment);
  }
  delete sentinel;
}

// It is the youngest no more, and its ArrayBuffer is garbage.
void DropSentinel(Environment *environment) {
  Sentinel *sentinel = environment->sentinel;
  if (sentinel == nullptr) return;
  environment->sentinel = nullptr;
  sentinel->environment = nullptr;
  sentinel->buffer.Reset();
}

bool IsPinned(const SlabEntry *entry) {
  return entry->current != nullptr && entry->current->pinned;
}

// An exposure's own ArrayBuffer if it is attached, else empty.
Napi::ArrayBuffer AttachedBufferOf(const Exposure *exposure) {
  Napi::ArrayBuffer buffer = exposure->buffer.Value();
  return buffer.IsEmpty() || buffer.IsDetached() ? Napi::ArrayBuffer() : buffer;
}

// The slab's current ArrayBuffer if it is attached, else empty.
Napi::ArrayBuffer AttachedBuffer(const SlabEntry *entry) {
  return entry->current != nullptr ? AttachedBufferOf(entry->current) : Napi::ArrayBuffer();
}

// Slabs whose ArrayBuffers stay warm when their arena leaves them all. A small arena has few, and its memory is
// wiped by writing; see hk_superslab_wipe.
constexpr uint32_t kWarmAtOnce = 8;

// The slab's current ArrayBuffer, if any, is no longer ours to detach, and its bytes are somebody else's, unless
// the caller detaches it now: from here on V8 decides when they are free, and has to know their size.
void ForgetCurrent(Napi::Env env, SlabEntry *entry) {
  Exposure *exposure = entry->current;
  if (exposure == nullptr) return;
  Recount(env, exposure);
  exposure->buffer.Reset();
  entry->current = nullptr;
}

// Before the ArrayBuffer is made, because making it is what asks V8 to collect.
napi_value WrapSlab(napi_env env, const hk_slab_info_t &slab, Exposure *exposure) {
  napi_value buffer = nullptr;
  if (exposure->bytes <= kSpanBytesMax) Discount(env, exposure);
  napi_status status = napi_create_external_arraybuffer(env, slab.address, slab.bytes,
                                                        BackingStoreFreed, exposure, &buffer);
  if (status == napi_ok) return buffer;
  Recount(env, exposure);
  return nullptr;
}

// Node 24 and later end the process when Node-API detaches an ArrayBuffer that somebody has marked as
// untransferable. JavaScript's own way throws instead.
constexpr uint32_t kAbortingMajor = 24;

void FindTransfer(Napi::Env env) {
  if (Napi::VersionManagement::GetNodeVersion(env)->major < kAbortingMajor) return;
  Napi::Value value = env.Global();
  for (const char *name : {"ArrayBuffer", "prototype", "transfer"}) {
    value = value.As<Napi::Object>().Get(name);
    if (value.IsEmpty() || !(value.IsObject() || value.IsFunction())) return;
  }
  if (!value.IsFunction()) return;
  EnvironmentOf(env)->transfer = Napi::Persistent(value.As<Napi::Function>());
}

// Whether somebody else has, or may have, the bytes of a slab without an attached ArrayBuffer. The slab serves
// nobody then until they are free.
bool IsGivenAway(Napi::Env env, SlabEntry *entry) {
  Exposure *exposure = entry->current;
  ForgetCurrent(env, entry);
  if (exposure != nullptr) GiveAway(exposure);
  return entry->holds > 0;
}

// A slab's first ArrayBuffer. nullptr: out of memory, or a worker that is being terminated.
Exposure *NewExposure(napi_env env, Environment *environment, const hk_slab_info_t &slab) {
  auto *exposure = new Exposure();
  if (exposure == nullptr) return nullptr;
  exposure->address = slab.address;
  exposure->bytes = static_cast<int64_t>(slab.bytes);
  napi_value buffer = WrapSlab(env, slab, exposure);
  if (buffer == nullptr) return nullptr; // its finalizer may come all the same, and deletes it
  EnterExposure(environment, exposure);
  if (!RenewSentinel(env, environment)) { // JavaScript has not seen it
    Recount(env, exposure);
    napi_detach_arraybuffer(env, buffer);
    return nullptr;
  }
  exposure->buffer = Napi::Persistent(Napi::ArrayBuffer(env, buffer));
  return exposure;
}

// The front will refuse its caller: nothing else can be done without an ArrayBuffer.
napi_value NoMemory(napi_env env, ArenaHandle *arena) {
  hk_note_refusal(arena->core, HK_OUT_OF_MEMORY_OS);
  return HotFailure(env, HK_OUT_OF_MEMORY_OS);
}

// expose(arena, slab) -> ArrayBuffer | -status; HK_SLAB_BUSY: somebody has taken its ArrayBuffer away and holds it
napi_value Expose(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t number = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  hk_slab_info_t slab;
  hk_status_t status = hk_slab_info(arena->core, number, &slab);
  if (status != HK_OK) return HotFailure(env, status);
  SlabEntry *entry = EntryOf(arena, number);
  if (entry == nullptr) return NoMemory(env, arena);
  napi_value buffer = AttachedBuffer(entry);
  if (buffer != nullptr) return buffer;
  if (IsGivenAway(env, entry)) return HotFailure(env, HK_SLAB_BUSY);
  Exposure *exposure = TakeWarm(env, arena->environment, slab);
  if (exposure == nullptr) exposure = NewExposure(env, arena->environment, slab);
  if (exposure == nullptr) return NoMemory(env, arena);
  HoldArena(arena);
  exposure->arena = arena;
  exposure->slab = number;
  exposure->holding = true;
  entry->current = exposure;
  entry->holds++;
  hk_slab_set_exposed(arena->core, number, true);
  return exposure->buffer.Value();
}

// nextRetirable(arena, keep) -> slab | -1: an empty slab beyond the `keep` that each class may have.
napi_value NextRetirable(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t keep = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  return HotInt32(env, hk_next_retirable(arena->core, keep));
}

// retire(arena, slab) -> 0 | -status. Detaches the slab's ArrayBuffer and takes it out of its class.
napi_value Retire(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t number = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  if (!hk_slab_is_retirable(arena->core, number)) return HotFailure(env, HK_SLAB_BUSY);
  ConcealSlab(env, arena, number);
  return HotFailure(env, hk_retire(arena->core, number));
}

// unpin(arena, slab) -> 0 | -status. Conceals a slab that was pinned when its arena was reset or destroyed; the last
// one of a destroyed arena ends it.
Napi::Value Unpin(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  Arguments arguments(info);
  double handle = arguments.Double(0);
  uint32_t number = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  ArenaHandle *arena = FindPinnedArena(EnvironmentOf(env), handle);
  // It has ended already if all slabs that were to stay had been given away.
  if (arena == nullptr) return Failure(env, HK_ARENA_DESTROYED);
  if (number < arena->slab_count && IsPinned(&arena->slabs[number])) {
    ConcealSlab(env, arena, number);
  }
  if (arena->ended && !HasPins(arena)) OrphanArena(arena);
  return Napi::Number::New(env, 0);
}

// detach(arrayBuffer) -> 0 | 1: of an ArrayBuffer whose memory is V8's own. 1: it must stay attached.
Napi::Value Detach(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  if (!arguments.ok() || !arguments[0].IsArrayBuffer()) return arguments.Refuse();
  bool is_detached = DetachBuffer(info.Env(), arguments[0].As<Napi::ArrayBuffer>());
  return Napi::Number::New(info.Env(), is_detached ? 0 : 1);
}

} // namespace

bool RenewSentinel(Napi::Env env, Environment *environment) {
  static uint64_t nothing; // nobody else ever sees this ArrayBuffer
  napi_value buffer = nullptr;
  auto *sentinel = new Sentinel();
  if (sentinel == nullptr) return false;
  napi_status status = napi_create_external_arraybuffer(env, &nothing, sizeof nothing,
                                                        SentinelFreed, sentinel, &buffer);
  if (status != napi_ok) return false; // its finalizer may come all the same, and deletes it
  sentinel->buffer = Napi::Persistent(Napi::ArrayBuffer(env, buffer));
  DropSentinel(environment);
  sentinel->environment = environment;
  environment->sentinel = sentinel;
  return true;
}

bool IsNobodys(const Environment *environment, bool ending) {
  // Without a sentinel the world may be ending and nobody knows.
  return environment->ending ? ending : environment->sentinel != nullptr;
}

bool DetachBuffer(Napi::Env env, Napi::ArrayBuffer buffer) {
  Environment *environment = EnvironmentOf(env);
  if (environment->interrupted) return false;
  if (environment->transfer.IsEmpty()) return napi_detach_arraybuffer(env, buffer) == napi_ok;
  napi_value length = Napi::Number::New(env, 0);
  // A program may have put a function of its own in its place: that finds nothing half done.
  environment->detaching = true;
  napi_status status =
      napi_call_function(env, buffer, environment->transfer.Value(), 1, &length, nullptr);
  environment->detaching = false;
  if (status != napi_ok) TakeFailure(env);
  return buffer.IsDetached();
}

bool HasLeft(Environment *environment, const Shown *shown) {
  if (environment->leaving != shown) return false;
  environment->leaving = nullptr;
  return true;
}

// What becomes of the slab's ArrayBuffer.
enum class Leave { kDetached, kWarm, kWarmWithReserve };

static bool Conceal(Napi::Env env, ArenaHandle *arena, uint32_t slab, Leave how) {
  SlabEntry *entry = &arena->slabs[slab];
  Napi::ArrayBuffer buffer = AttachedBuffer(entry);
  Exposure *exposure = entry->current;
  Environment *environment = EnvironmentOf(env);
  Leaving leaving(environment, exposure);
  bool is_warm = how != Leave::kDetached && !buffer.IsEmpty() &&
                 KeepWarm(env, exposure, buffer, how == Leave::kWarmWithReserve);
  if (is_warm || leaving.IsFreed()) return entry->holds == 0;
  ForgetCurrent(env, entry);
  bool is_detached = !buffer.IsEmpty() && DetachBuffer(env, buffer);
  if (leaving.IsFreed()) return entry->holds == 0;
  if (is_detached) {
    ReleaseHold(env, exposure);
  } else if (exposure != nullptr) {
    GiveAway(exposure);
    if (environment->stopped && IsAttached(buffer)) exposure->buffer.Reset(buffer, 1);
  }
  return entry->holds == 0;
}

bool ConcealSlab(Napi::Env env, ArenaHandle *arena, uint32_t slab) {
  if (slab >= arena->slab_count) return true;
  EnvironmentOf(env)->stopped = false;
  return Conceal(env, arena, slab, Leave::kDetached);
}

bool IsOurs(void *context, uint32_t slab) {
  auto *arena = static_cast<ArenaHandle *>(context);
  if (slab >= arena->slab_count || arena->environment == nullptr) return false;
  Napi::Env env = arena->environment->env;
  Napi::HandleScope scope(env);
  SlabEntry *entry = &arena->slabs[slab];
  if (!AttachedBuffer(entry).IsEmpty()) return true;
  (void)IsGivenAway(env, entry);
  return false;
}

void ConcealAll(Napi::Env env, ArenaHandle *arena) {
  uint32_t concealed = 0;
  EnvironmentOf(env)->stopped = false;
  Leave warm = HasReserve(env) ? Leave::kWarmWithReserve : Leave::kWarm;
  for (uint32_t slab = 0; slab < arena->slab_count; slab++) {
    const SlabEntry *entry = &arena->slabs[slab];
    if (entry->current == nullptr || entry->current->pinned) continue;
    Conceal(env, arena, slab, concealed++ < kWarmAtOnce ? warm : Leave::kDetached);
  }
  EnvironmentOf(env)->interrupted = false;
}

void PinSlab(ArenaHandle *arena, uint32_t slab) {
  if (slab >= arena->slab_count) return;
  SlabEntry *entry = &arena->slabs[slab];
  if (!AttachedBuffer(entry).IsEmpty()) entry->current->pinned = true;
}

bool HasPins(const ArenaHandle *arena) {
  for (uint32_t slab = 0; slab < arena->slab_count; slab++) {
    if (IsPinned(&arena->slabs[slab])) return true;
  }
  return false;
}

void AbandonAll(Napi::Env env, ArenaHandle *arena) {
  for (uint32_t slab = 0; slab < arena->slab_count; slab++) {
    SlabEntry *entry = &arena->slabs[slab];
    Exposure *exposure = entry->current;
    if (exposure == nullptr) continue;
    Recount(env, exposure);
    exposure->buffer.Unref();
    entry->current = nullptr;
  }
}

void BeginEnding(Napi::Env env, Environment *environment) {
  Napi::HandleScope scope(env);
  environment->ending = true;
  for (Exposure *exposure = environment->exposures; exposure != nullptr;
       exposure = exposure->next) {
    exposure->ending = !AttachedBufferOf(exposure).IsEmpty();
    if (exposure->arena != nullptr && exposure->arena->core != nullptr)
      hk_arena_settle(exposure->arena->core);
  }
  BeginEndingLoans(environment);
}

// Whether this runtime lets memory of ours be an ArrayBuffer; one with V8's sandbox does not.
static bool AllowsExternalBuffers(napi_env env) {
  static uint64_t nothing; // nobody ever sees this ArrayBuffer
  napi_value buffer = nullptr;
  napi_status status = napi_create_external_arraybuffer(
      env, &nothing, sizeof nothing, [](napi_env, void *, void *) {}, nullptr, &buffer);
  return status != napi_no_external_buffers_allowed;
}

void DefineSlabs(Napi::Object exports) {
  napi_env env = exports.Env();
  exports.DefineProperty(Field(env, "externalBuffers", AllowsExternalBuffers(env)));
  DefineHot<Expose>(exports, "expose");
  DefineHot<NextRetirable>(exports, "nextRetirable");
  DefineHot<Retire>(exports, "retire");
  Define<Unpin>(exports, "unpin");
  Define<Detach>(exports, "detach");
  FindTransfer(env);
}

} // namespace hakmem

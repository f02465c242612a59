// Warm: ArrayBuffers that outlive their arenas or loans, for those that come after them.
//
// To detach an external ArrayBuffer and make another one of the same memory costs 2 microseconds, and half a
// kilobyte until the event loop turns, because Node defers finalizers; an arena per request would pay that for each
// slab, and a channel for each message. So its memory is moved to a new ArrayBuffer, which nobody has seen: the old
// one is detached all the same, and all views of it have length 0.
//
// Owns:      the places of warm exposures and loans, and which counters were left, in the environment.
// Called by: slabs.cc, arenas.cc, letters.cc.
//
// Longer than a span no exposure is kept: such a block is seldom the same twice. Blocks that a channel hands over are.
//
// Only the ArrayBuffer is kept. The memory goes its own way: to the cache, to another thread, to the operating
// system. Nobody looks into a warm ArrayBuffer, and it is only handed out for a slab of its own address and size, which
// an arena of this environment has at that moment, or for a block that the environment has adopted. The core wipes
// what others have left in a slab.
#include "binding/hot_arguments.h"

#include <cstdlib>

namespace hakmem {

namespace {

// A slab is short in one arena and whole in the next: both stay.
Exposure **PlaceOf(Environment *environment, const void *address, int64_t bytes) {
  bool is_short = bytes < static_cast<int64_t>(HK_SLAB_BYTES);
  uintptr_t slab = reinterpret_cast<uintptr_t>(address) / HK_SLAB_BYTES;
  return &environment->warm[(slab * 2 + is_short) % kWarmPlaces];
}

Exposure **PlaceOf(const Exposure *exposure) {
  return PlaceOf(exposure->environment, exposure->address, exposure->bytes);
}

// Leaves its ArrayBuffer to the garbage collector.
void Cool(Napi::Env env, Exposure *exposure) {
  *PlaceOf(exposure) = nullptr;
  Recount(env, exposure);
  exposure->buffer.Reset();
}

// setMover(function) -> 0. It takes an ArrayBuffer, which it detaches, and returns another one of the same memory.
Napi::Value SetMover(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  if (!arguments.ok() || !arguments[0].IsFunction()) return arguments.Refuse();
  EnvironmentOf(info.Env())->move = Napi::Persistent(arguments[0].As<Napi::Function>());
  return Napi::Number::New(info.Env(), 0);
}

bool IsSame(napi_env env, napi_value moved, const Shown *shown) {
  void *address = nullptr;
  size_t bytes = 0;
  return napi_get_arraybuffer_info(env, moved, &address, &bytes) == napi_ok &&
         address == shown->address && static_cast<int64_t>(bytes) == shown->bytes;
}

// A new ArrayBuffer of the same memory; the old one is detached. Empty: it must stay attached, or this world is being
// terminated, or the function is not what it was.
Napi::ArrayBuffer Move(Napi::Env env, const Shown *shown, Napi::ArrayBuffer buffer) {
  Environment *environment = EnvironmentOf(env);
  napi_value argument = buffer, moved = nullptr;
  environment->detaching = true;
  napi_status status =
      napi_call_function(env, buffer, environment->move.Value(), 1, &argument, &moved);
  environment->detaching = false;
  environment->interrupted |= status != napi_ok;
  if (status != napi_ok) TakeFailure(env);
  bool is_there = status == napi_ok && environment->leaving == shown; // else it was freed at once
  bool is_moved = is_there && buffer.IsDetached() && IsSame(env, moved, shown);
  return is_moved ? Napi::ArrayBuffer(env, moved) : Napi::ArrayBuffer();
}

// The first place of a block's set. Neighbouring blocks of any length are spread over all sets.
Loan **SetOf(Environment *environment, const void *address) {
  uint64_t hash =
      static_cast<uint64_t>(reinterpret_cast<uintptr_t>(address) >> 4) * 0x9e3779b97f4a7c15u;
  return &environment->warm_loans[(hash >> 32) % kWarmSets * kWarmWays];
}

// Leaves its ArrayBuffer to the garbage collector.
void CoolLoan(Napi::Env env, Loan **place) {
  Loan *loan = *place;
  ForgetWarmLoan(loan);
  Recount(env, loan);
  loan->buffer.Reset();
}

bool MakeWarmTable(Environment *environment) {
  if (environment->warm_loans == nullptr) {
    environment->warm_loans =
        static_cast<Loan **>(std::calloc(kWarmSets * kWarmWays, sizeof(Loan *)));
  }
  return environment->warm_loans != nullptr;
}

// Room for a loan in its set; nullptr: there is none now. What is in the way goes, one at a time: so what is not used
// any more keeps nobody out for long.
Loan **MakeWarmPlace(Napi::Env env, Environment *environment, const Loan *loan) {
  Loan **set = SetOf(environment, loan->address), **place = nullptr;
  for (uint32_t way = 0; way < kWarmWays; way++) {
    if (set[way] != nullptr && set[way]->address == loan->address) CoolLoan(env, &set[way]);
    if (set[way] == nullptr) place = &set[way];
  }
  int64_t most = kWarmLoanBytesMax - loan->bytes;
  if (place == nullptr || environment->warm_loan_bytes > most) {
    Loan **oldest = &set[environment->next_way++ % kWarmWays];
    if (*oldest != nullptr) CoolLoan(env, oldest);
    if (*oldest == nullptr) place = oldest;
  }
  return environment->warm_loan_bytes > most ? nullptr : place;
}

} // namespace

void TakeFailure(napi_env env) {
  napi_value error = nullptr;
  napi_valuetype type = napi_undefined;
  napi_get_and_clear_last_exception(env, &error);
  // What the engine throws is an object. Who is told to stop throws nothing that can be caught.
  bool is_error = error != nullptr && napi_typeof(env, error, &type) == napi_ok;
  if (!is_error || type != napi_object) EnvironmentOf(env)->stopped = true;
}

bool KeepLoanWarm(Napi::Env env, Loan *loan, Napi::ArrayBuffer buffer) {
  Environment *environment = loan->environment;
  if (environment->move.IsEmpty() || !MakeWarmTable(environment)) return false;
  Loan **place = MakeWarmPlace(env, environment, loan);
  if (place == nullptr) return false;
  Napi::ArrayBuffer moved = Move(env, loan, buffer);
  if (moved.IsEmpty()) return false;
  loan->buffer.Reset(moved, 1);
  loan->warm = true;
  loan->released = false;
  *place = loan;
  environment->warm_loan_bytes += loan->bytes;
  Discount(env, loan);
  return true;
}

Loan *TakeWarmLoan(Napi::Env env, Environment *environment, const void *address, uint64_t bytes) {
  if (environment->warm_loans == nullptr) return nullptr;
  Loan **set = SetOf(environment, address);
  for (uint32_t way = 0; way < kWarmWays; way++) {
    Loan *loan = set[way];
    if (loan == nullptr || loan->address != address) continue;
    Napi::ArrayBuffer buffer = loan->buffer.Value();
    if (static_cast<uint64_t>(loan->bytes) != bytes || buffer.IsEmpty() || buffer.IsDetached()) {
      CoolLoan(env, &set[way]);
      return nullptr;
    }
    ForgetWarmLoan(loan);
    Recount(env, loan);
    return loan;
  }
  return nullptr;
}

void ForgetWarmLoan(Loan *loan) {
  Loan **set = SetOf(loan->environment, loan->address);
  for (uint32_t way = 0; way < kWarmWays; way++) {
    if (set[way] == loan) set[way] = nullptr;
  }
  loan->warm = false;
  loan->environment->warm_loan_bytes -= loan->bytes;
}

bool KeepWarm(Napi::Env env, Exposure *exposure, Napi::ArrayBuffer buffer, bool has_reserve) {
  if (exposure->bytes > kSpanBytesMax || exposure->environment->move.IsEmpty()) return false;
  if (!has_reserve) Recount(env, exposure);
  Napi::ArrayBuffer moved = Move(env, exposure, buffer);
  if (moved.IsEmpty()) return false;
  ArenaHandle *arena = exposure->arena;
  Exposure **place = PlaceOf(exposure);
  if (*place != nullptr) Cool(env, *place);
  *place = exposure;
  exposure->buffer.Reset(moved, 1);
  arena->slabs[exposure->slab].current = nullptr;
  EndHold(exposure);
  exposure->arena = nullptr;
  Discount(env, exposure);
  DropArena(arena);
  return true;
}

Exposure *TakeWarm(Napi::Env env, Environment *environment, const hk_slab_info_t &slab) {
  auto bytes = static_cast<int64_t>(slab.bytes);
  Exposure **place = PlaceOf(environment, slab.address, bytes), *exposure = *place;
  if (exposure == nullptr || exposure->address != slab.address) return nullptr;
  Napi::ArrayBuffer buffer = exposure->buffer.Value();
  // A span or run of another length may begin here now.
  if (bytes != exposure->bytes || buffer.IsEmpty() || buffer.IsDetached()) {
    Cool(env, exposure);
    return nullptr;
  }
  *place = nullptr;
  return exposure;
}

void ForgetWarm(Exposure *exposure) {
  Exposure **place = PlaceOf(exposure);
  if (*place == exposure) *place = nullptr;
}

void LeaveCounters(Environment *environment, const void *counters) {
  environment->left[environment->left_count++ % kLeftMax] = counters;
}

hk_counters_t *TakeCounters(Environment *environment, Napi::ArrayBuffer buffer) {
  void *counters = buffer.Data();
  for (const void *&left : environment->left) {
    if (counters == nullptr || left != counters) continue;
    left = nullptr;
    return static_cast<hk_counters_t *>(counters);
  }
  return nullptr;
}

void DefineWarm(Napi::Object exports) { Define<SetMover>(exports, "setMover"); }

} // namespace hakmem

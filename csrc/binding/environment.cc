#include "binding/environment.h"

#include <cstdlib>
#include <cstring>

namespace hakmem {

namespace {

// Ends the core once nothing of it is visible any more.
void TryDestroyCore(ArenaHandle *arena) {
  if (!arena->orphaned || arena->core == nullptr) return;
  if (hk_arena_end(arena->core) == HK_OK) arena->core = nullptr;
}

void ForgetWorld(Loan *const *loans, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (loans[i] == nullptr) continue;
    loans[i]->environment = nullptr;
    loans[i]->buffer.SuppressDestruct(); // it belonged to the world that has gone
  }
}

// The world has gone: what is holding still is whoever's has the bytes.
void EndLoans(Environment *environment) {
  ForgetWorld(environment->loans, environment->loan_count);
  if (environment->warm_loans != nullptr)
    ForgetWorld(environment->warm_loans, kWarmSets * kWarmWays);
  std::free(environment->loans);
  std::free(environment->warm_loans);
}

// The JavaScript world has gone. Node has called the finalizers of all exposures by now. If another runtime has
// not, it is not known who has their bytes: they keep them, and a finalizer that comes later finds nothing to do.
void EndEnvironment(Napi::Env, Environment *environment) {
  if (environment->sentinel != nullptr) environment->sentinel->environment = nullptr;
  for (uint32_t i = 0; i < environment->slot_count; i++) {
    ArenaHandle *arena = environment->slots[i].arena;
    if (arena == nullptr) continue;
    hk_arena_settle(arena->core);
    OrphanArena(arena);
  }
  while (environment->exposures != nullptr) {
    Exposure *exposure = environment->exposures;
    LeaveExposure(exposure);
    if (exposure->arena != nullptr) {
      GiveAway(exposure);
      SlabEntry *entry = &exposure->arena->slabs[exposure->slab];
      if (entry->current == exposure) entry->current = nullptr;
    }
    exposure->arena = nullptr;
    exposure->environment = nullptr;
    exposure->buffer.SuppressDestruct(); // it belonged to the world that has gone
  }
  EndLoans(environment);
  for (ArenaHandle *arena : environment->idle) {
    if (arena != nullptr) DropArena(arena);
  }
  std::free(environment->slots);
  delete environment;
}

template <typename T> bool Grow(T **table, uint32_t *count, uint32_t needed) {
  if (needed <= *count) return true;
  uint32_t wanted = *count * 2 > needed ? *count * 2 : needed + 15;
  auto *grown = static_cast<T *>(std::realloc(*table, wanted * sizeof(T)));
  if (grown == nullptr) return false;
  std::memset(static_cast<void *>(grown + *count), 0, (wanted - *count) * sizeof(T));
  *table = grown;
  *count = wanted;
  return true;
}

} // namespace

bool CreateEnvironment(Napi::Env env) {
  auto *environment = new Environment();
  if (environment == nullptr) return false;
  environment->env = env;
  environment->stack = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  env.SetInstanceData<Environment, EndEnvironment>(environment);
  return true;
}

double HandleOf(const ArenaHandle *arena) {
  const ArenaSlot &slot = arena->environment->slots[arena->slot];
  return static_cast<double>(arena->slot + slot.generation * kSlotsMax);
}

ArenaHandle *FindPinnedArena(Environment *environment, double handle) {
  constexpr double end = static_cast<double>(kSlotsMax) * static_cast<double>(kGenerationMax + 1);
  if (!(handle >= 0 && handle < end)) return nullptr;
  auto number = static_cast<uint64_t>(handle);
  auto index = static_cast<uint32_t>(number % kSlotsMax);
  if (static_cast<double>(number) != handle || index >= environment->slot_count) return nullptr;
  const ArenaSlot &slot = environment->slots[index];
  return slot.generation == number / kSlotsMax ? slot.arena : nullptr;
}

ArenaHandle *FindArena(Environment *environment, double handle) {
  ArenaHandle *arena = FindPinnedArena(environment, handle);
  return arena != nullptr && !arena->ended ? arena : nullptr;
}

// A slot for a new arena, taken off the free ones. false: out of memory, or more arenas than slots.
static bool TakeSlot(Environment *environment, uint32_t *index) {
  if (environment->first_free == 0) {
    uint32_t count = environment->slot_count;
    if (count == kSlotsMax || !Grow(&environment->slots, &environment->slot_count, count + 1))
      return false;
    if (environment->slot_count > kSlotsMax) environment->slot_count = kSlotsMax;
    for (uint32_t i = environment->slot_count; i-- > count;) {
      environment->slots[i].next_free = environment->first_free;
      environment->first_free = i + 1;
    }
  }
  *index = environment->first_free - 1;
  environment->first_free = environment->slots[*index].next_free;
  return true;
}

// From here on the arena's handle names nothing.
static void GiveSlot(Environment *environment, uint32_t index) {
  ArenaSlot &slot = environment->slots[index];
  slot.arena = nullptr;
  if (slot.generation == kGenerationMax) return;
  slot.generation++;
  slot.next_free = environment->first_free;
  environment->first_free = index + 1;
}

// The list's reference becomes the caller's.
static ArenaHandle *TakeIdle(Environment *environment, const void *idle) {
  for (ArenaHandle *&arena : environment->idle) {
    if (arena == nullptr || arena != idle) continue;
    ArenaHandle *found = arena;
    arena = nullptr;
    return found;
  }
  return nullptr;
}

void LeaveArena(Environment *environment, ArenaHandle *arena) {
  if (arena->references != 2) return;
  ArenaHandle **place = &environment->idle[environment->idle_count++ % kLeftMax];
  if (*place != nullptr) DropArena(*place);
  HoldArena(arena);
  *place = arena;
}

static ArenaHandle *NewArena() {
  auto *arena = new ArenaHandle();
  if (arena != nullptr) arena->references = 1;
  return arena;
}

ArenaHandle *AddArena(Environment *environment, hk_arena_t *core, const void *idle) {
  ArenaHandle *arena = TakeIdle(environment, idle);
  if (arena == nullptr) arena = NewArena();
  if (arena == nullptr) return nullptr;
  if (!TakeSlot(environment, &arena->slot)) {
    DropArena(arena);
    return nullptr;
  }
  arena->core = core;
  arena->environment = environment;
  arena->ended = arena->orphaned = false;
  environment->slots[arena->slot].arena = arena;
  return arena;
}

void OrphanArena(ArenaHandle *arena) {
  if (arena->orphaned) return;
  arena->orphaned = true;
  GiveSlot(arena->environment, arena->slot);
  arena->environment = nullptr;
  TryDestroyCore(arena);
  DropArena(arena);
}

void HoldArena(ArenaHandle *arena) { arena->references++; }

void DropArena(ArenaHandle *arena) {
  if (--arena->references > 0) return;
  std::free(arena->slabs);
  delete arena;
}

SlabEntry *EntryOf(ArenaHandle *arena, uint32_t slab) {
  return Grow(&arena->slabs, &arena->slab_count, slab + 1) ? &arena->slabs[slab] : nullptr;
}

Loan **LoanPlace(Environment *environment, uint64_t ticket) {
  auto number = static_cast<uint32_t>(ticket % HK_LETTERS_MAX);
  bool has_place = Grow(&environment->loans, &environment->loan_count, number + 1);
  return has_place ? &environment->loans[number] : nullptr;
}

void BeginEndingLoans(Environment *environment) {
  for (uint32_t i = 0; i < environment->loan_count; i++) {
    Loan *loan = environment->loans[i];
    if (loan == nullptr) continue;
    Napi::ArrayBuffer buffer = loan->buffer.Value();
    loan->ending = !buffer.IsEmpty() && !buffer.IsDetached();
  }
}

// V8 counts external bytes towards the schedule of its garbage collector, although collecting can never
// free arena memory: slabs come off its account while they are exposed. V8 ends the process when the
// account goes below zero, so whatever V8 may free by itself has to be back on it before: strong
// references keep slabs and spans from that, and larger blocks, which V8 detaches one by one when the environment
// ends, stay on the account.
constexpr int64_t kAccountReserve = 512 * 1024;

// Whether so many bytes can go and what is left is more than the longest, by the reserve.
static bool CanSpare(Napi::Env env, int64_t bytes) {
  int64_t total = Napi::MemoryManagement::AdjustExternalMemory(env, 0);
  return total >= bytes + kSpanBytesMax + kAccountReserve;
}

bool HasReserve(Napi::Env env) { return CanSpare(env, 0); }

void Discount(Napi::Env env, Shown *shown) {
  if (shown->discounted || !CanSpare(env, shown->bytes)) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, -shown->bytes);
  shown->discounted = true;
}

void Recount(Napi::Env env, Shown *shown) {
  if (!shown->discounted) return;
  shown->discounted = false;
  Napi::MemoryManagement::AdjustExternalMemory(env, shown->bytes);
}

void ReleaseHold(Napi::Env env, Exposure *exposure) {
  Recount(env, exposure);
  EndHold(exposure);
}

void EndHold(Exposure *exposure) {
  if (!exposure->holding) return;
  exposure->holding = false;
  ArenaHandle *arena = exposure->arena;
  if (--arena->slabs[exposure->slab].holds > 0 || arena->core == nullptr) return;
  hk_slab_set_exposed(arena->core, exposure->slab, false);
  TryDestroyCore(arena);
}

void GiveAway(Exposure *exposure) {
  ArenaHandle *arena = exposure->arena;
  if (!exposure->holding || arena->core == nullptr) return;
  hk_slab_give_away(arena->core, exposure->slab);
}

void EnterExposure(Environment *environment, Exposure *exposure) {
  exposure->environment = environment;
  exposure->next = environment->exposures;
  if (exposure->next != nullptr) exposure->next->previous = exposure;
  environment->exposures = exposure;
}

void LeaveExposure(Exposure *exposure) {
  if (exposure->next != nullptr) exposure->next->previous = exposure->previous;
  Exposure **from =
      exposure->previous != nullptr ? &exposure->previous->next : &exposure->environment->exposures;
  *from = exposure->next;
}

} // namespace hakmem

#include "binding/environment.h"

#include <cstdlib>
#include <cstring>

namespace hakmem {

namespace {

// Ends the core once nothing of it is visible any more.
void TryDestroyCore(ArenaHandle *arena) {
  if (!arena->orphaned || arena->core == nullptr) return;
  if (hk_arena_destroy(arena->core) == HK_OK) arena->core = nullptr;
}

// The JavaScript world is going away: whatever it saw, it sees no more.
void EndEnvironment(napi_env env, void *data, void *) {
  auto *environment = static_cast<Environment *>(data);
  if (environment->transfer != nullptr) napi_delete_reference(env, environment->transfer);
  if (environment->exchange != nullptr) napi_delete_reference(env, environment->exchange);
  for (uint32_t i = 0; i < environment->arena_count; i++) {
    ArenaHandle *arena = environment->arenas[i];
    if (arena == nullptr) continue;
    hk_slab_conceal_all(arena->core);
    OrphanArena(arena);
  }
  std::free(environment->arenas);
  std::free(environment);
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

bool CreateEnvironment(napi_env env) {
  auto *environment = static_cast<Environment *>(std::calloc(1, sizeof(Environment)));
  if (environment == nullptr) return false;
  if (napi_set_instance_data(env, environment, EndEnvironment, nullptr) == napi_ok) return true;
  std::free(environment);
  return false;
}

Environment *GetEnvironment(napi_env env) {
  void *data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Environment *>(data);
}

ArenaHandle *FindPinnedArena(Environment *environment, uint32_t id) {
  return id < environment->arena_count ? environment->arenas[id] : nullptr;
}

ArenaHandle *FindArena(Environment *environment, uint32_t id) {
  ArenaHandle *arena = FindPinnedArena(environment, id);
  return arena != nullptr && !arena->ended ? arena : nullptr;
}

ArenaHandle *AddArena(Environment *environment, hk_arena_t *core) {
  uint32_t id = 0;
  while (id < environment->arena_count && environment->arenas[id] != nullptr) id++;
  if (!Grow(&environment->arenas, &environment->arena_count, id + 1)) return nullptr;
  auto *arena = static_cast<ArenaHandle *>(std::calloc(1, sizeof(ArenaHandle)));
  if (arena == nullptr) return nullptr;
  arena->core = core;
  arena->environment = environment;
  arena->id = id;
  arena->references = 1;
  environment->arenas[id] = arena;
  return arena;
}

void OrphanArena(ArenaHandle *arena) {
  if (arena->orphaned) return;
  arena->orphaned = true;
  arena->environment->arenas[arena->id] = nullptr;
  arena->environment = nullptr;
  TryDestroyCore(arena);
  DropArena(arena);
}

void HoldArena(ArenaHandle *arena) { arena->references++; }

void DropArena(ArenaHandle *arena) {
  if (--arena->references > 0) return;
  std::free(arena->slabs);
  std::free(arena);
}

SlabEntry *EntryOf(ArenaHandle *arena, uint32_t slab) {
  return Grow(&arena->slabs, &arena->slab_count, slab + 1) ? &arena->slabs[slab] : nullptr;
}

void Recount(napi_env env, Exposure *exposure) {
  if (!exposure->discounted) return;
  exposure->discounted = false;
  int64_t total;
  napi_adjust_external_memory(env, exposure->bytes, &total);
}

void ReleaseHold(napi_env env, Exposure *exposure) {
  Recount(env, exposure);
  if (!exposure->holding) return;
  exposure->holding = false;
  ArenaHandle *arena = exposure->arena;
  if (--arena->slabs[exposure->slab].holds > 0 || arena->core == nullptr) return;
  hk_slab_set_exposed(arena->core, exposure->slab, false);
  TryDestroyCore(arena);
}

} // namespace hakmem

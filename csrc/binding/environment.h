// Environment: what one JavaScript world (the main thread or a worker) holds of the core.
//
// Owns:      the table of its arenas and the exchange buffer; one per napi_env, as instance data.
// Called by: every entry of the addon.
// Threads:   its own JavaScript thread only. Process-wide state is in the core.
//
// Lifetimes. An ArenaHandle lives as long as somebody counts on it: the table, the JavaScript handle,
// the counters' ArrayBuffer and every exposure. An Exposure is one external ArrayBuffer over one
// slab; it lives until V8 has freed that ArrayBuffer's backing store, which may be long after it was
// detached. No core memory is given up while an exposure still holds it.
#ifndef HK_BINDING_ENVIRONMENT_H
#define HK_BINDING_ENVIRONMENT_H

#include <napi.h>

#include "hakmem.h"

namespace hakmem {

constexpr uint32_t kExchangeLength = HK_BATCH_MAX;

struct Environment;
struct ArenaHandle;

struct Exposure {
  ArenaHandle *arena;
  uint32_t slab;
  int64_t bytes;
  napi_ref buffer; // strong while the arena lives; nullptr once no longer the slab's current one
  bool holding;    // JavaScript may still reach the memory through this ArrayBuffer's bytes
  bool discounted; // taken off V8's account of external memory; see slabs.cc
  bool pinned;     // a view of it is retained beyond a reset: stays attached until unpinned
};

// One slab number of an arena. `holds` counts exposures that are `holding`: the current one, and
// earlier ones whose bytes were given away (transferred) and may still be in use.
struct SlabEntry {
  Exposure *current;
  uint32_t holds;
};

struct ArenaHandle {
  hk_arena_t *core;         // nullptr once destroyed
  Environment *environment; // nullptr once the environment has ended
  uint32_t id;              // index in the environment's table
  uint32_t references;
  bool ended;    // destroyed while slabs were pinned: only unpinning is left
  bool orphaned; // destroyed by the user or dropped: ends with its last exposure
  SlabEntry *slabs;
  uint32_t slab_count;
};

struct Environment {
  ArenaHandle **arenas;
  uint32_t arena_count;
  napi_ref transfer; // ArrayBuffer.prototype.transfer where slabs.cc needs it
  bool detaching;    // JavaScript is running in the middle of a call: no other now
  napi_ref exchange; // ArrayBuffer of block references on their way
};

// Makes the environment's state; false: out of memory.
bool CreateEnvironment(napi_env env);
Environment *GetEnvironment(napi_env env);

// The live arena with this id, or nullptr.
ArenaHandle *FindArena(Environment *environment, uint32_t id);

// The same, one that has ended but for its pins included.
ArenaHandle *FindPinnedArena(Environment *environment, uint32_t id);

// Enters a core arena in the table. The environment owns it. nullptr: out of memory.
ArenaHandle *AddArena(Environment *environment, hk_arena_t *core);

// Takes the arena from the table and destroys its core, now or with its last exposure.
void OrphanArena(ArenaHandle *arena);

void HoldArena(ArenaHandle *arena);
void DropArena(ArenaHandle *arena);

// The entry of a slab number, growing the table; nullptr: out of memory.
SlabEntry *EntryOf(ArenaHandle *arena, uint32_t slab);

// Puts an exposure's bytes back on V8's account.
void Recount(napi_env env, Exposure *exposure);

// Says that an exposure's bytes can no longer be reached from JavaScript.
void ReleaseHold(napi_env env, Exposure *exposure);

// Entries of the addon, by file.
napi_value DefineArenas(napi_env env, napi_value exports);
napi_value DefineBlocks(napi_env env, napi_value exports);
napi_value DefineSlabs(napi_env env, napi_value exports);
napi_value DefineStats(napi_env env, napi_value exports);
napi_value DefineHeapMap(napi_env env, napi_value exports);
napi_value DefineTables(napi_env env, napi_value exports);

// Detaches the current ArrayBuffer of a slab, if there is one. false: its bytes were given away and
// are still held.
bool ConcealSlab(napi_env env, ArenaHandle *arena, uint32_t slab);

// Detaches all of them but those that are pinned.
void ConcealAll(napi_env env, ArenaHandle *arena);

// Keeps the slab's ArrayBuffer attached through ConcealAll, if it has one that is.
void PinSlab(napi_env env, ArenaHandle *arena, uint32_t slab);

bool HasPins(const ArenaHandle *arena);

// Leaves all ArrayBuffers of an arena to the garbage collector.
void AbandonAll(napi_env env, ArenaHandle *arena);

} // namespace hakmem

#endif

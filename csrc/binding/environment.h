// Environment: what one JavaScript world (the main thread or a worker) holds of the core.
//
// Owns:      the table of its arenas and the exchange buffer; one per napi_env, as instance data.
// Called by: every entry of the addon.
// Threads:   its own JavaScript thread only. Process-wide state is in the core.
//
// node-addon-api. A worker may be terminated in the middle of any call: from then on Node-API refuses what could
// run JavaScript, and node-addon-api cannot throw either. NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS (binding.gyp)
// makes that no error: a result is then empty, and nobody looks at it. Plain Node-API is used where a call's cost
// can be measured (hot_arguments.h), and in slabs.cc where a failure is an answer and nothing to throw.
//
// Lifetimes. An ArenaHandle lives as long as somebody counts on it: the table, the JavaScript handle,
// the counters' ArrayBuffer and every exposure. An Exposure is one external ArrayBuffer over one
// slab; it lives until V8 has freed that ArrayBuffer's backing store, which may be long after it was
// detached. No core memory is given up while an exposure still holds it.
//
// The end of a world. Node then calls the finalizers of all external ArrayBuffers, whether their backing
// stores are free or live on in another thread, where they were sent to, and of the latter it never tells
// us again. So the first of those calls, which the sentinel gets, looks which ArrayBuffers are attached still:
// Node is about to detach these, and nobody has their bytes. All others keep theirs for ever.
#ifndef HK_BINDING_ENVIRONMENT_H
#define HK_BINDING_ENVIRONMENT_H

#include <napi.h>

#include "binding/memory.h"
#include "hakmem.h"

namespace hakmem {

constexpr uint32_t kExchangeLength = HK_BATCH_MAX;

struct Environment;
struct ArenaHandle;

// The memory that an external ArrayBuffer of ours is over.
struct Shown : Allocated {
  void *address;
  int64_t bytes;
  bool discounted; // taken off V8's account of external memory
};

struct Exposure : Shown {
  ArenaHandle *arena; // nullptr: warm, see warm.cc
  uint32_t slab;
  // Strong while current, weak once the arena is dropped; empty: not ours to detach.
  Napi::Reference<Napi::ArrayBuffer> buffer;
  bool holding; // JavaScript may still reach the memory through this ArrayBuffer's bytes
  bool pinned;  // a view of it is retained beyond a reset: stays attached until unpinned
  bool ending;  // attached when its world began to end: nobody else has its bytes
  Environment *environment; // whose list it is on; nullptr once that has ended
  Exposure *next, *previous;
};

// One slab number of an arena. `holds` counts exposures that are `holding`: the current one, and
// earlier ones whose bytes were given away (transferred) and may still be in use.
struct SlabEntry {
  Exposure *current;
  uint32_t holds;
};

struct ArenaHandle : Allocated {
  hk_arena_t *core;         // nullptr once destroyed
  Environment *environment; // nullptr once the environment has ended
  uint32_t slot;            // in the environment's table
  uint32_t references;
  bool ended;    // destroyed while slabs were pinned: only unpinning is left
  bool orphaned; // destroyed by the user or dropped: ends with its last exposure
  SlabEntry *slabs;
  uint32_t slab_count;
};

// One place in the table of arenas. A handle is slot + generation x kSlotsMax: whole numbers that a double
// holds exactly. A slot whose generations are used up is never used again.
struct ArenaSlot {
  ArenaHandle *arena; // nullptr: free, or used up
  uint64_t generation;
  uint32_t next_free; // 1 + the next free slot; 0: none
};

constexpr uint32_t kSlotsMax = 1u << 20;
constexpr uint64_t kGenerationMax = (1ull << 33) - 1;

// An external ArrayBuffer of no use but that its finalizer is the first of ours to be called when the world ends:
// Node takes the youngest first, so there is a new one behind every exposure. Kept alive until then.
struct Sentinel : Allocated {
  Environment *environment; // nullptr: not the youngest any more
  Napi::Reference<Napi::ArrayBuffer> buffer;
};

// What slabs that serve a class have at most in one ArrayBuffer, as a span. Longer blocks stay on V8's account, and
// are not kept warm.
constexpr int64_t kSpanBytesMax = HK_SPAN_SLABS_MAX * HK_SLAB_BYTES;

// ArrayBuffers of slabs and spans that their arenas have left, by address, and of short slabs beside them; see warm.cc.
// Neighbouring slabs never share a place.
constexpr uint32_t kWarmPlaces = 1024;

// Those of blocks that were adopted and have gone back, by address too: sets of places, any of which may have it.
constexpr uint32_t kWarmSets = 256, kWarmWays = 4;

// Node counts these bytes in process.memoryUsage().external, whoever has the memory meanwhile. 256 messages of 1 MB, a
// channel's default capacity, fit.
constexpr int64_t kWarmLoanBytesMax = 256 * 1024 * 1024;

constexpr uint32_t kLeftMax = 16;

// A block that this world has adopted: one external ArrayBuffer over its bytes and nothing else. It lives until V8
// has freed the backing store, and while it is `holding` its letter has not been returned. When that has been done it
// may be warm, and serve another ticket.
struct Loan : Shown {
  uint64_t ticket;
  Napi::Reference<Napi::ArrayBuffer> buffer; // strong until it is released, then weak
  bool released; // but not detached: somebody has taken it away, or it must stay attached
  bool holding;  // JavaScript may still reach the bytes
  bool warm;
  bool ending;              // as in Exposure
  Environment *environment; // nullptr: that has ended
};

struct Environment : Allocated {
  napi_env env;
  uintptr_t stack; // an address on the stack of its thread
  ArenaSlot *slots;
  uint32_t slot_count;
  uint32_t first_free; // as next_free
  Exposure *exposures;
  Loan **loans; // that are holding, by the number of their letter
  uint32_t loan_count;
  Sentinel *sentinel;               // nullptr: none was needed, or none could be made
  bool ending;                      // the sentinel has been called
  Napi::FunctionReference transfer; // ArrayBuffer.prototype.transfer where slabs.cc needs it
  Napi::FunctionReference move; // gives the memory of an ArrayBuffer to a new one; empty: not known
  bool detaching;               // JavaScript is running in the middle of a call: no other now
  const Shown *
      leaving; // whose ArrayBuffer is being detached; nullptr: nobody's, or it has been freed at once
  bool interrupted; // it was, in this call: Node would end the process if anything were detached
  bool
      stopped; // and that because this world is to end. What is attached then stays strong until it does: what was
  // collected before could be somebody else's
  Exposure *warm[kWarmPlaces];
  Loan **warm_loans; // kWarmSets x kWarmWays; nullptr: there was none yet
  int64_t warm_loan_bytes;
  uint32_t next_way; // which one a set that is full gives up
  // Where counters of arenas that have ended are, or were until their ArrayBuffer was collected: the last ones of
  // left_count.
  const void *left[kLeftMax];
  uint32_t left_count;
  // Arenas that have ended and nobody counts on but their JavaScript handle, and this list; as `left`.
  ArenaHandle *idle[kLeftMax];
  uint32_t idle_count;
  Napi::Reference<Napi::ArrayBuffer> exchange; // block references on their way
};

// Makes the environment's state; false: out of memory.
bool CreateEnvironment(Napi::Env env);

inline Environment *EnvironmentOf(Napi::Env env) { return env.GetInstanceData<Environment>(); }

// The memory of the exchange buffer; nullptr: somebody has detached it.
uint32_t *Exchange(Napi::Env env);

// The live arena that this handle names, or nullptr.
ArenaHandle *FindArena(Environment *environment, double handle);

// The same, one that has ended but for its pins included.
ArenaHandle *FindPinnedArena(Environment *environment, double handle);

// Names the arena in calls from JavaScript: no other arena of this environment ever has the same handle.
double HandleOf(const ArenaHandle *arena);

// Enters a core arena in the table, as `idle` if that is one of those that are. The environment owns it. nullptr: out of
// memory.
ArenaHandle *AddArena(Environment *environment, hk_arena_t *core, const void *idle);

// Keeps an arena that has ended for AddArena, if only the caller and its JavaScript handle count on it.
void LeaveArena(Environment *environment, ArenaHandle *arena);

// Takes the arena from the table and destroys its core, now or with its last exposure.
void OrphanArena(ArenaHandle *arena);

void HoldArena(ArenaHandle *arena);
void DropArena(ArenaHandle *arena);

// The entry of a slab number, growing the table; nullptr: out of memory.
SlabEntry *EntryOf(ArenaHandle *arena, uint32_t slab);

// Takes what is shown off V8's account of external memory.
void Discount(Napi::Env env, Shown *shown);

// Puts it back on V8's account.
void Recount(Napi::Env env, Shown *shown);

// Whether a slab or span that is not on the account may be moved as it is: V8 takes off the old ArrayBuffer before it
// adds the new one.
bool HasReserve(Napi::Env env);

// Says that an exposure's bytes can no longer be reached from JavaScript.
void ReleaseHold(Napi::Env env, Exposure *exposure);

// The same of bytes that V8's account stays as it is for.
void EndHold(Exposure *exposure);

// Says that an exposure's bytes belong to somebody else, who has got them or may have.
void GiveAway(Exposure *exposure);

void EnterExposure(Environment *environment, Exposure *exposure);
void LeaveExposure(Exposure *exposure);

// Entries of the addon, by file.
void DefineArenas(Napi::Object exports);
void DefineBlocks(Napi::Object exports);
void DefineSlabs(Napi::Object exports);
void DefineWarm(Napi::Object exports);
void DefineStats(Napi::Object exports);
void DefineHeapMap(Napi::Object exports);
void DefineLetters(Napi::Object exports);
void DefineTables(Napi::Object exports);

// Detaches the current ArrayBuffer of a slab, if there is one. false: its bytes were given away and
// are still held.
bool ConcealSlab(Napi::Env env, ArenaHandle *arena, uint32_t slab);

// While the ArrayBuffer of `shown` is moved or detached. Bun calls its finalizer in the middle of that, which then
// does what is left to do, and deletes it: nobody may look at it any more.
class Leaving {
public:
  Leaving(Environment *environment, const Shown *shown) : environment_(environment), shown_(shown) {
    environment->leaving = shown;
  }
  ~Leaving() { environment_->leaving = nullptr; }
  bool IsFreed() const { return environment_->leaving != shown_; }

private:
  Environment *environment_;
  const Shown *shown_;
};

// For a finalizer. true: what it is about is leaving, and is not from now on.
bool HasLeft(Environment *environment, const Shown *shown);

// Detaches an ArrayBuffer. false: it must stay attached, or this environment is being terminated.
bool DetachBuffer(Napi::Env env, Napi::ArrayBuffer buffer);

// A call of JavaScript has failed: takes its exception, or notes that this world was told to stop.
void TakeFailure(napi_env env);

inline bool IsAttached(Napi::ArrayBuffer buffer) {
  return !buffer.IsEmpty() && !buffer.IsDetached();
}

// To be called when an external ArrayBuffer has been made. false: out of memory, or a worker that is being
// terminated; the old sentinel stays, and that ArrayBuffer must be shown to nobody.
bool RenewSentinel(Napi::Env env, Environment *environment);

// Asked in the finalizer of an external ArrayBuffer: whether nobody has its bytes any more. `ending`: see Exposure.
bool IsNobodys(const Environment *environment, bool ending);

// The place of a letter in the table of loans, growing it; nullptr: out of memory.
Loan **LoanPlace(Environment *environment, uint64_t ticket);

// Finds out which of the loans nobody else can have the bytes of: their world is about to end.
void BeginEndingLoans(Environment *environment);

// Whether an exposed slab is still its arena's, or somebody has taken its ArrayBuffer away: the core asks before
// anything is done to the bytes of free blocks. `context`: its ArenaHandle.
bool IsOurs(void *context, uint32_t slab);

// Detaches all of them but those that are pinned. Those of the first slabs stay warm.
void ConcealAll(Napi::Env env, ArenaHandle *arena);

// The arena leaves a slab whose attached ArrayBuffer this is, and all views of it have length 0. `has_reserve`: see
// HasReserve. false: nothing has changed but that `buffer` may be detached.
bool KeepWarm(Napi::Env env, Exposure *exposure, Napi::ArrayBuffer buffer, bool has_reserve);

// The exposure of a slab whose ArrayBuffer is warm and attached, for a new arena; nullptr: there is none.
Exposure *TakeWarm(Napi::Env env, Environment *environment, const hk_slab_info_t &slab);

// A warm exposure's ArrayBuffer has gone.
void ForgetWarm(Exposure *exposure);

// A loan ends whose attached ArrayBuffer this is, and all views of it have length 0. false: nothing has changed, but
// that `buffer` may be detached, and its bytes somebody else's.
bool KeepLoanWarm(Napi::Env env, Loan *loan, Napi::ArrayBuffer buffer);

// A warm loan of exactly these bytes, whose ArrayBuffer is attached; nullptr: there is none.
Loan *TakeWarmLoan(Napi::Env env, Environment *environment, const void *address, uint64_t bytes);

// A loan is warm no longer.
void ForgetWarmLoan(Loan *loan);

// Notes that the arena of these counters has ended. They may serve another one.
void LeaveCounters(Environment *environment, const void *counters);

// The counters that were left and `buffer` holds. nullptr: it holds none.
hk_counters_t *TakeCounters(Environment *environment, Napi::ArrayBuffer buffer);

// Keeps the slab's ArrayBuffer attached through ConcealAll, if it has one that is.
void PinSlab(ArenaHandle *arena, uint32_t slab);

bool HasPins(const ArenaHandle *arena);

// Leaves all ArrayBuffers of an arena to the garbage collector.
void AbandonAll(Napi::Env env, ArenaHandle *arena);

// The world is about to end: finds out which exposures nobody else can have the bytes of.
void BeginEnding(Napi::Env env, Environment *environment);

} // namespace hakmem

#endif

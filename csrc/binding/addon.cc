// Addon: one set of entries per environment. The addon is context-aware: every worker and every
// context that loads it gets an Environment of its own.
#include "binding/arguments.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  if (!hakmem::CreateEnvironment(env)) {
    hakmem::Throw(Napi::Error::New(env, "hakmem-arena: out of memory while loading"),
                  "ERR_HAKMEM_NATIVE_LOAD");
    return exports;
  }
  hakmem::DefineIdentity(exports);
  hakmem::DefineArenas(exports);
  hakmem::DefineBlocks(exports);
  hakmem::DefineSlabs(exports);
  hakmem::DefineWarm(exports);
  hakmem::DefineStats(exports);
  hakmem::DefineHeapMap(exports);
  hakmem::DefineTables(exports);
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)

// Addon: one set of entries per environment. The addon is context-aware: every worker and every
// context that loads it gets an Environment of its own.
#include "binding/environment.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  if (!hakmem::CreateEnvironment(env)) {
    napi_throw_error(env, "ERR_HAKMEM_NATIVE_LOAD", "hakmem-arena: out of memory while loading");
    return exports;
  }
  hakmem::DefineIdentity(env, exports);
  hakmem::DefineArenas(env, exports);
  hakmem::DefineBlocks(env, exports);
  hakmem::DefineSlabs(env, exports);
  hakmem::DefineStats(env, exports);
  hakmem::DefineHeapMap(env, exports);
  hakmem::DefineTables(env, exports);
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)

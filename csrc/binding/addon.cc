// Addon: one set of entries per environment. The addon is context-aware: every worker and every
// context that loads it gets an Environment of its own.
#include "binding/arguments.h"

// Written by the build, tools/build/native-identity.cjs: of which version and sources this addon was built.
// lib/native/identity.ts compares it with the package's before anything else of the addon is used.
#include <hk_identity.h>

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  if (!hakmem::CreateEnvironment(env)) {
    hakmem::Throw(Napi::Error::New(env, "hakmem-arena: out of memory while loading"),
                  "ERR_HAKMEM_NATIVE_LOAD");
    return exports;
  }
  exports.DefineProperty(hakmem::Field(env, "identity", HK_IDENTITY));
  hakmem::DefineArenas(exports);
  hakmem::DefineBlocks(exports);
  hakmem::DefineSlabs(exports);
  hakmem::DefineWarm(exports);
  hakmem::DefineStats(exports);
  hakmem::DefineHeapMap(exports);
  hakmem::DefineLetters(exports);
  hakmem::DefineTables(exports);
  return exports;
}

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)

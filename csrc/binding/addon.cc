// Addon: one set of entries per environment. The addon is context-aware: every worker and every
// context that loads it gets an Environment of its own.
#include "binding/hot_arguments.h"

// Written by the build, tools/build/native-identity.cjs: of which version and sources this addon was built.
// lib/native/identity.ts compares it with the package's before anything else of the addon is used.
#include <hk_identity.h>

// stackDepth() -> how far below the place where the addon was loaded the stack is, in units that a small integer
// holds. JavaScript cannot ask; lib/base/stack.ts says what for.
static napi_value StackDepth(napi_env env, napi_callback_info) {
  auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  auto depth = static_cast<intptr_t>(hakmem::EnvironmentOf(env)->stack - here);
  return hakmem::HotInt32(env, static_cast<int32_t>(depth / 16));
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  if (!hakmem::CreateEnvironment(env)) {
    hakmem::Throw(Napi::Error::New(env, "hakmem-arena: out of memory while loading"),
                  "ERR_HAKMEM_NATIVE_LOAD");
    return exports;
  }
  exports.DefineProperty(hakmem::Field(env, "identity", HK_IDENTITY));
  hakmem::DefineHot<StackDepth>(exports, "stackDepth");
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

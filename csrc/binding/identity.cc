// Identity: of which version and sources this addon was built. lib/native/identity.ts compares it with
// the package's before anything else of the addon is used.
#include "binding/arguments.h"

// Written by the build: tools/build/native-identity.cjs.
#include <hk_identity.h>

namespace hakmem {

napi_value DefineIdentity(napi_env env, napi_value exports) {
  napi_value line = nullptr;
  napi_create_string_utf8(env, HK_IDENTITY, NAPI_AUTO_LENGTH, &line);
  Put(env, exports, "identity", line);
  return exports;
}

} // namespace hakmem

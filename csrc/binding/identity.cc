// Identity: of which version and sources this addon was built. lib/native/identity.ts compares it with
// the package's before anything else of the addon is used.
#include "binding/arguments.h"

// Written by the build: tools/build/native-identity.cjs.
#include <hk_identity.h>

namespace hakmem {

void DefineIdentity(Napi::Object exports) {
  exports.DefineProperty(Field(exports.Env(), "identity", HK_IDENTITY));
}

} // namespace hakmem

// Identity: of which version and sources this addon was built. lib/native-identity.ts compares it with
// the package's before anything else of the addon is used.
#include "binding/environment.h"

// Written by the build: tools/native-identity.cjs.
#include <hk_identity.h>

namespace hakmem {

void DefineIdentity(Napi::Object exports) { exports.Set("identity", HK_IDENTITY); }

} // namespace hakmem

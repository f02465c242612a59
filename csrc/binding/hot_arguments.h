// Hot arguments: the same for calls that the front makes for each batch of blocks and for each slab.
//
// They are plain Node-API: with Napi::CallbackInfo a refill and a flush of one block took 70 to 100 ns more
// (of 320 to 400; Node 20 and 24), because it zeroes six values, asks for `this` and data, and has the type of each
// argument told before its value.
#ifndef HK_BINDING_HOT_ARGUMENTS_H
#define HK_BINDING_HOT_ARGUMENTS_H

#include "binding/arguments.h"

namespace hakmem {

class HotArguments {
public:
  HotArguments(napi_env env, napi_callback_info info) : env_(env), count_(kMax) {
    ok_ = napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr) == napi_ok &&
          !EnvironmentOf(env)->detaching;
  }

  bool ok() const { return ok_; }

  uint32_t Uint32(size_t i) {
    uint32_t number = 0;
    ok_ = ok_ && napi_get_value_uint32(env_, values_[i], &number) == napi_ok;
    return number;
  }

  double Double(size_t i) {
    double number = 0;
    ok_ = ok_ && napi_get_value_double(env_, values_[i], &number) == napi_ok;
    return number;
  }

  ArenaHandle *Arena() {
    ArenaHandle *arena = FindArena(EnvironmentOf(env_), Double(0));
    ok_ = ok_ && arena != nullptr;
    return arena;
  }

  napi_value Refuse() const { return hakmem::Refuse(env_); }

private:
  static constexpr size_t kMax = 3;
  napi_env env_;
  napi_value values_[kMax]; // those that are not given are undefined
  size_t count_;
  bool ok_;
};

inline napi_value HotInt32(napi_env env, int32_t number) {
  napi_value result = nullptr;
  napi_create_int32(env, number, &result);
  return result;
}

inline napi_value HotFailure(napi_env env, hk_status_t status) {
  return HotInt32(env, -static_cast<int32_t>(status));
}

template <napi_callback Entry> void DefineHot(Napi::Object exports, const char *name) {
  Napi::Env env = exports.Env();
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, Entry, nullptr, &function);
  exports.DefineProperty(Field(env, name, function));
}

} // namespace hakmem

#endif

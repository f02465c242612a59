// Arguments: the little that the binding re-checks. TypeScript has validated for the user; these
// checks keep memory safe whatever calls the addon.
#ifndef HK_BINDING_ARGUMENTS_H
#define HK_BINDING_ARGUMENTS_H

#include <napi.h>

#include "binding/environment.h"

namespace hakmem {

constexpr size_t kMaxArguments = 5;

class Arguments {
public:
  Arguments(napi_env env, napi_callback_info info) : env_(env), count_(kMaxArguments) {
    ok_ = napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr) == napi_ok &&
          !GetEnvironment(env)->detaching;
  }

  bool ok() const { return ok_; }
  napi_value value(size_t i) const { return values_[i]; }

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

  // The live arena whose handle argument 0 is; without one, the call fails.
  ArenaHandle *Arena() {
    ArenaHandle *arena = FindArena(GetEnvironment(env_), Double(0));
    ok_ = ok_ && arena != nullptr;
    return arena;
  }

  // The elements of an optional Uint32Array, or nullptr when it is undefined. Anything else fails the call.
  const uint32_t *Uint32Array(size_t i, size_t *count) {
    void *data = nullptr;
    *count = 0;
    napi_valuetype type;
    bool is_typedarray = false;
    napi_typedarray_type kind = napi_int8_array;
    ok_ = ok_ && napi_typeof(env_, values_[i], &type) == napi_ok;
    if (!ok_ || type == napi_undefined) return nullptr;
    ok_ = napi_is_typedarray(env_, values_[i], &is_typedarray) == napi_ok && is_typedarray &&
          napi_get_typedarray_info(env_, values_[i], &kind, count, &data, nullptr, nullptr) ==
              napi_ok &&
          kind == napi_uint32_array;
    if (!ok_) return nullptr;
    static constexpr uint32_t none = 0;
    return data != nullptr ? static_cast<const uint32_t *>(data) : &none;
  }

  // The elements of a Float64Array; anything else fails the call.
  double *Doubles(size_t i, size_t *count) {
    void *data = nullptr;
    bool is_typedarray = false;
    napi_typedarray_type kind = napi_int8_array;
    *count = 0;
    ok_ = ok_ && napi_is_typedarray(env_, values_[i], &is_typedarray) == napi_ok && is_typedarray &&
          napi_get_typedarray_info(env_, values_[i], &kind, count, &data, nullptr, nullptr) ==
              napi_ok &&
          kind == napi_float64_array;
    return static_cast<double *>(data);
  }

  // Throws and returns the undefined value.
  napi_value Refuse() {
    napi_throw_type_error(env_, "ERR_INVALID_ARG_TYPE", "hakmem-arena: bad native call");
    return nullptr;
  }

private:
  napi_env env_;
  napi_value values_[kMaxArguments];
  size_t count_;
  bool ok_;
};

// A result that is a count or reference when >= 0 and a negated status otherwise.
inline napi_value Int32(napi_env env, int32_t number) {
  napi_value result = nullptr;
  napi_create_int32(env, number, &result);
  return result;
}

inline napi_value Failure(napi_env env, hk_status_t status) {
  return Int32(env, -static_cast<int32_t>(status));
}

inline napi_value Double(napi_env env, double number) {
  napi_value result = nullptr;
  napi_create_double(env, number, &result);
  return result;
}

// Objects and arrays for JavaScript. A worker may be terminated in the middle of any call: from then on
// these fail, and their failure must not matter, because nobody will look at the result. So they do not
// go through node-addon-api, which ends the process when it cannot throw.
inline napi_value NewObject(napi_env env) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  return object;
}

inline napi_value NewArray(napi_env env) {
  napi_value array = nullptr;
  napi_create_array(env, &array);
  return array;
}

inline void Put(napi_env env, napi_value object, const char *name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

inline void Put(napi_env env, napi_value array, uint32_t index, napi_value value) {
  napi_set_element(env, array, index, value);
}

inline void Define(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

} // namespace hakmem

#endif

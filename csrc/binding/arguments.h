// Arguments: the little that the binding re-checks. TypeScript has validated for the user; these
// checks keep memory safe whatever calls the addon.
#ifndef HK_BINDING_ARGUMENTS_H
#define HK_BINDING_ARGUMENTS_H

#include <napi.h>

#include <cstdio>

#include "binding/environment.h"

namespace hakmem {

// A property of what JavaScript gets. All of them are defined, none is set: a setter that a program has put on
// Object.prototype or Array.prototype would run inside the call, and could be terminated there.
template <typename T>
Napi::PropertyDescriptor Field(Napi::Env env, const char *name, const T &value) {
  return Napi::PropertyDescriptor::Value(name, Napi::Value::From(env, value),
                                         napi_default_jsproperty);
}

template <typename T> void PutElement(Napi::Array array, uint32_t index, const T &value) {
  char name[sizeof "4294967295"];
  std::snprintf(name, sizeof name, "%u", static_cast<unsigned>(index));
  array.DefineProperty(Field(array.Env(), name, value));
}

inline void Throw(Napi::Error error, const char *code) {
  error.Value().DefineProperty(Field(error.Env(), "code", code));
  error.ThrowAsJavaScriptException();
}

// Throws what a call with wrong arguments throws, and returns undefined.
inline Napi::Value Refuse(Napi::Env env) {
  Throw(Napi::TypeError::New(env, "hakmem-arena: bad native call"), "ERR_INVALID_ARG_TYPE");
  return env.Undefined();
}

// Reading one that is not what it should be fails the call: ok() is false from then on.
class Arguments {
public:
  explicit Arguments(const Napi::CallbackInfo &info)
      : info_(info), ok_(!EnvironmentOf(info.Env())->detaching) {}

  bool ok() const { return ok_; }
  Napi::Value operator[](size_t i) const { return info_[i]; }

  double Double(size_t i) {
    Napi::Value value = info_[i];
    ok_ = ok_ && value.IsNumber();
    return ok_ ? value.As<Napi::Number>().DoubleValue() : 0;
  }

  uint32_t Uint32(size_t i) {
    Napi::Value value = info_[i];
    ok_ = ok_ && value.IsNumber();
    return ok_ ? value.As<Napi::Number>().Uint32Value() : 0;
  }

  // The live arena whose handle argument 0 is; without one, the call fails.
  ArenaHandle *Arena() {
    ArenaHandle *arena = FindArena(EnvironmentOf(info_.Env()), Double(0));
    ok_ = ok_ && arena != nullptr;
    return arena;
  }

  // The elements of a Uint32Array, or nullptr when the argument is undefined.
  const uint32_t *OptionalUint32s(size_t i, size_t *count) {
    *count = 0;
    if (info_[i].IsUndefined()) return nullptr;
    return Elements<uint32_t>(i, napi_uint32_array, count);
  }

  // The elements of a Float64Array.
  double *Doubles(size_t i, size_t *count) {
    return Elements<double>(i, napi_float64_array, count);
  }

  Napi::Value Refuse() const { return hakmem::Refuse(info_.Env()); }

private:
  // Never nullptr when the call has not failed, even if there are none.
  template <typename T> T *Elements(size_t i, napi_typedarray_type type, size_t *count) {
    static T none;
    Napi::Value value = info_[i];
    *count = 0;
    ok_ = ok_ && value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
    if (!ok_) return nullptr;
    auto array = value.As<Napi::TypedArrayOf<T>>();
    *count = array.ElementLength();
    return array.Data() != nullptr ? array.Data() : &none;
  }

  const Napi::CallbackInfo &info_;
  bool ok_;
};

// A result that is a count or reference when >= 0 and a negated status otherwise.
inline Napi::Value Failure(Napi::Env env, hk_status_t status) {
  return Napi::Number::New(env, -static_cast<double>(status));
}

template <Napi::Value (*Entry)(const Napi::CallbackInfo &)>
void Define(Napi::Object exports, const char *name) {
  Napi::Env env = exports.Env();
  exports.DefineProperty(Field(env, name, Napi::Function::New<Entry>(env, name)));
}

} // namespace hakmem

#endif

// Blocks: edge 1 between front and core. References travel in the environment's exchange buffer, whose memory is
// the engine's: it lives as long as anybody has it, whoever it was given to, and where it is, is asked each time.
#include "binding/hot_arguments.h"

namespace hakmem {

namespace {

constexpr size_t kExchangeBytes = kExchangeLength * sizeof(uint32_t);

void MakeExchange(Napi::Env env) {
  Environment *environment = EnvironmentOf(env);
  environment->exchange.Reset();
  auto buffer = Napi::ArrayBuffer::New(env, kExchangeBytes);
  if (!buffer.IsEmpty()) environment->exchange = Napi::Persistent(buffer);
}

// exchange: the ArrayBuffer, another one when the last was detached.
Napi::Value GetExchange(const Napi::CallbackInfo &info) {
  if (Exchange(info.Env()) == nullptr) MakeExchange(info.Env());
  return EnvironmentOf(info.Env())->exchange.Value();
}

// refill(arena, bin, want) -> count, references in exchange | -status
napi_value Refill(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t bin = arguments.Uint32(1);
  uint32_t want = arguments.Uint32(2);
  uint32_t *refs = Exchange(env);
  if (!arguments.ok() || refs == nullptr) return arguments.Refuse();
  uint32_t got = 0;
  hk_status_t status = hk_refill(arena->core, bin, refs, want, &got);
  return status == HK_OK ? HotInt32(env, static_cast<int32_t>(got)) : HotFailure(env, status);
}

// noteRetry(arena, refusal, result) -> 0. `refusal`: what a call above returned, and `result`: what its repetition
// did.
Napi::Value NoteRetry(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  double refusal = arguments.Double(1), result = arguments.Double(2);
  if (!arguments.ok()) return arguments.Refuse();
  bool by_os = refusal == -static_cast<double>(HK_OUT_OF_MEMORY_OS);
  hk_note_retry(arena->core, by_os ? HK_OUT_OF_MEMORY_OS : HK_OUT_OF_MEMORY_LIMIT, result >= 0);
  return Napi::Number::New(info.Env(), 0);
}

// flush(arena, bin, count), references in exchange -> a slab to retire, + 1, or 0 | -status
napi_value Flush(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t bin = arguments.Uint32(1);
  uint32_t count = arguments.Uint32(2);
  uint32_t *refs = Exchange(env);
  if (!arguments.ok() || refs == nullptr) return arguments.Refuse();
  hk_status_t status = hk_flush(arena->core, bin, refs, count);
  if (status != HK_OK) return HotFailure(env, status);
  return HotInt32(env, hk_next_retirable(arena->core, UINT32_MAX) + 1);
}

// largeAlloc(arena, size) -> reference, and in exchange whether it reads as zero | -status
napi_value LargeAlloc(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  double size = arguments.Double(1);
  uint32_t *is_zero = Exchange(env);
  if (!arguments.ok() || is_zero == nullptr || !(size >= 0) || size > 9007199254740992.0) {
    return arguments.Refuse();
  }
  uint32_t ref = 0;
  hk_status_t status = hk_large_alloc(arena->core, static_cast<uint64_t>(size), &ref);
  if (status != HK_OK) return HotFailure(env, status);
  hk_slab_info_t slab = {};
  (void)hk_slab_info(arena->core, ref >> HK_REF_INDEX_BITS, &slab);
  *is_zero = slab.fresh ? 1 : 0;
  return HotInt32(env, static_cast<int32_t>(ref));
}

// largeFree(arena, reference) -> 0 | -status. Detaches the block's ArrayBuffer first.
napi_value LargeFree(napi_env env, napi_callback_info info) {
  HotArguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t ref = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  hk_slab_info_t slab;
  uint32_t number = ref >> HK_REF_INDEX_BITS;
  if (hk_slab_info(arena->core, number, &slab) == HK_OK && slab.bin >= HK_BIN_MAX) {
    ConcealSlab(env, arena, number);
  }
  return HotFailure(env, hk_large_free(arena->core, ref));
}

} // namespace

uint32_t *Exchange(Napi::Env env) {
  void *refs = nullptr;
  size_t bytes = 0;
  Napi::ArrayBuffer buffer = EnvironmentOf(env)->exchange.Value();
  if (buffer.IsEmpty() || napi_get_arraybuffer_info(env, buffer, &refs, &bytes) != napi_ok) {
    return nullptr;
  }
  return bytes == kExchangeBytes ? static_cast<uint32_t *>(refs) : nullptr;
}

void DefineBlocks(Napi::Object exports) {
  DefineHot<Refill>(exports, "refill");
  Define<NoteRetry>(exports, "noteRetry");
  DefineHot<Flush>(exports, "flush");
  DefineHot<LargeAlloc>(exports, "largeAlloc");
  DefineHot<LargeFree>(exports, "largeFree");
  MakeExchange(exports.Env());
  exports.DefineProperty(
      Napi::PropertyDescriptor::Accessor<GetExchange>("exchange", napi_enumerable));
}

} // namespace hakmem

// Blocks: edge 1 between front and core. References travel in the environment's exchange buffer, whose memory is
// the engine's: it lives as long as anybody has it, whoever it was given to, and where it is, is asked each time.
#include "binding/arguments.h"

namespace hakmem {

namespace {

constexpr size_t kExchangeBytes = kExchangeLength * sizeof(uint32_t);

napi_value ExchangeBuffer(napi_env env) {
  napi_value buffer = nullptr;
  Environment *environment = GetEnvironment(env);
  if (environment->exchange != nullptr) {
    napi_get_reference_value(env, environment->exchange, &buffer);
  }
  return buffer;
}

// nullptr: somebody has detached it.
uint32_t *Exchange(napi_env env) {
  void *refs = nullptr;
  size_t bytes = 0;
  napi_value buffer = ExchangeBuffer(env);
  if (buffer == nullptr || napi_get_arraybuffer_info(env, buffer, &refs, &bytes) != napi_ok) {
    return nullptr;
  }
  return bytes == kExchangeBytes ? static_cast<uint32_t *>(refs) : nullptr;
}

napi_value NewExchange(napi_env env) {
  Environment *environment = GetEnvironment(env);
  napi_value buffer = nullptr;
  void *refs = nullptr;
  if (environment->exchange != nullptr) napi_delete_reference(env, environment->exchange);
  environment->exchange = nullptr;
  if (napi_create_arraybuffer(env, kExchangeBytes, &refs, &buffer) == napi_ok) {
    napi_create_reference(env, buffer, 1, &environment->exchange);
  }
  return buffer;
}

// exchange: the ArrayBuffer, another one when the last was detached.
napi_value GetExchange(napi_env env, napi_callback_info) {
  return Exchange(env) != nullptr ? ExchangeBuffer(env) : NewExchange(env);
}

// refill(arena, bin, want) -> count, references in exchange | -status
napi_value Refill(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t bin = arguments.Uint32(1);
  uint32_t want = arguments.Uint32(2);
  uint32_t *refs = Exchange(env);
  if (!arguments.ok() || refs == nullptr) return arguments.Refuse();
  uint32_t got = 0;
  hk_status_t status = hk_refill(arena->core, bin, refs, want, &got);
  return status == HK_OK ? Int32(env, static_cast<int32_t>(got)) : Failure(env, status);
}

// noteRetry(arena, refusal, result) -> 0. `refusal`: what a call above returned, and `result`: what its repetition
// did.
napi_value NoteRetry(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  double refusal = arguments.Double(1), result = arguments.Double(2);
  if (!arguments.ok()) return arguments.Refuse();
  bool by_os = refusal == -static_cast<double>(HK_OUT_OF_MEMORY_OS);
  hk_note_retry(arena->core, by_os ? HK_OUT_OF_MEMORY_OS : HK_OUT_OF_MEMORY_LIMIT, result >= 0);
  return Int32(env, 0);
}

// flush(arena, bin, count), references in exchange -> a slab to retire, + 1, or 0 | -status
napi_value Flush(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t bin = arguments.Uint32(1);
  uint32_t count = arguments.Uint32(2);
  uint32_t *refs = Exchange(env);
  if (!arguments.ok() || refs == nullptr) return arguments.Refuse();
  hk_status_t status = hk_flush(arena->core, bin, refs, count);
  if (status != HK_OK) return Failure(env, status);
  return Int32(env, hk_next_retirable(arena->core, UINT32_MAX) + 1);
}

// largeAlloc(arena, size) -> reference, and in exchange whether it reads as zero | -status
napi_value LargeAlloc(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  double size = arguments.Double(1);
  uint32_t *is_zero = Exchange(env);
  if (!arguments.ok() || is_zero == nullptr || !(size >= 0) || size > 9007199254740992.0) {
    return arguments.Refuse();
  }
  uint32_t ref = 0;
  hk_status_t status = hk_large_alloc(arena->core, static_cast<uint64_t>(size), &ref);
  if (status != HK_OK) return Failure(env, status);
  hk_slab_info_t slab = {};
  (void)hk_slab_info(arena->core, ref >> HK_REF_INDEX_BITS, &slab);
  *is_zero = slab.fresh ? 1 : 0;
  return Int32(env, static_cast<int32_t>(ref));
}

// largeFree(arena, reference) -> 0 | -status. Detaches the block's ArrayBuffer first.
napi_value LargeFree(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  ArenaHandle *arena = arguments.Arena();
  uint32_t ref = arguments.Uint32(1);
  if (!arguments.ok()) return arguments.Refuse();
  hk_slab_info_t slab;
  uint32_t number = ref >> HK_REF_INDEX_BITS;
  if (hk_slab_info(arena->core, number, &slab) == HK_OK && slab.bin >= HK_BIN_MAX) {
    ConcealSlab(env, arena, number);
  }
  return Failure(env, hk_large_free(arena->core, ref));
}

} // namespace

napi_value DefineBlocks(napi_env env, napi_value exports) {
  Define(env, exports, "refill", Refill);
  Define(env, exports, "noteRetry", NoteRetry);
  Define(env, exports, "flush", Flush);
  Define(env, exports, "largeAlloc", LargeAlloc);
  Define(env, exports, "largeFree", LargeFree);
  NewExchange(env);
  napi_property_descriptor exchange = {"exchange", nullptr, nullptr,         GetExchange,
                                       nullptr,    nullptr, napi_enumerable, nullptr};
  napi_define_properties(env, exports, 1, &exchange);
  return exports;
}

} // namespace hakmem

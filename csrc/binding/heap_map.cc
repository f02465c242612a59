// Heap map: every slab of every arena of the process as flat integers, for a picture of memory.
//
// Per SuperSlab: index, size in slabs of 64 KB, slab count, then 32 times use, bin, touched, taken,
// capacity (zeroes beyond the slab count). lib/stats/heap-map.ts reads them.
#include <cstdlib>
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

constexpr size_t kHeaderFields = 3;
constexpr size_t kSlabFields = 5;
constexpr size_t kRowLength = kHeaderFields + HK_SUPERSLAB_SLABS * kSlabFields;

// What one arena had; a list, because nobody knows beforehand how many arenas there are.
struct ArenaMap {
  ArenaMap *next;
  double serial;
  uint32_t class_count;
  uint32_t strides[HK_BIN_MAX];
  char name[HK_ARENA_NAME_MAX + 1];
  uint32_t count;
  hk_mapped_superslab_t superslabs[1]; // count of them
};

struct MapList {
  ArenaMap *first;
  ArenaMap **end;
};

// Under the registry lock: no call into JavaScript here. Without memory the arena is left out.
bool AppendMap(hk_arena_t *core, void *context) {
  auto *list = static_cast<MapList *>(context);
  uint32_t room = hk_arena_heap_map(core, nullptr, 0) + 8; // some may come while we ask again
  size_t bytes = sizeof(ArenaMap) + room * sizeof(hk_mapped_superslab_t);
  auto *map = static_cast<ArenaMap *>(std::malloc(bytes));
  if (map == nullptr) return true;
  const hk_classes_t *classes = hk_arena_classes(core);
  map->next = nullptr;
  map->serial = static_cast<double>(hk_arena_id(core));
  map->class_count = classes->count;
  for (uint32_t i = 0; i < classes->count; i++) map->strides[i] = classes->bins[i].stride_bytes;
  std::strcpy(map->name, hk_arena_name(core));
  uint32_t count = hk_arena_heap_map(core, map->superslabs, room);
  map->count = count < room ? count : room;
  *list->end = map;
  list->end = &map->next;
  return true;
}

uint32_t *Uint32sToJs(napi_env env, size_t length, napi_value *array) {
  napi_value buffer = nullptr;
  void *bytes = nullptr;
  size_t size = length * sizeof(uint32_t);
  if (napi_create_arraybuffer(env, size, &bytes, &buffer) != napi_ok) return nullptr;
  if (napi_create_typedarray(env, napi_uint32_array, length, buffer, 0, array) != napi_ok) {
    return nullptr;
  }
  return static_cast<uint32_t *>(bytes);
}

void Flatten(const hk_mapped_superslab_t &superslab, uint32_t *out) {
  *out++ = superslab.index;
  *out++ = static_cast<uint32_t>(superslab.bytes / HK_SLAB_BYTES);
  *out++ = superslab.slab_count;
  for (const hk_mapped_slab_t &slab : superslab.slabs) {
    *out++ = slab.use;
    *out++ = slab.bin;
    *out++ = slab.touched ? 1 : 0;
    *out++ = slab.taken;
    *out++ = slab.capacity;
  }
}

// { serial, name, strides, rows }
napi_value MapToJs(napi_env env, const ArenaMap &map) {
  napi_value strides_array = nullptr, rows_array = nullptr, name = nullptr;
  uint32_t *strides = Uint32sToJs(env, map.class_count, &strides_array);
  uint32_t *rows = Uint32sToJs(env, map.count * kRowLength, &rows_array);
  if (strides_array == nullptr || rows_array == nullptr) return nullptr;
  for (uint32_t i = 0; i < map.class_count; i++) strides[i] = map.strides[i];
  for (uint32_t i = 0; i < map.count; i++) Flatten(map.superslabs[i], rows + i * kRowLength);
  napi_create_string_utf8(env, map.name, NAPI_AUTO_LENGTH, &name);
  napi_value result = NewObject(env);
  Put(env, result, "serial", Double(env, map.serial));
  Put(env, result, "name", name);
  Put(env, result, "strides", strides_array);
  Put(env, result, "rows", rows_array);
  return result;
}

// heapMap() -> [{ serial, name, strides, rows }, ...], oldest arena first
napi_value HeapMap(napi_env env, napi_callback_info) {
  MapList list = {nullptr, &list.first};
  hk_arena_each(AppendMap, &list);
  napi_value result = NewArray(env);
  uint32_t count = 0;
  for (ArenaMap *map = list.first; map != nullptr;) {
    Put(env, result, count++, MapToJs(env, *map));
    ArenaMap *done = map;
    map = map->next;
    std::free(done);
  }
  return result;
}

} // namespace

napi_value DefineHeapMap(napi_env env, napi_value exports) {
  Define(env, exports, "heapMap", HeapMap);
  return exports;
}

} // namespace hakmem

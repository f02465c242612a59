// Heap map: every slab of every arena of the process as flat integers, for a picture of memory.
// Its rows are those of snapshot.h.
#include <cstdlib>
#include <cstring>

#include "binding/arguments.h"
#include "snapshot.h"

namespace hakmem {

namespace {

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

// { serial, name, strides, rows }; empty: out of memory
Napi::Value MapToJs(Napi::Env env, const ArenaMap &map) {
  auto strides = Napi::Uint32Array::New(env, map.class_count);
  auto rows = Napi::Uint32Array::New(env, map.count * HK_SNAPSHOT_ROW_LENGTH);
  if (strides.IsEmpty() || rows.IsEmpty()) return Napi::Value();
  for (uint32_t i = 0; i < map.class_count; i++) strides[i] = map.strides[i];
  for (uint32_t i = 0; i < map.count; i++)
    hk_snapshot_superslab(&map.superslabs[i], &rows[i * HK_SNAPSHOT_ROW_LENGTH]);
  Napi::Object result = Napi::Object::New(env);
  result.DefineProperties({
      Field(env, "serial", map.serial),
      Field(env, "name", static_cast<const char *>(map.name)),
      Field(env, "strides", strides),
      Field(env, "rows", rows),
  });
  return result;
}

// heapMap() -> [{ serial, name, strides, rows }, ...], oldest arena first
Napi::Value HeapMap(const Napi::CallbackInfo &info) {
  MapList list = {nullptr, &list.first};
  hk_arena_each(AppendMap, &list);
  Napi::Array result = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (ArenaMap *map = list.first; map != nullptr;) {
    Napi::Value entry = MapToJs(info.Env(), *map);
    if (!entry.IsEmpty()) PutElement(result, count++, entry);
    ArenaMap *done = map;
    map = map->next;
    std::free(done);
  }
  return result;
}

} // namespace

void DefineHeapMap(Napi::Object exports) { Define<HeapMap>(exports, "heapMap"); }

} // namespace hakmem

// Statistics: snapshots as flat doubles in memory of the caller, so that reading allocates nothing.
//
// What is written: the process's fields; then a record for each arena: its number, how many bins and how
// many rows follow, its own fields, for each bin that was ever used its index and fields, and for each
// row that has one its index and the sums of its bins. Behind those of the whole heap comes a record of
// number 0, the sums of all; its bins are those of arenas with the default classes. Orders are those of
// the lists in hakmem.h; tables.cc tells JavaScript the names.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "binding/arguments.h"

namespace hakmem {

namespace {

#define HK_COUNT_FIELD(field) +1
constexpr size_t kBinFields = 0 HK_BIN_STATS(HK_COUNT_FIELD);
constexpr size_t kArenaFields = 0 HK_ARENA_STATS(HK_COUNT_FIELD);
constexpr size_t kProcessFields = 0 HK_PROCESS_STATS(HK_COUNT_FIELD);
#undef HK_COUNT_FIELD
constexpr size_t kRecordHeader = 3;
constexpr size_t kRecordMax =
    kRecordHeader + kArenaFields + (HK_BIN_COUNT + HK_ROW_COUNT) * (1 + kBinFields);

struct Record {
  hk_arena_stats_t stats;
  hk_bin_stats_t rows[HK_ROW_COUNT];
};

// By way of a signed integer, because that is one instruction, and no count has 63 bits.
#define HK_WRITE_FIELD(field) *out++ = static_cast<double>(static_cast<int64_t>(stats.field));

double *WriteProcess(double *out) {
  hk_process_stats_t stats;
  hk_process_stats(&stats);
  HK_PROCESS_STATS(HK_WRITE_FIELD)
  return out;
}

double *WriteBin(double *out, const hk_bin_stats_t &stats) {
  HK_BIN_STATS(HK_WRITE_FIELD)
  return out;
}

bool WasUsed(const hk_bin_stats_t &bin) { return (bin.allocs | bin.capacity | bin.refills) != 0; }

// Index and fields of each of `count` bins, or rows, that was used. `used`: how many those are.
double *WriteUsed(double *out, const hk_bin_stats_t *bins, uint32_t count, double *used) {
  *used = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!WasUsed(bins[i])) continue;
    *out++ = i;
    out = WriteBin(out, bins[i]);
    ++*used;
  }
  return out;
}

double *WriteRecord(double *out, uint64_t serial, const Record &record) {
  const hk_arena_stats_t &stats = record.stats;
  *out++ = static_cast<double>(serial);
  double *bins = out++, *rows = out++;
  HK_ARENA_STATS(HK_WRITE_FIELD)
  out = WriteUsed(out, stats.bins, HK_BIN_COUNT, bins);
  return WriteUsed(out, record.rows, HK_ROW_COUNT, rows);
}

#undef HK_WRITE_FIELD

#define HK_ADD_FIELD(field) sum->field += stats.field;

void AddBin(hk_bin_stats_t *sum, const hk_bin_stats_t &stats) { HK_BIN_STATS(HK_ADD_FIELD) }

void AddFields(hk_arena_stats_t *sum, const hk_arena_stats_t &stats){HK_ARENA_STATS(HK_ADD_FIELD)}

#undef HK_ADD_FIELD

uint32_t RowOf(const hk_classes_t *classes, uint32_t bin) {
  if (bin < HK_BIN_MAX) return classes->bins[bin].row;
  return bin == HK_BIN_RUN ? HK_ROW_run : HK_ROW_huge;
}

// An allocation is counted after the native call that it needed, and both are read at work.
void BoundSlow(hk_bin_stats_t *bin) {
#define HK_BOUND_STAGE(name, field, meaning)                                                         \
  if (bin->slow > bin->allocs) {                                                                     \
    uint64_t early = std::min(bin->slow - bin->allocs, bin->stage_##field);                          \
    bin->stage_##field -= early;                                                                     \
    bin->slow -= early;                                                                              \
  }
  HK_STAGE_LIST(HK_BOUND_STAGE)
#undef HK_BOUND_STAGE
}

void ReadArena(hk_arena_t *core, Record *record) {
  const hk_classes_t *classes = hk_arena_classes(core);
  hk_arena_stats(core, &record->stats);
  std::memset(record->rows, 0, sizeof record->rows);
  for (uint32_t i = 0; i < HK_BIN_COUNT; i++) {
    hk_bin_stats_t &bin = record->stats.bins[i];
    if (!WasUsed(bin)) continue;
    BoundSlow(&bin);
    AddBin(&record->rows[RowOf(classes, i)], bin);
  }
}

void AddRecord(Record *sum, const Record &record, bool has_default_classes) {
  AddFields(&sum->stats, record.stats);
  for (uint32_t i = 0; i < HK_ROW_COUNT; i++) {
    if (WasUsed(record.rows[i])) AddBin(&sum->rows[i], record.rows[i]);
  }
  for (uint32_t i = 0; has_default_classes && i < HK_BIN_COUNT; i++) {
    if (WasUsed(record.stats.bins[i])) AddBin(&sum->stats.bins[i], record.stats.bins[i]);
  }
}

// processStats(out) -> doubles written.
Napi::Value ProcessStats(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  size_t room = 0;
  double *out = arguments.Doubles(0, &room);
  if (!arguments.ok() || room < kProcessFields) return arguments.Refuse();
  return Napi::Number::New(info.Env(), static_cast<double>(WriteProcess(out) - out));
}

// arenaStats(arena, out) -> doubles written. `out` has room for one arena (statsRecordMax, and the process).
Napi::Value ArenaStats(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  size_t room = 0;
  double *out = arguments.Doubles(1, &room);
  if (!arguments.ok() || room < kProcessFields + kRecordMax) return arguments.Refuse();
  Record record;
  hk_letters_collect(arena->core);
  ReadArena(arena->core, &record);
  double *end = WriteRecord(WriteProcess(out), hk_arena_id(arena->core), record);
  return Napi::Number::New(info.Env(), static_cast<double>(end - out));
}

struct HeapWriter {
  double *out, *end;
  size_t needed;
  Record record, totals;
};

// Leaves room for the totals.
bool WriteNextArena(hk_arena_t *core, void *context) {
  auto *writer = static_cast<HeapWriter *>(context);
  writer->needed += kRecordMax;
  if (static_cast<size_t>(writer->end - writer->out) < 2 * kRecordMax) return true;
  ReadArena(core, &writer->record);
  AddRecord(&writer->totals, writer->record, hk_arena_classes(core) == hk_classes_default());
  writer->out = WriteRecord(writer->out, hk_arena_id(core), writer->record);
  return true;
}

// heapStats(out) -> doubles written, for every arena of every thread of the process, oldest first, and the
// totals; or, if `out` was too short, minus the length that would have been enough.
Napi::Value HeapStats(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  size_t room = 0;
  double *out = arguments.Doubles(0, &room);
  if (!arguments.ok() || room < kProcessFields + kRecordMax) return arguments.Refuse();
  HeapWriter writer = {};
  writer.out = WriteProcess(out);
  writer.end = out + room;
  writer.needed = kProcessFields + kRecordMax;
  hk_arena_each(WriteNextArena, &writer);
  if (writer.needed > room)
    return Napi::Number::New(info.Env(), -static_cast<double>(writer.needed));
  double *end = WriteRecord(writer.out, 0, writer.totals);
  return Napi::Number::New(info.Env(), static_cast<double>(end - out));
}

struct ArenaInfo {
  uint32_t stride_count; // 0: those of the default classes
  uint32_t strides[HK_BIN_MAX];
  char name[HK_ARENA_NAME_MAX + 1]; // empty: there is no such arena
};

struct Census {
  const double *serials; // ascending
  size_t count, next;
  ArenaInfo *infos; // zeroed
};

void Describe(const hk_arena_t *core, ArenaInfo *info) {
  const hk_classes_t *classes = hk_arena_classes(core);
  std::strcpy(info->name, hk_arena_name(core));
  if (classes == hk_classes_default()) return;
  info->stride_count = classes->count;
  for (uint32_t i = 0; i < classes->count; i++) info->strides[i] = classes->bins[i].stride_bytes;
}

// Arenas come in the order of their serials, so that one walk finds all. No JavaScript here: the registry is locked.
bool DescribeNext(hk_arena_t *core, void *context) {
  auto *census = static_cast<Census *>(context);
  auto serial = static_cast<double>(hk_arena_id(core));
  while (census->next < census->count && !(census->serials[census->next] >= serial)) census->next++;
  if (census->next == census->count) return false;
  if (census->serials[census->next] == serial) Describe(core, &census->infos[census->next++]);
  return true;
}

Napi::Value InfoToJs(Napi::Env env, const ArenaInfo &info) {
  Napi::Object result = Napi::Object::New(env);
  result.DefineProperties({Field(env, "name", static_cast<const char *>(info.name))});
  if (info.stride_count == 0) return result;
  Napi::Array strides = Napi::Array::New(env);
  for (uint32_t i = 0; i < info.stride_count; i++) PutElement(strides, i, info.strides[i]);
  result.DefineProperties({Field(env, "strides", strides)});
  return result;
}

// arenaInfo(serial) -> { name, strides? } of an arena of any thread, without strides when it has the default
// classes; undefined when it has ended
Napi::Value DescribeArenaBySerial(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaInfo arena = {};
  double serial = arguments.Double(0);
  if (!arguments.ok()) return arguments.Refuse();
  Census census = {&serial, 1, 0, &arena};
  hk_arena_each(DescribeNext, &census);
  return arena.name[0] != 0 ? InfoToJs(info.Env(), arena) : info.Env().Undefined();
}

// arenaInfos(serials) -> [what arenaInfo says of each], for ascending serials; where an arena has ended is a hole
Napi::Value DescribeArenas(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  size_t count = 0;
  const double *serials = arguments.Doubles(0, &count);
  if (!arguments.ok()) return arguments.Refuse();
  Napi::Array result = Napi::Array::New(info.Env());
  auto *infos = static_cast<ArenaInfo *>(std::calloc(count + 1, sizeof(ArenaInfo)));
  if (infos == nullptr) return result;
  Census census = {serials, count, 0, infos};
  hk_arena_each(DescribeNext, &census);
  for (uint32_t i = 0; i < count; i++) {
    if (infos[i].name[0] == 0) continue;
    Napi::HandleScope scope(info.Env());
    PutElement(result, i, InfoToJs(info.Env(), infos[i]));
  }
  std::free(infos);
  return result;
}

constexpr size_t kLengthFields = 5;

struct LengthWriter {
  double serial;
  double *out, *end;
};

void WriteLength(const hk_length_stats_t *length, void *context) {
  auto *writer = static_cast<LengthWriter *>(context);
  if (static_cast<size_t>(writer->end - writer->out) < kLengthFields) return;
  const uint64_t fields[kLengthFields] = {length->first, length->last, length->allocs, length->live,
                                          length->live_bytes};
  for (uint64_t field : fields) *writer->out++ = static_cast<double>(field);
}

bool WriteLengthsOf(hk_arena_t *core, void *context) {
  auto *writer = static_cast<LengthWriter *>(context);
  if (static_cast<double>(hk_arena_id(core)) != writer->serial) return true;
  hk_arena_lengths(core, WriteLength, writer);
  return false;
}

// arenaLengths(serial, out) -> doubles written: for each length, or class, of an arena of any thread the first and
// the last, allocations, live ones and their bytes. `out` has room for lengthsMax doubles.
Napi::Value ArenaLengths(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  double serial = arguments.Double(0);
  size_t room = 0;
  double *out = arguments.Doubles(1, &room);
  if (!arguments.ok()) return arguments.Refuse();
  LengthWriter writer = {serial, out, out + room};
  hk_arena_each(WriteLengthsOf, &writer);
  return Napi::Number::New(info.Env(), static_cast<double>(writer.out - out));
}

constexpr size_t kEventFields = 5;

// arenaTrace(arena, out) -> doubles written: of each event that fits, the last ones, when it was in milliseconds, its
// kind, its bin, its stage and its amount.
Napi::Value ArenaTrace(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  size_t room = 0;
  double *out = arguments.Doubles(1, &room);
  if (!arguments.ok()) return arguments.Refuse();
  size_t max = std::min<size_t>(room / kEventFields, HK_TRACE_EVENTS_MAX);
  auto *events = static_cast<hk_event_t *>(std::calloc(max + 1, sizeof(hk_event_t)));
  if (events == nullptr) return Napi::Number::New(info.Env(), 0);
  uint32_t count = hk_arena_trace(arena->core, events, static_cast<uint32_t>(max));
  for (uint32_t i = 0; i < count; i++) {
    const hk_event_t &event = events[i];
    *out++ = static_cast<double>(event.at_ns) / 1e6;
    *out++ = event.kind;
    *out++ = event.bin;
    *out++ = event.stage;
    *out++ = static_cast<double>(event.amount);
  }
  std::free(events);
  return Napi::Number::New(info.Env(), static_cast<double>(count * kEventFields));
}

struct Differences {
  Napi::Env env;
  Napi::Array list;
  uint32_t count;
};

// More would say no more.
constexpr uint32_t kDifferencesMax = 1000;

void AddDifference(const hk_difference_t *difference, void *context) {
  auto *differences = static_cast<Differences *>(context);
  if (differences->count == kDifferencesMax) return;
  Napi::HandleScope scope(differences->env);
  Napi::Object row = Napi::Object::New(differences->env);
  row.DefineProperties({
      Field(differences->env, "what", difference->what),
      Field(differences->env, "bin", difference->bin),
      Field(differences->env, "slab", static_cast<double>(difference->slab)),
      Field(differences->env, "counted", static_cast<double>(difference->counted)),
      Field(differences->env, "recorded", static_cast<double>(difference->recorded)),
  });
  PutElement(differences->list, differences->count++, row);
}

// verifyArena(arena) -> [{ what, bin, slab, counted, recorded }], of numbers that counting again does not bear out
Napi::Value VerifyArena(const Napi::CallbackInfo &info) {
  Arguments arguments(info);
  ArenaHandle *arena = arguments.Arena();
  if (!arguments.ok()) return arguments.Refuse();
  Differences differences = {info.Env(), Napi::Array::New(info.Env()), 0};
  hk_arena_verify(arena->core, AddDifference, &differences);
  return differences.list;
}

constexpr size_t kLengthsMax =
    kLengthFields * (HK_EXACT_LENGTH_MAX + HK_COUNTER_SLOTS + HK_BIN_COUNT);

} // namespace

void DefineStats(Napi::Object exports) {
  Define<ProcessStats>(exports, "processStats");
  Define<ArenaStats>(exports, "arenaStats");
  Define<HeapStats>(exports, "heapStats");
  Define<DescribeArenaBySerial>(exports, "arenaInfo");
  Define<DescribeArenas>(exports, "arenaInfos");
  Define<ArenaLengths>(exports, "arenaLengths");
  Define<ArenaTrace>(exports, "arenaTrace");
  Define<VerifyArena>(exports, "verifyArena");
  exports.DefineProperty(Field(exports.Env(), "statsRecordMax", static_cast<double>(kRecordMax)));
  exports.DefineProperty(Field(exports.Env(), "lengthsMax", static_cast<double>(kLengthsMax)));
}

} // namespace hakmem

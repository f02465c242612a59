/**
 * Wasm backend: every entry of {@link Native} on the core as WebAssembly. Arguments are checked as
 * csrc/binding/arguments.h does: TypeScript has validated for the user.
 */
import { HakmemError } from '../../errors';
import { CLASS_COUNT_MAX } from '../geometry';
import type {
  Native,
  NativeArena,
  NativeArenaInfo,
  NativeArenaMap,
  NativeDifference,
} from '../entries';
import { type WasmArena, WasmArenas } from './arenas';
import { Core } from './core';
import { SlabMemory, moved } from './slab-memory';
import { tablesOf } from './tables';

const EXCHANGE_BYTES = 4 * 2048;
const NAME_BYTES_MAX = 63;
/** HK_SIZE_MAX */
const SETTING_MAX = 2 ** 47;
/** HK_PURGE_DELAY_MAX */
const PURGE_DELAY_MAX = 2 + 86_400_000;
const DOUBLE_BYTES = 8;
/** As csrc/binding/stats.cc: more would say no more. */
const DIFFERENCES_MAX = 1000;
const DIFFERENCE_FIELDS = 5;

function refuse(): never {
  const error = new TypeError('hakmem-arena: bad native call');
  // Defined, not set: a program may have put a setter on a prototype.
  const code = { __proto__: null, value: 'ERR_INVALID_ARG_TYPE', enumerable: true };
  throw Object.defineProperty(error, 'code', code);
}

/** An ArrayBuffer of the engine's own cannot be shared without what lies next to the block. */
function refuseLetters(): never {
  const why = 'Buffers go to other threads with the addon only, and this is WebAssembly';
  throw new HakmemError('ERR_HAKMEM_NATIVE_LOAD', why);
}

function doublesOf(out: unknown, length: number): Float64Array {
  return out instanceof Float64Array && out.length >= length ? out : refuse();
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : refuse());

const isName = (name: unknown): name is string =>
  typeof name === 'string' && Buffer.byteLength(name) <= NAME_BYTES_MAX && !name.includes('\0');

export function createWasmBackend(): Native {
  const memory = new SlabMemory();
  const core = new Core((address, bytes) => memory.forget(address, bytes));
  const { call } = core;
  const { statsRecordMax, lengthsMax, ...tables } = tablesOf(core);
  const statusFor = (name: string): number =>
    tables.statuses.find((status) => status.name === name)!.value;
  const outOfMemory = statusFor('OUT_OF_MEMORY_OS');
  const slabBusy = statusFor('SLAB_BUSY');
  const arenaDestroyed = statusFor('ARENA_DESTROYED');
  const scrubsAt = tables.arenaOptions.findIndex(({ name }) => name === 'scrubs');
  const processLength = tables.processFields.length;

  const arenas = new WasmArenas(core, memory, outOfMemory);
  const exchange = new Uint32Array(core.memory, call.exchange(), EXCHANGE_BYTES / 4);
  const settingsIn = new Float64Array(core.memory, call.settings(), tables.arenaOptions.length);
  const nameIn = call.name();

  const find = (id: number): WasmArena => arenas.find(id) ?? refuse();
  const coreOf = (id: number): number => find(id).core;

  /** false: they are no settings. */
  const putSettings = (settings: Float64Array | undefined): boolean => {
    settingsIn.fill(0);
    if (settings === undefined) return true;
    if (!(settings instanceof Float64Array) || settings.length !== settingsIn.length) return false;
    settingsIn.set(settings);
    return settingsIn.every((setting) => setting >= 0 && setting <= SETTING_MAX);
  };

  /** How many there are; -1: they are no class sizes. One more than there can be is still too many. */
  const putClassSizes = (sizes: Uint32Array | undefined): number => {
    if (sizes === undefined) return 0;
    if (!(sizes instanceof Uint32Array) || sizes.length === 0) return -1;
    const given = sizes.subarray(0, CLASS_COUNT_MAX + 1);
    exchange.set(given);
    return given.length;
  };

  /** Doubles that `write` puts into the core's memory, copied to `out`; minus what is needed, if it says so. */
  const readStats = (out: Float64Array, write: (at: number) => number): number => {
    const at = call.buffer(out.length * DOUBLE_BYTES);
    if (at === 0) return 0;
    const count = write(at);
    if (count > 0) out.set(new Float64Array(core.memory, at, count));
    return count;
  };

  const differencesOf = (arena: number): NativeDifference[] => {
    const at = call.buffer(DIFFERENCES_MAX * DIFFERENCE_FIELDS * DOUBLE_BYTES);
    const count = at === 0 ? 0 : call.verify(arena, at, DIFFERENCES_MAX);
    const fields = new Float64Array(core.memory, at, count * DIFFERENCE_FIELDS);
    return Array.from({ length: count }, (_, i) => {
      const [what, bin, slab, counted, recorded] = fields.subarray(i * DIFFERENCE_FIELDS);
      const text = core.text(what!);
      return { what: text, bin: bin!, slab: slab!, counted: counted!, recorded: recorded! };
    });
  };

  const infoOf = (arena: WasmArena): NativeArenaInfo => {
    const count = call.strides(arena.core, 0);
    const { name } = arena;
    return count === 0 ? { name } : { name, strides: [...exchange.subarray(0, count)] };
  };

  const bySerial = (serial: number): WasmArena | undefined => {
    for (const arena of arenas.all()) if (arena.serial === serial) return arena;
    return undefined;
  };

  const mapOf = (arena: WasmArena): NativeArenaMap => {
    const strides = exchange.slice(0, call.strides(arena.core, 1));
    const count = call.superslabCount(arena.core);
    const at = call.buffer(call.heapMapBytes(count));
    const length = at === 0 ? 0 : call.heapMap(arena.core, at, count);
    const rows = new Uint32Array(core.memory, at, length).slice();
    return { serial: arena.serial, name: arena.name, strides: new Uint32Array(strides), rows };
  };

  return {
    externalBuffers: true, // none are needed
    tables,
    exchange: core.memory,
    exchangeAt: call.exchange(),
    statsRecordMax,
    lengthsMax,
    isBroken: () => core.isBroken,

    createArena(name, settings, classSizes, _counters, handle): NativeArena | number {
      const classCount = putClassSizes(classSizes);
      if (!isName(name) || !putSettings(settings) || classCount < 0) refuse();
      core.putText(name, nameIn);
      const scrubs = settingsIn[scrubsAt] === 1;
      const create = (countersAt: number): number => call.create(classCount, countersAt);
      return arenas.create(name, scrubs, arenas.leftBy(handle), create);
    },
    destroyArena(id, pinned): number {
      const arena = find(id);
      arenas.concealAll(arena, pinned === undefined ? [] : [...pinned]);
      arenas.end(arena);
      return 0;
    },
    resetArena(id, pinned): number {
      const arena = find(id);
      arenas.concealAll(arena, pinned === undefined ? [] : [...pinned]);
      call.reset(arena.core);
      return 0;
    },
    trimArena(id): number {
      const arena = coreOf(id);
      const before = call.returned(arena);
      call.trim(arena);
      return call.returned(arena) - before;
    },
    setPolicy(id, values): number {
      const [delayMs, ...others] = values;
      if (values.length !== 6 || !(delayMs! >= -1 && delayMs! <= PURGE_DELAY_MAX)) refuse();
      if (others.some((value) => !(value >= 0 && value <= 65_536))) refuse();
      return call.setPolicy(coreOf(id), delayMs!, ...others);
    },
    addClass: (id, stride) => call.addClass(coreOf(id), stride),
    retireClass: (id, index) => call.retireClass(coreOf(id), index),
    decay(): number {
      let next = call.decay(0);
      for (const arena of arenas.all()) {
        if (arena.hasEnded) continue;
        const ms = call.decay(arena.core);
        if (ms >= 0 && (next < 0 || ms < next)) next = ms;
      }
      return next;
    },
    // A part of an ArrayBuffer cannot be given back.
    purgeLarge: (id) => (find(id), 0),
    returnedBytes: (id) => call.returned(coreOf(id)),

    refill: (id, bin, want) => call.refill(coreOf(id), bin, want),
    noteRetry(id, refusal, result): number {
      call.noteRetry(coreOf(id), refusal, result >= 0 ? 1 : 0);
      return 0;
    },
    flush: (id, bin, count) => call.flush(coreOf(id), bin, count),
    largeAlloc(id, size): number {
      const arena = coreOf(id);
      if (!(size >= 0 && size <= Number.MAX_SAFE_INTEGER + 1)) refuse();
      return call.largeAlloc(arena, size);
    },
    largeFree(id, ref): number {
      const arena = find(id);
      arenas.concealLarge(arena, ref >>> 13);
      return call.largeFree(arena.core, ref);
    },

    expose: (id, slab) => arenas.expose(find(id), numberOf(slab) >>> 0),
    nextRetirable: (id, keep) => call.nextRetirable(coreOf(id), keep),
    retire(id, slab): number {
      const arena = find(id);
      if (call.isRetirable(arena.core, slab) === 0) return -slabBusy;
      arenas.conceal(arena, slab);
      return call.retire(arena.core, slab);
    },
    unpin(id, slab): number {
      const arena = arenas.findPinned(numberOf(id));
      if (arena === undefined) return -arenaDestroyed;
      arenas.unpin(arena, slab);
      return 0;
    },
    setMover: () => 0, // what moves memory is the engine's own
    offer: (id) => (find(id), refuseLetters()),
    recall: (id) => (find(id), refuseLetters()),
    takeReturned: (id) => (find(id), -1),
    adopt: refuseLetters,
    adoptAll: refuseLetters,
    release: refuseLetters,
    detach(buffer): number {
      if (!(buffer instanceof ArrayBuffer)) refuse();
      return buffer.byteLength === 0 || moved(buffer) !== undefined ? 0 : 1;
    },

    processStats: (out) => readStats(doublesOf(out, processLength), (at) => call.processStats(at)),
    arenaStats(id, out): number {
      const arena = coreOf(id);
      const room = doublesOf(out, processLength + statsRecordMax);
      return readStats(room, (at) => call.arenaStats(arena, at));
    },
    heapStats(out): number {
      const room = doublesOf(out, processLength + statsRecordMax);
      return readStats(room, (at) => call.heapStats(at, room.length));
    },
    arenaInfo(serial): NativeArenaInfo | undefined {
      const arena = bySerial(numberOf(serial));
      return arena === undefined ? undefined : infoOf(arena);
    },
    arenaInfos(serials): (NativeArenaInfo | undefined)[] {
      // Both ascend, so one walk finds all.
      const walk = arenas.all()[Symbol.iterator]();
      let next = walk.next();
      return Array.from(serials, (serial) => {
        while (next.done !== true && next.value.serial < serial) next = walk.next();
        return next.done !== true && next.value.serial === serial ? infoOf(next.value) : undefined;
      });
    },
    arenaLengths: (serial, out) =>
      readStats(doublesOf(out, 0), (at) => call.lengths(numberOf(serial), at, out.length)),
    arenaTrace(id, out): number {
      const arena = coreOf(id);
      return readStats(doublesOf(out, 0), (at) => call.trace(arena, at, out.length));
    },
    verifyArena: (id) => differencesOf(coreOf(id)),
    heapMap: () => Array.from(arenas.all(), mapOf),
  };
}

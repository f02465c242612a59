// Child: the world around the arena is hostile. Views that were tampered with are freed and handed out again;
// globals and prototypes that the package may use throw or lie while it works, and call back into it. User
// data may be lost meanwhile and errors may be of any kind. Afterwards the arena is what it was: no address
// is live twice, the sums hold, and everything works.

import { setTimeout as sleep } from 'node:timers/promises';
import { Arena } from 'hakmem-arena';
import { announce, complain, countCall, finish } from './report.mjs';

process.on('warning', () => undefined);
process.on('unhandledRejection', () => undefined);
process.on('uncaughtException', () => undefined);

const MODES = [{}, { views: 'fresh' }, { guard: { sampleRate: 1 }, leaks: 'all', zero: 'free' }];
const SIZES = [0, 100, 1000, 70_000];
const own = {
  defineProperty: Object.defineProperty,
  setPrototypeOf: Object.setPrototypeOf,
  getOwnPropertyDescriptor: Object.getOwnPropertyDescriptor,
};

function boom() {
  throw new Error('boom');
}

/** Whatever comes out of it, an arena must survive it. */
function tolerate(act) {
  try {
    return act();
  } catch {
    return undefined;
  }
}

/** Throws unless the arena works in every way and no two of its views share a byte. */
function assertSound(arena) {
  const views = [];
  for (let round = 0; round < 2; round++) {
    for (const size of SIZES) {
      for (let i = 0; i < 8; i++) views.push(arena.alloc(size, 1 + (views.length % 200)));
      views.push(arena.allocTyped(Uint16Array, size >> 1).fill(257));
    }
  }
  views.push(arena.from('text'));
  // Guarded memory is the engine's own, and at other addresses for certain.
  const ranges = views
    .filter((view) => view.length > 0)
    .map((view) => [view.buffer, view.byteOffset, view.byteOffset + view.byteLength]);
  const byBuffer = Map.groupBy ? Map.groupBy(ranges, ([buffer]) => buffer) : groupBy(ranges);
  for (const [, inOne] of byBuffer) {
    inOne.sort((a, b) => a[1] - b[1]);
    for (let i = 1; i < inOne.length; i++) {
      if (inOne[i][1] < inOne[i - 1][2]) throw new Error('two live views share bytes');
    }
  }
  for (const view of views) {
    const [first] = view;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const expected = Buffer.alloc(bytes.length, first);
    if (bytes.length > 4 && expected.compare(bytes) !== 0) throw new Error('bytes changed');
    arena.free(view);
  }
  arena.trim();
  const { bytes, classes } = arena.stats();
  for (const row of classes) {
    const { live, frontBlocks, freeBlocks, remoteBlocks, capacity, allocs, frees } = row;
    if (live + frontBlocks + freeBlocks + remoteBlocks !== capacity || allocs - frees !== live) {
      throw new Error(`sums of ${row.name}: ${JSON.stringify({ ...row, bins: undefined })}`);
    }
  }
  const { live, front, freeInSlab, freeSlabs, slack, committed } = bytes;
  if (live + front + freeInSlab + freeSlabs + slack !== committed) throw new Error('sum of bytes');
}

function groupBy(ranges) {
  const groups = new Map();
  for (const range of ranges) groups.set(range[0], [...(groups.get(range[0]) ?? []), range]);
  return groups;
}

/** Everything an arena does, on sizes of every kind, each step for itself. */
function workload(arena) {
  const kept = [];
  const keep = (view) => view !== undefined && kept.push(view);
  for (const size of SIZES) {
    keep(tolerate(() => arena.alloc(size)));
    keep(tolerate(() => arena.alloc(size, 'ab')));
    keep(tolerate(() => arena.allocUnsafe(size, 256)));
    keep(tolerate(() => arena.allocTyped(Float64Array, size >> 3)));
    keep(tolerate(() => arena.from('x'.repeat(size))));
    keep(tolerate(() => arena.from([1, 2, size])));
    tolerate(() => arena.scope((scope) => scope.from('in a scope').fill(1)));
    const held = tolerate(() => arena.retain(arena.alloc(size)));
    tolerate(() => arena.free(held));
    tolerate(() => arena.release(held));
    tolerate(() => arena.freeAfter(arena.alloc(size), Promise.resolve()));
    const moved = tolerate(() => arena.realloc(kept.at(-1), size + 500));
    if (moved !== undefined) kept[kept.length - 1] = moved;
    tolerate(() => arena.free(kept[0]));
    tolerate(() => arena.free(kept[0]));
  }
  tolerate(() => arena.stats());
  tolerate(() => arena.copyOut(kept.at(-1)));
  tolerate(() => arena.liveBlocks());
  tolerate(() => new Arena({ name: 'one more' }).destroy());
  return kept;
}

// --- Views that somebody tampered with --------------------------------------------------------------

const getter = (name, get) => (view) => own.defineProperty(view, name, { get, configurable: true });
const value = (name, what) => (view) => own.defineProperty(view, name, { value: what });

/** Calls back once into the arena, from where nobody expects it. */
function reentrant(act) {
  let depth = 0;
  return function () {
    if (depth++ > 0) return 100;
    tolerate(() => act(this));
    depth = 0;
    return 100;
  };
}

const TAMPERS = {
  ...Object.fromEntries(
    ['length', 'byteLength', 'byteOffset', 'buffer', 'fill', 'set', 'write'].flatMap((name) => [
      [`${name} that throws`, () => getter(name, boom)],
      [`${name} 0`, () => value(name, 0)],
      [`${name} 1e9`, () => value(name, 1e9)],
      [`${name} undefined`, () => value(name, undefined)],
    ]),
  ),
  'no prototype': () => (view) => own.setPrototypeOf(view, null),
  'the prototype of arrays': () => (view) => own.setPrototypeOf(view, Array.prototype),
  'a prototype that throws': () => (view) =>
    own.setPrototypeOf(view, new Proxy({}, { get: boom, has: boom })),
  'no extensions': () => (view) => Object.preventExtensions(view),
  'a length that allocates': (arena) =>
    getter(
      'length',
      reentrant(() => arena.allocUnsafe(100)),
    ),
  'a length that frees': (arena) =>
    getter(
      'length',
      reentrant((view) => arena.free(view)),
    ),
  'a length that resets': (arena) =>
    getter(
      'length',
      reentrant(() => arena.reset()),
    ),
  'a length that trims': (arena) =>
    getter(
      'length',
      reentrant(() => arena.trim()),
    ),
  'a buffer that resets': (arena) =>
    getter(
      'buffer',
      reentrant(() => arena.reset()),
    ),
  'a byteLength that resets': (arena) =>
    getter(
      'byteLength',
      reentrant(() => arena.reset()),
    ),
};

for (const options of MODES) {
  for (const [name, makeTamper] of Object.entries(TAMPERS)) {
    const call = `${JSON.stringify(options)}: a view with ${name}`;
    announce(call);
    countCall();
    const arena = new Arena(options);
    const tamper = makeTamper(arena);
    for (const make of [() => arena.alloc(100), () => arena.allocTyped(Uint8Array, 100)]) {
      const views = Array.from({ length: 5 }, make);
      views.forEach((view) => tolerate(() => tamper(view)));
      tolerate(() => arena.realloc(views[0], 300));
      tolerate(() => arena.copyOut(views[1]));
      tolerate(() => arena.retain(views[1]));
      tolerate(() => arena.release(views[1]));
      views.forEach((view) => tolerate(() => arena.free(view)));
      for (let i = 0; i < 10; i++) tolerate(make);
      for (let i = 0; i < 10; i++) tolerate(() => arena.allocUnsafe(100));
    }
    try {
      tolerate(() => arena.reset());
      assertSound(arena);
      arena.destroy();
    } catch (error) {
      complain(call, String(error.stack).slice(0, 400));
    }
  }
}

// --- Globals that somebody replaced ------------------------------------------------------------------

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);

const TARGETS = [
  ...['from', 'alloc', 'allocUnsafe', 'allocUnsafeSlow', 'isBuffer', 'byteLength'].map((name) => [Buffer, name]), // prettier-ignore
  ...['write', 'fill', 'set', 'copy'].map((name) => [Buffer.prototype, name]),
  ...['set', 'fill', 'subarray', 'slice'].map((name) => [typedArray, name]),
  ...['push', 'pop', 'shift', 'splice', 'find', 'map', 'fill', 'findLastIndex', 'at', Symbol.iterator].map((name) => [Array.prototype, name]), // prettier-ignore
  ...['get', 'set', 'delete', 'has'].map((name) => [Map.prototype, name]),
  ...['add', 'delete', 'has', Symbol.iterator].map((name) => [Set.prototype, name]),
  ...['get', 'set'].map((name) => [WeakMap.prototype, name]),
  ...['register', 'unregister'].map((name) => [FinalizationRegistry.prototype, name]),
  ...['ceil', 'floor', 'min', 'max'].map((name) => [Math, name]),
  ...['isInteger', 'isSafeInteger'].map((name) => [Number, name]),
  ...['isView'].map((name) => [ArrayBuffer, name]),
  ...['keys', 'defineProperty', 'getPrototypeOf', 'assign'].map((name) => [Object, name]),
  ...['split', 'startsWith', 'includes', 'trim'].map((name) => [String.prototype, name]),
  ...['then', 'finally'].map((name) => [Promise.prototype, name]),
  [Function.prototype, 'call'],
  [Error, 'prepareStackTrace'],
  [Error, 'stackTraceLimit'],
  [process, 'emitWarning'],
  [globalThis.performance, 'now'],
  [Atomics, 'add'],
];

/** Of what the language is made of, a replacement that lies would break any program. */
const BUILT_IN = new Set([Array.prototype, Map.prototype, Set.prototype, WeakMap.prototype, Math]);

const FAKES = {
  'that throws': boom,
  'that returns undefined': () => undefined,
  'that returns NaN': () => NaN,
  'that returns an array': () => [],
  'that is undefined': undefined,
};

for (const options of [MODES[0], MODES.at(-1)]) {
  for (const [target, name] of TARGETS) {
    for (const [how, fake] of Object.entries(FAKES)) {
      if ((BUILT_IN.has(target) || options !== MODES[0]) && fake !== boom) continue;
      const call = `${JSON.stringify(options)}: ${String(name)} ${how}`;
      announce(call);
      countCall();
      const arena = new Arena(options);
      const before = own.getOwnPropertyDescriptor(target, name);
      own.defineProperty(target, name, { value: fake, configurable: true, writable: true });
      let kept;
      try {
        kept = tolerate(() => workload(arena));
      } finally {
        if (before === undefined) delete target[name];
        else own.defineProperty(target, name, before);
      }
      kept?.forEach((view) => tolerate(() => arena.free(view)));
      try {
        assertSound(arena);
        arena.reset();
        assertSound(arena);
        arena.destroy();
        assertSound(new Arena(options));
      } catch (error) {
        complain(call, String(error.stack).slice(0, 400));
      }
    }
  }
}

// --- Properties that every object seems to have ------------------------------------------------------

for (const [target, name] of [
  ...[0, 1, 'length'].map((key) => [Array.prototype, key]),
  ...['get', 'set', 'value', 'core', 'home', 'name', 'views', 'guard', 'detached'].map((key) => [Object.prototype, key]), // prettier-ignore
]) {
  const call = `${String(name)} on the prototype of everything`;
  announce(call);
  countCall();
  const before = own.getOwnPropertyDescriptor(target, name);
  if (before?.configurable === false) continue;
  const arena = new Arena();
  own.defineProperty(target, name, { get: () => 5, set: boom, configurable: true });
  try {
    workload(arena);
  } catch {
    // As it likes.
  } finally {
    delete target[name];
  }
  try {
    arena.reset();
    assertSound(arena);
    arena.destroy();
  } catch (error) {
    complain(call, String(error.stack).slice(0, 400));
  }
}

// --- What the collector finds of all that ------------------------------------------------------------

announce('arenas that are collected');
const survivor = new Arena();
try {
  for (let round = 0; round < 5; round++) {
    globalThis.gc();
    await sleep(5);
    assertSound(survivor);
  }
} catch (error) {
  complain('arenas that are collected', String(error.stack).slice(0, 400));
}
finish();

// Child: one entry of the addon with every wrong value in every place, and in all of them at once. What an
// entry is given that it takes is its caller's mistake: arenas may end up in any state, the process may not.
//
//   node hostile-binding.mjs <entry>

import { createRequire } from 'node:module';
import { announce, complain, countCall, finish } from './report.mjs';
import { VALUES } from './hostile-values.mjs';

const require = createRequire(import.meta.url);
const root = new URL('../..', import.meta.url).pathname;
const native = require('node-gyp-build')(root);
const entry = process.argv[2];

const RECORD = 64 + native.statsRecordMax;
const MAX_BYTES = 16 * 1024 * 1024;
const settings = () =>
  Float64Array.from(native.tables.arenaOptions, ({ name }) =>
    name === 'maxBytes' ? MAX_BYTES : 0,
  );

/** An arena of the core with something in every state: live, free, large, retired, pinned. */
function usedArena() {
  const arena = native.createArena('hostile', settings());
  const { id } = arena;
  const exchange = new Int32Array(native.exchange);
  for (const bin of [0, 5, 20, 63]) {
    const got = native.refill(id, bin, 8);
    if (got > 0) native.expose(id, exchange[0] >>> 13);
    native.flush(id, bin, got >> 1);
  }
  const large = native.largeAlloc(id, 200_000);
  native.expose(id, large >>> 13);
  native.largeFree(id, native.largeAlloc(id, 100_000));
  native.resetArena(id, Uint32Array.of(large >>> 13));
  native.refill(id, 3, 100);
  native.expose(id, exchange[0] >>> 13);
  return arena;
}

/** An arena of the core that may get more size classes. */
const learning = native.createArena('learning', settings(), Uint32Array.of(1024));

/** A ticket that this world has adopted. */
function adoptedTicket() {
  const ticket = native.offer(arena.id, native.largeAlloc(arena.id, 70_000), 8);
  native.adopt(ticket);
  return ticket;
}

/** What each entry takes. */
const RIGHT = {
  createArena: [() => 'name', settings, () => Uint32Array.of(16, 1024)],
  destroyArena: ['arena', () => Uint32Array.of(0, 1)],
  resetArena: ['arena', () => Uint32Array.of(0, 1)],
  trimArena: ['arena'],
  decay: [],
  stackDepth: [],
  purgeLarge: ['arena', () => native.largeAlloc(arena.id, 200_000), () => 0, () => 65_536],
  refill: ['arena', () => 7, () => 64],
  flush: ['arena', () => 3, () => 50],
  largeAlloc: ['arena', () => 100_000],
  largeFree: ['arena', () => native.largeAlloc(arena.id, 70_000)],
  expose: ['arena', () => 0],
  nextRetirable: ['arena', () => 0],
  retire: ['arena', () => 1],
  unpin: ['arena', () => 0],
  detach: [() => new ArrayBuffer(8)],
  setMover: [() => (buffer) => buffer],
  arenaStats: ['arena', () => new Float64Array(RECORD)],
  heapStats: [() => new Float64Array(20 * RECORD)],
  processStats: [() => new Float64Array(RECORD)],
  arenaInfo: [() => arena.serial],
  arenaInfos: [() => Float64Array.of(1, arena.serial)],
  arenaLengths: [() => arena.serial, () => new Float64Array(native.lengthsMax)],
  arenaTrace: ['arena', () => new Float64Array(100)],
  verifyArena: ['arena'],
  setPolicy: ['arena', () => Float64Array.of(2000, 1, 16, 32_768, 4, 16_384)],
  addClass: [() => learning.id, () => 1456],
  retireClass: [() => learning.id, () => native.addClass(learning.id, 1456)],
  noteRetry: ['arena', () => -2, () => 0],
  returnedBytes: ['arena'],
  heapMap: [],
  offer: ['arena', () => native.largeAlloc(arena.id, 70_000), () => 70_000],
  recall: ['arena', () => native.offer(arena.id, native.largeAlloc(arena.id, 70_000), 8)],
  takeReturned: ['arena'],
  adopt: [() => native.offer(arena.id, native.largeAlloc(arena.id, 70_000), 8)],
  adoptAll: [
    () => Float64Array.of(native.offer(arena.id, native.largeAlloc(arena.id, 70_000), 8)),
    () => 1,
    () => [0],
  ],
  release: [adoptedTicket],
};

/** A view on memory of the addon that somebody may have detached. */
function viewOn(View, buffer) {
  try {
    return new View(buffer);
  } catch {
    return undefined;
  }
}

/** Numbers that mean something to some entry, and memory of the addon itself. */
const ours = () =>
  Object.entries({
    'the arena': () => arena.id,
    'the handle': () => arena.handle,
    'the counters': () => arena.counters,
    'the counters as doubles': () => viewOn(Float64Array, arena.counters),
    'the counters as integers': () => viewOn(Uint32Array, arena.counters),
    'the exchange': () => native.exchange,
    'the exchange as integers': () => viewOn(Uint32Array, native.exchange),
    'an exposed slab': () => native.expose(arena.id, 0),
    'a slab as doubles': () => viewOn(Float64Array, native.expose(arena.id, 0)),
    8191: () => 8191,
    8192: () => 8192,
    2048: () => 2048,
    2049: () => 2049,
    64: () => 64,
    65: () => 65,
    66: () => 66,
    '2^47': () => 2 ** 47,
    '2^40': () => 2 ** 40,
  });

if (RIGHT[entry] === undefined) throw new Error(`RIGHT does not say what ${entry} takes`);
let arena = usedArena();
const ALL = [...VALUES, ...ours()];

function isAlive(id) {
  try {
    return native.arenaStats(id, new Float64Array(RECORD)) > 0;
  } catch {
    return false;
  }
}

let state = 1;
/** 0 .. below - 1, the same in every run. */
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

/** Writes nonsense into whatever the addon shares with JavaScript. */
function scribble() {
  try {
    new Int32Array(native.exchange).forEach((_, i, refs) => (refs[i] = random(2 ** 20)));
    if (random(4) === 0) {
      const counters = new Float64Array(arena.counters);
      for (let i = 0; i < 50; i++)
        counters[random(counters.length)] = [NaN, -1, 1e300, 7][random(4)];
    }
  } catch {
    // Somebody detached it.
  }
}

function attempt(call, values) {
  announce(call);
  countCall();
  try {
    const result = native[entry](...values);
    if (entry === 'createArena' && typeof result === 'object') native.destroyArena(result.id);
    if (typeof result === 'number' && Number.isNaN(result)) complain(call, 'returned NaN');
  } catch (error) {
    if (error?.code !== 'ERR_INVALID_ARG_TYPE') complain(call, `threw ${String(error?.stack)}`);
  }
  if (!isAlive(arena.id)) arena = usedArena();
}

const right = RIGHT[entry];
const makeRight = (place) => (right[place] === 'arena' ? arena.id : right[place]());

attempt('no arguments', []);
attempt('too many arguments', [...right.map((_, i) => makeRight(i)), 1, 2, 3, 4, 5]);
for (let place = 0; place < right.length; place++) {
  for (const [name, make] of ALL) {
    attempt(
      `${entry}, argument ${place}: ${name}`,
      right.map((_, i) => (i === place ? make() : makeRight(i))),
    );
  }
}
for (let i = 0; i < 3000 && right.length > 0; i++) {
  scribble();
  const chosen = right.map((_, place) =>
    random(3) === 0 ? ['what is right', () => makeRight(place)] : ALL[random(ALL.length)],
  );
  attempt(
    `${entry}, arguments: ${chosen.map(([name]) => name).join('; ')}`,
    chosen.map(([, make]) => make()),
  );
}
// What is left must still be told, and still end.
announce('heapStats after it all');
native.heapStats(new Float64Array(100 * RECORD));
native.heapMap();
announce('the end of the process');
finish();

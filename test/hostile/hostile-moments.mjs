// Child: methods of the language that throw at one moment. Each call of an arena is interrupted at the first call of
// such a method, at the second one, and so on, until none is left. The call may fail. Afterwards its arena is what it
// was, and so are all others; and what is garbage is collected, with everything in it.

import { setTimeout as sleep } from 'node:timers/promises';
import { Arena, adopt, heapStats, release } from 'hakmem-arena';
import { announce, complain, countCall, finish } from './report.mjs';

process.on('warning', () => undefined);

const options = JSON.parse(process.argv[2]);
const MOMENTS_MAX = 12;
const SIZES = [0, 24, 700, 5000, 70_000];
const { apply, defineProperty } = Reflect;

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const METHODS = [
  ...['get', 'set', 'delete', 'has', 'keys', 'values'].map((name) => [Map.prototype, name]),
  ...['add', 'delete', 'has'].map((name) => [Set.prototype, name]),
  ...['get', 'set', 'delete'].map((name) => [WeakMap.prototype, name]),
  ...['register', 'unregister'].map((name) => [FinalizationRegistry.prototype, name]),
  ...['push', 'pop', 'splice', 'map', 'fill', 'slice', Symbol.iterator].map((name) => [Array.prototype, name]), // prettier-ignore
  ...['set', 'fill', 'subarray', 'every', 'indexOf'].map((name) => [typedArray, name]),
  ...['max', 'min', 'floor'].map((name) => [Math, name]),
  ...['add', 'load'].map((name) => [Atomics, name]),
  [Promise.prototype, 'then'],
  [globalThis, 'setTimeout'],
  [globalThis, 'structuredClone'],
].filter(([target, name]) => Object.getOwnPropertyDescriptor(target, name)?.configurable);

/** Calls of an arena, which is given with live views. */
const CALLS = {
  destroy: (arena) => arena.destroy(),
  reset: (arena) => arena.reset(),
  trim: (arena) => arena.trim(),
  alloc: (arena) => SIZES.forEach((size) => arena.alloc(size + 1)),
  'alloc of many': (arena) => {
    for (let i = 0; i < 100; i++) arena.allocUnsafe(3000);
  },
  free: (arena, views) => {
    for (const view of views) arena.free(view);
  },
  'reset of what is retained': (arena, views) => {
    arena.retain(views[3]);
    arena.reset();
    arena.release(views[3]);
  },
  'destroy of what is retained': (arena, views) => {
    arena.retain(views[3]);
    arena.destroy();
    arena.release(views[3]);
  },
  scope: (arena) => arena.scope((scope) => SIZES.forEach((size) => scope.alloc(size))),
  realloc: (arena, views) => arena.realloc(views[3], 9000),
  'share and recall': (arena, views) => arena.recall(arena.share(views[3])),
  'share and adopt': (arena, views) => release(adopt(arena.share(views[3]))),
  freeAfter: (arena, views) => void arena.freeAfter(views[3], Promise.resolve()).catch(() => {}),
  constructor: () => new Arena(options).alloc(100),
  stats: (arena) => [arena.stats(), heapStats()],
};

/** Throws unless the arena works, and no view has another one's bytes. */
function assertSound(arena) {
  const views = [...SIZES, ...SIZES, ...SIZES].map((size, at) => arena.alloc(size, 1 + at));
  views.forEach((view, at) => {
    if (!view.equals(Buffer.alloc(view.length, 1 + at))) throw new Error('bytes of another view');
    arena.free(view);
  });
  for (const row of arena.stats().classes) {
    const { live, frontBlocks, away, freeBlocks, remoteBlocks, capacity, allocs, frees } = row;
    const blocks = live + frontBlocks + away + freeBlocks + remoteBlocks;
    if (blocks !== capacity || allocs - frees - away !== live) {
      throw new Error(`sums of ${row.name}`);
    }
  }
}

/** Runs a call while a method throws when it is called for the `moment`th time. false: it was not called so often. */
function interrupt(run, [target, name], moment) {
  const arena = new Arena(options);
  const views = Array.from({ length: 15 }, (_, i) => arena.alloc(SIZES[i % SIZES.length], 7));
  const before = Object.getOwnPropertyDescriptor(target, name);
  let calls = 0;
  const value = function (...given) {
    if (++calls === moment) throw new Error('boom');
    return apply(before.value, this, given);
  };
  defineProperty(target, name, { ...before, value });
  try {
    run(arena, views);
  } catch {
    // It may fail.
  } finally {
    defineProperty(target, name, before);
  }
  if (!arena.destroyed) {
    assertSound(arena);
    arena.reset();
    assertSound(arena);
  }
  return calls >= moment;
}

const survivor = new Arena({ ...options, name: 'survivor' });
const kept = survivor.alloc(5000, 9);

async function assertOthersSound() {
  globalThis.gc();
  await sleep(0);
  assertSound(survivor);
  if (!kept.equals(Buffer.alloc(5000, 9))) throw new Error('another arena has lost its bytes');
}

async function interruptAll(called, method) {
  const what = `${called}, interrupted in ${String(method[1])}`;
  for (let moment = 1; moment <= MOMENTS_MAX; moment++) {
    announce(`${what}, call ${moment}`);
    countCall();
    if (!interrupt(CALLS[called], method, moment)) break;
  }
  await assertOthersSound();
}

for (const called of Object.keys(CALLS)) {
  for (const method of METHODS) {
    try {
      await interruptAll(called, method);
    } catch (error) {
      complain(`${called}, ${String(method[1])}`, String(error.stack).slice(0, 400));
    }
  }
}

announce('what is garbage');
// The survivor, and one that may be in a register still.
const isCollected = () => heapStats().arenas.length <= 2;
for (let round = 0; round < 20 && !isCollected(); round++) await assertOthersSound();
if (!isCollected()) complain('what is garbage', `${heapStats().arenas.length} arenas are left`);
finish();

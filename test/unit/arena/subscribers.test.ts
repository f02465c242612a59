/**
 * Whoever hears of a finding may do anything to the arena; and so may what else of the program's own the library
 * calls. Nothing breaks, and nothing is lost.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Arena, type ArenaOptions, type View } from '../../../lib/index';
import { resultOf } from '../support/child';
import { codeOf, expectCode } from '../support/codes';
import { checkSums, totalsOf } from '../support/sums';

beforeEach(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
  jest.restoreAllMocks();
});

function on(channel: string, subscriber: (message: unknown) => void): void {
  subscribe(channel, subscriber);
  undo.push(() => unsubscribe(channel, subscriber));
}

/** As a byte stream does it, on every version of Node. */
function detach(view: View): void {
  new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) });
}

/** Fills an arena with views of its own and looks whether any two share a byte. */
function expectNoOverlap(arena: Arena): void {
  const views = [100, 300, 1500, 100, 9000].flatMap((size) =>
    Array.from({ length: 120 }, () => arena.allocUnsafe(size)),
  );
  views.forEach((view, i) => view.fill(i & 255));
  expect(views.every((view, i) => view.every((byte) => byte === (i & 255)))).toBe(true);
  for (const view of views) arena.free(view);
}

const ACTS: Record<string, (arena: Arena) => void> = {
  'resets the arena': (arena) => arena.reset(),
  'allocates and frees': (arena) => {
    for (let i = 0; i < 200; i++) arena.free(arena.alloc(100, 3));
    arena.alloc(100, 4);
  },
  'trims it': (arena) => void arena.trim(),
  'makes and destroys others': () => {
    for (let i = 0; i < 5; i++) new Arena().destroy();
    new Arena().alloc(100, 5);
  },
};

const TAKES: Record<string, (arena: Arena) => Buffer> = {
  alloc: (arena) => arena.alloc(100, 7),
  allocUnsafe: (arena) => arena.allocUnsafe(100).fill(7),
  from: (arena) => arena.from(Buffer.alloc(100, 7)),
  'from a text': (arena) => arena.from('\u0007'.repeat(100)),
  realloc: (arena) => arena.realloc(arena.from([7]), 100).fill(7),
  'alloc in a scope': (arena) => arena.scope((scope) => scope.keep(scope.alloc(100, 7))),
};

describe.each(Object.keys(ACTS))('a subscriber to detached slabs that %s', (act) => {
  test.each(Object.keys(TAKES))('%s returns a Buffer, and nothing overlaps', async (take) => {
    const arena = new Arena();
    const calls = jest.fn(() => ACTS[act]!(arena));
    detach(arena.alloc(100));
    on('hakmem-arena:detached', calls);
    const view = TAKES[take]!(arena);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    await Promise.resolve();
    expect(calls).toHaveBeenCalledTimes(1);
    expectNoOverlap(arena);
    if (view.length > 0) arena.free(view);
    arena.reset();
    arena.trim();
    expectNoOverlap(arena);
    arena.destroy();
  });
});

test('a subscriber that destroys the arena and makes another gets nobody`s Buffer', async () => {
  const arena = new Arena({ name: 'old' });
  let other!: Arena;
  detach(arena.alloc(100));
  on('hakmem-arena:detached', () => {
    if (arena.destroyed) return;
    arena.destroy();
    other = new Arena({ name: 'new' });
    other.alloc(100, 1);
  });
  let view: Buffer | undefined;
  const code = codeOf(() => (view = arena.alloc(100, 9)));
  await Promise.resolve();
  expect([undefined, 'ERR_HAKMEM_ARENA_DESTROYED']).toContain(code);
  if (view !== undefined) expect(view.length).toBe(0);
  expect(totalsOf(other.stats()).live).toBe(1);
  expect(view === undefined || !other.owns(view)).toBe(true);
  other.destroy();
});

/** A getter of a length of 100 that does something, but not inside itself. */
function once(act: () => unknown): () => number {
  return () => {
    if (!isActing) {
      isActing = true;
      act();
      isActing = false;
    }
    return 100;
  };
}
let isActing = false;

const GUARD: ArenaOptions = { guard: { sampleRate: 1 } };

describe('a subscriber to late writes', () => {
  function lateWrite(arena: Arena): void {
    const stale = arena.alloc(50);
    arena.free(stale);
    stale[3] = 1;
  }

  test.each(Object.keys(ACTS))('that %s', (act) => {
    const arena = new Arena(GUARD);
    const calls = jest.fn(() => {
      if (!arena.destroyed) ACTS[act]!(arena);
    });
    on('hakmem-arena:guard', calls);
    lateWrite(arena);
    arena.free(arena.alloc(50));
    expect(calls).toHaveBeenCalledTimes(1);
    lateWrite(arena);
    arena.reset();
    lateWrite(arena);
    arena.destroy();
    expect(calls).toHaveBeenCalledTimes(3);
  });

  test('that frees twice itself is not called inside itself, and hears of it', async () => {
    const arena = new Arena(GUARD);
    let depth = 0;
    let calls = 0;
    on('hakmem-arena:guard', () => {
      expect(++depth).toBe(1);
      if (++calls < 5) lateWrite(arena);
      arena.free(arena.alloc(50));
      depth--;
    });
    lateWrite(arena);
    arena.free(arena.alloc(50));
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(calls).toBe(5);
    arena.destroy();
  });

  test('is told while the program goes on and on', () => {
    const arena = new Arena(GUARD);
    let isTold = false;
    on('hakmem-arena:guard', () => (isTold = true));
    lateWrite(arena);
    for (let i = 0; i < 3; i++) arena.free(arena.alloc(50));
    expect(isTold).toBe(true);
    arena.destroy();
  });
});

test('a subscriber to the limit may reset: what was refused fits then', async () => {
  const arena = new Arena({ maxBytes: 256 * 1024 });
  for (let i = 0; i < 4; i++) arena.alloc(60_000);
  expect(arena.stats().bytes.used).toBe(256 * 1024);
  on('hakmem-arena:limit', () => arena.reset());
  expectCode(() => arena.alloc(1024 * 1024), 'ERR_HAKMEM_OUT_OF_MEMORY');
  await Promise.resolve();
  expect(arena.alloc(100).length).toBe(100);
  arena.destroy();
});

test('a subscriber that throws fails no call: Node reports its error as uncaught', async () => {
  const result = await resultOf<{ lengths: number[]; uncaught: string[]; live: number }>(`
    const { subscribe } = require('node:diagnostics_channel');
    const { Arena } = require('hakmem-arena');
    const uncaught = [];
    process.removeAllListeners('warning');
    process.on('uncaughtException', ({ message }) => uncaught.push(message));
    for (const name of ['detached', 'guard', 'limit', 'leak']) {
      subscribe('hakmem-arena:' + name, () => { throw new Error(name); });
    }
    const plain = new Arena({ maxBytes: 1 << 20 });
    new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(plain.alloc(100)) });
    const lengths = [plain.alloc(100).length];
    try { plain.alloc(1 << 22); } catch ({ code }) { lengths.push(code); }
    const guarded = new Arena({ guard: { sampleRate: 1 } });
    const stale = guarded.alloc(50);
    guarded.free(stale);
    stale[0] = 1;
    guarded.free(guarded.alloc(60));
    const live = guarded.stats().classes.reduce((sum, { live }) => sum + live, 0);
    guarded.destroy();
    setTimeout(() => console.log(JSON.stringify({ lengths, uncaught: uncaught.sort(), live })), 20);`);
  expect(result).toEqual({
    lengths: [100, 'ERR_HAKMEM_OUT_OF_MEMORY'],
    uncaught: ['detached', 'guard', 'limit'],
    live: 0,
  });
});

describe('other code of the program', () => {
  test('a warning that throws or resets', async () => {
    const arena = new Arena(GUARD);
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {
      arena.reset();
      throw new Error('no warnings');
    });
    const stale = arena.alloc(77);
    arena.free(stale);
    stale[0] = 1;
    arena.free(arena.alloc(78));
    await Promise.resolve();
    expect(totalsOf(checkSums(arena.stats()) as never).live).toBe(0);
    arena.destroy();
  });

  test('Error.prepareStackTrace that resets, in an arena that watches all', async () => {
    const arena = new Arena({ leaks: 'all' });
    const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    const calls = jest.fn(() => arena.reset());
    Error.prepareStackTrace = calls;
    const view = arena.allocUnsafe(100).fill(7);
    expect(view.length).toBe(100);
    const scoped = arena.scope((scope) => scope.alloc(50).length);
    await Promise.resolve();
    if (before === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Object.defineProperty(Error, 'prepareStackTrace', before);
    expect(scoped).toBe(50);
    expect(calls).toHaveBeenCalled();
    expectNoOverlap(arena);
    arena.destroy();
  });

  test.each<[string, (arena: Arena) => PropertyDescriptor]>([
    ['allocates', (arena) => ({ get: once(() => arena.allocUnsafe(100).fill(1)) })],
    ['resets', (arena) => ({ get: () => (arena.reset(), 100) })],
    [
      'throws',
      () => ({
        get: () => {
          throw Object.assign(new Error('length'), { code: 'MINE' });
        },
      }),
    ],
  ])('a getter on the length of a freed Buffer that %s', (_what, describe) => {
    const arena = new Arena();
    const views = Array.from({ length: 30 }, () => arena.allocUnsafe(100));
    for (const view of views) {
      Object.defineProperty(view, 'length', { ...describe(arena), configurable: true });
      arena.free(view);
      if (!arena.owns(views.at(-1))) break;
    }
    for (let i = 0; i < 40; i++) codeOf(() => arena.allocUnsafe(100));
    for (const view of views) Reflect.deleteProperty(view, 'length');
    arena.reset();
    expectNoOverlap(arena);
    arena.destroy();
  });

  test('properties on a Buffer and on its ArrayBuffer are not believed', () => {
    const arena = new Arena();
    const view = arena.alloc(100, 7);
    const lie = {
      get: () => {
        arena.reset();
        return 5;
      },
      configurable: true,
    };
    const { buffer } = view;
    for (const name of ['byteLength', 'byteOffset', 'buffer', 'length']) {
      Object.defineProperty(view, name, lie);
    }
    Object.defineProperty(buffer, 'byteLength', lie);
    expect(arena.owns(view)).toBe(true);
    expect(arena.usableSize(view)).toBeGreaterThanOrEqual(100);
    arena.retain(view);
    arena.release(view);
    expect(arena.copyOut(view).equals(Buffer.alloc(100, 7))).toBe(true);
    const larger = arena.realloc(view, 5000);
    expect(larger.subarray(0, 100).equals(Buffer.alloc(100, 7))).toBe(true);
    expectNoOverlap(arena);
    arena.destroy();
  });
});

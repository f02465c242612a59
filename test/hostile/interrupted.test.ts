/**
 * Calls that are interrupted, where the stack ends or the engine is told to stop: the next call finishes or undoes
 * them. Nothing is lost, and nobody gets what somebody else has.
 */
import vm from 'node:vm';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Arena, type ArenaOptions, type Scope, heapStats } from '../../lib/index';
import { onlyNative } from '../unit/support/backend';
import { atTheEndOfTheStack } from '../unit/support/depths';
import { checkSums, totalsOf } from '../unit/support/sums';

jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);

const arenas: Arena[] = [];
function make(options?: ArenaOptions): Arena {
  const arena = new Arena(options);
  arenas.push(arena);
  return arena;
}
afterEach(() => {
  for (const arena of arenas.splice(0)) arena.destroy();
});

const SIZES = [24, 100, 700, 1500, 5000, 30_000, 100_000];

function expectSound(arena: Arena): void {
  const views = SIZES.flatMap((size) => Array.from({ length: 50 }, (_, i) => arena.alloc(size, i)));
  views.forEach((view, at) => expect(view[view.length - 1]).toBe(at % 50));
  expect(views.every((view) => view.every((byte) => byte === view[0]))).toBe(true);
  for (const view of views) arena.free(view);
}

const MODES: ArenaOptions[] = [
  {},
  { zero: 'free' },
  { views: 'fresh' },
  { guard: { sampleRate: 3 } },
  { leaks: 'all' },
];

describe.each(MODES.map((mode) => [JSON.stringify(mode), mode] as const))('%s', (_name, mode) => {
  test('the end of a scope', () => {
    const arena = make(mode);
    for (let round = 0; round < 4; round++) {
      const scope = arena.openScope();
      for (let i = 0; i < 300; i++) scope.alloc(SIZES[(i * 5 + round) % SIZES.length]!);
      scope.alloc(1 + round);
      const failures = atTheEndOfTheStack(() => scope.end());
      expect(failures).toBeGreaterThan(0);
      expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 0, liveBytes: 0 });
    }
    expectSound(arena);
  });

  test('the end of one scope among many', () => {
    const arena = make(mode);
    for (let round = 0; round < 20; round++) {
      const scopes = Array.from({ length: 8 }, () => arena.openScope());
      const views = scopes.map((scope) => scope.alloc(100));
      for (const at of [3, 0, 6]) atTheEndOfTheStack(() => scopes[at]!.end());
      // A view that is resized enters the scope that the old one was of.
      for (const at of [1, 2, 4, 5, 7]) expect(arena.realloc(views[at]!, 300)).toHaveLength(300);
      for (const scope of scopes) scope.end();
      expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 0, liveBytes: 0 });
    }
  });

  test('reset', () => {
    const arena = make(mode);
    for (let round = 0; round < 2; round++) {
      const views = SIZES.map((size) => arena.alloc(size, 7));
      const retained = arena.retain(arena.alloc(333, 9));
      arena.retain(arena.alloc(0));
      atTheEndOfTheStack(() => arena.reset());
      expect(views.every((view) => view.length === 0)).toBe(true);
      expect(retained.equals(Buffer.alloc(333, 9))).toBe(true);
      expectSound(arena);
      expect(retained.equals(Buffer.alloc(333, 9))).toBe(true);
      let isGone: boolean | undefined;
      atTheEndOfTheStack(() => (isGone = arena.release(retained)));
      expect(isGone).toBe(true);
      expect(retained.length).toBe(0);
    }
    arena.reset();
    arena.trim();
    expect(checkSums(arena.stats()).bytes.used).toBe(0);
  });

  test('destroy', () => {
    const arena = make({ ...mode, name: 'interrupted' });
    const view = arena.alloc(100);
    const retained = arena.retain(arena.alloc(5000, 9));
    atTheEndOfTheStack(() => arena.destroy());
    expect(arena.destroyed).toBe(true);
    expect(view.length).toBe(0);
    expect(retained.equals(Buffer.alloc(5000, 9))).toBe(true);
    arena.release(retained);
    expect(heapStats().arenas.map(({ name }) => name)).not.toContain('interrupted');
  });

  test('trim, and frees and allocations', () => {
    const arena = make(mode);
    for (let round = 0; round < 2; round++) {
      const views = Array.from({ length: 100 }, (_, i) => arena.alloc(SIZES[i % SIZES.length]!));
      for (const view of views) atTheEndOfTheStack(() => arena.free(view));
      atTheEndOfTheStack(() => void arena.trim());
      expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 0, liveBytes: 0 });
      for (let i = 0; i < 20; i++) {
        let view: Buffer | undefined;
        atTheEndOfTheStack(() => (view = arena.allocUnsafe(3000 + i)));
        arena.free(view!);
      }
    }
    arena.reset();
    expectSound(arena);
  });
});

/** Runs `work` again and again until the engine stops it, somewhere. */
function stopSomewhere(work: () => void): void {
  const context = vm.createContext({ work });
  expect(() => {
    vm.runInContext('for (;;) work();', context, { timeout: 3 });
  }).toThrow('timed out');
}

const onNative = onlyNative('a termination inside the core closes the thread`s arenas');

onNative('work that is terminated, again and again', () => {
  const arena = make();
  const kept: Scope[] = [];
  for (let round = 0; round < 40; round++) {
    stopSomewhere(() => {
      const scope = arena.openScope();
      kept.push(scope);
      for (let i = 0; i < 40; i++) scope.allocUnsafe(1 + ((i * 997) % 4000));
      const view = arena.retain(scope.allocUnsafe(500));
      scope.end();
      arena.release(view);
      kept.pop();
      if (round % 3 === 0) arena.reset();
      if (round % 3 === 1) arena.trim();
    });
    for (const scope of kept.splice(0)) scope.end();
    if (round % 5 === 4) arena.reset();
  }
  arena.reset();
  expectSound(arena);
  arena.reset();
  arena.trim();
  expect(arena.stats().bytes.live).toBe(0);
});

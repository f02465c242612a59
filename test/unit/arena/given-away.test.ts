/**
 * Memory that a program has given away, by a transfer or a byte stream, and that the modes want to look at: no call
 * fails because of it, everything is freed, reset and ended as usual, and the mistake is told.
 */
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  Arena,
  type ArenaOptions,
  type GuardReport,
  type View,
  heapStats,
} from '../../../lib/index';
import { expectCode } from '../support/codes';
import { listen } from '../support/reports';
import { checkSums, totalsOf } from '../support/sums';

beforeAll(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

const names = (): string[] => heapStats().arenas.map(({ name }) => name);

/** Takes away memory of the engine's own, or a slab. */
const AWAYS: Record<string, (view: View) => void> = {
  'a transfer': (view) => {
    if (view.buffer.byteLength === 65_536) throw new Error('not of a slab');
    structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
  },
  'a byte stream': (view) => {
    new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) });
  },
};

describe.each(Object.entries(AWAYS))('a guarded Buffer taken away by %s', (_name, giveAway) => {
  const name = `away-${Math.random()}`;
  const make = (options: ArenaOptions = {}): Arena =>
    new Arena({ name, guard: { sampleRate: 1 }, ...options });

  test('while live: it is freed like another, and told', () => {
    const arena = make();
    using reports = listen<GuardReport>('hakmem-arena:guard', name);
    const allocateHere = (): Buffer => arena.alloc(100);
    const view = allocateHere();
    giveAway(view);
    expect(arena.owns(view)).toBe(false);
    expectCode(() => arena.retain(view), 'ERR_HAKMEM_STALE_VIEW');
    expectCode(() => arena.realloc(view, 5), 'ERR_HAKMEM_STALE_VIEW');
    arena.free(view);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    expect(reports.messages[0]).toEqual({
      arena: name,
      kind: 'transfer',
      size: 100,
      offset: -1,
      allocatedAt: expect.stringContaining('allocateHere'),
      freedAt: expect.stringContaining('given-away'),
    });
    expect(totalsOf(checkSums(arena.stats()) as never).live).toBe(0);
    arena.destroy();
  });

  test.each(['free', 'trim', 'reset', 'destroy', 'alloc'] as const)(
    'after its free: %s goes on, and it is told once',
    async (call) => {
      const arena = make();
      using reports = listen<GuardReport>('hakmem-arena:guard', name);
      const [view, other] = [arena.alloc(100), arena.alloc(200)];
      arena.free(view);
      giveAway(view);
      if (call === 'free') arena.free(other);
      else if (call === 'alloc') for (let i = 0; i < 5; i++) arena.free(arena.alloc(5));
      else arena[call]();
      arena.destroy();
      arena.destroy();
      await Promise.resolve();
      expect(reports.messages.map(({ kind, size }) => [kind, size])).toEqual([
        ['late-transfer', 100],
      ]);
      expect([arena.destroyed, names().includes(name)]).toEqual([true, false]);
      expectCode(() => arena.alloc(5), 'ERR_HAKMEM_ARENA_DESTROYED');
    },
  );

  test.each(['reset', 'destroy'] as const)('while live: %s ends it', async (call) => {
    const arena = make();
    using reports = listen<GuardReport>('hakmem-arena:guard', name);
    const [view, large] = [arena.alloc(100), arena.alloc(100_000)];
    giveAway(view);
    arena[call]();
    expect(large.length).toBe(0);
    arena.destroy();
    await Promise.resolve();
    expect(reports.messages.map(({ kind, freedAt }) => [kind, freedAt])).toEqual([
      ['transfer', ''],
    ]);
    expect(names()).not.toContain(name);
  });

  test.each(['free', 'reset', 'destroy'] as const)('while retained, and %s', (call) => {
    const arena = make();
    const view = arena.retain(arena.alloc(100));
    giveAway(view);
    if (call === 'free') arena.free(view);
    else arena[call]();
    expect(arena.release(view)).toBe(true);
    arena.destroy();
    expect(names()).not.toContain(name);
  });

  test('in an arena that zeroes what is freed, and in a scope', () => {
    const arena = make({ zero: 'free', leaks: 'all', views: 'fresh' });
    arena.scope((scope) => {
      giveAway(scope.alloc(100));
      giveAway(scope.allocTyped(Float64Array, 9));
      giveAway(scope.allocTyped(DataView, 9));
    });
    giveAway(arena.alloc(100));
    arena.reset();
    giveAway(arena.alloc(100));
    arena.destroy();
    expect(names()).not.toContain(name);
  });
});

describe("zero: 'free' and a slab that was given away", () => {
  const giveAway = AWAYS['a byte stream']!;
  const calls: Record<string, (arena: Arena, view: View) => void> = {
    free: (arena, view) => arena.free(view),
    reset: (arena) => arena.reset(),
    trim: (arena) => void arena.trim(),
    destroy: (arena) => arena.destroy(),
    'retain before, reset, release': (arena, view) => {
      arena.reset();
      arena.release(view);
    },
    'retain before, free, release': (arena, view) => {
      arena.free(view);
      arena.release(view);
    },
  };

  test.each(Object.keys(calls))('%s', (call) => {
    for (const take of [
      (arena: Arena) => arena.alloc(100),
      (arena: Arena) => arena.allocTyped(DataView, 100),
      (arena: Arena) => arena.alloc(100_000),
    ]) {
      const arena = new Arena({ zero: 'free' });
      const [view, other] = [take(arena), arena.alloc(30_000)];
      if (call.startsWith('retain')) arena.retain(view);
      giveAway(view);
      calls[call]!(arena, view);
      if (call !== 'destroy') {
        expect(arena.alloc(100).equals(Buffer.alloc(100))).toBe(true);
        arena.reset();
      }
      expect(other.length).toBe(0);
      arena.destroy();
      expect(arena.destroyed).toBe(true);
    }
  });
});

test('a refused free is counted by its reason, in every mode', () => {
  for (const mode of [
    {},
    { views: 'fresh' },
    { guard: { sampleRate: 1 } },
    { leaks: 'all' },
    { zero: 'free' },
  ]) {
    const arena = new Arena(mode as ArenaOptions);
    const [stale, freed] = [arena.alloc(100), arena.alloc(100)];
    arena.free(freed);
    const code =
      (mode as ArenaOptions).views === 'fresh' ? 'ERR_HAKMEM_STALE_VIEW' : 'ERR_HAKMEM_DOUBLE_FREE';
    for (let i = 0; i < 3; i++) expectCode(() => arena.free(freed), code);
    const retained = arena.retain(arena.alloc(50));
    arena.free(retained);
    expectCode(() => arena.free(retained), 'ERR_HAKMEM_DOUBLE_FREE');
    arena.release(retained);
    arena.reset();
    expectCode(() => arena.free(stale), 'ERR_HAKMEM_STALE_VIEW');
    for (let i = 0; i < 2; i++)
      expectCode(() => arena.free(Buffer.alloc(1)), 'ERR_HAKMEM_NOT_OWNED');
    // Only frees are counted.
    expectCode(() => arena.free(5 as never), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => arena.retain(stale), 'ERR_HAKMEM_STALE_VIEW');
    expect(arena.owns(Buffer.alloc(1))).toBe(false);
    const isFresh = code === 'ERR_HAKMEM_STALE_VIEW';
    expect(arena.stats().failures).toMatchObject({
      doubleFrees: isFresh ? 1 : 4,
      staleFrees: isFresh ? 4 : 1,
      foreignFrees: 2,
    });
    arena.destroy();
    expectCode(() => arena.free(stale), 'ERR_HAKMEM_ARENA_DESTROYED');
  }
});

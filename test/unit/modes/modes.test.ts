import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  Arena,
  type ArenaOptions,
  type DetachedReport,
  type GuardReport,
  type LeakReport,
  type View,
} from '../../../lib/index';
import { resultOf } from '../support/child';
import { expectCode } from '../support/codes';
import { type Listener, listen } from '../support/reports';
import { checkSums, totalsOf } from '../support/sums';
import { bytesOf } from '../support/views';

beforeAll(() => {
  // Warnings have tests of their own; here they would fill the screen.
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

const listeners: Listener<never>[] = [];
const arenas: Arena[] = [];

function make(options: ArenaOptions): Arena {
  const arena = new Arena({ name: `mode-${Math.random()}`, ...options });
  arenas.push(arena);
  return arena;
}

function heard<T extends { readonly arena: string }>(channel: string, arena: Arena): T[] {
  const listener = listen<T>(channel, arena.name);
  listeners.push(listener as unknown as Listener<never>);
  return listener.messages;
}

afterEach(() => {
  for (const arena of arenas.splice(0)) arena.destroy();
  for (const listener of listeners.splice(0)) listener[Symbol.dispose]();
});

function churn(arena: Arena, count = 500, size = 100): void {
  for (let i = 0; i < count; i++) arena.free(arena.alloc(size, 0xee));
}

const MODES: readonly ArenaOptions[] = [
  { views: 'fresh' },
  { guard: { sampleRate: 1 } },
  { guard: { sampleRate: 3 } },
  { leaks: 'all' },
  { leaks: 'all', reclaim: 'gc' },
  { leaks: 'sampled' },
  { zero: 'free' },
  { views: 'fresh', guard: { sampleRate: 2 }, leaks: 'all', zero: 'free' },
];

describe.each(MODES.map((mode) => [JSON.stringify(mode), mode] as const))('%s', (_text, mode) => {
  test('allocates, counts, resizes and frees views of every kind as without it', () => {
    const arena = make(mode);
    for (let round = 0; round < 4; round++) {
      const views: View[] = [
        arena.alloc(100, 7),
        arena.alloc(60_000),
        arena.alloc(100_000),
        arena.alloc(3_000_000),
        arena.alloc(0),
        arena.from('text'),
        arena.allocTyped(Float64Array, 12),
        arena.allocTyped(DataView, 12),
        arena.allocUnsafe(100, 4096),
        arena.allocUnsafe(4096, 4096),
      ];
      expect(views.map((view) => view.byteLength)).toEqual([
        100, 60_000, 100_000, 3_000_000, 0, 4, 96, 12, 100, 4096,
      ]);
      expect(Buffer.from(bytesOf(views[5]!)).toString()).toBe('text');
      expect(bytesOf(views[6]!).every((byte) => byte === 0)).toBe(true);
      expect(views.slice(8).map((view) => view.byteOffset % 4096)).toEqual([0, 0]);
      expect(views.every((view) => arena.owns(view))).toBe(true);
      expect(totalsOf(checkSums(arena.stats()) as never).live).toBe(9);
      for (const view of views) {
        expect(arena.usableSize(view)).toBeGreaterThanOrEqual(view.byteLength);
      }
      const longer = arena.realloc(views[0]!, 300);
      expect(longer.subarray(0, 100).equals(Buffer.alloc(100, 7))).toBe(true);
      const shorter = arena.realloc(longer, 250);
      expect(shorter.subarray(0, 100).equals(Buffer.alloc(100, 7))).toBe(true);
      views[0] = shorter;
      for (const view of views) arena.free(view);
      expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 0, liveBytes: 0 });
    }
  });

  test('refuses what is freed, foreign or stale', () => {
    const arena = make(mode);
    const view = arena.alloc(100);
    arena.free(view);
    const isFresh = mode.views === 'fresh';
    expectCode(
      () => arena.free(view),
      isFresh ? 'ERR_HAKMEM_STALE_VIEW' : 'ERR_HAKMEM_DOUBLE_FREE',
    );
    expect(arena.owns(view)).toBe(false);
    const kept = arena.alloc(100);
    expectCode(() => arena.free(kept.subarray(1)), 'ERR_HAKMEM_NOT_OWNED');
    expectCode(() => arena.free(Buffer.alloc(3)), 'ERR_HAKMEM_NOT_OWNED');
    expectCode(() => arena.free(undefined as never), 'ERR_INVALID_ARG_TYPE');
    arena.reset();
    expect(kept.length).toBe(0);
    expectCode(() => arena.free(kept), 'ERR_HAKMEM_STALE_VIEW');
    arena.free(arena.alloc(100));
    arena.destroy();
    expectCode(() => arena.free(kept), 'ERR_HAKMEM_ARENA_DESTROYED');
  });

  test('frees with scopes, and keeps what is retained', () => {
    const arena = make(mode);
    const [kept, retained] = arena.scope((scope) => {
      scope.alloc(50);
      const views = [scope.keep(scope.alloc(100, 1)), arena.retain(scope.alloc(100, 2))] as const;
      scope.allocTyped(Float64Array, 5);
      return views;
    });
    churn(arena);
    expect(kept.equals(Buffer.alloc(100, 1)) && retained.equals(Buffer.alloc(100, 2))).toBe(true);
    expect(arena.release(retained)).toBe(true);
    arena.free(kept);
    expect(totalsOf(arena.stats()).live).toBe(0);
    const pinned = arena.retain(arena.alloc(100, 3));
    arena.reset();
    churn(arena);
    expect(pinned.equals(Buffer.alloc(100, 3))).toBe(true);
    expect(arena.release(pinned)).toBe(true);
    expect(pinned.length).toBe(0);
    expect(totalsOf(arena.stats()).live).toBe(0);
  });
});

describe('fresh views', () => {
  test('a stale view is refused for ever, also when its block is somebody else`s', () => {
    const arena = make({ views: 'fresh' });
    const stale = arena.alloc(100);
    arena.free(stale);
    const views = Array.from({ length: 3000 }, () => arena.alloc(100));
    const sameBlock = views.find(
      (view) => view.buffer === stale.buffer && view.byteOffset === stale.byteOffset,
    );
    expect(sameBlock).toBeDefined();
    expect(sameBlock).not.toBe(stale);
    for (const method of ['free', 'usableSize', 'retain', 'release'] as const) {
      expectCode(() => arena[method](stale), 'ERR_HAKMEM_STALE_VIEW');
    }
    expectCode(() => arena.realloc(stale, 5), 'ERR_HAKMEM_STALE_VIEW');
    expect(arena.owns(sameBlock)).toBe(true);
  });
});

describe('guard', () => {
  test('reports a write after the free with both stacks and the place of the byte', () => {
    const arena = make({ guard: { sampleRate: 1 } });
    const reports = heard<GuardReport>('hakmem-arena:guard', arena);
    const allocateHere = (): Buffer => arena.alloc(1000, 1);
    const freeHere = (view: Buffer): void => arena.free(view);
    const view = allocateHere();
    freeHere(view);
    view[123] = 5;
    churn(arena, 100);
    expect(reports).toEqual([
      {
        arena: arena.name,
        kind: 'late-write',
        size: 1000,
        offset: 123,
        allocatedAt: expect.stringContaining('allocateHere'),
        freedAt: expect.stringContaining('freeHere'),
      },
    ]);
    // It shows nothing of what comes after.
    expect(view.every((byte) => byte === 0xdb)).toBe(true);
  });

  test('reports a double free, whenever it comes', () => {
    const arena = make({ guard: { sampleRate: 1 } });
    const reports = heard<GuardReport>('hakmem-arena:guard', arena);
    const view = arena.alloc(1000);
    arena.free(view);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    churn(arena);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    expect(reports.map(({ kind, size }) => [kind, size])).toEqual([
      ['double-free', 1000],
      ['double-free', 1000],
    ]);
  });

  test.each([['reset'], ['destroy'], ['trim']] as const)(
    '%s looks at what is in quarantine',
    (method) => {
      const arena = make({ guard: { sampleRate: 1 } });
      const reports = heard<GuardReport>('hakmem-arena:guard', arena);
      const view = arena.alloc(100);
      arena.free(view);
      view[0] = 1;
      arena[method]();
      expect(reports.map(({ kind, offset }) => [kind, offset])).toEqual([['late-write', 0]]);
    },
  );

  test('says nothing of a program that does nothing wrong', () => {
    const arena = make({ guard: { sampleRate: 2 } });
    const reports = heard<GuardReport>('hakmem-arena:guard', arena);
    for (let i = 0; i < 3000; i++) {
      const views = [arena.alloc(i, 5), arena.allocTyped(Float64Array, 9).fill(1.5)];
      for (const view of views) arena.free(view);
    }
    arena.trim();
    expect(reports).toEqual([]);
  });

  test.each([
    ['a write after the free', (_arena: Arena, stale: Buffer) => stale.fill(1, 7, 8)],
    [
      'a second free',
      (arena: Arena, stale: Buffer) => {
        try {
          arena.free(stale);
        } catch {
          // That it is told is not what is looked for here.
        }
      },
    ],
    [
      'the free of a stale view, long after its own',
      (arena: Arena, stale: Buffer) => {
        const others = Array.from({ length: 5 }, () => arena.alloc(65));
        for (const other of others) arena.free(other);
        try {
          arena.free(stale);
        } catch {
          // As above.
        }
      },
    ],
  ])('at 1 in 1000 finds %s within 100,000 allocations', (_what, err) => {
    const arena = make({ guard: { sampleRate: 1000 } });
    const reports = heard<GuardReport>('hakmem-arena:guard', arena);
    for (let i = 0; i < 100_000 && reports.length === 0; i++) {
      const view = arena.alloc(64);
      arena.free(view);
      // In an unguarded one the mistake would hit the next owner: there is none.
      err(arena, view);
    }
    expect(reports.length).toBe(1);
  });

  test('at 1 in 1000 also looks at the hottest of loops, in which no time passes', () => {
    const arena = make({ guard: { sampleRate: 1000 } });
    const reports = heard<GuardReport>('hakmem-arena:guard', arena);
    const now = jest.spyOn(performance, 'now').mockReturnValue(1e9);
    const guardedAt: number[] = [];
    const play = (from: number, to: number, isFaulty: boolean): void => {
      for (let i = from; i < to; i++) {
        const view = arena.alloc(64);
        if (view.buffer.byteLength === 64) guardedAt.push(i);
        arena.free(view);
        if (isFaulty && view.buffer.byteLength === 64) view[0] = 1;
      }
    };
    play(0, 500_000, false);
    // A burst at first, and then as few as may be.
    expect(guardedAt.filter((at) => at <= 10_000).length).toBeGreaterThanOrEqual(8);
    const gaps = guardedAt.slice(10).map((at, i) => at - guardedAt[i + 9]!);
    expect(Math.max(...gaps)).toBeLessThan(82_000);
    expect(Math.min(...gaps)).toBeGreaterThan(78_000);
    play(500_000, 600_000, true);
    now.mockRestore();
    expect(reports.map(({ kind }) => kind)).toContain('late-write');
  });

  test('one in so many is guarded', () => {
    const arena = make({ guard: { sampleRate: 10 } });
    const views = Array.from({ length: 1000 }, () => arena.alloc(100));
    expect(views.filter((view) => view.buffer.byteLength === 100).length).toBe(100);
  });
});

describe('leaks', () => {
  test('lists what is live, with size, age, tag and stack', () => {
    const arena = make({ leaks: 'all' });
    const allocateHere = (): Buffer => arena.alloc(1000);
    const [one, two] = [allocateHere(), arena.alloc(50)];
    arena.tag(one, 'request body');
    expect(arena.liveBlocks()).toEqual([
      {
        size: 1000,
        ageMs: expect.any(Number),
        tag: 'request body',
        stack: expect.stringContaining('allocateHere'),
      },
      { size: 50, ageMs: expect.any(Number), tag: undefined, stack: expect.any(String) },
    ]);
    expect(arena.liveBlocks()[0]!.ageMs).toBeGreaterThanOrEqual(0);
    arena.free(one);
    expect(arena.liveBlocks().length).toBe(1);
    arena.free(two);
    arena.alloc(1);
    arena.reset();
    expect(arena.liveBlocks()).toEqual([]);
  });

  test('sampled: lists one in 1000', () => {
    const arena = make({ leaks: 'sampled' });
    for (let i = 0; i < 5000; i++) arena.alloc(10);
    expect(arena.liveBlocks().length).toBe(5);
  });

  test('a tag is refused where a free would be, and does nothing where nothing is watched', () => {
    const [arena, plain] = [make({ leaks: 'all' }), make({})];
    const view = plain.alloc(5);
    expect(plain.tag(view, 'x')).toBe(view);
    expect(plain.liveBlocks()).toEqual([]);
    expectCode(() => plain.tag(view, 5 as never), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => arena.tag(view, 'x'), 'ERR_HAKMEM_NOT_OWNED');
    const watched = arena.alloc(5);
    arena.retain(watched);
    arena.tag(watched, 'retained');
    expect(arena.liveBlocks()[0]!.tag).toBe('retained');
    arena.free(watched);
    arena.release(watched);
  });

  test.each(['never', 'gc'] as const)(
    'a view dropped without a free is told; reclaim: %s',
    async (reclaim) => {
      const result = await resultOf<{ leaks: LeakReport[]; live: number; warnings: string[] }>(
        `
      const { Arena } = require('hakmem-arena');
      const leaks = [];
      require('node:diagnostics_channel').subscribe('hakmem-arena:leak', (it) => leaks.push(it));
      const warnings = [];
      process.on('warning', ({ code }) => warnings.push(code));
      const arena = new Arena({ name: 'leaky', leaks: 'all', reclaim: '${reclaim}' });
      function leakHere() { for (let i = 0; i < 5; i++) arena.tag(arena.alloc(100 + i), 'tag'); }
      function clean() { for (let i = 0; i < 100; i++) arena.free(arena.alloc(100)); }
      (async () => {
        clean();
        leakHere();
        const held = arena.alloc(7);
        for (let i = 0; i < 20 && leaks.length < 5; i++) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        const live = arena.stats().classes.reduce((sum, { live }) => sum + live, 0);
        console.log(JSON.stringify({ leaks, live, warnings }));
        arena.free(held);
      })();`,
        { nodeArguments: ['--expose-gc'] },
      );
      expect(result.leaks.map(({ size }) => size).sort()).toEqual([100, 101, 102, 103, 104]);
      for (const leak of result.leaks) {
        expect(leak).toMatchObject({
          arena: 'leaky',
          tag: 'tag',
          reclaimed: reclaim === 'gc',
          stack: expect.stringContaining('leakHere'),
        });
      }
      expect(result.live).toBe(reclaim === 'gc' ? 1 : 6);
      // One place, one warning.
      expect(result.warnings).toEqual(['HAKMEM_LEAK']);
    },
  );

  test('a guarded late write is one warning for each place, which names both', async () => {
    const warnings = await resultOf<{ code: string; message: string }[]>(`
      const { Arena } = require('hakmem-arena');
      const warnings = [];
      process.removeAllListeners('warning');
      process.on('warning', ({ code, message }) => warnings.push({ code, message }));
      const arena = new Arena({ name: 'guarded', guard: { sampleRate: 1 } });
      const take = () => arena.alloc(100);
      const drop = (view) => { arena.free(view); view[1] = 1; };
      for (let i = 0; i < 50; i++) drop(take());
      arena.trim();
      setTimeout(() => console.log(JSON.stringify(warnings)), 20);`);
    expect(warnings).toEqual([
      { code: 'HAKMEM_GUARD', message: expect.stringMatching(/byte 1 [^]*take[^]*Freed:[^]*drop/) },
    ]);
  });
});

describe("zero: 'free'", () => {
  test('leaves nothing behind in freed memory, however it is freed', () => {
    const arena = make({ zero: 'free' });
    const SECRET = 0x5a;
    const views = [100, 1000, 60_000, 200_000].map((size) => arena.alloc(size, SECRET));
    const buffers = new Set(views.map((view) => view.buffer));
    const [first] = views;
    views[0] = arena.realloc(first!, 90);
    for (const view of views) arena.free(view);
    arena.scope((scope) => buffers.add(scope.alloc(500, SECRET).buffer));
    const retained = arena.retain(arena.alloc(700, SECRET));
    buffers.add(retained.buffer);
    arena.free(retained);
    expect(retained.every((byte) => byte === SECRET)).toBe(true);
    arena.release(retained);
    for (const buffer of buffers) expect(Buffer.from(buffer).includes(SECRET)).toBe(false);
    for (let i = 0; i < 100; i++) expect(arena.allocUnsafe(100).includes(SECRET)).toBe(false);
  });

  test('a reset leaves nothing behind', () => {
    const arena = make({ zero: 'free' });
    for (let i = 0; i < 1000; i++) arena.alloc(1000, 0x5a);
    const retained = arena.retain(arena.alloc(1000, 0x5a));
    arena.reset();
    expect(retained.every((byte) => byte === 0x5a)).toBe(true);
    arena.release(retained);
    for (let i = 0; i < 2000; i++) expect(arena.allocUnsafe(1000).includes(0x5a)).toBe(false);
  });

  test('does not zero what it refuses to free', () => {
    const [arena, other] = [make({ zero: 'free' }), make({})];
    const foreign = [Buffer.alloc(10, 1), other.alloc(10, 1), arena.alloc(10, 1).subarray(0, 9)];
    for (const view of foreign) {
      expectCode(() => arena.free(view), 'ERR_HAKMEM_NOT_OWNED');
      expect(view.includes(0)).toBe(false);
    }
  });
});

test('a detached slab is told on its channel', () => {
  const arena = make({});
  const reports = heard<DetachedReport>('hakmem-arena:detached', arena);
  const view = arena.alloc(100);
  new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) });
  arena.alloc(100);
  expect(reports).toEqual([{ arena: arena.name, slab: 0 }]);
});

test.each([
  [{ views: 'old' }, 'ERR_INVALID_ARG_VALUE'],
  [{ views: 5 }, 'ERR_INVALID_ARG_TYPE'],
  [{ guard: 5 }, 'ERR_INVALID_ARG_TYPE'],
  [{ guard: null }, 'ERR_INVALID_ARG_TYPE'],
  [{ guard: {} }, 'ERR_INVALID_ARG_TYPE'],
  [{ guard: { sampleRate: 0 } }, 'ERR_OUT_OF_RANGE'],
  [{ guard: { sampleRate: 1.5 } }, 'ERR_OUT_OF_RANGE'],
  [{ guard: { sampleRate: 2 ** 31 } }, 'ERR_OUT_OF_RANGE'],
  [{ guard: { sampleRate: 5, other: 1 } }, 'ERR_INVALID_ARG_VALUE'],
  [{ leaks: true }, 'ERR_INVALID_ARG_TYPE'],
  [{ leaks: 'some' }, 'ERR_INVALID_ARG_VALUE'],
  [{ reclaim: 'gc' }, 'ERR_INVALID_ARG_VALUE'],
  [{ reclaim: 'gc', leaks: 'sampled' }, 'ERR_INVALID_ARG_VALUE'],
  [{ zero: 'never' }, 'ERR_INVALID_ARG_VALUE'],
])('options %j are refused with %s', (options, code) => {
  expectCode(() => new Arena(options as never), code);
});

test('a scope leaves alone what a guarded view of it stands for', () => {
  const arena = new Arena({ guard: { sampleRate: 2 } });
  for (let round = 0; round < 50; round++) {
    const scope = arena.openScope();
    // Where the second allocation is guarded, it is on the block and the view that the first one gave back.
    arena.free(scope.alloc(100));
    const guarded = scope.alloc(100, 7);
    const next = arena.alloc(100, 8);
    scope.end();
    expect(arena.owns(guarded)).toBe(false);
    expect(next.equals(Buffer.alloc(100, 8))).toBe(true);
    arena.free(next);
  }
  arena.destroy();
});

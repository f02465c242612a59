import { describe, expect, test } from '@jest/globals';
import { Arena, type ArenaStats, type ArenaOptions, type View } from '../../lib/index';
import { runScript } from './support/child';
import { codeOf, errorOf, expectCode } from './support/codes';
import { ownStats, totalsOf } from './support/sums';

/** What stands where a number should be, and the code it gets. */
const BAD_NUMBERS: readonly (readonly [string, unknown, string])[] = [
  ['-1', -1, 'ERR_OUT_OF_RANGE'],
  ['1.5', 1.5, 'ERR_OUT_OF_RANGE'],
  ['NaN', NaN, 'ERR_OUT_OF_RANGE'],
  ['2^53', 2 ** 53, 'ERR_OUT_OF_RANGE'],
  ['Infinity', Infinity, 'ERR_OUT_OF_RANGE'],
  ['-Infinity', -Infinity, 'ERR_OUT_OF_RANGE'],
  ['a small fraction', Number.MIN_VALUE, 'ERR_OUT_OF_RANGE'],
  ['a string', '100', 'ERR_INVALID_ARG_TYPE'],
  ['a bigint', 100n, 'ERR_INVALID_ARG_TYPE'],
  ['an object with valueOf', { valueOf: () => 100 }, 'ERR_INVALID_ARG_TYPE'],
  ['an object with toPrimitive', { [Symbol.toPrimitive]: () => 100 }, 'ERR_INVALID_ARG_TYPE'],
  ['a Number object', new Number(100), 'ERR_INVALID_ARG_TYPE'],
  ['an array', [100], 'ERR_INVALID_ARG_TYPE'],
  ['null', null, 'ERR_INVALID_ARG_TYPE'],
  ['undefined', undefined, 'ERR_INVALID_ARG_TYPE'],
  ['true', true, 'ERR_INVALID_ARG_TYPE'],
  ['a symbol', Symbol('100'), 'ERR_INVALID_ARG_TYPE'],
  ['a function', () => 100, 'ERR_INVALID_ARG_TYPE'],
];

describe('new Arena', () => {
  test('takes no options, undefined options and undefined values', () => {
    for (const options of [undefined, {}, { name: undefined, maxBytes: undefined }]) {
      const arena = new Arena(options as ArenaOptions | undefined);
      expect(arena.name).toBe(`arena-${arena.id}`);
      expect(arena.allocUnsafe(10).length).toBe(10);
      arena.destroy();
    }
  });

  test.each([
    ['null', null],
    ['a number', 5],
    ['a string', 'arena'],
    ['an array', []],
    ['a function', () => ({})],
    ['true', true],
  ])('refuses %s for options', (_name, options) => {
    expectCode(() => new Arena(options as ArenaOptions), 'ERR_INVALID_ARG_TYPE');
  });

  test.each([
    [{ maxbytes: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ name: 'a', extra: undefined }, 'ERR_INVALID_ARG_VALUE'],
    [{ name: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ name: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ name: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ maxBytes: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ maxBytes: 0.5 }, 'ERR_OUT_OF_RANGE'],
    [{ maxBytes: NaN }, 'ERR_OUT_OF_RANGE'],
    [{ maxBytes: Infinity }, 'ERR_OUT_OF_RANGE'],
    [{ maxBytes: 2 ** 53 }, 'ERR_OUT_OF_RANGE'],
    [{ maxBytes: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxBytes: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxBytes: 1n }, 'ERR_INVALID_ARG_TYPE'],
    [{ thp: 'sometimes' }, 'ERR_INVALID_ARG_VALUE'],
    [{ thp: true }, 'ERR_INVALID_ARG_TYPE'],
    [{ policy: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ policy: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ prewarm: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ prewarm: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ prewarm: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ prewarm: 2 ** 34 + 1 }, 'ERR_OUT_OF_RANGE'],
    [{ prewarm: 1001, maxBytes: 1000 }, 'ERR_OUT_OF_RANGE'],
    [{ sizeClasses: 64 }, 'ERR_INVALID_ARG_TYPE'],
    [{ sizeClasses: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ sizeClasses: new Uint32Array([64]) }, 'ERR_INVALID_ARG_TYPE'],
    [{ sizeClasses: [] }, 'ERR_INVALID_ARG_VALUE'],
    [{ sizeClasses: ['64'] }, 'ERR_INVALID_ARG_TYPE'],
    [{ sizeClasses: [16, , 64] }, 'ERR_INVALID_ARG_TYPE'], // eslint-disable-line no-sparse-arrays
    [{ sizeClasses: [0] }, 'ERR_OUT_OF_RANGE'],
    [{ sizeClasses: [4] }, 'ERR_OUT_OF_RANGE'],
    [{ sizeClasses: [16.5] }, 'ERR_OUT_OF_RANGE'],
    [{ sizeClasses: [65552] }, 'ERR_OUT_OF_RANGE'],
    [{ sizeClasses: [24] }, 'ERR_INVALID_ARG_VALUE'],
    [{ sizeClasses: [100] }, 'ERR_INVALID_ARG_VALUE'],
    [{ sizeClasses: [64, 64] }, 'ERR_INVALID_ARG_VALUE'],
    [{ sizeClasses: [64, 32] }, 'ERR_INVALID_ARG_VALUE'],
    [{ sizeClasses: Array.from({ length: 96 }, (_, i) => (i + 1) * 16) }, 'ERR_INVALID_ARG_VALUE'],
    [{ sizeClasses: Array.from({ length: 97 }, (_, i) => (i + 1) * 16) }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %p', (options, code) => {
    expectCode(() => new Arena(options as unknown as ArenaOptions), code);
  });

  test('refuses nothing that its messages call good', () => {
    const most = Array.from({ length: 64 }, (_, i) => (i === 63 ? 65536 : (i + 1) * 16));
    for (const options of [
      { maxBytes: 0 },
      { maxBytes: 1 },
      { maxBytes: 2 ** 47 },
      { thp: 'auto', policy: 'keep', prewarm: 0 } as const,
      { thp: 'always', policy: 'batch' } as const,
      { thp: 'never', prewarm: 1, maxBytes: 1 } as const,
      { sizeClasses: most },
      { sizeClasses: [8] },
    ]) {
      new Arena(options).destroy();
    }
  });

  test('a maxBytes no system has is out of range, or a limit nobody reaches', () => {
    for (const maxBytes of [2 ** 47 + 1, 2 ** 50, Number.MAX_SAFE_INTEGER]) {
      const code = codeOf(() => {
        const arena = new Arena({ maxBytes });
        arena.allocUnsafe(10);
        arena.destroy();
      });
      expect([undefined, 'ERR_OUT_OF_RANGE']).toContain(code);
    }
  });

  test.each([
    ['63 bytes', 'n'.repeat(63), true],
    ['64 bytes', 'n'.repeat(64), false],
    ['62 bytes in 31 characters', 'ä'.repeat(31), true],
    ['64 bytes in 32 characters', 'ä'.repeat(32), false],
    ['60 bytes in 15 characters', '😀'.repeat(15), true],
    ['64 bytes in 16 characters', '😀'.repeat(16), false],
    ['66 bytes in 22 halves of characters', '\ud800'.repeat(22), false],
    ['a NUL', 'a\0b', false],
    ['a NUL at its end', 'ab\0', false],
    ['other controls', '\u001b[2J\r\n\u202e', true],
  ])('keeps all of a name or refuses it: %s', (_what, name, isKept) => {
    if (!isKept) {
      expectCode(() => new Arena({ name }), 'ERR_INVALID_ARG_VALUE');
      return;
    }
    const arena = new Arena({ name });
    expect([arena.name, arena.stats().name]).toEqual([name, name]);
    arena.destroy();
  });

  test('shows half a character of a name as U+FFFD, as UTF-8 has none', () => {
    // The second has arrays that the first one leaves.
    for (let i = 0; i < 2; i++) {
      const arena = new Arena({ name: 'a\ud800' });
      expect(arena.name).toBe('a\ufffd');
      arena.destroy();
    }
  });

  test('has what it was to prewarm before the first allocation, until a trim', () => {
    const arena = new Arena({ prewarm: 5 * 1024 * 1024 });
    expect(arena.stats().superslabs).toMatchObject({ live: 3, empties: 3 });
    // What other arenas left in the cache a moment ago would count too.
    const other = new Arena();
    other.trim();
    other.destroy();
    arena.allocUnsafe(2 * 1024 * 1024);
    arena.reset();
    expect(arena.stats().superslabs.live).toBe(3);
    expect(arena.trim()).toBe(6 * 1024 * 1024);
    expect(arena.stats().superslabs.live).toBe(0);
    arena.destroy();
  });

  test('keeps or gives back the pages of what it frees, as its policy says', async () => {
    // In a process of its own, because system calls are counted for the whole process.
    const purges = async (policy: 'keep' | 'batch'): Promise<string> => {
      const { stdout } = await runScript(`
        const { Arena, heapStats } = require('hakmem-arena');
        const arena = new Arena({ policy: '${policy}' });
        arena.free(arena.alloc(20 * 1024 * 1024, 1));
        arena.destroy();
        console.log(heapStats().totals.os.purge);`);
      return stdout.trim();
    };
    expect(await purges('batch')).toBe('1');
    expect(await purges('keep')).toBe('0');
  });

  test('does not keep the array of size classes', () => {
    const sizeClasses = [64, 128];
    const arena = new Arena({ sizeClasses });
    sizeClasses[0] = 16;
    expect(arena.usableSize(arena.allocUnsafe(10))).toBe(64);
    arena.destroy();
  });
});

describe('a bad number', () => {
  interface Method {
    readonly name: string;
    readonly call: (arena: Arena, value: never) => unknown;
    /** Values that this method takes after all. */
    readonly takes?: readonly string[];
  }
  const METHODS: readonly Method[] = [
    { name: 'allocUnsafe(size)', call: (arena, size) => arena.allocUnsafe(size) },
    { name: 'allocUnsafe(size, 16)', call: (arena, size) => arena.allocUnsafe(size, 16) },
    { name: 'alloc(size)', call: (arena, size) => arena.alloc(size) },
    { name: 'alloc(size, 1)', call: (arena, size) => arena.alloc(size, 1) },
    { name: 'allocTyped(length)', call: (arena, length) => arena.allocTyped(Int32Array, length) },
    { name: 'realloc(size)', call: (arena, size) => arena.realloc(arena.allocUnsafe(9), size) },
    {
      name: 'allocUnsafe(9, alignment)',
      call: (arena, alignment) => arena.allocUnsafe(9, alignment),
      takes: ['undefined'],
    },
    { name: 'scope.alloc(size)', call: (arena, size) => arena.openScope().alloc(size) },
    { name: 'scope.allocUnsafe(size)', call: (arena, size) => arena.openScope().allocUnsafe(size) },
    {
      name: 'scope.allocTyped(length)',
      call: (arena, length) => arena.openScope().allocTyped(Float64Array, length),
    },
  ];

  test.each(METHODS)('for $name is a coded error that takes nothing', ({ name, call, takes }) => {
    const arena = new Arena();
    for (const [what, value, code] of BAD_NUMBERS) {
      if (takes?.includes(what)) continue;
      const before = totalsOf(arena.stats());
      expect(`${what}: ${String(codeOf(() => call(arena, value as never)))}`).toBe(
        `${what}: ${code}`,
      );
      // realloc's own argument stays allocated.
      const extra = name.startsWith('realloc') ? 1 : 0;
      expect(totalsOf(arena.stats()).live).toBe(before.live + extra);
    }
    expect(arena.alloc(100).equals(Buffer.alloc(100))).toBe(true);
    arena.destroy();
  });

  test('has the class of Node as well as its code', () => {
    const arena = new Arena();
    expect(errorOf(() => arena.alloc(-1))).toBeInstanceOf(RangeError);
    expect(errorOf(() => arena.alloc('1' as never))).toBeInstanceOf(TypeError);
    expect(errorOf(() => arena.alloc(-1))).toMatchObject({ name: 'RangeError' });
    arena.destroy();
  });
});

describe('a view that is not a live view of this arena', () => {
  type Use = (arena: Arena, view: View) => unknown;
  const USES: readonly (readonly [string, Use])[] = [
    ['free', (arena, view) => arena.free(view)],
    ['realloc', (arena, view) => arena.realloc(view, 50)],
    ['usableSize', (arena, view) => arena.usableSize(view)],
  ];
  const NOT_VIEWS: readonly (readonly [string, unknown])[] = [
    ['null', null],
    ['undefined', undefined],
    ['a number', 42],
    ['a string', 'view'],
    ['a bigint', 1n],
    ['a symbol', Symbol('view')],
    ['an object', {}],
    ['an array', [1, 2]],
    ['an ArrayBuffer', new ArrayBuffer(8)],
    ['a function', () => 1],
    ['an object with the prototype of Buffer', Object.create(Buffer.prototype as object)],
  ];

  test.each(USES)('%s: ERR_INVALID_ARG_TYPE for what is no view', (_name, use) => {
    const arena = new Arena();
    const live = arena.alloc(100, 7);
    const before = ownStats(arena.stats());
    for (const [what, value] of NOT_VIEWS) {
      const code = codeOf(() => use(arena, value as View));
      expect(`${what}: ${String(code)}`).toBe(`${what}: ERR_INVALID_ARG_TYPE`);
      expect(arena.owns(value)).toBe(false);
    }
    const proxy: Buffer = new Proxy(live, {});
    expectCode(() => use(arena, proxy), 'ERR_INVALID_ARG_TYPE');
    expect(arena.owns(proxy)).toBe(false);
    expect(ownStats(arena.stats())).toEqual(before);
    expect(live.equals(Buffer.alloc(100, 7))).toBe(true);
    arena.destroy();
  });

  test.each(USES)('%s: ERR_HAKMEM_NOT_OWNED for views of others', (_name, use) => {
    const arena = new Arena();
    const other = new Arena();
    const live = arena.alloc(100, 7);
    const strangers: readonly (readonly [string, View])[] = [
      ['a core Buffer', Buffer.alloc(100)],
      ['a pooled Buffer', Buffer.from('pooled')],
      ['a typed array', new Float64Array(4)],
      ['a DataView', new DataView(new ArrayBuffer(4))],
      ['a subarray', live.subarray(0, 50)],
      ['a whole subarray', live.subarray()],
      ['a slice', live.subarray(10)],
      ['a Buffer on its ArrayBuffer', Buffer.from(live.buffer, live.byteOffset, live.length)],
      ['a Buffer of another arena', other.alloc(100)],
      ['an empty Buffer of another arena', other.alloc(0)],
      ['a typed array of another arena', other.allocTyped(Int32Array, 4)],
      ['a Buffer of a destroyed arena', bufferOfDestroyed()],
    ];
    const before = [arena.stats(), other.stats()];
    for (const [what, view] of strangers) {
      const code = codeOf(() => use(arena, view));
      expect(`${what}: ${String(code)}`).toBe(`${what}: ERR_HAKMEM_NOT_OWNED`);
      expect(arena.owns(view)).toBe(false);
    }
    expect([arena.stats(), other.stats()].map(withoutRefusals)).toEqual(
      before.map(withoutRefusals),
    );
    expect(live.equals(Buffer.alloc(100, 7))).toBe(true);
    arena.free(live);
    arena.destroy();
    other.destroy();
  });

  /** Frees that are refused are counted, and change nothing else. */
  function withoutRefusals(stats: ArenaStats): object {
    const { os, limit, retried } = stats.failures;
    return { ...ownStats(stats), failures: { os, limit, retried } };
  }

  function bufferOfDestroyed(): Buffer {
    const arena = new Arena();
    const view = arena.alloc(100);
    arena.destroy();
    return view;
  }

  /** One view for each way to have a block. */
  function viewsWithMemory(arena: Arena): View[] {
    return [
      arena.alloc(100),
      arena.allocTyped(Float64Array, 9),
      arena.allocTyped(DataView, 9),
      arena.allocUnsafe(100_000),
      arena.allocUnsafe(3_000_000),
      arena.allocUnsafe(50, 4096),
    ];
  }

  test.each(USES)('%s: ERR_HAKMEM_DOUBLE_FREE after a free', (_name, use) => {
    const arena = new Arena();
    const views = [...viewsWithMemory(arena), arena.alloc(0)];
    for (const view of views) arena.free(view);
    const before = arena.stats();
    for (const view of views) {
      expectCode(() => use(arena, view), 'ERR_HAKMEM_DOUBLE_FREE');
      expect(arena.owns(view)).toBe(false);
    }
    expect(withoutRefusals(arena.stats())).toEqual(withoutRefusals(before));
    arena.destroy();
  });

  test.each(USES)('%s: ERR_HAKMEM_STALE_VIEW after a reset', (_name, use) => {
    const arena = new Arena();
    const views = viewsWithMemory(arena);
    arena.reset();
    const before = arena.stats();
    for (const view of views) {
      expectCode(() => use(arena, view), 'ERR_HAKMEM_STALE_VIEW');
      expect(arena.owns(view)).toBe(false);
    }
    expect(withoutRefusals(arena.stats())).toEqual(withoutRefusals(before));
    arena.destroy();
  });

  test('a change of its length property or prototype gains nothing', () => {
    const arena = new Arena();
    const view = arena.allocUnsafe(100);
    Object.setPrototypeOf(view, Uint8Array.prototype);
    arena.free(view);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 1, frees: 1 });
    arena.destroy();
  });
});

describe('after destroy', () => {
  const FOREIGN = Buffer.alloc(10);
  const METHODS: readonly (readonly [string, (arena: Arena, view: Buffer) => unknown])[] = [
    ['alloc', (arena) => arena.alloc(10)],
    ['alloc of 0', (arena) => arena.alloc(0)],
    ['alloc with a fill', (arena) => arena.alloc(10, 'x')],
    ['alloc of a run', (arena) => arena.alloc(100_000)],
    ['alloc of a huge mapping', (arena) => arena.alloc(4_000_000)],
    ['allocUnsafe', (arena) => arena.allocUnsafe(10)],
    ['allocUnsafe, aligned', (arena) => arena.allocUnsafe(200, 4096)],
    ['allocUnsafe, aligned, of 0', (arena) => arena.allocUnsafe(0, 4096)],
    ['from a string', (arena) => arena.from('x')],
    ['from a Buffer', (arena) => arena.from(FOREIGN)],
    ['allocTyped', (arena) => arena.allocTyped(Int32Array, 10)],
    ['allocTyped of 0', (arena) => arena.allocTyped(DataView, 0)],
    ['free', (arena, view) => arena.free(view)],
    ['free of a foreign Buffer', (arena) => arena.free(FOREIGN)],
    ['free of nothing', (arena) => arena.free(null as never)],
    ['realloc', (arena, view) => arena.realloc(view, 20)],
    ['usableSize', (arena, view) => arena.usableSize(view)],
    ['scope', (arena) => arena.scope(() => 1)],
    ['openScope', (arena) => arena.openScope()],
    ['reset', (arena) => arena.reset()],
    ['trim', (arena) => arena.trim()],
    ['stats', (arena) => arena.stats()],
  ];

  test.each(METHODS)('%s throws ERR_HAKMEM_ARENA_DESTROYED', (_name, method) => {
    const arena = new Arena();
    const view = arena.alloc(10);
    arena.destroy();
    expectCode(() => method(arena, view), 'ERR_HAKMEM_ARENA_DESTROYED');
    arena.destroy();
    expectCode(() => method(arena, view), 'ERR_HAKMEM_ARENA_DESTROYED');
  });

  test.each(METHODS)('%s does not reach a newer arena', (_name, method) => {
    const arena = new Arena();
    const view = arena.alloc(10);
    arena.destroy();
    const newer = new Arena();
    const before = ownStats(newer.stats());
    expectCode(() => method(arena, view), 'ERR_HAKMEM_ARENA_DESTROYED');
    expect(ownStats(newer.stats())).toEqual(before);
    newer.destroy();
  });

  test('an open scope throws it as well, and its end does nothing', () => {
    const arena = new Arena();
    const scope = arena.openScope();
    scope.alloc(10);
    arena.destroy();
    const newer = new Arena();
    for (const use of [
      () => scope.alloc(10),
      () => scope.alloc(10, 'x'),
      () => scope.allocUnsafe(10),
      () => scope.allocUnsafe(200, 4096),
      () => scope.from('x'),
      () => scope.allocTyped(Int8Array, 10),
    ]) {
      expectCode(use, 'ERR_HAKMEM_ARENA_DESTROYED');
    }
    scope.end();
    expect(totalsOf(newer.stats()).allocs).toBe(0);
    newer.destroy();
  });

  test('owns is false, destroyed is true, destroy is quiet', () => {
    const arena = new Arena();
    const view = arena.alloc(10);
    expect(arena.destroyed).toBe(false);
    arena.destroy();
    expect(arena.destroyed).toBe(true);
    expect(arena.owns(view)).toBe(false);
    arena.destroy();
  });
});

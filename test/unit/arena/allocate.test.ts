import { describe, expect, test } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import { Arena, type FromValue, type ViewConstructor } from '../../../lib/index';
import { codeOf, expectCode } from '../support/codes';
import { checkSums, ownStats, totalsOf } from '../support/sums';
import { VIEW_CONSTRUCTORS, blockOf, bytesOf, elementBytesOf } from '../support/views';

/** Encodings, names for none among them. */
const ENCODINGS: readonly unknown[] = [
  undefined,
  'utf8',
  'UTF-8',
  'hex',
  'base64',
  'base64url',
  'latin1',
  'binary',
  'ascii',
  'ucs2',
  'utf16le',
  'utf-16le',
  'bogus',
  '',
  null,
  1,
  {},
  'utf-8',
  'UTF8',
  'HEX',
  'ucs-2',
  'UTF-16LE',
  7,
];

/** Bytes in hex, or the code (a TypeError of the engine itself has none: its name). */
function outcomeOf(make: () => Buffer): string {
  try {
    return make().toString('hex');
  } catch (error) {
    const { code, name } = error as { code?: string; name: string };
    return code ?? name;
  }
}

/** How a value reads in a test's name. */
function nameOf(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.constructor.name}(${value.length})`;
  if (typeof value === 'symbol' || typeof value === 'bigint') return typeof value;
  return value === undefined ? 'undefined' : JSON.stringify(value);
}

/** Leaves old bytes in the blocks that small sizes get next. */
function dirty(arena: Arena): void {
  const views = Array.from({ length: 64 }, (_, size) => arena.allocUnsafe(size).fill(0xee));
  for (const view of views) arena.free(view);
}

describe('alloc fills as Buffer.alloc does', () => {
  const SIZES = [0, 1, 2, 7, 10, 33];
  const FILLS: readonly unknown[] = [
    undefined,
    0,
    1,
    255,
    256,
    300,
    -1,
    1.7,
    NaN,
    '',
    'a',
    'abc',
    'żółw',
    'zz',
    '0aff',
    '0af',
    'YWJj',
    Buffer.from('xyz'),
    new Uint8Array([1, 2]),
    new Uint8Array(0),
    new Uint16Array([0x1234]),
    new DataView(new ArrayBuffer(3)),
    null,
    true,
    {},
    [],
    Symbol('s'),
    5n,
  ];

  test.each(FILLS.map((fill) => ({ name: nameOf(fill), fill })))('with $name', ({ fill }) => {
    const arena = new Arena();
    dirty(arena);
    for (const size of SIZES) {
      for (const encoding of ENCODINGS) {
        const args = [size, fill as string, encoding as BufferEncoding] as const;
        const what = `alloc(${size}, ${nameOf(fill)}, ${nameOf(encoding)})`;
        const ours = outcomeOf(() => arena.alloc(...args));
        const theirs = outcomeOf(() => Buffer.alloc(...args));
        expect(`${what}: ${ours}`).toBe(`${what}: ${theirs}`);
      }
    }
    checkSums(arena.stats());
    arena.destroy();
  });

  test('a refused fill takes nothing', () => {
    const arena = new Arena();
    const before = ownStats(arena.stats());
    expectCode(() => arena.alloc(10, 'zz', 'hex'), 'ERR_INVALID_ARG_VALUE');
    expectCode(() => arena.alloc(10, 'a', 'bogus' as BufferEncoding), 'ERR_UNKNOWN_ENCODING');
    expect(ownStats(arena.stats())).toEqual(before);
    arena.destroy();
  });

  test.each([1, 100, 1024, 5000, 65536, 65537, 300_000, 3 * 1024 * 1024])(
    'zeroes all of %i bytes of a block that was written to',
    (size) => {
      const arena = new Arena();
      const old = arena.allocUnsafe(size).fill(0xff);
      arena.free(old);
      const view = arena.alloc(size);
      expect(view.equals(Buffer.alloc(size))).toBe(true);
      arena.destroy();
    },
  );

  test('writes nothing behind its end', () => {
    const arena = new Arena();
    const block = blockOf(arena.allocUnsafe(112), 112).fill(0xee);
    const view = arena.alloc(100, 'abc');
    expect(view.length).toBe(100);
    expect([...block]).toEqual(new Array(112).fill(0xee));
    arena.destroy();
  });
});

const onLinux = process.platform === 'linux' ? test : test.skip;

describe('large memory that is zero already', () => {
  const MIB = 2 ** 20;

  onLinux('is not filled: its pages stay untouched', () => {
    const arena = new Arena();
    const before = process.memoryUsage.rss();
    const zeroed = arena.alloc(256 * MIB);
    const numbers = arena.allocTyped(Float64Array, 32 * MIB);
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * MIB);
    expect([zeroed[0], zeroed.at(-1), numbers[0], numbers.at(-1)]).toEqual([0, 0, 0, 0]);
    arena.destroy();
  });

  // A run; a run that has seen others; a mapping; one beyond what the front and the cache keep.
  test.each([100_000, 2 * MIB, 3 * MIB, 40 * MIB])('%i bytes are zero however often', (size) => {
    const arena = new Arena();
    for (let round = 0; round < 4; round++) {
      for (const spoil of [size, size / 2, 65_537]) {
        const view = arena.alloc(size);
        expect(view.equals(Buffer.alloc(size))).toBe(true);
        const other = arena.allocUnsafe(spoil).fill(0xee);
        view.fill(0xdd);
        arena.free(view);
        arena.free(other);
        if (round % 2 === 1) arena.trim();
        if (round === 2) arena.reset();
      }
    }
    arena.destroy();
  });
});

describe('from copies as Buffer.from does', () => {
  const STRINGS = ['', 'a', 'abc', 'żółw 🦊', '\ud800x', '0aff', '0af', 'YWJj ZGVm=', '-_8', '\0'];

  function expectSame(what: string, ...args: readonly unknown[]): void {
    const arena = new Arena();
    dirty(arena);
    const before = totalsOf(arena.stats());
    const [value, encodingOrOffset, length] = args as [string, BufferEncoding, number];
    const from = (...values: readonly unknown[]): Buffer =>
      Buffer.from(...(values as [string, BufferEncoding]));
    const ours = outcomeOf(() =>
      args.length === 1 ? arena.from(value) : arena.from(value, encodingOrOffset, length),
    );
    expect(`${what}: ${ours}`).toBe(`${what}: ${outcomeOf(() => from(...args))}`);
    if (ours.startsWith('ERR_')) expect(totalsOf(arena.stats())).toEqual(before);
    arena.destroy();
  }

  test.each(ENCODINGS.map((encoding) => ({ name: nameOf(encoding), encoding })))(
    'strings in encoding $name',
    ({ encoding }) => {
      for (const value of STRINGS) expectSame(JSON.stringify(value), value, encoding);
    },
  );

  const shared = new SharedArrayBuffer(16);
  const VALUES: readonly (readonly [string, ...unknown[]])[] = [
    ['an array', [1, 2, 300, -1, 1.5, NaN, '7', undefined]],
    ['an empty array', []],
    ['an array-like object', { length: 3, 0: 1, 2: 9 }],
    ['an object with a length that is none', { length: '3', 0: 1 }],
    ['a JSON Buffer', JSON.parse(JSON.stringify(Buffer.from('json')))],
    ['an ArrayBuffer', new Uint8Array([1, 2, 3, 4]).buffer],
    ['an ArrayBuffer from an offset', new Uint8Array([1, 2, 3, 4]).buffer, 1],
    ['a part of an ArrayBuffer', new Uint8Array([1, 2, 3, 4]).buffer, 1, 2],
    ['an ArrayBuffer and an empty part', new Uint8Array([1, 2, 3, 4]).buffer, 4, 0],
    ['an offset behind the end', new ArrayBuffer(4), 5],
    ['a length behind the end', new ArrayBuffer(4), 2, 3],
    ['a negative offset', new ArrayBuffer(4), -1],
    ['an offset that is not a number', new ArrayBuffer(4), 'x'],
    ['a SharedArrayBuffer', shared],
    ['a part of a SharedArrayBuffer', shared, 4, 8],
    ['a Buffer', Buffer.from('buffer')],
    ['an empty Buffer', Buffer.alloc(0)],
    ['a Uint8Array', new Uint8Array([9, 8, 7])],
    ['a Uint8Array of another realm', runInNewContext('new Uint8Array([3, 2, 1])')],
    ['an ArrayBuffer of another realm', runInNewContext('new Uint8Array([3, 2, 1]).buffer')],
    ['a Uint16Array, element by element', new Uint16Array([0x1234, 255])],
    ['a Float64Array', new Float64Array([1.5, 2])],
    ['a DataView', new DataView(new ArrayBuffer(2))],
    ['a String object', new String('boxed')],
    ['an object with valueOf', { valueOf: () => 'value' }],
    ['an object with toPrimitive', { [Symbol.toPrimitive]: () => 'primitive' }],
    ['an object with toPrimitive and an encoding', { [Symbol.toPrimitive]: () => '0aff' }, 'hex'],
    ['a valueOf that returns the object', {}],
    ['a Set', new Set([1, 2])],
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['a bigint', 5n],
    ['a boolean', true],
    ['a symbol', Symbol('s')],
    ['a function', () => 1],
  ];

  test.each(VALUES)('%s', (name, ...args) => {
    expectSame(name, ...args);
  });

  test('an error of valueOf passes through and takes nothing', () => {
    const arena = new Arena();
    const before = ownStats(arena.stats());
    const broken: FromValue = {
      valueOf() {
        throw new Error('mine');
      },
    };
    expect(() => arena.from(broken)).toThrow('mine');
    expect(ownStats(arena.stats())).toEqual(before);
    arena.destroy();
  });

  test('memory is never shared with the source', () => {
    const arena = new Arena();
    const sources = [new Uint8Array([1, 2, 3]), Buffer.from([1, 2, 3])];
    for (const source of [...sources, ...sources.map((one) => one.buffer)]) {
      const copy = arena.from(source);
      expect(copy.buffer).not.toBe(source instanceof Uint8Array ? source.buffer : source);
      const first = copy[0]!;
      const bytes = source instanceof Uint8Array ? source : new Uint8Array(source);
      bytes[0] = 0xaa;
      expect(copy[0]).toBe(first);
    }
    arena.destroy();
  });

  test('its own views are copied as well', () => {
    const arena = new Arena();
    const original = arena.from('copy me');
    const copy = arena.from(original);
    original.fill(0);
    expect(copy.toString()).toBe('copy me');
    expect(totalsOf(arena.stats()).live).toBe(2);
    arena.destroy();
  });

  test('a long string arrives whole', () => {
    const arena = new Arena();
    const text = 'ż🦊'.repeat(50_000);
    expect(arena.from(text).toString()).toBe(text);
    expect(arena.from(text, 'utf16le').toString('utf16le')).toBe(text);
    arena.destroy();
  });
});

describe('allocTyped', () => {
  const CASES = VIEW_CONSTRUCTORS.map((constructor) => ({ name: constructor.name, constructor }));
  const LENGTHS = [0, 1, 2, 3, 7, 8, 100, 1000, 9001, 300_000];

  test.each(CASES)('$name is one: prototype, length, alignment, zeroes', ({ constructor }) => {
    const arena = new Arena();
    const elementBytes = elementBytesOf(constructor);
    for (const length of LENGTHS) {
      const view = arena.allocTyped(constructor, length);
      expect(Object.getPrototypeOf(view)).toBe(constructor.prototype);
      expect(view.byteLength).toBe(length * elementBytes);
      expect(view.byteOffset % elementBytes).toBe(0);
      expect(bytesOf(view).every((byte) => byte === 0)).toBe(true);
      expect(arena.owns(view)).toBe(true);
      expect(arena.usableSize(view)).toBeGreaterThanOrEqual(view.byteLength);
    }
    checkSums(arena.stats());
    arena.destroy();
  });

  test.each(CASES)('$name is zeroed on a block that was written to', ({ constructor }) => {
    const arena = new Arena();
    for (const length of LENGTHS) {
      for (let round = 0; round < 3; round++) {
        const view = arena.allocTyped(constructor, length);
        expect(bytesOf(view).every((byte) => byte === 0)).toBe(true);
        blockOf(view, arena.usableSize(view)).fill(0xff);
        arena.free(view);
      }
      const buffer = arena.allocUnsafe(length * elementBytesOf(constructor));
      blockOf(buffer, arena.usableSize(buffer)).fill(0xff);
      arena.free(buffer);
      const view = arena.allocTyped(constructor, length);
      expect(bytesOf(view).every((byte) => byte === 0)).toBe(true);
    }
    arena.destroy();
  });

  test.each(CASES)('$name equals one of the engine', ({ constructor }) => {
    const arena = new Arena();
    const make = constructor as new (source: ArrayBuffer) => ArrayBufferView;
    const theirs = new make(new ArrayBuffer(40 * elementBytesOf(constructor)));
    const ours = arena.allocTyped(constructor, constructor === DataView ? theirs.byteLength : 40);
    expect(ours).toStrictEqual(theirs);
    expect(Reflect.ownKeys(ours)).toEqual(Reflect.ownKeys(theirs));
    arena.destroy();
  });

  test('elements hold what is written to them', () => {
    const arena = new Arena();
    const doubles = arena.allocTyped(Float64Array, 1000);
    const bigs = arena.allocTyped(BigInt64Array, 1000);
    const view: DataView<ArrayBuffer> = arena.allocTyped(DataView, 1000);
    for (let i = 0; i < 1000; i++) {
      doubles[i] = i / 3;
      bigs[i] = -(BigInt(i) ** 5n);
      view.setUint8(i, i & 0xff);
    }
    for (let i = 0; i < 1000; i++) {
      if (doubles[i] !== i / 3) throw new Error(`doubles[${i}]`);
      if (bigs[i] !== -(BigInt(i) ** 5n)) throw new Error(`bigs[${i}]`);
      if (view.getUint8(i) !== (i & 0xff)) throw new Error(`view[${i}]`);
    }
    arena.destroy();
  });

  test('a freed typed array never comes back as a Buffer, nor as another type', () => {
    const arena = new Arena();
    for (let round = 0; round < 20; round++) {
      const views = VIEW_CONSTRUCTORS.map((one) => arena.allocTyped(one, 8));
      const buffer = arena.allocUnsafe(64);
      views.forEach((view, i) => {
        expect(Object.getPrototypeOf(view)).toBe(VIEW_CONSTRUCTORS[i]!.prototype);
      });
      expect(Object.getPrototypeOf(buffer)).toBe(Buffer.prototype);
      for (const view of [...views, buffer]) arena.free(view);
    }
    arena.destroy();
  });

  class Derived extends Uint8Array {}
  test.each([
    ['Buffer', Buffer],
    ['Array', Array],
    ['ArrayBuffer', ArrayBuffer],
    ['a subclass', Derived],
    ['a name', 'Uint8Array'],
    ['undefined', undefined],
    ['null', null],
    ['an object', {}],
    ['the abstract TypedArray', Object.getPrototypeOf(Uint8Array)],
  ])('refuses %s for a constructor', (_name, constructor: unknown) => {
    const arena = new Arena();
    const before = ownStats(arena.stats());
    const code = codeOf(() => arena.allocTyped(constructor as ViewConstructor, 8));
    expect(code).toBe('ERR_INVALID_ARG_TYPE');
    expect(ownStats(arena.stats())).toEqual(before);
    arena.destroy();
  });
});

describe('allocUnsafe with an alignment', () => {
  const ALIGNMENTS = Array.from({ length: 13 }, (_, log2) => 2 ** log2);
  const SIZES = [1, 7, 24, 100, 1000, 5000, 40_000, 65_535, 65_536, 65_537, 300_000];

  test.each(ALIGNMENTS)('of %i begins at a multiple of it', (alignment) => {
    const arena = new Arena();
    for (const size of SIZES) {
      const views = Array.from({ length: 40 }, () => arena.allocUnsafe(size, alignment));
      for (const view of views) {
        expect(view.length).toBe(size);
        // Slabs begin at multiples of 64 KB, so the offset decides.
        expect(view.byteOffset % alignment).toBe(0);
        expect(arena.usableSize(view)).toBeGreaterThanOrEqual(size);
      }
      const before = totalsOf(arena.stats());
      expect(before).toMatchObject({ live: 40, liveBytes: 40 * size });
      for (const view of views) arena.free(view);
    }
    expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
    arena.destroy();
  });

  test('holds with classes of odd sizes', () => {
    const arena = new Arena({ sizeClasses: [48, 112, 400, 6544] });
    for (const alignment of ALIGNMENTS) {
      for (const size of [1, 48, 100, 300, 6000]) {
        expect(arena.allocUnsafe(size, alignment).byteOffset % alignment).toBe(0);
      }
    }
    checkSums(arena.stats());
    arena.destroy();
  });

  test('size 0 is an empty Buffer', () => {
    const arena = new Arena();
    expect(arena.allocUnsafe(0, 4096)).toStrictEqual(Buffer.alloc(0));
    arena.destroy();
  });

  test.each([
    [0, 'ERR_OUT_OF_RANGE'],
    [-1, 'ERR_OUT_OF_RANGE'],
    [3, 'ERR_OUT_OF_RANGE'],
    [1.5, 'ERR_OUT_OF_RANGE'],
    [NaN, 'ERR_OUT_OF_RANGE'],
    [Infinity, 'ERR_OUT_OF_RANGE'],
    [4097, 'ERR_OUT_OF_RANGE'],
    [8192, 'ERR_OUT_OF_RANGE'],
    [2 ** 32, 'ERR_OUT_OF_RANGE'],
    [2 ** 32 + 16, 'ERR_OUT_OF_RANGE'],
    ['16', 'ERR_INVALID_ARG_TYPE'],
    [16n, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [true, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %p', (alignment, code) => {
    const arena = new Arena();
    const scope = arena.openScope();
    const before = ownStats(arena.stats());
    expectCode(() => arena.allocUnsafe(100, alignment as number), code);
    expectCode(() => scope.allocUnsafe(100, alignment as number), code);
    expect(ownStats(arena.stats())).toEqual(before);
    arena.destroy();
  });
});

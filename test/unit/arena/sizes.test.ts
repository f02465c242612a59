import { constants } from 'node:buffer';
import { describe, expect, test } from '@jest/globals';
import { Arena } from '../../../lib/index';
import { bucketOfBuffers } from '../../../lib/front/buckets';
import { native } from '../../../lib/native/native';
import { expectCode } from '../support/codes';
import { checkSums, ownStats, rowOf, totalsOf } from '../support/sums';
import { blockOf, powerEdges } from '../support/views';

const MIB = 1024 * 1024;
const SLAB_BYTES = 64 * 1024;
const STRIDES = native.tables.defaultStrides;

/** Bytes of the block that a request must get: a stride, whole slabs, or at least whole slabs. */
function blockBytesFor(size: number, strides = STRIDES): number {
  return strides.find((stride) => size <= stride) ?? Math.ceil(size / SLAB_BYTES) * SLAB_BYTES;
}

describe('realloc to a larger class, again and again', () => {
  const MODES = [{}, { zero: 'free' }, { views: 'fresh' }, { guard: { sampleRate: 3 } }] as const;

  test.each(MODES)('keeps the bytes and the books, in an arena with %j', (options) => {
    const arena = new Arena(options);
    for (let round = 0; round < 30; round++) {
      let view = arena.alloc(16, round);
      for (let size = 16; size < 200_000; size *= 2) {
        const old = view;
        view = arena.realloc(old, size + 3);
        expect(view).toHaveLength(size + 3);
        expect(view.subarray(0, 16).every((byte) => byte === round)).toBe(true);
        expect(arena.owns(old)).toBe(old === view);
        view = arena.realloc(view, size + 3);
      }
      expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 1 });
      arena.free(view);
      expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 0, liveBytes: 0 });
    }
    arena.destroy();
  });

  test('leaves a scope its views, and who retains them their bytes', () => {
    const arena = new Arena();
    for (let round = 0; round < 20; round++) {
      const scope = arena.openScope();
      const larger = arena.realloc(scope.alloc(100, 7), 200);
      const retained = arena.retain(arena.alloc(100, 8));
      const moved = arena.realloc(retained, 200);
      arena.free(moved);
      expect(retained.every((byte) => byte === 8)).toBe(true);
      expect(arena.release(retained)).toBe(true);
      scope.end();
      expect(arena.owns(larger)).toBe(false);
      expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 0, liveBytes: 0 });
    }
    arena.destroy();
  });
});

describe('the class of a size', () => {
  test.each(powerEdges(22))('%i bytes get a block that holds them, in the right row', (size) => {
    const arena = new Arena();
    const view = arena.allocUnsafe(size);
    expect(view.length).toBe(size);
    const usable = arena.usableSize(view);
    // A huge mapping that is used again may be an eighth larger.
    const most = size > 2 * MIB ? (blockBytesFor(size) * 9) / 8 : blockBytesFor(size);
    expect(usable).toBeGreaterThanOrEqual(blockBytesFor(size));
    expect(usable).toBeLessThanOrEqual(most);

    const stats = checkSums(arena.stats());
    const used = stats.classes.filter((row) => row.allocs > 0);
    expect(used).toEqual([stats.classes.find((row) => size <= row.maxSize)]);
    expect(used[0]).toMatchObject({ allocs: 1, live: 1, liveBytes: size });

    blockOf(view, usable).fill(0xa5);
    arena.free(view);
    expect(totalsOf(arena.stats())).toMatchObject({ frees: 1, live: 0, liveBytes: 0 });
    arena.destroy();
  });

  test.each(STRIDES)('a block of %i bytes ends exactly there', (stride) => {
    const arena = new Arena();
    const full = arena.allocUnsafe(stride);
    const beyond = arena.allocUnsafe(stride + 1);
    expect(full.length).toBe(stride);
    expect(arena.usableSize(full)).toBe(stride);
    expect(arena.usableSize(beyond)).toBe(blockBytesFor(stride + 1));
    expect(arena.usableSize(beyond)).toBeGreaterThan(stride);

    full.fill(0x11);
    beyond.fill(0x22);
    expect(full.every((byte) => byte === 0x11)).toBe(true);
    checkSums(arena.stats());
    arena.destroy();
  });

  test.each(powerEdges(23))('at least %i bytes are the whole block', (size) => {
    const arena = new Arena();
    for (let round = 0; round < 3; round++) {
      const views = [arena.allocAtLeast(size), arena.openScope().allocAtLeast(size)];
      for (const view of views) {
        expect(view.length).toBeGreaterThanOrEqual(Math.max(size, blockBytesFor(size)));
        expect(view.length).toBe(arena.usableSize(view));
        view.fill(0xa5);
        arena.free(view);
      }
    }
    expect(totalsOf(checkSums(arena.stats()) as never)).toMatchObject({ live: 0, liveBytes: 0 });
    arena.destroy();
  });

  test('at least so many bytes: the lengths that exist have buckets of their own, and repeat', () => {
    const buckets = STRIDES.map(bucketOfBuffers);
    expect(new Set(buckets).size).toBe(STRIDES.length);
    const arena = new Arena();
    const seen = new Set<Buffer>();
    for (let size = 1; size <= 65_536; size++) {
      const view = arena.allocAtLeast(size);
      seen.add(view);
      arena.free(view);
    }
    // A length above 1 KB gets a bucket once it was freed six times.
    expect(seen.size).toBeLessThan(STRIDES.length * 7);
    arena.destroy();
  });

  test('at least so many bytes: refuses what allocUnsafe refuses, and 0 is empty', () => {
    const arena = new Arena({ maxBytes: 4 * MIB, sizeClasses: [32, 1600] });
    expect([arena.allocAtLeast(0), arena.allocAtLeast(-0)].map((it) => it.length)).toEqual([0, 0]);
    expect([1, 33, 1601].map((size) => arena.allocAtLeast(size).length)).toEqual([
      32, 1600, 65_536,
    ]);
    for (const wrong of ['5', undefined, null, {}, 5n]) {
      expectCode(() => arena.allocAtLeast(wrong as never), 'ERR_INVALID_ARG_TYPE');
    }
    for (const wrong of [-1, 1.5, NaN, Infinity, 2 ** 53, constants.MAX_LENGTH + 1]) {
      expectCode(() => arena.allocAtLeast(wrong), 'ERR_OUT_OF_RANGE');
    }
    expectCode(() => arena.allocAtLeast(8 * MIB), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expectCode(() => arena.allocAtLeast(constants.MAX_LENGTH), 'ERR_HAKMEM_OUT_OF_MEMORY');
    const scope = arena.openScope();
    scope.end();
    expectCode(() => scope.allocAtLeast(5), 'ERR_INVALID_STATE');
    arena.destroy();
    expectCode(() => arena.allocAtLeast(5), 'ERR_HAKMEM_ARENA_DESTROYED');
  });

  test.each([{ views: 'fresh' }, { guard: { sampleRate: 1 } }, { zero: 'free' }] as const)(
    'at least so many bytes, in an arena with %j',
    (options) => {
      const arena = new Arena(options);
      for (const size of [1, 100, 3000, 65_537, 300_000]) {
        const view = arena.allocAtLeast(size);
        expect(view.length).toBe(arena.usableSize(view));
        arena.free(view);
      }
      arena.destroy();
    },
  );

  test('wastes at most an eighth of a block between 128 B and 8 KB', () => {
    const arena = new Arena();
    for (let size = 129; size <= 8192; size++) {
      const view = arena.allocUnsafe(size);
      const block = arena.usableSize(view);
      if (block - size > block / 8) throw new Error(`${size} bytes waste too much of ${block}`);
      arena.free(view);
    }
    arena.destroy();
  });

  test('every length up to 8 KB is served at that length', () => {
    const arena = new Arena();
    for (let size = 1; size <= 8192; size++) {
      const view = arena.allocUnsafe(size);
      if (view.length !== size) throw new Error(`${view.length} bytes instead of ${size}`);
      if (arena.usableSize(view) !== blockBytesFor(size)) throw new Error(`wrong block: ${size}`);
    }
    expect(totalsOf(arena.stats())).toMatchObject({ live: 8192, liveBytes: (8192 * 8193) / 2 });
    arena.destroy();
  });

  test('a run that was given back serves a smaller run without its tail being lost', () => {
    const arena = new Arena();
    for (const size of [2 * MIB, MIB, 512 * 1024, 65537, 2 * MIB]) {
      arena.free(arena.allocUnsafe(size));
      arena.trim();
      expect(checkSums(arena.stats()).bytes.used).toBe(0);
    }
    arena.destroy();
  });
});

describe('size 0', () => {
  test('is a valid empty Buffer that can be freed once', () => {
    const arena = new Arena();
    const { failures } = arena.stats();
    const before = ownStats(arena.stats());
    for (const view of [arena.allocUnsafe(0), arena.alloc(0), arena.from('')]) {
      expect(view).toStrictEqual(Buffer.alloc(0));
      expect(arena.owns(view)).toBe(true);
      expect(arena.usableSize(view)).toBe(0);
      arena.free(view);
      expect(arena.owns(view)).toBe(false);
      expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    }
    // The three frees that were refused are counted, and nothing else.
    const after = { ...before, failures: { ...failures, doubleFrees: 3 } };
    expect(ownStats(arena.stats())).toEqual(after);
    arena.destroy();
  });

  test('two of them are two views', () => {
    const arena = new Arena();
    const [a, b] = [arena.alloc(0), arena.alloc(0)];
    arena.free(a);
    expect(arena.owns(b)).toBe(true);
    arena.free(b);
    arena.destroy();
  });

  test('is stale after a reset', () => {
    const arena = new Arena();
    const view = arena.alloc(0);
    arena.reset();
    expect(arena.owns(view)).toBe(false);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_STALE_VIEW');
    arena.destroy();
  });
});

describe('own size classes', () => {
  const TABLES = [
    [8],
    [65536],
    [16, 32, 64],
    [48, 112, 1040],
    [8, 16, 1024, 4096],
    [1008, 65520, 65536],
    Array.from({ length: 63 }, (_, i) => (i + 1) * 16),
  ];

  test.each(TABLES.map((sizes) => ({ sizes })))('$sizes serve every size', ({ sizes }) => {
    const arena = new Arena({ sizeClasses: sizes });
    const strides = sizes.at(-1) === SLAB_BYTES ? sizes : [...sizes, SLAB_BYTES];
    const edges = strides.flatMap((stride) => [stride - 1, stride, stride + 1]);
    const views = [...edges, 1, 3000, 100_000].map((size) => arena.alloc(size, size & 0xff));
    for (const view of views) {
      expect(arena.usableSize(view)).toBe(blockBytesFor(view.length, strides));
      blockOf(view, arena.usableSize(view)).fill(view.length & 0xff, view.length);
    }
    for (const view of views) {
      expect(view.every((byte) => byte === (view.length & 0xff))).toBe(true);
    }
    checkSums(arena.stats());
    for (const view of views) arena.free(view);
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.trim();
    expect(checkSums(arena.stats()).bytes.used).toBe(0);
    arena.destroy();
  });

  test('appear in statistics as bins of the row they fall into', () => {
    const arena = new Arena({ sizeClasses: [48, 1040] });
    arena.allocUnsafe(20);
    arena.allocUnsafe(49);
    const stats = arena.stats();
    expect(rowOf(stats, 'C3').bins.map((bin) => bin.blockSize)).toEqual([48]);
    expect(rowOf(stats, 'M0').bins.map((bin) => bin.blockSize)).toEqual([1040]);
    arena.destroy();
  });

  test('an arena with its own does not change the next one', () => {
    const own = new Arena({ sizeClasses: [4096] });
    const usual = new Arena();
    expect(own.usableSize(own.allocUnsafe(100))).toBe(4096);
    expect(usual.usableSize(usual.allocUnsafe(100))).toBe(112);
    own.destroy();
    usual.destroy();
  });
});

import { describe, expect, test } from '@jest/globals';
import { Arena, HakmemError, OutOfMemoryError } from '../../../lib/index';
import { onlyNative } from '../support/backend';
import { resultOf } from '../support/child';
import { errorOf, expectCode } from '../support/codes';
import { checkSums, totalsOf } from '../support/sums';

const MIB = 1024 * 1024;

/** Allocates until the arena refuses; the error is the last. */
function exhaust(arena: Arena, size: number): { views: Buffer[]; error: OutOfMemoryError } {
  const views: Buffer[] = [];
  const error = errorOf(() => {
    for (;;) {
      views.push(arena.allocUnsafe(size).fill(views.length & 0xff));
      if (views.length > 1_000_000) return;
    }
  });
  return { views, error: error as OutOfMemoryError };
}

describe('maxBytes', () => {
  test.each([64, 1000, 5000, 65_536, 100_000, 1_000_000, 3_000_000])(
    'stops requests of %i bytes with the numbers, and the arena goes on',
    (size) => {
      const maxBytes = 8 * MIB;
      const arena = new Arena({ maxBytes });
      const { views, error } = exhaust(arena, size);
      expect(error).toBeInstanceOf(OutOfMemoryError);
      expect(error).toBeInstanceOf(HakmemError);
      const { used } = checkSums(arena.stats()).bytes;
      expect(error).toMatchObject({
        code: 'ERR_HAKMEM_OUT_OF_MEMORY',
        reason: 'limit',
        requestedBytes: size,
        usedBytes: used,
        maxBytes,
      });
      expect(used).toBeLessThanOrEqual(maxBytes);
      expect(used + Math.max(size, 65_536) + 65_536).toBeGreaterThan(maxBytes);
      expect(arena.stats().failures).toMatchObject({ os: 0 });
      expect(arena.stats().failures.limit).toBeGreaterThan(0);

      expect(totalsOf(arena.stats())).toMatchObject({
        live: views.length,
        liveBytes: views.length * size,
      });
      views.forEach((view, i) => {
        if (view[0] !== (i & 0xff) || view.at(-1) !== (i & 0xff)) throw new Error(`view ${i}`);
      });

      arena.free(views.pop()!);
      expect(arena.alloc(size).length).toBe(size);
      for (const view of views) arena.free(view);
      expect(exhaust(arena, size).views.length).toBe(views.length);
      arena.destroy();
    },
  );

  test('memory that the front holds for other sizes is used before a request fails', () => {
    const arena = new Arena({ maxBytes: 4 * MIB });
    for (const size of [16, 300, 1000, 4000, 30_000, 65_536, 200_000, 1_500_000, 3_000_000, 20]) {
      const { views } = exhaust(arena, size);
      expect(views.length * size).toBeGreaterThan(0.6 * 4 * MIB - size);
      for (const view of views) arena.free(view);
    }
    checkSums(arena.stats());
    arena.destroy();
  });

  test('a free view of every size does not keep a large request from its memory', () => {
    const arena = new Arena({ maxBytes: 4 * MIB });
    const sizes = [8, 16, 64, 200, 1024, 2000, 4096, 10_000, 32_768, 65_536, 100_000];
    for (const size of sizes) arena.free(arena.allocUnsafe(size));
    const typed = arena.allocTyped(Float64Array, 100);
    arena.free(typed);
    expect(arena.allocUnsafe(4 * MIB).length).toBe(4 * MIB);
    expect(typed.length).toBe(0);
    arena.destroy();
  });

  test('below one slab lets nothing through but empty Buffers', () => {
    const arena = new Arena({ maxBytes: 65_535 });
    expectCode(() => arena.alloc(1), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expectCode(() => arena.allocTyped(Int8Array, 1), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expectCode(() => arena.allocUnsafe(1, 64), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expectCode(() => arena.from('x'), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expectCode(() => arena.scope((scope) => scope.alloc(1)), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expect(arena.alloc(0).length).toBe(0);
    expect(arena.from('').length).toBe(0);
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 0, live: 0 });
    arena.destroy();
  });

  test('of exactly one slab is one slab', () => {
    const arena = new Arena({ maxBytes: 65_536 });
    const view = arena.allocUnsafe(65_536);
    expectCode(() => arena.allocUnsafe(8), 'ERR_HAKMEM_OUT_OF_MEMORY');
    arena.free(view);
    expect(arena.allocUnsafe(8).length).toBe(8);
    arena.destroy();
  });

  test('is kept when a cached mapping is larger than the request', () => {
    const other = new Arena();
    other.allocUnsafe(3_400_000);
    other.destroy();
    const maxBytes = 3 * MIB;
    const arena = new Arena({ maxBytes });
    expect(arena.allocUnsafe(3_100_000).length).toBe(3_100_000);
    expect(arena.stats().bytes.used).toBeLessThanOrEqual(maxBytes);
    arena.destroy();
  });

  test('a thousand failures lose nothing', () => {
    const arena = new Arena({ maxBytes: MIB });
    const { views } = exhaust(arena, 1000);
    const before = totalsOf(arena.stats());
    const { used } = arena.stats().bytes;
    for (let i = 0; i < 1000; i++) {
      expectCode(() => arena.allocUnsafe(1000), 'ERR_HAKMEM_OUT_OF_MEMORY');
      expectCode(() => arena.allocUnsafe(100_000), 'ERR_HAKMEM_OUT_OF_MEMORY');
    }
    expect(totalsOf(arena.stats())).toMatchObject({
      allocs: before.allocs,
      live: before.live,
      liveBytes: before.liveBytes,
    });
    expect(arena.stats().bytes.used).toBe(used);
    for (const view of views) arena.free(view);
    arena.destroy();
  });

  test('a reset makes room again', () => {
    const arena = new Arena({ maxBytes: MIB });
    const first = exhaust(arena, 1000).views.length;
    arena.reset();
    expect(exhaust(arena, 1000).views.length).toBe(first);
    arena.destroy();
  });
});

describe('the operating system', () => {
  const unix =
    process.platform === 'win32' ? test.skip : onlyNative('it reserves more than the limit');

  interface Report {
    readonly count: number;
    readonly code: string;
    readonly reason: string;
    readonly requestedBytes: number;
    readonly usedBytes: number;
    readonly maxBytes: number;
    readonly used: number;
    readonly failures: number;
    readonly intact: boolean;
    readonly small: number;
    readonly again: number;
  }

  unix('refuses memory: a coded error, and the arena goes on', async () => {
    const script = `
      const { Arena } = require('hakmem-arena');
      const size = 64 * 1024 * 1024;
      const fill = (arena) => {
        const views = [];
        for (;;) {
          try { views.push(arena.allocUnsafe(size)); } catch (error) { return { views, error }; }
          views.at(-1)[size - 1] = views.length;
          if (views.length > 2000) throw new Error('the limit on memory has no effect');
        }
      };
      const arena = new Arena();
      const { views, error } = fill(arena);
      const { code, reason, requestedBytes, usedBytes, maxBytes } = error;
      const stats = arena.stats();
      const intact = views.every((view, i) => view[size - 1] === i + 1);
      for (const view of views) arena.free(view);
      arena.trim();
      const small = arena.alloc(100).length;
      const again = fill(arena).views.length;
      arena.destroy();
      console.log(JSON.stringify({
        count: views.length, code, reason, requestedBytes, usedBytes, maxBytes, intact, small, again,
        used: stats.bytes.used, failures: stats.failures.os,
      }));`;
    const report = await resultOf<Report>(script, { addressSpaceKib: 4 * 1024 * 1024 });
    expect(report).toMatchObject({
      code: 'ERR_HAKMEM_OUT_OF_MEMORY',
      reason: 'os',
      requestedBytes: 64 * MIB,
      usedBytes: report.count * 64 * MIB,
      maxBytes: 0,
      used: report.count * 64 * MIB,
      intact: true,
      small: 100,
    });
    expect(report.count).toBeGreaterThan(0);
    expect(report.failures).toBeGreaterThan(0);
    expect(report.again).toBeGreaterThan(0);
  });

  test('the limit of the process is one for all arenas, and is told by name', async () => {
    const script = `
      const { Arena } = require('./dist/index.js');
      const refused = (call) => { try { call(); } catch (error) { return error; } };
      const [a, b] = [new Arena(), new Arena()];
      const views = [a.alloc(5 << 20), b.alloc(1 << 20)];
      const error = refused(() => b.alloc(3 << 20));
      const created = refused(() => new Arena({ prewarm: 4 << 20 }));
      a.destroy();
      const after = b.alloc(3 << 20).length;
      console.log(JSON.stringify({
        code: error.code, reason: error.reason, message: error.message, created: created.reason, after,
      }));`;
    const env = { HAKMEM_MAX_MEMORY_MB: '8' };
    const report = await resultOf<Record<string, unknown>>(script, { env });
    expect(report).toMatchObject({
      code: 'ERR_HAKMEM_OUT_OF_MEMORY',
      reason: 'process',
      created: 'process',
      after: 3 << 20,
    });
    expect(report['message']).toMatch(/HAKMEM_MAX_MEMORY_MB/);
  });

  test('what other arenas of the thread keep goes back before the process`s limit refuses', async () => {
    const script = `
      const { subscribe } = require('node:diagnostics_channel');
      const { Arena, heapStats } = require('./dist/index.js');
      const events = [];
      subscribe('hakmem-arena:pressure', (event) => events.push(event));
      const [a, b, c] = [new Arena(), new Arena(), new Arena()];
      const live = c.alloc(1000, 7);
      for (const size of [100, 4000, 200_000]) {
        const views = Array.from({ length: 4e6 / size }, () => a.alloc(size));
        for (const view of views) a.free(view);
      }
      const before = heapStats().totals.bytes.committed;
      const sizes = [b.alloc(7 << 20), b.alloc(3 << 20)].map(({ length }) => length);
      const sound = live.every((byte) => byte === 7) && a.alloc(100, 1).length === 100;
      setImmediate(() => console.log(JSON.stringify({ before, sizes, sound, events })));`;
    const env = { HAKMEM_MAX_MEMORY_MB: '16' };
    const report = await resultOf<Record<string, unknown>>(script, { env });
    expect(report['before']).toBeGreaterThan(8 << 20);
    expect(report).toMatchObject({ sizes: [7 << 20, 3 << 20], sound: true });
    expect(report['events']).toMatchObject([
      {
        reason: 'process',
        requestedBytes: 7 << 20,
        maxBytes: 16 << 20,
        usedBytes: report['before'],
      },
    ]);
  });

  test('auto is three quarters of the memory that the process may have', async () => {
    const script = `
      const { totalmem } = require('node:os');
      const { heapStats } = require('./dist/index.js');
      const bytes = Math.min(totalmem(), process.constrainedMemory() || Infinity);
      console.log(JSON.stringify([heapStats().totals.maxBytes, bytes]));`;
    const env = { HAKMEM_MAX_MEMORY_MB: 'auto' };
    const [limit, bytes] = await resultOf<number[]>(script, { env });
    expect(limit! / bytes!).toBeCloseTo(0.75, 2);
  });

  test('a size that no system has is refused before anything is tried', () => {
    const arena = new Arena();
    const before = arena.stats();
    expect(['ERR_OUT_OF_RANGE', 'ERR_HAKMEM_OUT_OF_MEMORY']).toContain(
      (errorOf(() => arena.allocUnsafe(2 ** 50)) as { code: string }).code,
    );
    expect(totalsOf(arena.stats())).toEqual(totalsOf(before));
    expect(arena.stats().bytes.used).toBe(0);
    arena.destroy();
  });
});

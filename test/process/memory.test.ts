import { describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Arena, heapStats } from '../../lib/index';
import { IS_WASM, onlyNative } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';
import { checkSums } from '../unit/support/sums';

const MIB = 1024 * 1024;

describe('resident memory', () => {
  // On other systems RSS moves for reasons of its own.
  const linux = process.platform === 'linux' ? test : test.skip;
  const pages = IS_WASM ? onlyNative('pages are the business of the engine') : linux;

  linux('loading the package costs less than 5 MB', async () => {
    // Modules of Node and of others are there in any service, and the engine's nursery has been filled and
    // may not grow: it doubles when it sees fit, by 2 MB or more, which says nothing about us. Only what
    // comes on top counts. Pages of the node binary do not: how many of them are mapped is up to the page cache.
    const folder = mkdtempSync(join(tmpdir(), 'hakmem-modules-'));
    const others = Array.from({ length: 20 }, (_, i) => join(folder, `${i}.cjs`));
    for (const file of others) writeFileSync(file, 'exports.value = 1;\n');
    const script = `
      for (const name of ['module', 'path', 'fs', 'os', 'util', 'buffer', 'vm']) require(name);
      for (const file of ${JSON.stringify(others)}) require(file);
      const garbage = Array.from({ length: 1000 }, (_, i) => ({ i }));
      for (let i = 0; i < 300; i++) JSON.parse(JSON.stringify(garbage));
      const node = require('fs').realpathSync(process.execPath);
      const resident = () => {
        let bytes = 0, counts = true;
        for (const line of require('fs').readFileSync('/proc/self/smaps', 'utf8').split('\\n')) {
          if (/^[0-9a-f]+-/.test(line)) counts = !line.endsWith(node);
          else if (counts && line.startsWith('Rss:')) bytes += 1024 * parseInt(line.slice(4));
        }
        return bytes;
      };
      resident();
      setTimeout(() => {
        const before = resident();
        require('hakmem-arena');
        console.log(resident() - before);
      }, 50);`;
    const grown: number[] = [];
    for (let i = 0; i < 7; i++) {
      grown.push(await resultOf<number>(script, { nodeArguments: ['--max-semi-space-size=1'] }));
    }
    rmSync(folder, { recursive: true });
    // What the machine does beside us only ever adds.
    expect(Math.min(...grown)).toBeLessThan((IS_WASM ? 6 : 5) * MIB);
  });

  linux('pages that were never touched cost nothing', async () => {
    const grown = await resultOf<number>(`
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      arena.free(arena.alloc(100));
      const before = process.memoryUsage.rss();
      for (let i = 0; i < 100; i++) arena.allocUnsafe(2_000_000);
      console.log(process.memoryUsage.rss() - before);`);
    expect(grown).toBeLessThan(20 * MIB);
  });

  pages('a trim gives pages back', async () => {
    const { full, trimmed } = await resultOf<{ full: number; trimmed: number }>(`
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      const before = process.memoryUsage.rss();
      const views = Array.from({ length: 100_000 }, () => arena.alloc(1000, 1));
      const full = process.memoryUsage.rss() - before;
      for (const view of views) arena.free(view);
      views.length = 0;
      arena.trim();
      console.log(JSON.stringify({ full, trimmed: process.memoryUsage.rss() - before }));`);
    expect(full).toBeGreaterThan(90 * MIB);
    expect(trimmed).toBeLessThan(full - 80 * MIB);
  });

  pages('destroy gives pages back', async () => {
    const { full, destroyed } = await resultOf<{ full: number; destroyed: number }>(`
      const { Arena } = require('hakmem-arena');
      const before = process.memoryUsage.rss();
      const arena = new Arena();
      for (let i = 0; i < 100; i++) arena.alloc(1_000_000, 1);
      const full = process.memoryUsage.rss() - before;
      arena.destroy();
      console.log(JSON.stringify({ full, destroyed: process.memoryUsage.rss() - before }));`);
    expect(full).toBeGreaterThan(90 * MIB);
    expect(destroyed).toBeLessThan(20 * MIB);
  });
});

// V8 accounts for slabs in another way when there is other external memory about.
describe.each([0, 64 * MIB])(
  'arenas dropped without destroy, beside %i bytes of others',
  (ballast) => {
    const run = <T>(script: string): Promise<T> => {
      const source = `
      const { Arena, heapStats } = require('hakmem-arena');
      const ballast = Buffer.alloc(${ballast});
      const turn = () => new Promise(setImmediate);
      const collect = async () => { for (let i = 0; i < 5; i++) { gc(); await turn(); } };
      (async () => { ${script}; if (ballast.length !== ${ballast}) throw 1; })();`;
      return resultOf<T>(source, { nodeArguments: ['--expose-gc'] });
    };

    interface Report {
      readonly peak: number;
      readonly arenas: number;
      readonly committed: number;
      readonly mapped: number;
      readonly external: number;
    }

    test('give their memory back when they are collected', async () => {
      const report = await run<Report>(`
      const useAndDrop = () => {
        const arena = new Arena();
        for (const size of [100, 1000, 30_000, 200_000, 3_000_000]) arena.alloc(size);
        arena.allocTyped(Float64Array, 1000);
        arena.openScope().alloc(50);
      };
      let peak = 0;
      const before = process.memoryUsage().external;
      for (let round = 0; round < 10; round++) {
        for (let i = 0; i < 10; i++) useAndDrop();
        peak = Math.max(peak, heapStats().arenas.length);
        await collect();
      }
      const { arenas, totals: { bytes: { committed, mapped } } } = heapStats();
      const external = process.memoryUsage().external - before;
      console.log(JSON.stringify({ peak, arenas: arenas.length, committed, mapped, external }))`);
      expect(report.peak).toBeGreaterThanOrEqual(10);
      expect(report.arenas).toBe(0);
      expect(report.committed).toBe(0);
      // One round's worth, kept for reuse.
      expect(report.mapped).toBeLessThanOrEqual(10 * 8 * MIB);
      expect(Math.abs(report.external)).toBeLessThan(4 * MIB);
    });

    test('live on as long as one of their views', async () => {
      const report = await run<{ whole: boolean; during: number; after: number }>(`
      let view = (() => {
        const arena = new Arena();
        const neighbours = Array.from({ length: 1000 }, () => arena.alloc(1000, 1));
        return neighbours[500];
      })();
      await collect();
      for (let i = 0; i < 50; i++) new Arena().alloc(1000, 2);
      const whole = view.equals(Buffer.alloc(1000, 1));
      const during = heapStats().arenas.length;
      view = undefined;
      await collect();
      console.log(JSON.stringify({ whole, during, after: heapStats().arenas.length }))`);
      expect(report.whole).toBe(true);
      expect(report.during).toBeGreaterThanOrEqual(1);
      expect(report.after).toBe(0);
    });

    test('show their bytes as long as a subarray is there', async () => {
      const whole = await run<boolean>(`
      const part = (() => new Arena().alloc(1000, 1).subarray(100, 200))();
      await collect();
      for (let i = 0; i < 50; i++) {
        const other = new Arena();
        other.alloc(1000, 2);
        other.destroy();
      }
      console.log(part.equals(Buffer.alloc(100, 1)))`);
      expect(whole).toBe(true);
    });
  },
);

describe('the garbage collector', () => {
  onlyNative('the engine counts its own ArrayBuffers')(
    'is not driven by arena memory',
    async () => {
      const { major, external } = await resultOf<{ major: number; external: number }>(`
      const { PerformanceObserver, constants } = require('node:perf_hooks');
      let major = 0;
      const observer = new PerformanceObserver((list) => {
        for (const { detail } of list.getEntries()) {
          if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major++;
        }
      });
      observer.observe({ entryTypes: ['gc'] });
      const { Arena } = require('hakmem-arena');
      const arena = new Arena();
      const before = process.memoryUsage().external;
      for (let i = 0; i < 8192; i++) arena.allocUnsafe(65_536);
      const external = process.memoryUsage().external - before;
      setTimeout(() => console.log(JSON.stringify({ major, external })), 50);`);
      // 512 MB exposed: counted as external memory, but no reason to collect.
      expect(external).toBeGreaterThanOrEqual(0);
      expect(major).toBeLessThanOrEqual(4);
    },
  );

  test('finds little to do: recycled views are no new objects', () => {
    const arena = new Arena();
    const first = arena.allocUnsafe(300);
    arena.free(first);
    for (let i = 0; i < 1000; i++) {
      const view = arena.allocUnsafe(300);
      expect(view).toBe(first);
      arena.free(view);
    }
    arena.destroy();
  });
});

describe('cycles', () => {
  test('2,000 of create, use and destroy keep what is mapped bounded', () => {
    const cycle = (i: number): void => {
      const arena = new Arena({ name: `cycle-${i}` });
      const views = [100, 1000, 40_000, 150_000].map((size) => arena.alloc(size, i & 0xff));
      arena.free(views[1]!);
      arena.allocTyped(Float64Array, 100);
      if (i % 10 === 0) arena.allocUnsafe(3_000_000);
      arena.destroy();
    };
    for (let i = 0; i < 50; i++) cycle(i);
    const before = heapStats().totals;
    for (let i = 0; i < 2000; i++) cycle(i);
    const after = heapStats().totals;
    expect(after.bytes.committed).toBe(before.bytes.committed);
    // Counters go when their ArrayBuffers are collected, which is not in the middle of a loop.
    expect(after.bytes.cached).toBeLessThanOrEqual(before.bytes.cached + 8 * MIB);
    expect(heapStats().arenas.some(({ name }) => name.startsWith('cycle-'))).toBe(false);
  });

  onlyNative('there are no pages to keep')(
    'SuperSlabs over the limits of the cache stay for the 10 s of a late write, and no longer',
    async () => {
      interface Report {
        readonly cached: number;
        readonly residentMib: number;
        readonly later: number;
      }
      const report = await resultOf<Report>(
        `
      const { Arena, heapStats } = require('hakmem-arena');
      const cycle = (blocks) => {
        const arena = new Arena();
        for (let i = 0; i < blocks; i++) arena.alloc(2_000_000, 1);
        arena.destroy();
      };
      const before = process.memoryUsage().rss;
      for (let i = 0; i < 20; i++) cycle(50);
      const { cached } = heapStats().totals.superslabs;
      const residentMib = (process.memoryUsage().rss - before) / 2 ** 20;
      setTimeout(() => {
        cycle(1);
        const later = heapStats().totals.superslabs.cached;
        console.log(JSON.stringify({ cached, residentMib, later }));
      }, 10_500);`,
        { env: { HAKMEM_SUPERSLAB_MAX_CACHED: '4', HAKMEM_SUPERSLAB_TTL_SEC: '0' } },
      );
      expect(report.cached).toBe(50);
      expect(report.residentMib).toBeLessThan(50);
      expect(report.later).toBe(1);
    },
  );

  test('within the limits SuperSlabs are reused without a system call each', () => {
    const arena = new Arena();
    for (let i = 0; i < 20; i++) arena.allocUnsafe(MIB);
    arena.destroy();
    const before = heapStats().totals.os;
    for (let round = 0; round < 20; round++) {
      const again = new Arena();
      for (let i = 0; i < 20; i++) again.allocUnsafe(MIB);
      checkSums(again.stats());
      again.destroy();
    }
    const after = heapStats().totals.os;
    // The arenas' own records, a few mappings each; not their 10 SuperSlabs.
    expect(after.map - before.map).toBeLessThanOrEqual(20 * 4);
  });
});

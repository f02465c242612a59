/**
 * Books: refusals as callers see them, what a trim says, what nobody sees but the system.
 */
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Arena, type OutOfMemoryError, heapStats } from '../../../lib/index';
import { onlyNative } from '../support/backend';
import { resultOf } from '../support/child';

const MIB = 1024 * 1024;

describe('failures', () => {
  test('are as many as errors that were thrown, whatever was tried within', () => {
    const arena = new Arena({ maxBytes: 64 * 1024 });
    let errors = 0;
    for (const size of [...Array<number>(40).fill(4000), 100_000, 5_000_000, 70_000]) {
      try {
        arena.alloc(size);
      } catch (error) {
        expect((error as OutOfMemoryError).reason).toBe('limit');
        errors++;
      }
    }
    expect(errors).toBe(24 + 3);
    expect(arena.stats().failures).toMatchObject({ limit: errors, os: 0, retried: 0 });
    arena.destroy();
  });

  test('are none where giving back what was kept was enough, which is counted apart', () => {
    const arena = new Arena({ maxBytes: 64 * 1024 });
    for (let i = 0; i < 40; i++) arena.free(arena.alloc(i % 2 === 0 ? 4000 : 100));
    expect(arena.stats().failures).toMatchObject({ limit: 0, os: 0, retried: 39 });
    const large = new Arena({ maxBytes: 1 * MIB });
    for (let i = 0; i < 10; i++) large.free(large.alloc(i % 2 === 0 ? 600_000 : 900_000));
    expect(large.stats().failures).toMatchObject({ limit: 0, os: 0, retried: 9 });
    arena.destroy();
    large.destroy();
  });
});

/** Of this process, as the kernel has it; undefined: no Linux. */
const ROLLUP = (() => {
  try {
    return readFileSync('/proc/self/smaps_rollup', 'utf8');
  } catch {
    return undefined;
  }
})();

describe('trim()', () => {
  const pages = onlyNative('pages are the business of the engine');

  /** Where blocks are not filled to their last page, that page counts as well. */
  const CASES: readonly (readonly [string, number, string])[] = [
    ['slabs of a class', 0.1, 'for (let i = 0; i < 60_000; i++) views.push(arena.alloc(1500, 1));'],
    ['large blocks', 0.1, 'for (let i = 0; i < 100; i++) views.push(arena.alloc(983_040, 1));'],
    ['huge mappings', 0.1, 'for (let i = 0; i < 10; i++) views.push(arena.alloc(7_995_392, 1));'],
    [
      'all of them',
      0.35,
      'for (let i = 0; i < 1000; i++) views.push(arena.alloc(100 + 997 * (i % 200), 1));',
    ],
  ];

  pages.each(CASES)('says by how much the process shrinks: %s', async (_name, tolerance, fill) => {
    if (ROLLUP === undefined) return;
    const { said, fell } = await resultOf<{ said: number; fell: number }>(
      `
      const { readFileSync } = require('node:fs');
      const { Arena } = require('hakmem-arena');
      const rss = () => 1024 * /Rss:\\s+(\\d+)/.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))[1];
      const arena = new Arena();
      const views = [];
      ${fill}
      views.forEach((view, i) => { if (i % 40 !== 0) arena.free(view); });
      gc();
      const before = rss();
      const said = arena.trim();
      console.log(JSON.stringify({ said, fell: before - rss() }));`,
      { nodeArguments: ['--expose-gc'] },
    );
    expect(said).toBeGreaterThan(10 * MIB);
    expect(Math.abs(said - fell)).toBeLessThan(tolerance * fell + 2 * MIB);
  });
});

describe('metadata', () => {
  test('of an empty arena is in its statistics and in those of the process', () => {
    const before = heapStats().totals.bytes;
    const arenas = Array.from({ length: 100 }, () => new Arena());
    const { totals } = heapStats();
    const each = arenas[0]!.stats().bytes.metadata;
    expect(each).toBeGreaterThan(64 * 1024);
    expect(totals.bytes.metadata - before.metadata).toBeGreaterThan(80 * each);
    expect(totals.bytes.mapped).toBe(
      totals.bytes.committed + totals.bytes.cached + totals.bytes.metadata,
    );
    for (const arena of arenas) arena.destroy();
  });

  test('is not what the line of the system counts', () => {
    const adopted = (): number => heapStats().totals.superslabs.adopted;
    const { map } = heapStats().totals.os;
    const before = adopted();
    const arenas = Array.from({ length: 50 }, () => new Arena());
    expect(heapStats().totals.os.map).toBe(map);
    for (const arena of arenas) arena.alloc(3_000_000);
    expect(heapStats().totals.os.map + adopted() - before).toBe(map + 50);
    for (const arena of arenas) arena.destroy();
  });
});

onlyNative('books of 8000 arenas have no room')(
  'the first reading over many new arenas takes time by their number, not by its square',
  async () => {
    const perArena = await resultOf<number[]>(`
    const { Arena, heapStats } = require('hakmem-arena');
    const arenas = [];
    const times = [];
    heapStats();
    for (const count of [1000, 8000]) {
      while (arenas.length < count) arenas.push(new Arena({ name: 'arena ' + arenas.length }));
      const start = performance.now();
      const found = heapStats().arenas.length;
      times.push((performance.now() - start) / count);
      if (found !== count) throw new Error(String(found));
    }
    console.log(JSON.stringify(times));`);
    expect(perArena[1]!).toBeLessThan(3 * perArena[0]!);
  },
);

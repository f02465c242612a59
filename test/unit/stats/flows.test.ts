/**
 * Flows: what is counted on the way between front, core, cache and system, and the lengths that were requested.
 */
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { Arena, heapStats, type ArenaStats, type CacheStats } from '../../../lib/index';
import { resultOf } from '../support/child';
import { expectCode } from '../support/codes';
import { Random } from '../support/random';
import { checkSums, rowOf } from '../support/sums';

describe('stages', () => {
  test('say where each slow allocation of a fresh process found its block', async () => {
    const stages = await resultOf<object[]>(`
      const { Arena } = require('hakmem-arena');
      const row = (arena) => arena.stats().classes.find(({ name }) => name === 'M5').stages;
      const first = new Arena();
      const views = [];
      for (let i = 0; i < 32; i++) views.push(first.allocUnsafe(65536));
      const filled = row(first);
      first.destroy();
      const second = new Arena();
      const large = second.allocUnsafe(100_000);
      second.allocUnsafe(65536);
      console.log(JSON.stringify([filled, row(second)]));`);
    expect(stages[0]).toMatchObject({ os: 1, cached: 0, current: 0 });
    expect((stages[0] as { slot: number }).slot).toBeGreaterThan(10);
    expect(stages[1]).toEqual({ current: 0, partial: 0, empty: 0, slot: 1, cached: 0, os: 0 });
  });

  test('a front that gave all back finds its slab again where it was', () => {
    const arena = new Arena();
    for (let round = 0; round < 3; round++) {
      const views = Array.from({ length: 200 }, () => arena.allocUnsafe(1000));
      for (const view of views) arena.free(view);
    }
    const { stages, slow, pages, warm, blocksOut } = rowOf(checkSums(arena.stats()), 'C7');
    expect(stages.os + stages.cached).toBe(1);
    expect(slow).toBeGreaterThan(1);
    expect(pages.bound).toBeGreaterThanOrEqual(3);
    expect(warm.misses).toBeGreaterThanOrEqual(pages.bound);
    expect(blocksOut).toBeGreaterThanOrEqual(200);
    arena.reset();
    const after = rowOf(checkSums(arena.stats()), 'C7');
    expect(after.pages.retired).toBe(after.pages.bound);
    expect(after.blocksIn).toBe(after.blocksOut);
    arena.destroy();
  });
});

describe('front', () => {
  test('says what it may keep and asks for, and what it gave up', () => {
    const arena = new Arena();
    const views = Array.from({ length: 100 }, () => arena.allocUnsafe(500));
    for (const view of views) arena.free(view);
    const kept = rowOf(arena.stats(), 'C6').front;
    expect(kept.cap).toBeGreaterThanOrEqual(100);
    expect(kept.batch).toBeGreaterThan(16);
    expect(kept.dropped).toBe(0);
    arena.trim();
    expect(rowOf(arena.stats(), 'C6').front).toMatchObject({ cap: 0, dropped: 100 });
    arena.destroy();
  });

  test('counts how often the budget of a class was used up', () => {
    const arena = new Arena();
    for (let round = 0; round < 3; round++) {
      const views = Array.from({ length: 400 }, () => arena.allocUnsafe(16_000));
      for (const view of views) arena.free(view);
    }
    const { cap, refused } = rowOf(arena.stats(), 'M3').front;
    expect(refused).toBeGreaterThan(0);
    expect(cap).toBeLessThan(400);
    arena.reset();
    expect(rowOf(arena.stats(), 'M3').front.cap).toBe(0);
    arena.destroy();
  });

  test('counts where each view went that was freed: into its bucket, or to its end', () => {
    const arena = new Arena();
    const flowOf = (name: string): number[] => {
      const { front, local } = rowOf(checkSums(arena.stats()), name);
      return [front.toBucket, front.toStack, local];
    };
    for (let round = 0; round < 50; round++) arena.free(arena.allocUnsafe(500));
    expect(flowOf('C6')).toEqual([50, 0, 50]);
    for (let size = 5121; size <= 6144; size++) arena.free(arena.allocUnsafe(size));
    expect(flowOf('M2')).toEqual([0, 1024, 1024]);
    const odd = arena.allocUnsafe(100, 64);
    arena.free(odd);
    arena.free(arena.realloc(arena.allocUnsafe(1000), 900));
    expect(flowOf('C7')[0]! + flowOf('C7')[1]!).toBe(flowOf('C7')[2]!);
    arena.free(arena.allocUnsafe(100_000));
    arena.destroy();
  });

  test('that has lent its budget does not take back and lend the same with every other free', () => {
    const arena = new Arena();
    const random = new Random(1);
    const take = (): Buffer => arena.allocUnsafe(513 + random.below(512));
    const views = Array.from({ length: 1000 }, take);
    for (let step = 0; step < 50_000; step++) {
      const at = random.below(views.length);
      arena.free(views[at]!);
      views[at] = take();
    }
    expect(rowOf(arena.stats(), 'C7').front.refused).toBeGreaterThan(0);
    expect(rowOf(arena.stats(), 'C7').front.dropped).toBeLessThan(1000);
    arena.destroy();
  });
});

describe('cache and locks', () => {
  test('count requests and are the same for every arena; reading changes nothing', async () => {
    const [cache, before, after] = await resultOf<[object, object, object]>(`
      const { Arena, heapStats } = require('hakmem-arena');
      new Arena().allocUnsafe(100);
      const one = new Arena();
      one.allocUnsafe(3_000_000);
      one.destroy();
      new Arena().allocUnsafe(3_000_000);
      const read = () => heapStats().totals;
      const before = read().locks;
      console.log(JSON.stringify([read().cache, before, read().locks]));`);
    expect(cache).toMatchObject({ hits: 1, misses: 2, evictedByCount: 0, expired: 0, arenas: 3 });
    expect(before).toEqual(after);
    expect(before).toMatchObject({ contended: 0 });
  });
});

describe('what goes back to the system', () => {
  test('is counted where it is dirty, when it goes, and when it was needed again', async () => {
    const [dirty, trimmed, again] = await resultOf<ArenaStats[]>(`
      const { Arena } = require('hakmem-arena');
      const arena = new Arena({ purgeDelayMs: -1 });
      const fill = () => Array.from({ length: 20 }, () => arena.allocUnsafe(65536).fill(1));
      const empty = (views) => views.forEach((view) => arena.free(view));
      const stay = arena.allocUnsafe(100);
      empty(fill());
      arena.trim();
      const read = () => arena.stats();
      const trimmed = read();
      const views = fill();
      const again = read();
      empty(views);
      for (let i = 0; i < 20; i++) arena.free(arena.allocUnsafe(100_000));
      const large = arena.allocUnsafe(600_000).fill(1);
      arena.free(large);
      console.log(JSON.stringify([read(), trimmed, again]));`);
    expect(trimmed!.bytes.dirty).toBe(0);
    expect(trimmed!.decay).toMatchObject({ decayedBytes: 0, retakenBytes: 0, rightShare: 1 });
    expect(trimmed!.decay.purgedBytes).toBe(20 * 65_536);
    expect(trimmed!.os.purgedBytes).toBe(20 * 65_536);
    expect(trimmed!.os.purgeMs).toBeGreaterThan(0);
    expect(again!.decay).toMatchObject({ retakenBytes: 20 * 65_536, rightShare: 0 });
    expect(dirty!.bytes.dirty).toBeLessThanOrEqual(dirty!.bytes.freeSlabs);
  });

  test('epochs and turns go on while something waits', async () => {
    const { decay, bytes } = await resultOf<ArenaStats>(`
      const { Arena } = require('hakmem-arena');
      const arena = new Arena({ purgeDelayMs: 120 });
      const views = Array.from({ length: 40 }, () => arena.allocUnsafe(65536).fill(1));
      views.forEach((view) => arena.free(view));
      const until = Date.now() + 5000;
      const look = () => {
        const stats = arena.stats();
        if (stats.decay.decayedBytes < 1e6 && Date.now() < until) setTimeout(look, 50);
        else console.log(JSON.stringify(stats));
      };
      look();`);
    expect(decay.decayedBytes).toBeGreaterThanOrEqual(1e6);
    expect(decay.purgedBytes).toBeGreaterThanOrEqual(decay.decayedBytes);
    expect(decay.epochs).toBeGreaterThanOrEqual(6);
    expect(decay.turns).toBeGreaterThan(0);
    expect(decay.ms).toBeGreaterThan(0);
    expect(bytes.dirty).toBeLessThanOrEqual(bytes.freeSlabs);
  });

  test('an arena is created with what one before left', async () => {
    const [before, after] = await resultOf<CacheStats[]>(`
      const { Arena, heapStats } = require('hakmem-arena');
      const read = () => heapStats().totals.cache;
      for (let i = 0; i < 4; i++) new Arena().destroy();
      const before = read();
      for (let i = 0; i < 10; i++) new Arena().destroy();
      setTimeout(() => { new Arena(); console.log(JSON.stringify([before, read()])); }, 50);`);
    expect(after!.arenas - before!.arenas).toBe(11);
    expect(after!.arenasFromKept - before!.arenasFromKept).toBeGreaterThan(7);
  });
});

describe('lengths', () => {
  test('are told one by one, with what is live of them', () => {
    const arena = new Arena();
    const first = arena.allocUnsafe(100);
    for (let i = 0; i < 4; i++) arena.allocUnsafe(100);
    arena.free(first);
    arena.allocTyped(Uint8Array, 100);
    for (let i = 0; i < 10; i++) arena.free(arena.allocUnsafe(1450));
    arena.allocUnsafe(1450);
    arena.allocUnsafe(5000);
    arena.allocUnsafe(100_000);
    const { lengths } = arena.stats();
    expect(lengths.find(({ to }) => to === 100)).toEqual({
      from: 100,
      to: 100,
      allocs: expect.any(Number),
      live: expect.any(Number),
      liveBytes: expect.any(Number),
    });
    const total = (name: 'allocs' | 'live' | 'liveBytes'): number =>
      lengths.reduce((sum, one) => sum + one[name], 0);
    expect(total('allocs')).toBe(6 + 11 + 2);
    expect(total('live')).toBe(5 + 3);
    expect(total('liveBytes')).toBe(arena.stats().bytes.live);
    const exact = lengths.find(({ from, to }) => from === 1450 && to === 1450)!;
    expect(exact.live).toBe(1);
    expect(lengths.find(({ from, to }) => from <= 5000 && to >= 5000)!.liveBytes).toBe(5000);
    expect(lengths.map(({ to }) => to)).toEqual(lengths.map(({ to }) => to).sort((a, b) => a - b));
    arena.destroy();
  });

  test('of every arena are read when asked for, and not otherwise', () => {
    const arena = new Arena();
    arena.allocUnsafe(77);
    const mine = (heap: ReturnType<typeof heapStats>) =>
      heap.arenas.find(({ id }) => id === arena.id)!.lengths;
    expect(mine(heapStats())).toEqual([]);
    expect(mine(heapStats({ lengths: true }))).toEqual(arena.stats().lengths);
    expect(mine(heapStats({ lengths: true }))).toEqual([
      { from: 77, to: 77, allocs: 1, live: 1, liveBytes: 77 },
    ]);
    expectCode(() => heapStats({ lengths: 1 } as never), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => heapStats(null as never), 'ERR_INVALID_ARG_TYPE');
    arena.destroy();
  });
});

describe('console.log', () => {
  test('of an arena is a line and one for each class that was used', () => {
    const arena = new Arena({ name: 'shown\u001b[2J' });
    for (let i = 0; i < 10; i++) arena.allocUnsafe(1000);
    const lines = inspect(arena.stats()).split('\n');
    expect(lines[0]).toMatch(
      /^shown\\x1b\[2J \(\d+\): 9\.8 KB live, 64\.0 KB in use, 2\.0 MB committed$/,
    );
    expect(lines[1]).toMatch(/^class +allocs +fast .* current +partial +empty +slot +cached +os$/);
    expect(lines[2]).toMatch(/^C7 +10 +90\.00% +10 +9\.8 KB +2\.34% +1( +\d+){6}$/);
    expect(lines.length).toBe(3);
    arena.destroy();
  });

  test('of the heap is a line for each arena, then the classes', () => {
    const arena = new Arena({ name: 'of many' });
    arena.allocUnsafe(1000);
    const text = inspect(heapStats());
    expect(text).toMatch(/^(1 arena|\d+ arenas), \d+\.\d MB mapped\n/);
    expect(text).toContain(`of many (${arena.id}): 1000 B live`);
    expect(JSON.parse(JSON.stringify(arena.stats()))).toEqual(arena.stats());
    arena.destroy();
  });
});

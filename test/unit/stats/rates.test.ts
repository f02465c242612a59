import { describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Arena, type HeapRates, type HeapStats, heapRates, heapStats } from '../../../lib/index';
import { expectCode } from '../support/codes';

const arenaIn = (rates: HeapRates, { id }: Arena): HeapRates['arenas'][number] =>
  rates.arenas.find((arena) => arena.id === id)!;

async function laterStats(): Promise<HeapStats> {
  await sleep(5);
  return heapStats();
}

describe('heapRates()', () => {
  test('counts what happened in between, and nothing before', async () => {
    const arena = new Arena();
    for (let i = 0; i < 100; i++) arena.free(arena.allocUnsafe(200));
    const before = heapStats();
    const kept = Array.from({ length: 30 }, () => arena.allocUnsafe(200));
    for (const view of kept.slice(10)) arena.free(view);
    arena.allocUnsafe(3000);
    const rates = heapRates(before, await laterStats());

    const own = arenaIn(rates, arena);
    expect(own.counts).toMatchObject({ allocs: 31, frees: 20, local: 20, remote: 0 });
    expect(own.counts.fast + own.counts.slow).toBe(31);
    expect(own.liveBytesChange).toBe(10 * 200 + 3000);
    const c5 = own.classes.find(({ name }) => name === 'C5')!;
    expect(c5.counts.allocs).toBe(30);
    expect(own.rates.allocs).toBeCloseTo(31 / rates.seconds, 6);
    expect(c5.rates.frees).toBeCloseTo(20 / rates.seconds, 6);
    arena.destroy();
  });

  test('an arena that is new began with nothing, one that ended is not there', async () => {
    const ended = new Arena();
    ended.allocUnsafe(100);
    const before = heapStats();
    ended.destroy();
    const begun = new Arena();
    begun.allocUnsafe(100);
    const rates = heapRates(before, await laterStats());
    expect(arenaIn(rates, begun).counts.allocs).toBe(1);
    expect(arenaIn(rates, begun).committedBytesChange).toBe(2 * 1024 * 1024);
    expect(arenaIn(rates, ended)).toBeUndefined();
    begun.destroy();
  });

  test('totals are the sums of the arenas, by class too', async () => {
    const arenas = [new Arena(), new Arena()];
    const before = heapStats();
    arenas[0]!.allocUnsafe(100);
    arenas[1]!.allocUnsafe(100);
    arenas[1]!.allocUnsafe(70_000);
    const { totals } = heapRates(before, await laterStats());
    expect(totals.counts.allocs).toBe(3);
    expect(totals.liveBytesChange).toBe(70_200);
    expect(totals.classes.filter(({ counts }) => counts.allocs > 0)).toMatchObject([
      { name: 'C4', counts: { allocs: 2 } },
      { name: 'run', counts: { allocs: 1 } },
    ]);
    for (const arena of arenas) arena.destroy();
  });

  test('refuses what is no reading, and readings in the wrong order', () => {
    const stats = heapStats();
    for (const bad of [undefined, null, 1, {}, { arenas: [] }]) {
      expectCode(() => heapRates(bad as never, stats), 'ERR_INVALID_ARG_TYPE');
      expectCode(() => heapRates(stats, bad as never), 'ERR_INVALID_ARG_TYPE');
    }
    expectCode(() => heapRates(stats, stats), 'ERR_INVALID_ARG_VALUE');
    expectCode(() => heapRates(heapStats(), stats), 'ERR_INVALID_ARG_VALUE');
  });
});

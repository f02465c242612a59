import { describe, expect, test } from '@jest/globals';
import {
  Arena,
  type ArenaStats,
  type HeapStats,
  type HeapTotals,
  heapStats,
} from '../../../lib/index';
import { checkSums, ownStats, rowOf, totalsOf } from '../support/sums';

const MIB = 1024 * 1024;

/** The rows of `heapStats` that belong to these arenas; others may run in the same process. */
function statsOf(
  arenas: readonly Arena[],
  heap: HeapStats = heapStats(),
): (ArenaStats | undefined)[] {
  return arenas.map(({ id }) => heap.arenas.find((stats) => stats.id === id));
}

describe('arena.stats()', () => {
  test('of a new arena is all zeroes, with every class', () => {
    const arena = new Arena({ name: 'new' });
    const stats = checkSums(arena.stats());
    expect(stats).toMatchObject({ version: 2, id: arena.id, name: 'new', detachedSlabs: 0 });
    expect(stats.classes.length).toBe(16);
    expect(totalsOf(stats)).toEqual({ allocs: 0, frees: 0, live: 0, liveBytes: 0, slow: 0 });
    expect(stats.bytes).toMatchObject({ live: 0, committed: 0, used: 0, pinned: 0 });
    expect(stats.superslabs).toMatchObject({ live: 0, empties: 0, adopted: 0 });
    expect(stats.failures).toEqual({
      os: 0,
      limit: 0,
      retried: 0,
      doubleFrees: 0,
      staleFrees: 0,
      foreignFrees: 0,
    });
    arena.destroy();
  });

  test('is a snapshot that does not change', () => {
    const arena = new Arena();
    const before = arena.stats();
    const copy = structuredClone(before);
    arena.allocUnsafe(100);
    expect(before).toEqual(copy);
    arena.destroy();
  });

  test('counts each request in the class of its size, with the bytes asked for', () => {
    const arena = new Arena();
    const sizes = [5, 12, 30, 60, 100, 200, 400, 900, 2000, 4000, 8000, 16_000, 30_000, 60_000];
    for (const size of [...sizes, MIB, 3 * MIB]) {
      for (let i = 0; i < 3; i++) arena.allocUnsafe(size);
    }
    const stats = checkSums(arena.stats());
    const rows = stats.classes.map(({ allocs, live, liveBytes }) => ({ allocs, live, liveBytes }));
    expect(rows).toEqual(
      [...sizes, MIB, 3 * MIB].map((size) => ({ allocs: 3, live: 3, liveBytes: 3 * size })),
    );
    expect(stats.bytes.live).toBe(3 * [...sizes, MIB, 3 * MIB].reduce((a, b) => a + b, 0));
    arena.destroy();
  });

  test.each([100, 1000, 1025, 5000, 40_000, 65_536, 65_537, MIB, 3 * MIB])(
    'the sums hold at every step of the life of %i-byte Buffers',
    (size) => {
      const arena = new Arena();
      const views: Buffer[] = [];
      for (let i = 0; i < 40; i++) {
        views.push(arena.allocUnsafe(size));
        expect(totalsOf(arena.stats())).toMatchObject({ live: i + 1, liveBytes: (i + 1) * size });
      }
      for (let round = 0; round < 3; round++) {
        for (let i = 39; i >= 10; i--) {
          arena.free(views.pop()!);
          expect(totalsOf(arena.stats())).toMatchObject({ live: i, liveBytes: i * size });
        }
        arena.trim();
        expect(totalsOf(arena.stats())).toMatchObject({ live: 10, liveBytes: 10 * size });
        while (views.length < 40) views.push(arena.allocUnsafe(size));
        expect(totalsOf(arena.stats())).toMatchObject({ live: 40, liveBytes: 40 * size });
      }
      arena.reset();
      expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
      arena.destroy();
    },
  );

  test('an allocation is slow when it needed the core, and fast when not', () => {
    const arena = new Arena();
    const view = arena.allocUnsafe(100);
    expect(rowOf(arena.stats(), 'C4')).toMatchObject({ allocs: 1, slow: 1, fast: 0, refills: 1 });
    arena.free(view);
    for (let i = 0; i < 1000; i++) arena.free(arena.allocUnsafe(100));
    expect(rowOf(arena.stats(), 'C4')).toMatchObject({ allocs: 1001, slow: 1, fast: 1000 });
    arena.destroy();
  });

  test('counts to the unit over a hundred thousand views of many lengths', () => {
    const arena = new Arena();
    const perRow = new Map<string, number>();
    for (let i = 0; i < 100_000; i++) {
      const size = 1 + ((i * 7919) % 20_000);
      arena.free(arena.allocUnsafe(size));
      const row = Math.max(0, Math.ceil(Math.log2(size)) - 3);
      const name = row < 8 ? `C${row}` : `M${row - 8}`;
      perRow.set(name, (perRow.get(name) ?? 0) + 1);
    }
    const stats = checkSums(arena.stats());
    for (const [name, count] of perRow) {
      expect(rowOf(stats, name)).toMatchObject({ allocs: count, frees: count, live: 0 });
    }
    arena.destroy();
  });

  test('highWater keeps the peak', () => {
    const arena = new Arena();
    const views = Array.from({ length: 1000 }, () => arena.allocUnsafe(500));
    for (const view of views) arena.free(view);
    arena.trim();
    const row = rowOf(checkSums(arena.stats()), 'C6');
    expect(row.highWater).toBeGreaterThanOrEqual(1000);
    expect(row.slabs).toBe(0);
    arena.destroy();
  });

  test('superslabs are counted where they are', () => {
    const arena = new Arena();
    const view = arena.allocUnsafe(MIB);
    expect(arena.stats().superslabs).toMatchObject({ live: 1, empties: 0 });
    expect(arena.stats().bytes).toMatchObject({ committed: 2 * MIB, used: MIB });
    arena.free(view);
    const { cached } = arena.stats().superslabs;
    arena.trim();
    const after = checkSums(arena.stats());
    expect(after.superslabs).toMatchObject({ live: 0, empties: 0 });
    expect(after.superslabs.cached).toBeGreaterThanOrEqual(cached + 1);
    expect(after.bytes.cached).toBeGreaterThanOrEqual(2 * MIB);
    arena.allocUnsafe(100);
    expect(arena.stats().superslabs.adopted).toBeGreaterThanOrEqual(1);
    arena.destroy();
  });

  test('bytes.used is what maxBytes limits', () => {
    const arena = new Arena();
    arena.allocUnsafe(10);
    expect(arena.stats().bytes.used).toBe(65_536);
    arena.allocUnsafe(100_000);
    expect(arena.stats().bytes.used).toBe(3 * 65_536);
    const huge = arena.allocUnsafe(3 * MIB);
    expect(arena.stats().bytes.used).toBe(3 * 65_536 + arena.usableSize(huge));
    arena.destroy();
  });
});

describe('heapStats()', () => {
  test('has every arena, oldest first, and loses those that are destroyed', () => {
    const arenas = Array.from({ length: 5 }, (_, i) => new Arena({ name: `heap-${i}` }));
    arenas.forEach((arena, i) => arena.allocUnsafe(100 * (i + 1)));
    const heap = heapStats();
    expect(heap.version).toBe(2);
    const ids = heap.arenas.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(statsOf(arenas, heap).map((stats) => stats?.name)).toEqual(
      arenas.map(({ name }) => name),
    );
    expect(statsOf(arenas, heap).map((stats) => stats?.bytes.live)).toEqual([
      100, 200, 300, 400, 500,
    ]);

    arenas[1]!.destroy();
    arenas[3]!.destroy();
    expect(statsOf(arenas).map((stats) => stats !== undefined)).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
    for (const arena of arenas) arena.destroy();
    expect(statsOf(arenas)).toEqual(new Array(5).fill(undefined));
  });

  test('agrees with arena.stats()', () => {
    const arenas = [new Arena(), new Arena({ sizeClasses: [48, 4096] }), new Arena()];
    arenas.forEach((arena, i) => {
      for (let k = 0; k < 500; k++) arena.allocUnsafe(1 + ((k * (i + 3)) % 9000));
    });
    const fromHeap = statsOf(arenas, heapStats({ lengths: true }));
    expect(arenas.map((arena) => ownStats(arena.stats()))).toEqual(
      fromHeap.map((stats) => ownStats(stats!)),
    );
    for (const arena of arenas) arena.destroy();
  });

  test('totals are the sums, with the cache and the system counted once', () => {
    const arenas = [new Arena(), new Arena({ sizeClasses: [48, 4096] }), new Arena()];
    arenas.forEach((arena, i) => {
      for (let k = 0; k < 300; k++) arena.allocUnsafe(1 + ((k * (i + 3)) % 9000));
      arena.allocUnsafe(3 * MIB);
    });
    const heap = heapStats();
    const { totals } = heap;
    // Arenas of other tests may have lost slabs.
    const lostOf = ({ bytes, classes }: ArenaStats | HeapTotals): number =>
      bytes.used - classes.reduce((slabs, row) => slabs + row.slabs, 0) * 64 * 1024;
    for (const stats of heap.arenas) checkSums(stats, lostOf(stats));
    for (const stats of statsOf(arenas, heap)) checkSums(stats!);
    checkSums(
      totals,
      heap.arenas.reduce((lost, stats) => lost + lostOf(stats), 0),
    );

    const sum = (value: (stats: ArenaStats) => number): number =>
      heap.arenas.reduce((total, stats) => total + value(stats), 0);
    for (const [row, total] of totals.classes.entries()) {
      for (const field of [
        'allocs',
        'fast',
        'slow',
        'frees',
        'live',
        'liveBytes',
        'slabs',
      ] as const) {
        expect(total[field]).toBe(sum((stats) => stats.classes[row]![field]));
      }
    }
    for (const field of [
      'live',
      'front',
      'away',
      'freeInSlab',
      'freeSlabs',
      'slack',
      'committed',
    ] as const) {
      expect(totals.bytes[field]).toBe(sum((stats) => stats.bytes[field]));
    }
    const first = heap.arenas[0]!;
    expect(totals.bytes.cached).toBe(first.bytes.cached);
    const { committed, cached, metadata, mapped } = totals.bytes;
    expect(mapped).toBe(committed + cached + metadata);
    expect(metadata).toBeGreaterThanOrEqual(sum((stats) => stats.bytes.metadata));
    expect(totals.superslabs.live).toBe(sum((stats) => stats.superslabs.live));
    expect(totals.superslabs.cached).toBe(first.superslabs.cached);
    expect(totals.os).toEqual(first.os);
    for (const arena of arenas) arena.destroy();
  });

  test('bins of different size classes stay apart in the totals', () => {
    const [usual, own] = [new Arena(), new Arena({ sizeClasses: [48] })];
    usual.allocUnsafe(40);
    own.allocUnsafe(40);
    const bins = rowOf(heapStats().totals, 'C3').bins;
    expect(bins.find((bin) => bin.blockSize === 48)?.live).toBeGreaterThanOrEqual(2);
    expect(bins.map((bin) => bin.blockSize)).toEqual(
      [...new Set(bins.map((bin) => bin.blockSize))].sort((a, b) => a - b),
    );
    usual.destroy();
    own.destroy();
  });
});

import { afterEach, describe, expect, test } from '@jest/globals';
import { Arena, type ArenaMap, heapMap, type SlabMap } from '../../../lib/index';
import { onlyNative } from '../support/backend';

const MIB = 1024 * 1024;
let arena: Arena;
afterEach(() => arena.destroy());

function mapOf(one: Arena): ArenaMap {
  return heapMap().arenas.find(({ id }) => id === one.id)!;
}

function slabsOf(one: Arena, use: SlabMap['use']): SlabMap[] {
  return mapOf(one).superslabs.flatMap(({ slabs }) => slabs.filter((slab) => slab.use === use));
}

describe('heapMap()', () => {
  test('names each arena and has nothing to show of a new one', () => {
    arena = new Arena({ name: 'mapped' });
    expect(mapOf(arena)).toEqual({ id: arena.id, name: 'mapped', superslabs: [] });
  });

  test('shows a slab of the class that serves a length, with the blocks taken from it', () => {
    const follower = new Arena(); // what another test has left is its own, and it would begin with a short slab
    arena = new Arena();
    follower.destroy();
    for (let i = 0; i < 40; i++) arena.allocUnsafe(1000);
    expect(mapOf(arena).superslabs).toMatchObject([{ index: 0, bytes: 2 * MIB }]);
    expect(mapOf(arena).superslabs[0]!.slabs.length).toBe(32);
    const [slab, ...others] = slabsOf(arena, 'class');
    expect(others).toEqual([]);
    expect(slab).toMatchObject({ className: 'C7', blockSize: 1024, capacity: 64, touched: true });
    expect(slab!.taken).toBeGreaterThanOrEqual(40);
    expect(slabsOf(arena, 'free').length).toBe(31);
    expect(slabsOf(arena, 'free').every(({ touched }) => !touched)).toBe(true);
  });

  onlyNative('Buffers go to other threads with the addon only')(
    'shows how many blocks of a slab are away',
    () => {
      arena = new Arena();
      const tickets = [1000, 1000, 200_000].map((size) => arena.share(arena.alloc(size)));
      expect(slabsOf(arena, 'class')).toMatchObject([{ blockSize: 1024, away: 2 }]);
      expect(slabsOf(arena, 'large')).toMatchObject([{ away: 1 }]);
      for (const ticket of tickets) arena.free(arena.recall(ticket)!);
      for (const use of ['class', 'large'] as const) {
        expect(slabsOf(arena, use)).toMatchObject([{ away: 0 }]);
      }
    },
  );

  test('shows the tier of every SuperSlab, and the statistics count them', () => {
    arena = new Arena();
    const views = Array.from({ length: 4 * 32 }, () => arena.allocUnsafe(65_536));
    const big = arena.allocUnsafe(5 * MIB);
    expect(mapOf(arena).superslabs.map(({ tier }) => tier)).toEqual(Array(5).fill('hot'));
    // 7 of 32 slabs are left in the last SuperSlab, and half of them in the others.
    views.slice(103).forEach((view) => arena.free(view));
    views.slice(0, 96).forEach((view, i) => i % 2 === 0 && arena.free(view));
    arena.trim();
    const tiers = mapOf(arena).superslabs.map(({ tier }) => tier);
    expect(tiers).toEqual(['hot', 'hot', 'hot', 'draining', 'hot']);
    const { live, hot, draining, free, empties, released } = arena.stats().superslabs;
    expect({ live, hot, draining, free, empties }).toEqual({
      ...{ live: 5, hot: 4, draining: 1, free: 0, empties: 0 },
    });
    views.slice(96, 103).forEach((view) => arena.free(view));
    arena.free(big);
    arena.trim();
    expect(arena.stats().superslabs).toMatchObject({ live: 3, draining: 0 });
    expect(arena.stats().superslabs.released).toBeGreaterThan(released);
  });

  test('agrees with the statistics, class by class', () => {
    arena = new Arena();
    const views = Array.from({ length: 5000 }, (_, i) => arena.allocUnsafe(1 + ((i * 37) % 9000)));
    for (const view of views.slice(0, 3000)) arena.free(view);
    const cells = mapOf(arena).superslabs.flatMap(({ slabs }) => slabs);
    // The slabs behind the first of a span count as it does.
    const names: string[] = [];
    cells.forEach(({ use, className }, i) => {
      names.push(use === 'tail' ? names[i - 1]! : className);
    });
    for (const row of arena.stats().classes) {
      const own = cells.filter(({ className }) => className === row.name);
      expect(names.filter((name) => name === row.name).length).toBe(row.slabs);
      const taken = own.reduce((sum, slab) => sum + slab.taken, 0);
      expect(taken).toBe(row.live + row.frontBlocks);
    }
  });

  test('shows runs and huge mappings, and forgets them when they are freed', () => {
    arena = new Arena();
    const run = arena.allocUnsafe(300_000);
    const huge = arena.allocUnsafe(5 * MIB);
    expect(slabsOf(arena, 'large').map(({ className }) => className)).toEqual(['run', 'huge']);
    expect(slabsOf(arena, 'tail').length).toBe(4);
    expect(mapOf(arena).superslabs.map(({ slabs }) => slabs.length)).toEqual([32, 1]);
    expect(mapOf(arena).superslabs[1]!.bytes).toBeGreaterThanOrEqual(5 * MIB);
    arena.free(run);
    arena.free(huge);
    arena.trim();
    expect(slabsOf(arena, 'large')).toEqual([]);
  });

  test('uses the class sizes of an arena that brought its own', () => {
    arena = new Arena({ sizeClasses: [48, 1520] });
    arena.allocUnsafe(1000);
    expect(slabsOf(arena, 'class')).toMatchObject([{ className: 'M0', blockSize: 1520 }]);
  });

  test('has no arena that is destroyed', () => {
    arena = new Arena();
    arena.destroy();
    expect(mapOf(arena)).toBeUndefined();
  });
});

/**
 * The optimiser against brute force, and what it wins on lengths that services have.
 */
import { describe, expect, test } from '@jest/globals';
import { bestStrides } from '../../../lib/learn/optimum';
import { type Demand, blockCost, costOf, strideFor, wasteShare } from '../../../lib/learn/waste';
import { learnFrom } from '../../../lib/learn/report';
import { native } from '../../../lib/native/native';
import { Arena } from '../../../lib/index';
import { expectCode } from '../support/codes';
import { Random } from '../support/random';

const DEFAULT = native.tables.defaultStrides;

/** Every choice of `count` strides out of those that lengths need; the longest is always one. */
function bruteForce(demand: readonly Demand[], count: number): number {
  const strides = [...new Set(demand.map(({ length }) => strideFor(length)))].sort((a, b) => a - b);
  const last = strides.length - 1;
  let best = Infinity;
  for (let choice = 0; choice < 1 << last; choice++) {
    const chosen = strides.filter((_, i) => i === last || (choice >> i) & 1);
    if (chosen.length <= count) best = Math.min(best, costOf(demand, chosen).taken);
  }
  return best;
}

describe('bestStrides()', () => {
  test('is as good as the best of all tables, for 600 random demands', () => {
    const random = new Random(20261);
    for (let round = 0; round < 600; round++) {
      const max = [64, 1024, 8192, 65_536][round % 4]!;
      const demand = Array.from({ length: 1 + random.below(9) }, () => ({
        length: 1 + random.below(max),
        count: 1 + random.below(1000),
      }));
      const count = 1 + random.below(5);
      const strides = bestStrides(demand, count);
      expect(strides.length).toBeLessThanOrEqual(count);
      expect(costOf(demand, strides).taken).toBeCloseTo(bruteForce(demand, count), 3);
    }
  });

  test('gives tables that an arena takes, for any demand', () => {
    const random = new Random(7);
    for (let round = 0; round < 40; round++) {
      const demand = Array.from({ length: 1 + random.below(300) }, () => ({
        length: 1 + random.below(65_536),
        count: 1 + random.below(9),
      }));
      const sizeClasses = bestStrides(demand, 63);
      const arena = new Arena({ sizeClasses });
      for (const { length } of demand.slice(0, 5)) {
        const block = arena.usableSize(arena.allocUnsafe(length));
        expect(block).toBe(sizeClasses.find((stride) => stride >= length));
      }
      arena.destroy();
    }
  });

  test('never gets worse with more classes, and wastes rounding alone with enough', () => {
    const random = new Random(3);
    const demand = Array.from({ length: 50 }, () => ({ length: 1 + random.below(9000), count: 1 }));
    let before = Infinity;
    for (let count = 1; count <= 50; count++) {
      const { taken } = costOf(demand, bestStrides(demand, count));
      expect(taken).toBeLessThanOrEqual(before + 1e-6);
      before = taken;
    }
    const least = demand.reduce((sum, { length }) => sum + blockCost(strideFor(length)), 0);
    expect(before).toBeCloseTo(least, 3);
  });

  test('of no demand has no strides, of one length one', () => {
    expect(bestStrides([], 16)).toEqual([]);
    expect(bestStrides([{ length: 100, count: 0 }], 16)).toEqual([]);
    expect(bestStrides([{ length: 1, count: 5 }], 16)).toEqual([8]);
    expect(bestStrides([{ length: 65_536, count: 5 }], 16)).toEqual([65_536]);
    expect(bestStrides([{ length: 1450, count: 5 }], 16)).toEqual([1456]);
  });

  test('is found in time for every length there is', () => {
    const demand = Array.from({ length: 65_536 }, (_, i) => ({ length: i + 1, count: 1 }));
    const start = performance.now();
    expect(bestStrides(demand, 63).length).toBeGreaterThan(50);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

describe('with 16 classes', () => {
  const zipf = (lengths: readonly number[]): Demand[] =>
    lengths.map((length, i) => ({ length, count: Math.round(100_000 / (i + 1)) }));

  test('twenty odd lengths of a service waste less than with 64 built-in ones', () => {
    const lengths = Array.from({ length: 20 }, (_, i) => 90 + ((i * i * 37) % 7900));
    const demand = zipf(lengths);
    const today = wasteShare(costOf(demand, DEFAULT));
    const best = wasteShare(costOf(demand, bestStrides(demand, 16)));
    expect(best).toBeLessThan(0.05);
    expect(best).toBeLessThan(today);
    expect(wasteShare(costOf(demand, bestStrides(demand, 63)))).toBeLessThan(0.7 * today);
  });
});

describe('arena.learned()', () => {
  test('says what the arena wastes, when it observes', () => {
    const arena = new Arena({ learn: 'observe' });
    for (let i = 0; i < 1000; i++) arena.allocUnsafe(530);
    const { sizeClasses, today, best, savedBytes } = arena.learned({ classes: 16 });
    expect(sizeClasses).toEqual([544]);
    expect(best.wasteShare).toBeLessThan(today.wasteShare);
    expect(savedBytes).toBeGreaterThan(0);
    const adopted = new Arena({ learn: 'observe', sizeClasses });
    for (let i = 0; i < 1000; i++) adopted.free(adopted.allocUnsafe(530));
    expect(adopted.learned().count).toBe(0);
    expect(adopted.learned({ by: 'allocs' })).toMatchObject({ count: 1000, savedBytes: 0 });
    arena.destroy();
    adopted.destroy();
  });

  test('counts any other table against its own, as a model of every block does', () => {
    const random = new Random(20263);
    const tables = [DEFAULT, [64, 512, 4096, 65_536], bestStrides([{ length: 300, count: 1 }], 1)];
    for (const sizeClasses of tables) {
      const arena = new Arena({ learn: 'observe', sizeClasses });
      const live = Array.from({ length: 3000 }, () => arena.allocUnsafe(1 + random.below(1024)));
      for (const view of live.splice(0, 1000)) arena.free(view);
      const taken = (strides: readonly number[]): number =>
        live.reduce((sum, { length }) => {
          const stride = strides.find((one) => one >= length) ?? 65_536;
          return sum + blockCost(stride);
        }, 0);
      for (const other of tables) {
        const { compared, today, savedBytes } = arena.learned({ compare: other });
        expect(compared!.savedBytes).toBeCloseTo(taken(sizeClasses) - taken(other), 3);
        expect(compared!.wasteBytes).toBeCloseTo(today.wasteBytes - compared!.savedBytes, 3);
        expect(compared!.savedBytes).toBeLessThanOrEqual(savedBytes + 1e-6);
      }
      expect(arena.learned().compared).toBeUndefined();
      arena.destroy();
    }
  });

  test('says before what a table would save, and after it was adopted that it did', () => {
    const [before, after] = [DEFAULT, [544, 1008]].map(
      (sizeClasses) => new Arena({ learn: 'observe', sizeClasses }),
    );
    for (let i = 0; i < 4000; i++) {
      for (const arena of [before!, after!]) arena.allocUnsafe(i % 2 === 0 ? 530 : 1000);
    }
    const promised = before!.learned({ compare: [544, 1008] }).compared!.savedBytes;
    const kept = -after!.learned({ compare: 'built-in' }).compared!.savedBytes;
    expect(promised).toBeGreaterThan(0);
    expect(kept).toBeCloseTo(promised, 3);
    const used = before!.stats().bytes.used - after!.stats().bytes.used;
    expect(Math.abs(used - promised)).toBeLessThanOrEqual(4 * 65_536);
    before!.destroy();
    after!.destroy();
  });

  test('refuses what means nothing, and an arena that does not observe', () => {
    const [observing, frozen] = [new Arena({ learn: 'observe' }), new Arena()];
    expectCode(() => frozen.learned(), 'ERR_INVALID_STATE');
    expectCode(() => observing.learned({ classes: 1 }), 'ERR_OUT_OF_RANGE');
    expectCode(() => observing.learned({ classes: '9' as never }), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => observing.learned({ by: 'luck' as never }), 'ERR_INVALID_ARG_VALUE');
    expectCode(() => observing.learned(null as never), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => observing.learned({ compare: 'mine' as never }), 'ERR_INVALID_ARG_VALUE');
    expectCode(() => observing.learned({ compare: 64 as never }), 'ERR_INVALID_ARG_TYPE');
    expectCode(() => observing.learned({ compare: [] }), 'ERR_INVALID_ARG_VALUE');
    expectCode(() => observing.learned({ compare: [64, 32] }), 'ERR_INVALID_ARG_VALUE');
    expectCode(() => observing.learned({ compare: [4] }), 'ERR_OUT_OF_RANGE');
    expectCode(() => new Arena({ learn: 'always' as never }), 'ERR_INVALID_ARG_VALUE');
    observing.destroy();
    expectCode(() => observing.learned(), 'ERR_HAKMEM_ARENA_DESTROYED');
    frozen.destroy();
  });
});

describe('learnFrom()', () => {
  test('reports an arena by what is live in it, ready to paste', () => {
    const arena = new Arena();
    for (let i = 0; i < 1000; i++) arena.allocUnsafe(i % 2 === 0 ? 530 : 1000);
    const report = learnFrom(arena.stats().lengths, DEFAULT, { classes: 3 });
    expect(report).toMatchObject({ count: 1000, requestedBytes: 765_000 });
    expect(report.sizeClasses).toEqual([544, 1008]);
    expect(report.savedBytes).toBeGreaterThan(0);
    expect(report.today.wasteBytes - report.best.wasteBytes).toBeCloseTo(report.savedBytes, 3);
    const learned = new Arena({ sizeClasses: report.sizeClasses });
    for (let i = 0; i < 1000; i++) learned.allocUnsafe(i % 2 === 0 ? 530 : 1000);
    expect(learned.stats().bytes.used).toBeLessThanOrEqual(arena.stats().bytes.used);
    arena.destroy();
    learned.destroy();
  });

  test('looks at all allocations so far when asked, and spreads what was not counted by length', () => {
    const lengths = [
      { from: 100, to: 100, allocs: 50, live: 0, liveBytes: 0 },
      { from: 4673, to: 5040, allocs: 30, live: 10, liveBytes: 48_000 },
      { from: 65_537, to: 2_097_152, allocs: 9, live: 9, liveBytes: 900_000 },
    ];
    expect(learnFrom(lengths, DEFAULT).count).toBeCloseTo(10, 6);
    expect(learnFrom(lengths, DEFAULT, { by: 'allocs' }).count).toBeCloseTo(80, 6);
    expect(learnFrom([], DEFAULT)).toMatchObject({ count: 0, sizeClasses: [], savedBytes: 0 });
  });

  test('finds by their mean where in a range lengths are that were not counted one by one', () => {
    const range = { from: 4673, to: 5456, allocs: 1000, live: 1000 };
    const costs = [4700, 5064, 5430].map((mean) => {
      const report = learnFrom([{ ...range, liveBytes: 1000 * mean }], [4800, 65_536]);
      expect(report.requestedBytes / report.count).toBeGreaterThan(4673);
      expect(Math.abs(report.requestedBytes / report.count - mean)).toBeLessThan(120);
      expect(report.sizeClasses.at(-1)).toBeGreaterThanOrEqual(5456);
      return report.today.wasteBytes;
    });
    // Of few a length above 4,800 B takes a whole slab, of most of the others.
    expect(costs[1]! / costs[0]!).toBeGreaterThan(2);
    expect(costs[2]!).toBeGreaterThan(costs[1]!);
    const unknown = learnFrom([range], [4800, 65_536]);
    expect(unknown.today.wasteBytes / costs[1]!).toBeCloseTo(1, 1);
  });

  test('says what both tables cost if every length grows', () => {
    const lengths = [{ from: 1000, to: 1000, allocs: 100, live: 100 }];
    const { best, ifLonger } = learnFrom(lengths, DEFAULT, { classes: 2 });
    expect(best.wasteShare).toBeLessThan(0.02);
    expect(ifLonger.best.wasteShare).toBeGreaterThan(0.9);
    expect(ifLonger.today.wasteShare).toBeLessThan(0.1);
  });
});

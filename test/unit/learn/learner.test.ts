/**
 * Parts of the learner, on worlds that are known: they find what is best, keep it, and give up what is not.
 */
import { describe, expect, test } from '@jest/globals';
import { Bandit } from '../../../lib/learn/bandit';
import { Budgets } from '../../../lib/learn/budgets';
import { Canary, type Verdict } from '../../../lib/learn/canary';
import { type Period, costOfPeriod } from '../../../lib/learn/cost';
import { Arena } from '../../../lib/index';
import { Learner, type Learned, type Observation } from '../../../lib/learn/learner';
import { expectCode } from '../support/codes';
import { Random } from '../support/random';

const period = (slow: number, heldBytes = 2 ** 20): Period => ({
  ms: 1000,
  allocs: 100_000,
  slow,
  systemCalls: 0,
  heldBytes,
});

/** Plays a change to its verdict; how many periods that took. */
function play(of: (isNew: boolean, at: number) => Period, seed = 1): [Verdict, number] {
  const random = new Random(seed);
  const canary = new Canary(() => random.below(2 ** 30) / 2 ** 30);
  for (let at = 1; ; at++) {
    const verdict = canary.observe(of(canary.isNew, at));
    if (verdict !== 'tried') return [verdict, at];
  }
}

describe('costOfPeriod()', () => {
  test('counts native calls, system calls and megabytes for seconds', () => {
    expect(costOfPeriod({ ...period(0, 0), slow: 2, systemCalls: 1, allocs: 100 })).toBe(60);
    expect(costOfPeriod({ ...period(0, 2 ** 21), ms: 500, allocs: 1000 })).toBe(20);
    expect(costOfPeriod({ ...period(1), allocs: 0 })).toBeLessThan(Infinity);
  });
});

describe('Canary', () => {
  test('adopts what costs 1 % less, whatever the order and the noise', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const noise = new Random(seed + 1000);
      const world = (isNew: boolean): Period => period((isNew ? 1900 : 2000) + noise.below(20));
      expect(play(world, seed)).toEqual(['adopted', 16]);
    }
  });

  test('rolls back what is only as good: between both lies hysteresis', () => {
    expect(play((isNew) => period(isNew ? 1995 : 2000))).toEqual(['rolled back', 16]);
    expect(play(() => period(2000))[0]).toBe('rolled back');
  });

  test('is over after one pair when a change does harm, in time or in bytes', () => {
    expect(play((isNew) => period(isNew ? 4000 : 2000))).toEqual(['rolled back', 2]);
    const bytes = (isNew: boolean): Period =>
      period(isNew ? 0 : 2000, isNew ? 1.06 * 2 ** 20 : 2 ** 20);
    expect(play(bytes)).toEqual(['rolled back', 2]);
  });

  test('does the same with the same seed', () => {
    const order = (seed: number): boolean[] => {
      const seen: boolean[] = [];
      play((isNew) => (seen.push(isNew), period(2000)), seed);
      return seen;
    };
    expect(order(7)).toEqual(order(7));
    expect(order(7)).not.toEqual(order(8));
    expect(order(7).filter(Boolean)).toHaveLength(8);
  });

  test('is not fooled by traffic that grows: each pair is compared with itself', () => {
    expect(play((isNew, at) => period((isNew ? 1800 : 2000) + at * 10))[0]).toBe('adopted');
  });
});

describe('Bandit', () => {
  test('plays the best choice most, and the others seldom', () => {
    const costs = [100, 80, 60, 120];
    const bandit = new Bandit(costs.length);
    const random = new Random(3);
    for (let i = 0; i < 2000; i++) bandit.observe(costs[bandit.choice]! + random.below(10));
    const best = bandit.plays[2]!;
    expect(bandit.plays.every((plays) => plays > 0)).toBe(true);
    expect(best).toBe(Math.max(...bandit.plays));
    expect(best).toBeGreaterThan(1000);
  });

  test('plays each choice once at first', () => {
    const bandit = new Bandit(4);
    const seen = Array.from({ length: 4 }, () => {
      const at = bandit.choice;
      bandit.observe(10);
      return at;
    });
    expect(seen).toEqual([0, 1, 2, 3]);
  });
});

describe('Budgets', () => {
  const USUAL = 131_072;
  const HELD = 64 * 2 ** 20;
  const of = (misses: number, size = 1024): { size: number; allocs: number; slow: number }[] => [
    { size, allocs: 10_000, slow: misses * 10_000 },
  ];

  test('grow until the target is hit, and stay', () => {
    const budgets = new Budgets(USUAL, 2 ** 21);
    // Misses fall as the budget grows; 1 % is the target.
    const missesAt = (): number => 0.01 * (400_000 / budgets.bytesOf(1024));
    const seen: number[] = [];
    for (let i = 0; i < 50; i++) {
      budgets.observe(of(missesAt()), HELD);
      seen.push(budgets.bytesOf(1024));
    }
    expect(seen.slice(2)).toEqual(seen.slice(2).fill(524_288));
  });

  test('give back what is not needed any more, after a while', () => {
    const budgets = new Budgets(USUAL, 2 ** 21);
    for (let i = 0; i < 3; i++) budgets.observe(of(0.5), HELD);
    expect(budgets.bytesOf(1024)).toBe(8 * USUAL);
    for (let i = 0; i < 7; i++) budgets.observe(of(0), HELD);
    expect(budgets.bytesOf(1024)).toBe(8 * USUAL);
    for (let i = 0; i < 40; i++) budgets.observe(of(0), HELD);
    expect(budgets.bytesOf(1024)).toBe(USUAL);
  });

  test('never add up to more than 4 % of what is held, whatever the traffic', () => {
    const random = new Random(11);
    const sizes = Array.from({ length: 64 }, (_, i) => 1024 * (i + 1));
    const budgets = new Budgets(USUAL, 2 ** 21);
    for (let i = 0; i < 500; i++) {
      const misses = random.below(2);
      budgets.observe(
        sizes.flatMap((size) => of(misses, size)),
        HELD,
      );
      const added = sizes.reduce((sum, size) => sum + budgets.bytesOf(size) - USUAL, 0);
      expect(added).toBeLessThanOrEqual(0.04 * HELD);
    }
  });

  test('do not change for a handful of allocations', () => {
    const budgets = new Budgets(USUAL, 2 ** 21);
    expect(budgets.observe([{ size: 64, allocs: 999, slow: 999 }], HELD).size).toBe(0);
  });
});

describe('Learner', () => {
  const USUAL: Readonly<Record<string, number>> = {
    frontBytes: 131_072,
    frontBytesMax: 2 ** 21,
    emptySlabsHigh: 16,
    emptySlabsLow: 4,
    largeVariety: 12,
    largeRounding: 1,
  };

  /** Plays periods in a world that says what they cost with the values at hand. */
  function live(
    periods: number,
    world: (values: Readonly<Record<string, number>>, at: number) => Partial<Observation>,
    seed = 5,
  ): { values: Record<string, number>; changes: Learned[] } {
    const values = { ...USUAL };
    const changes: Learned[] = [];
    const random = new Random(seed);
    const learner = new Learner({
      random: () => random.below(2 ** 30) / 2 ** 30,
      valueOf: (name) => values[name]!,
    });
    for (let at = 0; at < periods; at++) {
      const seen = { ...period(1000), classes: [], largeAllocs: 0, ...world(values, at) };
      for (const change of learner.step(seen)) {
        changes.push(change);
        if (change.size === undefined) values[change.name] = change.value;
      }
    }
    return { values, changes };
  }

  test('keeps less where that costs nothing, step by step, and rolls all else back', () => {
    const world = ({ largeVariety }: Readonly<Record<string, number>>): Partial<Observation> => ({
      heldBytes: (10 + largeVariety!) * 2 ** 20,
    });
    const { values } = live(3000, world);
    expect(values['largeVariety']).toBe(1);
    expect(values['emptySlabsHigh']).toBe(16);
    expect(values['emptySlabsLow']).toBe(4);
  });

  test('changes nothing for good where nothing pays, and tries less and less often', () => {
    const { values, changes } = live(4000, () => ({}));
    expect(values).toEqual(USUAL);
    expect(changes.length).toBeLessThan(250);
  });

  test('changes nothing without traffic', () => {
    expect(live(1000, () => ({ allocs: 10, slow: 10 })).changes).toEqual([]);
  });

  test('finds the rounding that costs least, and keeps it', () => {
    const slow: Readonly<Record<number, number>> = {
      1: 5000,
      1.0625: 3000,
      1.125: 1000,
      1.25: 4000,
    };
    const world = ({ largeRounding }: Readonly<Record<string, number>>): Partial<Observation> => ({
      slow: slow[largeRounding!]!,
      largeAllocs: 1000,
    });
    expect(live(60, world).values['largeRounding']).toBe(1.125);
  });

  test('plays a rounding that holds too much once, and never again', () => {
    const seen: number[] = [];
    live(60, ({ largeRounding }) => {
      seen.push(largeRounding!);
      const heldBytes = (largeRounding! > 1.1 ? 1.2 : 1) * 2 ** 20;
      return { slow: largeRounding! > 1.1 ? 0 : 1000, heldBytes, largeAllocs: 1000 };
    });
    expect(seen.filter((rounding) => rounding > 1.1)).toEqual([1.125, 1.25]);
  });

  test('holds at most 5 % more than frozen where every change does harm', () => {
    const held: number[] = [];
    live(2000, (values) => {
      const isUsual = Object.keys(USUAL).every((name) => values[name] === USUAL[name]);
      held.push(isUsual ? 1 : 1.5);
      return { heldBytes: held.at(-1)! * 2 ** 20, largeAllocs: 1000 };
    });
    const mean = held.reduce((a, b) => a + b, 0) / held.length;
    expect(mean).toBeLessThanOrEqual(1.05);
  });

  test('does the same with the same seed', () => {
    const world = (_: unknown, at: number): Partial<Observation> => ({ slow: 1000 + (at % 7) });
    expect(live(500, world, 9).changes).toEqual(live(500, world, 9).changes);
  });
});

describe("learn: 'learn'", () => {
  const sizeClass = 1024;

  /** Bursts that a small budget cannot keep. */
  function burst(arena: Arena): void {
    for (let round = 0; round < 4; round++) {
      const live = Array.from({ length: 1500 }, () => arena.allocUnsafe(1000));
      for (const view of live) arena.free(view);
    }
  }

  test('is off unless it is asked for, and learned() works with it', () => {
    const arena = new Arena({ learn: 'learn' });
    arena.allocUnsafe(530);
    expect(arena.learned().count).toBe(1);
    arena.destroy();
    const frozen = new Arena();
    expectCode(() => frozen.learned(), 'ERR_INVALID_STATE');
    frozen.destroy();
  });

  test('changes budgets of a living arena by the second, and tells it', async () => {
    const arena = new Arena({ learn: 'learn', name: 'learns' });
    // What the arena holds allows a budget to grow.
    const ballast = Array.from({ length: 400 }, () => arena.allocUnsafe(65_536));
    const deadline = Date.now() + 20_000;
    const own = (): { value: number | string; source: string } =>
      arena.policy().classes.find(({ size }) => size === sizeClass)!.values.frontBytes;
    while (own().source !== 'learned' && Date.now() < deadline) {
      burst(arena);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(own().source).toBe('learned');
    expect(own().value).toBeGreaterThan(131_072);
    const saved = arena.policy().settings;
    arena.setPolicy({ frontBytesMax: 131_072 });
    expect(own().value).toBe(131_072);
    expect(arena.verify().differences).toEqual([]);
    expect(ballast.length).toBe(400);
    arena.destroy();
    const next = new Arena({ policy: saved });
    expect(next.policy().settings).toEqual(saved);
    next.destroy();
  }, 30_000);

  test('holds at most 5 % more than frozen on traffic that never stays the same', async () => {
    const arenas = [new Arena(), new Arena({ learn: 'learn' })] as const;
    const random = new Random(17);
    const held = [0, 0];
    for (const deadline = Date.now() + 4000; Date.now() < deadline;) {
      const sizes = Array.from(
        { length: 1000 },
        () => 1 + random.below(2 ** (4 + random.below(14))),
      );
      arenas.forEach((arena, i) => {
        const live = sizes.map((size) => arena.allocUnsafe(size));
        held[i]! += arena.stats().bytes.committed;
        for (const view of live) arena.free(view);
      });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(held[1]! / held[0]!).toBeLessThanOrEqual(1.05);
    for (const arena of arenas) {
      expect(arena.verify().differences).toEqual([]);
      arena.destroy();
    }
  }, 20_000);
});

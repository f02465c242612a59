/**
 * Learned size classes in a living arena: what they save, what a wrong guess costs, and that whatever an arena can do with a
 * block goes on while its class comes and goes.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, jest, test } from '@jest/globals';
import { Learning } from '../../../lib/arena/learning';
import { Arena, type PolicyEvent, adopt, heapStats, release } from '../../../lib/index';
import { bestStrides } from '../../../lib/learn/optimum';
import { blockCost, costOf, wasteShare } from '../../../lib/learn/waste';
import { onlyNative } from '../support/backend';
import { expectCode } from '../support/codes';
import { learningArena } from '../support/learning-arena';
import { Random } from '../support/random';

/** A service with its own lengths; the longest is rarer. */
const ODD = [
  520, 610, 740, 930, 1100, 1270, 1450, 1730, 2100, 2500, 2900, 3550, 4200, 5000, 5800, 7000, 8100,
  9600, 11_500,
];
const SERVICE = [...ODD, ...ODD, ...ODD, 33_100];

/** 3000 lengths; the nth is asked for 1/n as often as the first. */
const MANY = Array.from({ length: 3000 }, (_, i) => 17 + ((i * 7919) % 30_000));
const zipf = (random: Random): number =>
  MANY[Math.floor(MANY.length ** (random.below(2 ** 20) / 2 ** 20)) - 1]!;

/** An arena and its frozen twin under the same traffic: blocks that live for a random time. */
class Twins {
  readonly arena: Arena;
  readonly frozen = new Arena();
  readonly #learning: Learning;
  readonly #views: Buffer[] = [];
  readonly #twins: Buffer[] = [];
  readonly #random = new Random(20);
  readonly #live: number;
  #periods = 0;
  /** Bytes used by both, over all periods. */
  used = { arena: 0, frozen: 0 };

  constructor(live: number) {
    const { arena, learnable } = learningArena();
    this.arena = arena;
    this.#learning = new Learning(learnable, 0);
    this.#live = live;
  }

  get learned(): number[] {
    return this.arena.policy().learned.map(({ size }) => size);
  }

  /** A second of traffic; then the learner looks. */
  period(steps: number, draw: (random: Random) => number): void {
    for (let i = 0; i < steps; i++) {
      const at =
        this.#views.length < this.#live ? this.#views.length : this.#random.below(this.#live);
      const length = draw(this.#random);
      if (at < this.#views.length) {
        this.arena.free(this.#views[at]!);
        this.frozen.free(this.#twins[at]!);
      }
      this.#views[at] = this.arena.allocUnsafe(length);
      this.#twins[at] = this.frozen.allocUnsafe(length);
    }
    this.#learning.step(++this.#periods * 1000);
    expect(this.arena.verify().differences).toEqual([]);
    this.used.arena += this.arena.stats().bytes.used;
    this.used.frozen += this.frozen.stats().bytes.used;
  }

  /** Part of what blocks take, tails of slabs included, that nobody asked for. */
  wasteOf(which: 'arena' | 'frozen'): number {
    const arena = this[which];
    const views = which === 'arena' ? this.#views : this.#twins;
    const asked = views.reduce((sum, { length }) => sum + length, 0);
    const taken = views.reduce((sum, view) => sum + blockCost(arena.usableSize(view)), 0);
    return 1 - asked / taken;
  }

  /** With all classes that an arena can have, the best ones for what is live. */
  leastWaste(): number {
    const counts = new Map<number, number>();
    for (const { length } of this.#views) counts.set(length, (counts.get(length) ?? 0) + 1);
    const demand = [...counts].map(([length, count]) => ({ length, count }));
    return wasteShare(costOf(demand, bestStrides(demand, 95)));
  }

  end(): void {
    this.arena.destroy();
    this.frozen.destroy();
  }
}

describe('internal waste, tails of slabs included,', () => {
  test('of a service with twenty odd lengths falls to 3 %, and does so again when they change', () => {
    const twins = new Twins(20_000);
    for (let i = 0; i < 10; i++) twins.period(40_000, (random) => random.pick(SERVICE));
    expect(twins.wasteOf('frozen')).toBeGreaterThan(0.045);
    expect(twins.wasteOf('arena')).toBeLessThan(0.03);
    // Ten seconds, and fewer than a million allocations.
    for (let i = 0; i < 10; i++) twins.period(60_000, (random) => random.pick(SERVICE) - 90);
    expect(twins.wasteOf('arena')).toBeLessThan(twins.leastWaste() + 0.005);
    expect(twins.learned.length).toBeLessThanOrEqual(16);
    twins.end();
  });

  test('of Zipf lengths falls to 3 %, and memory comes down to what it was', () => {
    const twins = new Twins(20_000);
    for (let i = 0; i < 14; i++) twins.period(40_000, zipf);
    expect(twins.wasteOf('frozen')).toBeGreaterThan(0.04);
    expect(twins.wasteOf('arena')).toBeLessThan(0.03);
    expect(twins.used.arena).toBeLessThan(twins.used.frozen * 1.05);
    expect(twins.arena.stats().bytes.used).toBeLessThan(twins.frozen.stats().bytes.used * 1.03);
    twins.end();
  });

  test.each([
    ['all of them', SERVICE],
    ['a few', [3300, 5500, 9100, 12_000, 18_700, 33_100]],
  ])(
    'where lengths change each time that one was learned (%s) costs no more memory',
    (_, lengths) => {
      const twins = new Twins(5000);
      let shift = 0;
      let known = '';
      for (let i = 0; i < 80; i++) {
        twins.period(10_000, (random) => random.pick(lengths) + shift);
        const learned = twins.learned.join();
        if (learned.length > known.length) shift = (shift + 48) % 480;
        known = learned;
      }
      expect(twins.used.arena).toBeLessThan(twins.used.frozen * 1.05);
      twins.end();
    },
  );
});

describe('a class that is learned', () => {
  test('serves its lengths from then on, and those that are live keep their blocks until they are freed', () => {
    const { arena, learnable } = learningArena();
    const old = arena.from('a'.repeat(1450));
    expect(learnable.addClass(1456, 0)).toBe(true);
    const fresh = arena.allocUnsafe(1450);
    expect([arena.usableSize(old), arena.usableSize(fresh)]).toEqual([1488, 1456]);
    expect(old.toString()).toBe('a'.repeat(1450));
    arena.free(old);
    expect(arena.usableSize(arena.allocUnsafe(1450))).toBe(1456);
    expect(arena.usableSize(arena.allocUnsafe(1457))).toBe(1488);
    learnable.retireClass(1456);
    expect(arena.usableSize(arena.allocUnsafe(1450))).toBe(1488);
    expect(arena.usableSize(fresh)).toBe(1456);
    expect(arena.verify().ok).toBe(true);
    arena.destroy();
  });

  test('leaves no slab behind when it has retired and its last block is free', () => {
    const { arena, learnable } = learningArena();
    learnable.addClass(1456, 0);
    const views = Array.from({ length: 500 }, () => arena.allocUnsafe(1450));
    learnable.retireClass(1456);
    const slabs = (): number =>
      arena
        .stats()
        .classes.flatMap(({ bins }) => bins)
        .find((bin) => bin.blockSize === 1456)!.slabs;
    expect(slabs()).toBeGreaterThan(10);
    for (const view of views) arena.free(view);
    expect(slabs()).toBe(0);
    expect(arena.verify().ok).toBe(true);
    arena.destroy();
  });

  test('that there is already, or has no room, is refused', () => {
    const { arena, learnable } = learningArena();
    expect(learnable.addClass(1488, 0)).toBe(false);
    const sizes = Array.from({ length: 17 }, (_, i) => 10_064 + 16 * i);
    for (const size of sizes) expect(learnable.addClass(size, 0)).toBe(true);
    expect(learnable.addClass(1456, 0)).toBe(false);
    expect(arena.policy().learned.map(({ size }) => size)).toEqual(sizes);
    expect(arena.verify().ok).toBe(true);
    arena.destroy();
  });

  test('takes part in everything that is done with blocks', () => {
    const { arena, learnable } = learningArena();
    const isThere = [true, false];
    for (const adds of isThere) {
      const views = Array.from({ length: 50 }, () => arena.allocUnsafe(1450).fill(7));
      const typed = arena.allocTyped(Float64Array, 180);
      const scope = arena.openScope();
      const scoped = scope.allocUnsafe(1450).fill(8);
      arena.retain(views[2]!);
      arena.retain(views[3]!);
      arena.free(views[3]!);
      if (adds) learnable.addClass(1456, 0);
      else learnable.retireClass(1456);
      expect(arena.release(views[2]!)).toBe(false);
      expect(arena.release(views[3]!)).toBe(true);
      const longer = arena.realloc(views[4]!, 1452) as Buffer;
      expect(longer.subarray(0, 1450).every((byte) => byte === 7)).toBe(true);
      expect(arena.copyOut(views[5]!).every((byte) => byte === 7)).toBe(true);
      expect(arena.allocUnsafe(1450, 512).byteOffset % 512).toBe(0);
      expect(scoped.every((byte) => byte === 8)).toBe(true);
      scope.end();
      expectCode(() => arena.free(scoped), 'ERR_HAKMEM_DOUBLE_FREE');
      arena.free(typed);
      arena.free(longer);
      for (const view of [...views.slice(0, 3), ...views.slice(5)]) arena.free(view);
      arena.trim();
      expect(arena.verify().differences).toEqual([]);
    }
    arena.reset();
    expect(arena.stats().bytes.live).toBe(0);
    expect(learnable.addClass(1456, 0)).toBe(true);
    const after = arena.allocUnsafe(1450);
    arena.reset();
    expect(arena.owns(after)).toBe(false);
    expect(arena.usableSize(arena.allocUnsafe(1450))).toBe(1456);
    expect(arena.verify().differences).toEqual([]);
    arena.destroy();
  });

  onlyNative('tickets')('comes and goes while blocks of its lengths are with others', () => {
    const { arena, learnable } = learningArena();
    for (const adds of [true, false]) {
      const tickets = [1, 2, 3].map((byte) => arena.share(arena.allocUnsafe(1450).fill(byte)));
      if (adds) learnable.addClass(1456, 0);
      else learnable.retireClass(1456);
      const adopted = adopt(tickets[0]!);
      expect(adopted.every((byte) => byte === 1)).toBe(true);
      release(adopted);
      const back = arena.recall(tickets[1]!)!;
      expect(back.every((byte) => byte === 2)).toBe(true);
      expect(arena.verify().differences).toEqual([]);
      arena.free(back);
    }
    arena.reset();
    expect(arena.verify().differences).toEqual([]);
    arena.destroy();
  });

  test('works with guarded and watched blocks', () => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { arena, learnable } = learningArena({ guard: { sampleRate: 1 }, leaks: 'all' });
    const before = arena.allocUnsafe(1450);
    learnable.addClass(1456, 0);
    const after = arena.allocUnsafe(1450);
    learnable.retireClass(1456);
    for (const view of [before, after]) arena.free(view);
    expect(arena.liveBlocks()).toEqual([]);
    expect(arena.verify().differences).toEqual([]);
    arena.destroy();
    jest.restoreAllMocks();
  });

  test('is told: by the policy, the channel, the recorder and the sums over all arenas', async () => {
    const messages: PolicyEvent[] = [];
    const listener = (message: unknown): void => void messages.push(message as PolicyEvent);
    subscribe('hakmem-arena:policy', listener);
    const { arena, learnable } = learningArena({ trace: 100 });
    learnable.addClass(1456, 3000);
    const learned = { size: 1456, source: 'learned', atMs: 3000 };
    expect(arena.policy().learned).toEqual([learned]);
    expect(arena.policy().settings.sizeClasses).toEqual([1456]);
    expect(arena.policy().classes.map(({ size }) => size)).toContain(1456);
    arena.allocUnsafe(1450);
    const bins = heapStats().totals.classes.flatMap((row) => row.bins);
    expect(bins.find(({ blockSize }) => blockSize === 1456)).toMatchObject({ live: 1 });
    learnable.retireClass(1456);
    expect(arena.policy().learned).toEqual([]);
    expect(arena.policy().settings).not.toHaveProperty('sizeClasses');
    await new Promise((resolve) => setImmediate(resolve));
    unsubscribe('hakmem-arena:policy', listener);
    const told = messages.flatMap(({ changes }) => changes);
    expect(told.map(({ size, from, to }) => [size, from, to])).toEqual([
      [1456, 'none', 'added'],
      [1456, 'added', 'retired'],
    ]);
    const events = arena.trace().filter(({ kind }) => kind.endsWith('learn'));
    expect(events.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['learn', 1456],
      ['unlearn', 1456],
    ]);
    arena.destroy();
  });
});

describe('a saved policy', () => {
  test('has the learned size classes from the beginning, frozen, and with what was learned of them', () => {
    const { arena, learnable } = learningArena();
    learnable.addClass(1456, 0);
    learnable.learn([{ name: 'frontBytes', size: 1456, value: 512 * 1024 }]);
    const saved = JSON.parse(JSON.stringify(arena.policy().settings)) as object;
    arena.destroy();
    const next = new Arena({ policy: saved });
    expect(next.usableSize(next.allocUnsafe(1450))).toBe(1456);
    expect(next.policy().learned).toEqual([{ size: 1456, source: 'option', atMs: undefined }]);
    expect(next.policy().settings).toEqual(saved);
    expect(next.verify().ok).toBe(true);
    next.destroy();
  });

  test('of a class that has retired says nothing', () => {
    const { arena, learnable } = learningArena();
    learnable.addClass(1456, 0);
    learnable.learn([{ name: 'frontBytes', size: 1456, value: 512 * 1024 }]);
    learnable.retireClass(1456);
    expect(arena.policy().settings).toEqual({});
    arena.destroy();
  });

  test('is refused where its size classes are none, too many, or come too late', () => {
    const many = Array.from({ length: 18 }, (_, i) => 10_064 + 16 * i);
    const cases = [
      [[1450], 'ERR_INVALID_ARG_VALUE'],
      [[7], 'ERR_OUT_OF_RANGE'],
      ['1456', 'ERR_INVALID_ARG_TYPE'],
      [many, 'ERR_INVALID_ARG_VALUE'],
    ] as const;
    for (const [sizeClasses, code] of cases) {
      expectCode(() => new Arena({ policy: { sizeClasses: sizeClasses as number[] } }), code);
    }
    const arena = new Arena();
    expectCode(() => arena.setPolicy({ sizeClasses: [1456] }), 'ERR_INVALID_ARG_VALUE');
    arena.destroy();
  });
});

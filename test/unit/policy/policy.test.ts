/**
 * The policy box: what it says, what it refuses, and that a living arena goes by it.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Arena, type Policy, type PolicyEvent, type PolicySettings } from '../../../lib/index';
import { native } from '../../../lib/native/native';
import { resultOf, runScript } from '../support/child';
import { expectCode } from '../support/codes';

const arenas: Arena[] = [];

function made(...args: ConstructorParameters<typeof Arena>): Arena {
  const arena = new Arena(...args);
  arenas.push(arena);
  return arena;
}

afterEach(() => {
  for (const arena of arenas.splice(0)) arena.destroy();
});

/** Frees `count` live Buffers of a size; what the front keeps of its class, with views and without. */
function keptAfter(arena: Arena, size: number, count: number): { cap: number; front: number } {
  const live = Array.from({ length: count }, () => arena.allocUnsafe(size));
  for (const view of live) arena.free(view);
  return frontOf(arena, size);
}

function frontOf(arena: Arena, size: number): { cap: number; front: number } {
  const bins = arena.stats().classes.flatMap(({ bins: all }) => all);
  const bin = bins.find(({ blockSize }) => blockSize >= size)!;
  return { cap: bin.front.cap, front: bin.frontBlocks };
}

describe('policy()', () => {
  test('says of each value its unit, range and source', () => {
    const { values, classes, settings }: Policy = made().policy();
    expect(values.purgeDelayMs).toEqual({
      value: 2000,
      unit: 'ms',
      min: -1,
      max: 86_400_000,
      source: 'default',
    });
    expect(values.freePolicy).toEqual({
      value: 'batch',
      unit: '',
      choices: ['keep', 'batch'],
      source: 'default',
    });
    for (const one of Object.values(values)) expect(typeof one.unit).toBe('string');
    expect(classes.map(({ size }) => size)).toEqual([...native.tables.defaultStrides]);
    expect(settings).toEqual({});
  });

  test('tells options, what was set, and what a class has of its own', () => {
    const arena = made({ purgeDelayMs: 500, policy: 'keep' });
    arena.setPolicy({ emptySlabsHigh: 8, classes: { 4096: { frontBytes: 4096 } } });
    const { values, classes, settings } = arena.policy();
    expect(values.purgeDelayMs).toMatchObject({ value: 500, source: 'option' });
    expect(values.freePolicy).toMatchObject({ value: 'keep', source: 'option' });
    expect(values.emptySlabsHigh).toMatchObject({ value: 8, source: 'set' });
    expect(values.frontBytes).toMatchObject({ value: 131_072, source: 'default' });
    const own = classes.find(({ size }) => size === 4096)!.values;
    expect(own.frontBytes).toMatchObject({ value: 4096, source: 'set' });
    expect(own.frontShare.source).toBe('default');
    const others = classes.filter(({ values: { frontBytes } }) => frontBytes.source === 'set');
    expect(others).toHaveLength(1);
    expect(settings).toEqual({
      purgeDelayMs: 500,
      freePolicy: 'keep',
      emptySlabsHigh: 8,
      classes: { 4096: { frontBytes: 4096 } },
    });
  });

  test('goes to another arena as JSON', () => {
    const arena = made();
    arena.setPolicy({
      purgeDelayMs: 100,
      largeRounding: 1.125,
      classes: { 64: { freeBlocks: 16 } },
    });
    const saved = JSON.parse(JSON.stringify(arena.policy().settings)) as PolicySettings;
    const other = made({ policy: saved });
    expect(other.policy().settings).toEqual(saved);
    expect(other.policy().values.largeRounding).toMatchObject({ value: 1.125, source: 'option' });
    expect(arena.policy().values.largeRounding.source).toBe('set');
  });

  test('knows variables and the profile of the process', async () => {
    const script = `
      const { Arena } = require('./dist/index.js');
      const { values } = new Arena().policy();
      console.log(JSON.stringify([values.purgeDelayMs, values.emptySlabsHigh, values.largeVarietyBytes]));`;
    const env = { HAKMEM_PURGE_DELAY_MS: '700', HAKMEM_TINY_POLICY_PROFILE: 'lean' };
    const [delay, high, variety] = await resultOf<object[]>(script, { env });
    expect(delay).toMatchObject({ value: 700, source: 'environment' });
    expect(high).toMatchObject({ value: 2, source: 'profile' });
    expect(variety).toMatchObject({ value: Math.floor(2 ** 25 / 6), source: 'profile' });
  });
});

describe('setPolicy() refuses', () => {
  test.each([
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    ['lean', 'ERR_INVALID_ARG_TYPE'],
    [[], 'ERR_INVALID_ARG_TYPE'],
    [{ purgeDelay: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ purgeDelayMs: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ purgeDelayMs: -2 }, 'ERR_OUT_OF_RANGE'],
    [{ purgeDelayMs: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ purgeDelayMs: 86_400_001 }, 'ERR_OUT_OF_RANGE'],
    [{ freePolicy: 'never' }, 'ERR_INVALID_ARG_VALUE'],
    [{ freePolicy: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ frontShare: NaN }, 'ERR_OUT_OF_RANGE'],
    [{ frontShare: 1.01 }, 'ERR_OUT_OF_RANGE'],
    [{ largeRounding: 0.99 }, 'ERR_OUT_OF_RANGE'],
    [{ batchBlocks: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ emptySlabsLow: 17 }, 'ERR_INVALID_ARG_VALUE'],
    [{ emptyShareHigh: 0.1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ frontBytes: 2 ** 22 }, 'ERR_INVALID_ARG_VALUE'],
    [{ profile: 'fast' }, 'ERR_INVALID_ARG_VALUE'],
    [{ profile: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ classes: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ classes: { 4095: {} } }, 'ERR_INVALID_ARG_VALUE'],
    [{ classes: { ' 4096': {} } }, 'ERR_INVALID_ARG_VALUE'],
    [{ classes: { 4096: 5 } }, 'ERR_INVALID_ARG_TYPE'],
    [{ classes: { 4096: { purgeDelayMs: 1 } } }, 'ERR_INVALID_ARG_VALUE'],
    [{ classes: { 4096: { freeBlocks: 129 } } }, 'ERR_OUT_OF_RANGE'],
    [{ classes: { 4096: { frontBytesMax: 1 } } }, 'ERR_INVALID_ARG_VALUE'],
  ])('%j, and nothing has changed', (settings, code) => {
    const arena = made();
    const before = arena.policy();
    const mixed =
      typeof settings === 'object' && settings !== null && !Array.isArray(settings)
        ? { emptySlabsHigh: 16, largeVariety: 3, ...settings }
        : settings;
    expectCode(() => arena.setPolicy(mixed as unknown as PolicySettings), code);
    expect(arena.policy()).toEqual(before);
    if (settings !== undefined) {
      expectCode(
        () => new Arena({ policy: mixed as never }),
        code === 'ERR_INVALID_ARG_TYPE' && typeof settings === 'string'
          ? 'ERR_INVALID_ARG_VALUE'
          : code,
      );
    }
  });

  test('an arena that has ended', () => {
    const arena = new Arena();
    arena.destroy();
    expectCode(() => arena.setPolicy({}), 'ERR_HAKMEM_ARENA_DESTROYED');
    expectCode(() => arena.policy(), 'ERR_HAKMEM_ARENA_DESTROYED');
  });

  test('what a prototype says', () => {
    const arena = made();
    arena.setPolicy(Object.create({ purgeDelayMs: 1 }) as PolicySettings);
    expect(arena.policy().settings).toEqual({});
  });
});

describe('a living arena goes by its policy', () => {
  test('views beyond a lower budget go at once, and none is kept with a budget of 0', () => {
    const arena = made();
    expect(keptAfter(arena, 1000, 200).cap).toBeGreaterThan(100);
    arena.setPolicy({ classes: { 1024: { frontBytes: 0, frontBytesMax: 0 } } });
    expect(frontOf(arena, 1000).cap).toBe(0);
    const view = arena.allocUnsafe(1000);
    arena.free(view);
    expect(arena.allocUnsafe(1000)).not.toBe(view);
    expect(arena.verify().differences).toEqual([]);
    arena.setPolicy({ classes: { 1024: { frontBytes: 65_536, frontBytesMax: 65_536 } } });
    expect(keptAfter(arena, 1000, 200).cap).toBe(64);
    expect(arena.verify().differences).toEqual([]);
  });

  test('blocks beyond a lower limit go at once, down to none', () => {
    const arena = made({ policy: { frontBytes: 0, frontBytesMax: 0 } });
    expect(keptAfter(arena, 1000, 500).front).toBeGreaterThanOrEqual(64);
    for (const freeBlocks of [20, 1, 0]) {
      arena.setPolicy({ freeBlocks });
      expect(frontOf(arena, 1000).front).toBeLessThanOrEqual(freeBlocks);
      expect(keptAfter(arena, 1000, 500).front).toBeLessThanOrEqual(freeBlocks);
      expect(arena.verify().differences).toEqual([]);
    }
  });

  test('empty slabs are kept as it says', () => {
    const slabs = (policy: PolicySettings): number => {
      const arena = made({ policy: { ...policy, frontBytes: 0, frontBytesMax: 0 } });
      const live = Array.from({ length: 2000 }, () => arena.allocUnsafe(4096));
      for (const view of live) arena.free(view);
      return arena.stats().classes.reduce((sum, one) => sum + one.slabs, 0);
    };
    const none = { emptySlabsHigh: 0, emptyShareHigh: 0, emptySlabsLow: 0, emptyShareLow: 0 };
    expect(slabs(none)).toBeLessThan(12);
    expect(slabs({})).toBeGreaterThan(20);
  });

  test('large blocks of near sizes share what was rounded', () => {
    const sizes = [1_060_000, 1_120_000, 1_170_000];
    const runs = (policy: PolicySettings): number => {
      const arena = made({ policy: { ...policy, largeFit: 1 } });
      for (const size of sizes) arena.free(arena.allocUnsafe(size));
      return arena.stats().classes.find(({ name }) => name === 'run')!.slow;
    };
    expect(runs({})).toBe(2);
    expect(runs({ largeRounding: 1.125 })).toBe(1);
  });

  test('a rounded block gives way to an exact one at the limit', () => {
    const arena = made({ maxBytes: 1024 * 1024, policy: { largeRounding: 1.25 } });
    expect(arena.allocUnsafe(900_000).length).toBe(900_000);
    expect(arena.allocUnsafe(65_537).length).toBe(65_537);
  });

  test('a purge delay that was never counts from then on', async () => {
    const arena = made({ purgeDelayMs: -1 });
    keptAfter(arena, 32_768, 400);
    arena.setPolicy({ purgeDelayMs: 20 });
    const deadline = Date.now() + 5000;
    while (arena.stats().decay.decayedBytes === 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(arena.stats().decay.decayedBytes).toBeGreaterThan(0);
  });

  test('after a reset, too', () => {
    const arena = made();
    arena.setPolicy({ frontBytes: 0, frontBytesMax: 0, freeBlocks: 3 });
    arena.reset();
    expect(keptAfter(arena, 1000, 300)).toEqual({ cap: 0, front: expect.any(Number) });
    expect(frontOf(arena, 1000).front).toBeLessThanOrEqual(3);
  });

  test('but not the next one of this thread, which gets its arrays', () => {
    const arena = new Arena();
    arena.setPolicy({ freeBlocks: 0, batchBlocks: 1 });
    keptAfter(arena, 1000, 10);
    arena.destroy();
    const next = made();
    expect(next.policy().settings).toEqual({});
    expect(keptAfter(next, 1000, 500).front).toBeGreaterThan(64);
  });

  test('any change at any moment keeps the books true', () => {
    const arena = made();
    const live: Buffer[] = [];
    let seed = 7;
    const below = (n: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 1;
      return seed % n;
    };
    for (let step = 0; step < 20_000; step++) {
      if (step % 250 === 0) {
        const frontBytes = [0, 1000, 131_072][below(3)]!;
        arena.setPolicy({
          frontBytes,
          frontBytesMax: frontBytes * (1 + below(9)),
          frontShare: below(5) / 4,
          freeBlocks: below(129),
          batchBlocks: 1 + below(64),
          emptySlabsHigh: 4 + below(20),
          emptySlabsLow: below(4),
          emptyShareLow: 0,
          largeRounding: [1, 1.0625, 1.25][below(3)]!,
          largeVariety: below(20),
          purgeDelayMs: [-1, 0, 100][below(3)]!,
        });
        expect(arena.verify().differences).toEqual([]);
      }
      if (live.length > 0 && below(2) === 0) {
        const [view] = live.splice(below(live.length), 1);
        expect(view![0]).toBe(view!.length & 255);
        arena.free(view!);
      } else {
        const size = 1 + (below(20) === 0 ? below(400_000) : below(5000));
        const view = arena.allocUnsafe(size);
        view[0] = size & 255;
        live.push(view);
      }
    }
  });
});

describe('hakmem-arena:policy', () => {
  test('tells what has changed, from what to what and by whom', async () => {
    const events: PolicyEvent[] = [];
    const listen = (message: unknown): void => void events.push(message as PolicyEvent);
    subscribe('hakmem-arena:policy', listen);
    const arena = made({ name: 'told' });
    arena.setPolicy({ freePolicy: 'keep', purgeDelayMs: 2000, classes: { 64: { freeBlocks: 8 } } });
    expectCode(() => arena.setPolicy({ freeBlocks: -1 }), 'ERR_OUT_OF_RANGE');
    await Promise.resolve();
    unsubscribe('hakmem-arena:policy', listen);
    expect(events).toEqual([
      {
        arena: { id: arena.id, name: 'told' },
        changes: [
          { name: 'freePolicy', size: undefined, from: 'batch', to: 'keep', source: 'set' },
          { name: 'freeBlocks', size: 64, from: 128, to: 8, source: 'set' },
        ],
      },
    ]);
  });
});

describe('profiles', () => {
  test('change what nobody has set', () => {
    const arena = made();
    arena.setPolicy({ emptySlabsLow: 2, emptySlabsHigh: 6 });
    arena.setPolicy({ profile: 'lean', largeVariety: 5 });
    const { values } = arena.policy();
    expect(values.emptySlabsHigh).toMatchObject({ value: 6, source: 'set' });
    expect(values.emptyShareHigh).toMatchObject({ value: 1 / 8, source: 'profile' });
    arena.setPolicy({ profile: 'default' });
    expect(arena.policy().values.emptyShareHigh).toMatchObject({ value: 1 / 2, source: 'default' });
    expect(arena.policy().values.largeVariety).toMatchObject({ value: 5, source: 'set' });
  });

  test('of old are the default, and one warning says why', async () => {
    const script = `
      const { Arena } = require('./dist/index.js');
      process.on('warning', ({ code, message }) => console.log(code, message));
      const arena = new Arena();
      arena.setPolicy({ profile: 'larson_guard' });
      arena.setPolicy({ profile: 'larson_guard' });`;
    const { stdout } = await runScript(script);
    expect(stdout.match(/HAKMEM_PROFILE/g)).toHaveLength(1);
    expect(stdout).toMatch(/larson_guard.*checked exactly/);
  });
});

describe("the option 'front'", () => {
  /** Native calls for 100 allocations and frees of one length, one at a time, when it is warm. */
  function calls(arena: Arena): number {
    const sum = (): number =>
      arena.stats().classes.reduce((all, { refills, flushes }) => all + refills + flushes, 0);
    for (let i = 0; i < 10; i++) arena.free(arena.allocUnsafe(1000));
    const before = sum();
    for (let i = 0; i < 100; i++) arena.free(arena.allocUnsafe(1000));
    return sum() - before;
  }

  test('keeps views, blocks, or nothing', () => {
    const [recycle, blocks, off] = (['recycle', 'blocks', 'off'] as const).map((front) =>
      made({ front }),
    );
    const isRecycled = (arena: Arena): boolean => {
      const view = arena.allocUnsafe(1000);
      arena.free(view);
      return arena.allocUnsafe(1000) === view;
    };
    expect([recycle!, blocks!, off!].map(calls)).toEqual([0, 0, 200]);
    expect([recycle!, blocks!, off!].map(isRecycled)).toEqual([true, false, false]);
    for (const arena of [recycle!, blocks!, off!]) expect(arena.verify().differences).toEqual([]);
    expect(off!.policy().values.freeBlocks).toMatchObject({ value: 0, source: 'option' });
    expectCode(() => new Arena({ front: 'on' as never }), 'ERR_INVALID_ARG_VALUE');
  });

  test("is 'blocks' with HAKMEM_TINY_HEAP_V2=0, unless an arena says otherwise", async () => {
    const script = `
      const { Arena } = require('./dist/index.js');
      const frontBytes = (options) => new Arena(options).policy().values.frontBytes;
      console.log(JSON.stringify([frontBytes(), frontBytes({ front: 'recycle' })]));`;
    const [process, own] = await resultOf<object[]>(script, { env: { HAKMEM_TINY_HEAP_V2: '0' } });
    expect(process).toMatchObject({ value: 0, source: 'environment' });
    expect(own).toMatchObject({ value: 131_072, source: 'option' });
  });
});

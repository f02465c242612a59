import { describe, expect, test } from '@jest/globals';
import { bucketOfBuffers } from '../../../lib/front/buckets';
import { Arena, type View } from '../../../lib/index';
import { codeOf } from '../support/codes';
import { LiveRanges } from '../support/live-ranges';
import { Random } from '../support/random';
import { type RandomMixedCall, randomMixed } from '../support/random-mixed';
import { checkSums, ownStats, rowOf, totalsOf } from '../support/sums';
import { VIEW_CONSTRUCTORS, blockOf, elementBytesOf } from '../support/views';

const C_ROWS = ['C0', 'C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C7'];

describe('random_mixed', () => {
  interface Golden extends RandomMixedCall {
    readonly expected: readonly number[];
  }
  const call = (
    [iterations, slots, seed, min, max]: readonly [number, number, number, number, number],
    expected: readonly number[],
  ): Golden => ({ iterations, slots, seed, min, max, expected });

  test.each([
    call([20_000, 64, 1, 1024, 1024], [0, 0, 0, 0, 0, 0, 0, 11016]),
    call([20_000, 256, 1, 16, 1024], [0, 10, 148, 341, 720, 1414, 2749, 5683]),
    call([20_000, 256, 1, 257, 768], [0, 0, 0, 0, 0, 0, 5382, 5683]),
    call([1_000_000, 400, 1, 16, 1024], [0, 523, 8757, 17253, 34764, 68835, 137_297, 282_671]),
  ])('($iterations, $slots, $seed, $min, $max) allocates to the unit', (golden) => {
    const arena = new Arena();
    randomMixed(arena, golden);
    const stats = checkSums(arena.stats());
    expect(C_ROWS.map((name) => rowOf(stats, name).allocs)).toEqual(golden.expected);
    expect(C_ROWS.map((name) => rowOf(stats, name).frees)).toEqual(golden.expected);
    const allocs = golden.expected.reduce((a, b) => a + b, 0);
    expect(totalsOf(stats)).toMatchObject({ allocs, frees: allocs, live: 0, liveBytes: 0 });
    arena.destroy();
  });

  test('on 64 slots of one size almost never leaves JavaScript', () => {
    const arena = new Arena();
    randomMixed(arena, { iterations: 20_000, slots: 64, seed: 1, min: 1024, max: 1024 });
    const row = rowOf(checkSums(arena.stats()), 'C7');
    expect(row.allocs).toBe(11016);
    expect(row.slow).toBeLessThan(10);
    expect(row.fast).toBe(11016 - row.slow);
    expect(row.refills).toBeLessThan(10);
    expect(row.flushes).toBe(0);
    arena.destroy();
  });

  test('a second round needs the core no more than the first', () => {
    const arena = new Arena();
    const round: RandomMixedCall = { iterations: 20_000, slots: 256, seed: 1, min: 16, max: 1024 };
    randomMixed(arena, round);
    const first = totalsOf(arena.stats());
    const used = arena.stats().bytes.used;
    randomMixed(arena, round);
    const second = totalsOf(arena.stats());
    expect(second.allocs).toBe(2 * first.allocs);
    expect(second.slow - first.slow).toBeLessThanOrEqual(first.slow);
    expect(arena.stats().bytes.used).toBe(used);
    arena.destroy();
  });
});

describe('no live address is handed out twice', () => {
  /** Every way to get a view, sizes from a service's mix to a few slabs. */
  function someView(arena: Arena, random: Random): View {
    const size =
      random.below(16) === 0
        ? 1 + random.below(200_000)
        : 1 + random.below(random.pick([16, 64, 300, 1100, 5000, 20_000]));
    switch (random.below(4)) {
      case 0:
        return arena.allocUnsafe(size, 2 ** random.below(13));
      case 1: {
        const constructor = random.pick(VIEW_CONSTRUCTORS);
        return arena.allocTyped(constructor, Math.ceil(size / elementBytesOf(constructor)));
      }
      case 2:
        return arena.alloc(size, 1);
      default:
        return arena.allocUnsafe(size);
    }
  }

  test.each([
    { name: 'the built-in classes', options: {}, seed: 20_260_101 },
    { name: 'a few coarse classes', options: { sizeClasses: [64, 512, 4096] }, seed: 77 },
  ])('with $name, over 60,000 random steps', ({ options, seed }) => {
    const arena = new Arena(options);
    const random = new Random(seed);
    const ranges = new LiveRanges();
    const live: View[] = [];
    let expectedBytes = 0;

    const claim = (view: View): void => {
      ranges.claim(view, arena.usableSize(view));
      expectedBytes += view.byteLength;
      live.push(view);
    };
    const removeAny = (): View => {
      const at = random.below(live.length);
      const view = live[at]!;
      live[at] = live.at(-1)!;
      live.pop();
      ranges.release(view, arena.usableSize(view));
      expectedBytes -= view.byteLength;
      return view;
    };

    for (let step = 0; step < 60_000; step++) {
      const what = random.below(100);
      if (live.length === 0 || (what < 48 && live.length < 600)) {
        claim(someView(arena, random));
      } else if (what < 90) {
        arena.free(removeAny());
      } else if (what < 99) {
        claim(arena.realloc(removeAny(), 1 + random.below(6000)));
      } else {
        arena.trim();
      }
      if (step % 5000 === 0) {
        expect(totalsOf(arena.stats())).toMatchObject({
          live: live.length,
          liveBytes: expectedBytes,
        });
      }
    }
    while (live.length > 0) arena.free(removeAny());
    expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
    arena.trim();
    expect(checkSums(arena.stats()).bytes.used).toBe(0);
    arena.destroy();
  });

  test('nor within one slab, block by block', () => {
    const arena = new Arena({ sizeClasses: [8] });
    const ranges = new LiveRanges();
    const views = Array.from({ length: 3 * 8192 }, () => arena.allocUnsafe(8));
    for (const view of views) ranges.claim(view, 8);
    for (const view of views) arena.free(view);
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 24_576, frees: 24_576, live: 0 });
    arena.destroy();
  });
});

describe('writing whole blocks', () => {
  test('for 200,000 steps corrupts nothing', () => {
    const arena = new Arena();
    const random = new Random(4711);
    const slots = new Array<Buffer | undefined>(256).fill(undefined);
    const patternOf = (view: Buffer, slot: number): number => (view.length * 31 + slot) & 0xff;

    for (let step = 0; step < 200_000; step++) {
      const slot = random.below(slots.length);
      const held = slots[slot];
      if (held === undefined) {
        const view = arena.allocUnsafe(1 + random.below(step % 64 === 0 ? 9000 : 1100));
        blockOf(view, arena.usableSize(view)).fill(patternOf(view, slot));
        slots[slot] = view;
      } else {
        const block = blockOf(held, arena.usableSize(held));
        const pattern = patternOf(held, slot);
        const first = block[0];
        // All bytes equal the first: the block equals itself moved on by one byte.
        const same = Buffer.compare(block.subarray(1), block.subarray(0, -1)) === 0;
        if (first !== pattern || !same)
          throw new Error(`step ${step}: ${held.length} B overwritten`);
        arena.free(held);
        slots[slot] = undefined;
      }
    }
    checkSums(arena.stats());
    for (const view of slots) if (view !== undefined) arena.free(view);
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('of freed Buffers changes no count and crashes nothing', () => {
    const arena = new Arena();
    const views = Array.from({ length: 2000 }, (_, i) => arena.allocUnsafe(1 + (i % 1500)));
    const blocks = views.map((view) => blockOf(view, arena.usableSize(view)));
    for (const view of views) arena.free(view);
    const before = ownStats(arena.stats());
    for (const block of blocks) block.fill(0xff);
    expect(ownStats(arena.stats())).toEqual(before);
    const again = Array.from({ length: 2000 }, (_, i) => arena.allocUnsafe(1 + (i % 1500)));
    expect(totalsOf(arena.stats()).live).toBe(2000);
    for (const view of again) arena.free(view);
    arena.trim();
    expect(checkSums(arena.stats()).bytes.used).toBe(0);
    arena.destroy();
  });
});

describe('recycling', () => {
  test('a freed block serves the next request of its length', () => {
    const arena = new Arena();
    const first = arena.allocUnsafe(300);
    const offset = first.byteOffset;
    arena.free(first);
    expect(arena.allocUnsafe(300).byteOffset).toBe(offset);
    arena.destroy();
  });

  /** Takes and frees so many Buffers; how many of them were known. */
  function recycled(arena: Arena, known: Set<View>, count: number, size: number): number {
    const views = Array.from({ length: count }, () => arena.allocUnsafe(size));
    for (const view of views) arena.free(view);
    const again = views.filter((view) => known.has(view)).length;
    for (const view of views) known.add(view);
    return again;
  }

  test('a new length soon recycles, though another of its class took all room before', () => {
    const arena = new Arena();
    const known = new Set<View>();
    recycled(arena, known, 500, 1000);
    for (let round = 0; round < 2; round++) recycled(arena, known, 50, 990);
    expect(recycled(arena, known, 50, 990)).toBeGreaterThan(25);
    arena.destroy();
  });

  test('lengths of one class that take turns share its room, though it is too small for all', () => {
    const arena = new Arena();
    const known = new Set<View>();
    const sizes = [900, 930, 960, 990];
    for (let round = 0; round < 20; round++) {
      for (const size of sizes) recycled(arena, known, 100, size);
    }
    let again = 0;
    for (const size of sizes) again += recycled(arena, known, 100, size);
    expect(again).toBeGreaterThan(60);
    arena.destroy();
  });

  test('a long length whose room went to others leaves its bin to the next one that needs it', () => {
    const [first, other] = [4096, 4000];
    let next = 6000;
    while (bucketOfBuffers(next) !== bucketOfBuffers(first)) next++;
    const arena = new Arena();
    const known = new Set<View>();
    for (let round = 0; round < 5; round++) recycled(arena, known, 20, first);
    const last = [arena.allocUnsafe(first), arena.allocUnsafe(first)];
    for (let round = 0; round < 40; round++) recycled(arena, known, 200, other);
    recycled(arena, known, 60, other);
    for (const view of last) arena.free(view);
    for (let round = 0; round < 20; round++) recycled(arena, known, 8, next);
    expect(recycled(arena, known, 8, next)).toBe(8);
    arena.destroy();
  });

  test('lengths that take turns in few buckets are counted to the unit', () => {
    const arena = new Arena();
    const random = new Random(1);
    const live = new Array<Buffer | undefined>(200).fill(undefined);
    let allocs = 0;
    let frees = 0;
    let liveBytes = 0;
    for (let i = 0; i < 600_000; i++) {
      const slot = random.below(200);
      const view = live[slot];
      if (view !== undefined) {
        frees++;
        liveBytes -= view.length;
        arena.free(view);
        live[slot] = undefined;
      } else {
        const length =
          random.below(3) === 0 ? 1100 + random.below(3000) : 1024 * (1 + random.below(40));
        live[slot] = arena.allocUnsafe(length);
        allocs++;
        liveBytes += length;
      }
      if (i % 10_000 === 0) {
        expect(totalsOf(arena.stats())).toMatchObject({ allocs, frees, liveBytes });
      }
    }
    arena.destroy();
  });

  test('lengths that never come back do not pile up memory', () => {
    const arena = new Arena();
    for (let round = 0; round < 3; round++) {
      for (let size = 1; size <= 20_000; size++) arena.free(arena.allocUnsafe(size));
    }
    const { bytes } = checkSums(arena.stats());
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 60_000, live: 0 });
    // One block was live at any time; what is kept is bounded per class, whatever lengths came.
    expect(bytes.used).toBeLessThanOrEqual(16 * 1024 * 1024);
    arena.destroy();
  });

  test('a peak is given back to the core, and to the system by a trim', () => {
    const arena = new Arena();
    const views = Array.from({ length: 20_000 }, () => arena.allocUnsafe(1000));
    const peak = checkSums(arena.stats()).bytes.used;
    expect(peak).toBeGreaterThanOrEqual(20_000 * 1000);
    for (const view of views) arena.free(view);
    const after = checkSums(arena.stats());
    expect(after.bytes.front).toBeLessThan(peak / 2);
    expect(arena.trim()).toBeGreaterThan(0);
    expect(checkSums(arena.stats()).bytes).toMatchObject({ live: 0, front: 0, used: 0 });
    arena.destroy();
  });

  test('an error in between loses no block', () => {
    const arena = new Arena();
    for (let i = 0; i < 2000; i++) {
      const view = arena.allocUnsafe(64);
      expect(codeOf(() => arena.allocUnsafe(-1))).toBe('ERR_OUT_OF_RANGE');
      arena.free(view);
      expect(codeOf(() => arena.free(view))).toBe('ERR_HAKMEM_DOUBLE_FREE');
    }
    expect(totalsOf(arena.stats())).toMatchObject({ allocs: 2000, frees: 2000, live: 0 });
    arena.destroy();
  });
});

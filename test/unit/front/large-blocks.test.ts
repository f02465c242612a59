import { describe, expect, test } from '@jest/globals';
import { Arena } from '../../../lib/index';
import { checkSums, rowOf } from '../support/sums';

const KIB = 1024;
const MIB = 1024 * KIB;

/** System calls of the process for blocks so far. */
function osCalls(arena: Arena): number {
  const { map, unmap, purge } = arena.stats().os;
  return map + unmap + purge;
}

/** Calls of the core for large blocks of an arena. */
function slowCalls(arena: Arena): number {
  const stats = checkSums(arena.stats());
  return rowOf(stats, 'run').slow + rowOf(stats, 'huge').slow;
}

function pair(arena: Arena, size: number): void {
  arena.free(arena.allocUnsafe(size));
}

/** A whole number below `below`, from a sequence that is the same each time. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

describe('a large block of a size used before', () => {
  const sizes = [65 * KIB, 200_000, MIB, 1_500_000, 2 * MIB, 3 * MIB, 15 * MIB, 16 * MIB, 17 * MIB];

  test.each([...sizes, 100 * MIB, 1024 * MIB])('of %i bytes costs no call of the core', (size) => {
    const arena = new Arena();
    pair(arena, size);
    const [slow, calls] = [slowCalls(arena), osCalls(arena)];
    for (let i = 0; i < 10; i++) pair(arena, size);
    expect(slowCalls(arena)).toBe(slow);
    expect(osCalls(arena)).toBe(calls);
    arena.destroy();
  });

  test('comes back however many are freed at once', () => {
    const arena = new Arena();
    const round = () => {
      const views = Array.from({ length: 100 }, (_, i) => arena.allocUnsafe(i % 2 ? 100_000 : MIB));
      for (const view of views) arena.free(view);
    };
    round();
    const slow = slowCalls(arena);
    for (let i = 0; i < 3; i++) round();
    expect(slowCalls(arena)).toBe(slow);
    arena.destroy();
  });
});

describe('large blocks of sizes that change', () => {
  test.each([
    [64 * KIB + 1, MIB],
    [MIB, 2 * MIB],
    [2 * MIB, 6 * MIB],
    [64 * KIB + 1, 6 * MIB],
  ])('from %i to %i bytes miss in fewer than 3 percent and purge nothing', (min, max) => {
    const arena = new Arena();
    const random = randomNumbers(16);
    // What comes from arenas before this one is wiped once.
    for (let i = 0; i < 1000; i++) pair(arena, min + random(max - min));
    const before = arena.stats().os.purge;
    for (let i = 0; i < 10_000; i++) pair(arena, min + random(max - min));
    expect(slowCalls(arena)).toBeLessThan(300);
    expect(arena.stats().os.purge).toBe(before);
    arena.destroy();
  });

  test('get at most an eighth more than whole slabs', () => {
    const arena = new Arena();
    const random = randomNumbers(17);
    for (let i = 0; i < 2000; i++) {
      const size = 64 * KIB + 1 + random(20 * MIB);
      const view = arena.allocUnsafe(size);
      const whole = Math.ceil(size / (64 * KIB)) * 64 * KIB;
      expect(arena.usableSize(view)).toBeGreaterThanOrEqual(size);
      expect(arena.usableSize(view)).toBeLessThanOrEqual((whole * 9) / 8);
      arena.free(view);
    }
    arena.destroy();
  });
});

describe('what an arena keeps of large blocks', () => {
  test('is bounded by what was live at once, and 86 MB for other sizes', () => {
    const arena = new Arena();
    const random = randomNumbers(18);
    const live: Buffer[] = [];
    let peak = 0;
    for (let i = 0; i < 1000; i++) {
      if (live.length === 10) arena.free(live.splice(random(10), 1)[0]!);
      live.push(arena.allocUnsafe(3 * MIB + random(20 * MIB)));
      peak = Math.max(peak, checkSums(arena.stats()).bytes.live);
      const { committed } = arena.stats().bytes;
      expect(committed).toBeLessThanOrEqual((peak * 9) / 8 + (86 + 60) * MIB);
    }
    for (const view of live) arena.free(view);
    arena.destroy();
  });

  test('goes back at once by a trim', () => {
    const arena = new Arena();
    for (const size of [100_000, MIB, 17 * MIB, 100 * MIB]) pair(arena, size);
    expect(arena.stats().bytes.committed).toBeGreaterThan(100 * MIB);
    arena.trim();
    expect(arena.stats().bytes).toMatchObject({ committed: 0, used: 0 });
    arena.destroy();
  });

  test('does not stand in the way of a request at the limit', () => {
    const arena = new Arena({ maxBytes: 20 * MIB });
    for (const size of [18 * MIB, 3 * MIB, 20 * MIB, 100_000, 19 * MIB]) pair(arena, size);
    expect(checkSums(arena.stats()).failures).toMatchObject({ limit: 0, os: 0 });
    arena.destroy();
  });
});

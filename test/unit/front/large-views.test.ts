/**
 * Views beyond 64 KB are kept with their blocks: what a program sees of that, and the books.
 */
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Arena, type ArenaOptions, type View } from '../../../lib/index';
import { onlyNative } from '../support/backend';
import { resultOf } from '../support/child';
import { expectCode } from '../support/codes';
import { LiveRanges } from '../support/live-ranges';
import { Random } from '../support/random';
import { checkSums, rowOf } from '../support/sums';

const KIB = 1024;
const MIB = 1024 * KIB;

beforeAll(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

/** 100 MB are freed; from then on one view comes and goes. */
const BUSY = `
  const { Arena } = require('hakmem-arena');
  const arena = new Arena({ purgeDelayMs: -1 });
  const views = Array.from({ length: 100 }, () => arena.allocUnsafe(1 << 20));
  for (const view of views) arena.free(view);
  const end = Date.now() + 2500;
  while (Date.now() < end) for (let i = 0; i < 100; i++) arena.free(arena.allocUnsafe(1 << 20));
  console.log(arena.stats().bytes.front);`;

function withArena(options: ArenaOptions, run: (arena: Arena) => void): void {
  const arena = new Arena(options);
  try {
    run(arena);
    checkSums(arena.stats());
  } finally {
    arena.destroy();
  }
}

/** Bytes of ArrayBuffers that are kept, and nothing else. */
function keptBytes(arena: Arena): number {
  return checkSums(arena.stats()).bytes.front;
}

/** Blocks that came from the core and went back while `run` ran. */
function callsOf(arena: Arena, run: () => void): number {
  const count = (): number => {
    const stats = arena.stats();
    const rows = [rowOf(stats, 'run'), rowOf(stats, 'huge')];
    return rows.reduce((sum, { slow, flushes }) => sum + slow + flushes, 0);
  };
  const before = count();
  run();
  return count() - before;
}

describe('a large view that was freed', () => {
  test.each([64 * KIB + 1, 100_000, MIB, 3 * MIB, 64 * MIB])(
    'is the next one of %i bytes, without a call of the core',
    (size) => {
      withArena({}, (arena) => {
        const view = arena.allocUnsafe(size);
        arena.free(view);
        const calls = callsOf(arena, () => {
          for (let i = 0; i < 3000; i++) {
            if (arena.allocUnsafe(size) !== view) throw new Error('another view');
            arena.free(view);
          }
        });
        expect(calls).toBe(0);
        expect(keptBytes(arena)).toBeGreaterThanOrEqual(size);
      });
    },
  );

  test('comes back from a set of several lengths that is in use at once', () => {
    withArena({}, (arena) => {
      const sizes = [100_000, 100_001, MIB, MIB - 1, MIB - 2, 5 * MIB];
      const round = (): Buffer[] => {
        const views = sizes.map((size) => arena.allocUnsafe(size));
        if (views.some(({ length }, i) => length !== sizes[i])) throw new Error('another length');
        for (const view of views) arena.free(view);
        return views;
      };
      const first = round();
      for (let i = 0; i < 10; i++) {
        const next = round();
        expect(next.every((view, at) => view === first[at])).toBe(true);
      }
    });
  });

  test('is refused as one of few bytes is: freed twice, and after a reset', () => {
    withArena({}, (arena) => {
      const view = arena.allocUnsafe(MIB);
      arena.free(view);
      expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
      expect(arena.owns(view)).toBe(false);
      expectCode(() => arena.retain(view), 'ERR_HAKMEM_DOUBLE_FREE');
      expectCode(() => arena.realloc(view, 10), 'ERR_HAKMEM_DOUBLE_FREE');
      expect(arena.stats().failures).toMatchObject({ doubleFrees: 1 });
      const next = arena.allocUnsafe(MIB);
      expect(next).toBe(view);
      arena.reset();
      expect(view).toHaveLength(0);
      expectCode(() => arena.free(view), 'ERR_HAKMEM_STALE_VIEW');
      expect(arena.allocUnsafe(MIB)).not.toBe(view);
    });
  });

  test('is refused when another length has got its block', () => {
    withArena({}, (arena) => {
      const view = arena.allocUnsafe(MIB);
      arena.free(view);
      const other = arena.allocUnsafe(MIB - 10);
      expect(other).toHaveLength(MIB - 10);
      expect(other.buffer).toBe(view.buffer);
      expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
      expect(arena.owns(other)).toBe(true);
      arena.free(other);
      expect(arena.allocUnsafe(MIB - 10)).toBe(other);
    });
  });

  test('reads as zero when zeroes are asked for', () => {
    withArena({}, (arena) => {
      for (let i = 0; i < 3; i++) {
        const view = arena.alloc(MIB);
        expect(view.every((byte) => byte === 0)).toBe(true);
        arena.free(view.fill(1));
        arena.free(arena.allocUnsafe(MIB).fill(2));
      }
    });
  });

  test('is zeroed at once where that is asked for', () => {
    withArena({ zero: 'free' }, (arena) => {
      const view = arena.allocUnsafe(MIB).fill(1);
      arena.free(view);
      expect(view.every((byte) => byte === 0)).toBe(true);
      expect(arena.allocUnsafe(MIB)).toBe(view);
    });
  });

  test('serves its own kind only', () => {
    withArena({}, (arena) => {
      const floats = arena.allocTyped(Float64Array, MIB / 8);
      arena.free(floats);
      const bytes = arena.allocUnsafe(MIB);
      expect(Buffer.isBuffer(bytes)).toBe(true);
      arena.free(bytes);
      const data = arena.allocTyped(DataView, MIB);
      expect(data).toBeInstanceOf(DataView);
      arena.free(data);
      expect(arena.allocTyped(DataView, MIB)).toBe(data);
    });
  });

  test('is not handed out when its bytes were given away', () => {
    withArena({}, (arena) => {
      const view = arena.allocUnsafe(MIB);
      arena.free(view);
      const taken = new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) });
      expect(view).toHaveLength(0);
      for (let i = 0; i < 3; i++) {
        const next = arena.allocUnsafe(MIB);
        expect(next).toHaveLength(MIB);
        expect(next).not.toBe(view);
        arena.free(next);
      }
      expect(taken.locked).toBe(false);
    });
  });

  test('is the whole block again for whoever asks for at least so many bytes', () => {
    withArena({}, (arena) => {
      for (const size of [70_000, 17 * MIB + 1]) {
        const view = arena.allocAtLeast(size);
        expect(view.length).toBe(arena.usableSize(view));
        arena.free(view);
        expect(arena.allocAtLeast(size - 10)).toBe(view);
      }
    });
  });

  test('does not come back while somebody retains it', () => {
    withArena({}, (arena) => {
      const view = arena.allocUnsafe(MIB);
      arena.free(view);
      arena.retain(arena.allocUnsafe(MIB));
      arena.free(view);
      expect(arena.allocUnsafe(MIB)).not.toBe(view);
      expect(arena.release(view)).toBe(true);
      expect(arena.allocUnsafe(MIB)).toBe(view);
    });
  });

  const lends = onlyNative('Buffers go to other threads with the addon only');
  lends('goes with its block when that is handed to another thread, and back', () => {
    withArena({}, (arena) => {
      const view = arena.allocUnsafe(MIB);
      arena.free(view);
      const ticket = arena.share(arena.allocUnsafe(MIB));
      expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
      expect(arena.allocUnsafe(MIB)).not.toBe(view);
      const recalled = arena.recall(ticket)!;
      expect(recalled).toHaveLength(MIB);
      arena.free(recalled);
      expect(arena.allocUnsafe(MIB)).toBe(recalled);
    });
  });

  test.each([{ views: 'fresh' as const }, { guard: { sampleRate: 1 } }, { leaks: 'all' as const }])(
    'keeps its block in an arena with %o',
    (options) => {
      withArena(options, (arena) => {
        arena.free(arena.allocUnsafe(MIB));
        const calls = callsOf(arena, () => {
          for (let i = 0; i < 10; i++) {
            const view = arena.allocUnsafe(MIB);
            arena.free(view);
            expect(() => arena.free(view)).toThrow();
          }
        });
        expect(calls).toBe(0);
      });
    },
  );
});

describe('large views that are kept', () => {
  test('are bounded by what was in use at once, and 86 MB for other lengths', () => {
    withArena({ purgeDelayMs: -1 }, (arena) => {
      const views = Array.from({ length: 100 }, () => arena.allocUnsafe(MIB));
      for (const view of views) arena.free(view);
      expect(keptBytes(arena)).toBe(100 * MIB);
      for (let i = 0; i < 300; i++) arena.free(arena.allocUnsafe(MIB + 65_536 * i));
      expect(keptBytes(arena)).toBeGreaterThan(100 * MIB);
      expect(keptBytes(arena)).toBeLessThanOrEqual((100 + 86) * MIB);
    });
  });

  test('are fewer a while after a burst, in a program that never returns to its event loop', async () => {
    const env = { HAKMEM_SUPERSLAB_TTL_SEC: '1' };
    expect(await resultOf<number>(BUSY, { env })).toBeLessThan(20 * MIB);
  });

  test('go back before a request is refused at the limit', () => {
    withArena({ maxBytes: 40 * MIB }, (arena) => {
      for (const size of [MIB, 20 * MIB, 5 * MIB]) arena.free(arena.allocUnsafe(size));
      const views = Array.from({ length: 9 }, () => arena.allocUnsafe(4 * MIB));
      for (const view of views) arena.free(view);
      arena.free(arena.allocUnsafe(38 * MIB));
      const small = Array.from({ length: 500 }, () => arena.allocUnsafe(60_000));
      expect(arena.stats().failures).toMatchObject({ limit: 0, os: 0 });
      for (const view of small) arena.free(view);
    });
  });

  test('go back with a trim, and are stale then', () => {
    withArena({}, (arena) => {
      const views = [100_000, MIB, 17 * MIB].map((size) => arena.allocUnsafe(size));
      for (const view of views) arena.free(view);
      arena.trim();
      expect(arena.stats().bytes).toMatchObject({ committed: 0, front: 0 });
      for (const view of views) {
        expect(view).toHaveLength(0);
        expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
      }
    });
  });
});

describe('every sequence of calls', () => {
  const LENGTHS = [65_537, 65_540, 131_072, 200_000, 200_001, MIB, MIB - 1, 2 * MIB, 3 * MIB + 7];

  test.each([1, 2, 3, 4, 5, 6])('keeps the books, and gives no byte twice (%i)', (seed) => {
    withArena({ maxBytes: 60 * MIB }, (arena) => {
      const random = new Random(seed);
      const ranges = new LiveRanges();
      const live: View[] = [];
      for (let i = 0; i < 1500; i++) {
        const choice = random.below(100);
        if (choice < 45 && live.length < 12) {
          const length = random.pick(LENGTHS) + (random.below(4) === 0 ? random.below(9) : 0);
          const view: View =
            random.below(5) === 0
              ? arena.allocTyped(Uint8Array, length)
              : random.below(8) === 0
                ? arena.allocAtLeast(length)
                : arena.allocUnsafe(length);
          if (view.byteLength < length) throw new Error('too short');
          if (view.constructor !== Uint8Array && !Buffer.isBuffer(view)) throw new Error('kind');
          ranges.claim(view, arena.usableSize(view));
          live.push(view);
        } else if (choice < 90 && live.length > 0) {
          const [view] = live.splice(random.below(live.length), 1);
          ranges.release(view!, arena.usableSize(view!));
          if (random.below(10) === 0) {
            arena.retain(view!);
            arena.free(view!);
            arena.release(view!);
          } else {
            arena.free(view!);
          }
        } else if (choice === 98) {
          arena.trim();
        } else if (choice === 99) {
          arena.reset();
          live.length = 0;
        }
        if (i % 25 === 0) checkSums(arena.stats());
      }
      const row = rowOf(arena.stats(), 'run');
      expect(row.fast).toBeGreaterThan(row.slow);
    });
  });
});

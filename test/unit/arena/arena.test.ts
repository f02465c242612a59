import { describe, expect, jest, test } from '@jest/globals';
import { Arena } from '../../../lib/index';
import { expectCode } from '../support/codes';
import { checkSums, ownStats, totalsOf } from '../support/sums';
import { VIEW_CONSTRUCTORS, bytesOf, elementBytesOf } from '../support/views';

/** 251 different bytes, a prime number of them, so that no block size repeats them. */
const CYCLE = Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 7) % 251));

/** Bytes that differ from their neighbours and from those of another seed. */
function patternOf(length: number, seed: number): Buffer {
  const shift = seed % CYCLE.length;
  const cycle = Buffer.concat([CYCLE.subarray(shift), CYCLE.subarray(0, shift)]);
  return Buffer.alloc(length, cycle);
}

describe('an arena', () => {
  test('has a name, and a number that no other has', () => {
    const [a, b] = [new Arena({ name: 'frames' }), new Arena({ name: 'frames' })];
    expect(a.name).toBe('frames');
    expect(b.name).toBe('frames');
    expect(b.id).toBeGreaterThan(a.id);
    expect(a.stats()).toMatchObject({ id: a.id, name: 'frames' });
    a.destroy();
    const c = new Arena();
    expect(c.id).toBeGreaterThan(b.id);
    expect(c.name).toBe(`arena-${c.id}`);
    b.destroy();
    c.destroy();
  });

  test('is disposable', () => {
    const arena = new Arena();
    const view = arena.alloc(10);
    arena[Symbol.dispose]();
    expect(arena.destroyed).toBe(true);
    expect(view.length).toBe(0);
    arena[Symbol.dispose]();
  });

  test('has no method named "undefined" where the engine has no Symbol.dispose', () => {
    const real = globalThis.Symbol;
    const make = (text?: string): symbol => real(text);
    const without = Object.create(real, { dispose: { value: undefined } }) as object;
    try {
      globalThis.Symbol = Object.setPrototypeOf(make, without) as typeof real;
      jest.isolateModules(() => {
        const { dispose } = jest.requireActual<{ dispose: unknown }>('../../../lib/base/dispose');
        expect(typeof dispose).toBe('symbol');
        expect(dispose).not.toBe(real.dispose);
      });
    } finally {
      globalThis.Symbol = real;
    }
  });

  test('costs no memory before the first allocation', () => {
    const arena = new Arena();
    expect(arena.stats().bytes).toMatchObject({ committed: 0, used: 0 });
    arena.destroy();
  });

  test('serves a thousand arenas side by side', () => {
    const arenas = Array.from({ length: 1000 }, () => new Arena());
    const views = arenas.map((arena, i) => arena.alloc(16, i & 0xff));
    views.forEach((view, i) => {
      expect(view[15]).toBe(i & 0xff);
    });
    expect(arenas[500]!.owns(views[500])).toBe(true);
    expect(arenas[500]!.owns(views[501])).toBe(false);
    for (const arena of arenas) arena.destroy();
    expect(views.every((view) => view.length === 0)).toBe(true);
  });

  test('never shows the bytes of another', () => {
    for (let round = 0; round < 10; round++) {
      const writer = new Arena();
      for (const size of [64, 1000, 40_000, 200_000, 3_000_000]) {
        writer.allocUnsafe(size).fill(0xdd);
      }
      writer.destroy();
      const reader = new Arena();
      for (const size of [64, 1000, 40_000, 200_000, 3_000_000]) {
        const view = reader.allocUnsafe(size);
        expect(view.includes(0xdd)).toBe(false);
      }
      reader.destroy();
    }
  });
});

describe('realloc', () => {
  test('to the same size returns the same view', () => {
    const arena = new Arena();
    for (const size of [0, 1, 100, 5000, 100_000]) {
      const view = arena.alloc(size, 5);
      const before = ownStats(arena.stats());
      expect(arena.realloc(view, size)).toBe(view);
      expect(ownStats(arena.stats())).toEqual(before);
    }
    arena.destroy();
  });

  const SIZES = [0, 1, 100, 105, 112, 113, 1000, 8000, 50_000, 65_536, 65_537, 70_000, 130_000];
  const LARGE = [700_000, 2_097_152, 2_097_153, 3_000_000];
  test.each([...SIZES, ...LARGE])(
    'from %i bytes keeps the contents, whatever the new size',
    (from) => {
      const arena = new Arena();
      for (const to of [...SIZES, ...LARGE]) {
        const old = arena.allocUnsafe(from);
        const pattern = patternOf(from, to);
        old.set(pattern);
        const next = arena.realloc(old, to);
        expect(next.length).toBe(to);
        expect(arena.owns(next)).toBe(true);
        const kept = Math.min(from, to);
        expect(next.subarray(0, kept).equals(pattern.subarray(0, kept))).toBe(true);
        expect(totalsOf(arena.stats()).liveBytes).toBe(to);
        if (from !== to) {
          expect(arena.owns(old)).toBe(false);
          expectCode(() => arena.free(old), 'ERR_HAKMEM_DOUBLE_FREE');
          expectCode(() => arena.realloc(old, 10), 'ERR_HAKMEM_DOUBLE_FREE');
        }
        next.fill(0xcc);
        arena.free(next);
        expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
      }
      arena.trim();
      expect(checkSums(arena.stats()).bytes.used).toBe(0);
      arena.destroy();
    },
  );

  test('grows and shrinks in place as far as the block reaches', () => {
    const arena = new Arena();
    const view = arena.allocUnsafe(90);
    const { buffer, byteOffset } = view;
    const grown = arena.realloc(view, arena.usableSize(view));
    expect(grown).toMatchObject({ byteOffset, length: 96 });
    expect(grown.buffer).toBe(buffer);
    const shrunk = arena.realloc(grown, 60);
    expect(shrunk).toMatchObject({ byteOffset, length: 60 });
    expect(shrunk.buffer).toBe(buffer);
    expect(arena.usableSize(shrunk)).toBe(96);
    arena.destroy();
  });

  test('moves out of a block that would be half wasted', () => {
    const arena = new Arena();
    const large = arena.alloc(1024, 3);
    const small = arena.realloc(large, 100);
    expect(arena.usableSize(small)).toBe(112);
    expect(small.equals(Buffer.alloc(100, 3))).toBe(true);
    arena.destroy();
  });

  test('moves to another block when the next one holds a neighbour', () => {
    const arena = new Arena();
    const neighbours = [arena.alloc(112, 1), arena.alloc(112, 2), arena.alloc(112, 3)];
    const grown = arena.realloc(neighbours[1]!, 500).fill(9);
    expect(grown.length).toBe(500);
    expect(neighbours[0]!.equals(Buffer.alloc(112, 1))).toBe(true);
    expect(neighbours[2]!.equals(Buffer.alloc(112, 3))).toBe(true);
    arena.destroy();
  });

  test('a view resized in place is freed and recycled like any other', () => {
    const arena = new Arena();
    for (let i = 0; i < 500; i++) {
      let view = arena.alloc(1000, 1);
      for (const size of [960, 700, 600, 1000, 1024, 513]) view = arena.realloc(view, size);
      expect(view.equals(Buffer.alloc(513, 1)) || view.length === 513).toBe(true);
      expect(view.subarray(0, 500).equals(Buffer.alloc(500, 1))).toBe(true);
      arena.free(view);
    }
    expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
    expect(checkSums(arena.stats()).bytes.used).toBeLessThanOrEqual(10 * 65536);
    arena.destroy();
  });

  test.each(VIEW_CONSTRUCTORS.map((constructor) => ({ name: constructor.name, constructor })))(
    'of a $name gives a Buffer with its bytes',
    ({ constructor }) => {
      const arena = new Arena();
      for (const length of [0, 1, 50, 9000]) {
        for (const change of [0, 1, -1, 3000]) {
          const view = arena.allocTyped(constructor, length);
          const pattern = patternOf(view.byteLength, length);
          bytesOf(view).set(pattern);
          const size = Math.max(0, length * elementBytesOf(constructor) + change);
          const next = arena.realloc(view, size);
          expect(Object.getPrototypeOf(next)).toBe(Buffer.prototype);
          expect(next.length).toBe(size);
          const kept = Math.min(size, pattern.length);
          expect(next.subarray(0, kept).equals(pattern.subarray(0, kept))).toBe(true);
          expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
          arena.free(next);
        }
      }
      expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
      arena.destroy();
    },
  );

  test('that fails leaves the old view as it was', () => {
    const arena = new Arena({ maxBytes: 1024 * 1024 });
    const view = arena.alloc(1000, 8);
    expectCode(() => arena.realloc(view, 4 * 1024 * 1024), 'ERR_HAKMEM_OUT_OF_MEMORY');
    expect(arena.owns(view)).toBe(true);
    expect(view.equals(Buffer.alloc(1000, 8))).toBe(true);
    expect(totalsOf(arena.stats())).toMatchObject({ live: 1, liveBytes: 1000 });
    arena.free(view);
    arena.destroy();
  });
});

describe('owns', () => {
  test('is true from the allocation to the free', () => {
    const arena = new Arena();
    const views = [
      arena.alloc(10),
      arena.alloc(0),
      arena.allocUnsafe(100_000),
      arena.allocUnsafe(5_000_000),
      arena.allocTyped(BigUint64Array, 5),
      arena.allocTyped(DataView, 5),
      arena.from('x'),
    ];
    for (const view of views) {
      expect(arena.owns(view)).toBe(true);
      arena.free(view);
      expect(arena.owns(view)).toBe(false);
    }
    arena.destroy();
  });
});

describe('copyOut', () => {
  test('is an ordinary Buffer with the same bytes and memory of its own', () => {
    const arena = new Arena();
    const view = arena.from('copy this');
    const copy = arena.copyOut(view);
    expect(copy).toStrictEqual(Buffer.from('copy this'));
    expect(copy.buffer).not.toBe(view.buffer);
    expect(copy.buffer.byteLength).toBe(copy.length);
    view.fill(0);
    arena.free(view);
    expect(copy.toString()).toBe('copy this');
    expect(arena.owns(copy)).toBe(false);
    arena.destroy();
    expect(copy.toString()).toBe('copy this');
  });

  test('of a part is that part', () => {
    const arena = new Arena();
    const view = arena.from('0123456789');
    expect(arena.copyOut(view.subarray(2, 5)).toString()).toBe('234');
    expect(arena.copyOut(view.subarray(3, 3))).toStrictEqual(Buffer.alloc(0));
    arena.destroy();
  });

  test.each(VIEW_CONSTRUCTORS.map((constructor) => ({ name: constructor.name, constructor })))(
    'of a $name is its bytes',
    ({ constructor }) => {
      const arena = new Arena();
      const view = arena.allocTyped(constructor, 20);
      bytesOf(view).set(patternOf(view.byteLength, 3));
      expect(arena.copyOut(view)).toStrictEqual(patternOf(view.byteLength, 3));
      expect(arena.copyOut(arena.allocTyped(constructor, 0)).length).toBe(0);
      arena.destroy();
    },
  );

  test('of an empty Buffer is an empty Buffer', () => {
    const arena = new Arena();
    expect(arena.copyOut(arena.alloc(0))).toStrictEqual(Buffer.alloc(0));
    arena.destroy();
  });

  test('of what is no view is ERR_INVALID_ARG_TYPE, of a stale view ERR_HAKMEM_STALE_VIEW', () => {
    const arena = new Arena();
    for (const value of [null, undefined, 5, 'x', {}, new ArrayBuffer(4)]) {
      expectCode(() => arena.copyOut(value as never), 'ERR_INVALID_ARG_TYPE');
    }
    const [view, typed] = [arena.alloc(10), arena.allocTyped(DataView, 10)];
    const part = view.subarray(2);
    arena.reset();
    for (const stale of [view, typed, part]) {
      expectCode(() => arena.copyOut(stale), 'ERR_HAKMEM_STALE_VIEW');
    }
    arena.destroy();
  });

  test('can be transferred without touching the arena', () => {
    const arena = new Arena();
    const view = arena.alloc(100, 4);
    const copy = arena.copyOut(view);
    structuredClone(copy.buffer, { transfer: [copy.buffer] });
    expect(copy.length).toBe(0);
    expect(view.equals(Buffer.alloc(100, 4))).toBe(true);
    expect(arena.stats().detachedSlabs).toBe(0);
    arena.destroy();
  });
});

describe('reset', () => {
  test('frees everything at once and keeps the memory for the next allocations', () => {
    const arena = new Arena();
    for (let round = 0; round < 5; round++) {
      const views = Array.from({ length: 3000 }, (_, i) => arena.alloc(1 + (i % 2000), round));
      views.push(arena.alloc(100_000, round), arena.alloc(3_000_000, round));
      arena.free(views[7]!);
      const before = checkSums(arena.stats());
      arena.reset();
      const after = checkSums(arena.stats());
      expect(views.every((view) => view.length === 0)).toBe(true);
      expect(after.bytes).toMatchObject({ live: 0, front: 0, used: 0 });
      expect(totalsOf(after)).toMatchObject({ allocs: totalsOf(before).allocs, live: 0 });
      expect(totalsOf(after).frees).toBe(totalsOf(after).allocs);
    }
    arena.destroy();
  });

  test('an arena that was never used, or is empty, is reset quietly', () => {
    const arena = new Arena();
    arena.reset();
    arena.free(arena.alloc(10));
    arena.reset();
    arena.reset();
    expect(arena.alloc(10).length).toBe(10);
    arena.destroy();
  });

  test('what is allocated afterwards is as good as new', () => {
    const arena = new Arena();
    arena.alloc(1000, 1);
    arena.reset();
    const view = arena.alloc(1000);
    expect(view.equals(Buffer.alloc(1000))).toBe(true);
    arena.free(view);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    arena.destroy();
  });

  test('a thousand resets need no more memory than one', () => {
    const arena = new Arena();
    const fill = (): void => {
      for (const size of [100, 1000, 10_000, 100_000]) arena.allocUnsafe(size);
    };
    fill();
    const { committed } = arena.stats().bytes;
    const { map } = arena.stats().os;
    for (let i = 0; i < 1000; i++) {
      arena.reset();
      fill();
    }
    expect(checkSums(arena.stats()).bytes.committed).toBe(committed);
    expect(arena.stats().os.map).toBe(map);
    arena.destroy();
  });
});

describe('trim', () => {
  test('leaves live views untouched and counts what it gave back', () => {
    const arena = new Arena();
    const kept = arena.alloc(3000, 6);
    const freed = Array.from({ length: 400 }, () => arena.alloc(3000, 1));
    for (const view of freed) arena.free(view);
    const { purge } = arena.stats().os;
    const bytes = arena.trim();
    expect(bytes).toBeGreaterThanOrEqual(400 * 3000 - 2 * 65536);
    const stats = checkSums(arena.stats());
    expect(stats.os.purge).toBeGreaterThan(purge);
    expect(stats.bytes).toMatchObject({ front: 0, used: 65536, live: 3000 });
    expect(kept.equals(Buffer.alloc(3000, 6))).toBe(true);
    expect(arena.trim()).toBe(0);
    arena.free(kept);
    arena.destroy();
  });

  test('of an empty arena gives its SuperSlabs to the cache', () => {
    const arena = new Arena();
    arena.free(arena.allocUnsafe(100_000));
    expect(arena.stats().superslabs.live).toBe(1);
    arena.trim();
    expect(checkSums(arena.stats()).superslabs.live).toBe(0);
    expect(arena.stats().bytes.committed).toBe(0);
    expect(arena.alloc(10).length).toBe(10);
    arena.destroy();
  });

  test('of a new arena gives back nothing', () => {
    const arena = new Arena();
    arena.trim(); // what other arenas left in the cache a moment ago would count too
    expect(arena.trim()).toBe(0);
    arena.destroy();
  });
});

/**
 * Share, recall, adopt, release, in one thread; test/process/letters.test.ts has several.
 */
import { afterEach, beforeEach, describe, expect } from '@jest/globals';
import { Arena, adopt, release } from '../../../lib/index';
import { onlyNative } from '../support/backend';
import { codeOf } from '../support/codes';

const test = onlyNative('Buffers go to other threads with the addon only');

/** A class, a block of its own slab, a run, a huge mapping. */
const SIZES = [1, 1000, 65_536, 300_000, 3_000_000];

let arena: Arena;

beforeEach(() => {
  arena = new Arena();
});

afterEach(() => {
  arena.destroy();
});

const pattern = (size: number): Buffer => Buffer.alloc(size, 'some bytes that repeat');

describe.each(SIZES)('a Buffer of %i bytes', (size) => {
  test('is handed over with its bytes, and ends where it was', () => {
    const view = arena.from(pattern(size));
    const ticket = arena.share(view);
    expect(Number.isSafeInteger(ticket)).toBe(true);
    expect(arena.owns(view)).toBe(false);
    expect(codeOf(() => arena.free(view))).toBe('ERR_HAKMEM_DOUBLE_FREE');
    const adopted = adopt(ticket);
    expect(adopted.equals(pattern(size))).toBe(true);
    expect(Object.getPrototypeOf(adopted)).toBe(Buffer.prototype);
    expect([adopted.byteOffset, adopted.buffer.byteLength]).toEqual([0, size]);
    release(adopted);
    expect([adopted.length, adopted[0]]).toEqual([0, undefined]);
  });

  test('is the same memory', () => {
    const view = arena.allocUnsafe(size);
    const adopted = adopt(arena.share(view));
    adopted[size - 1] = 77;
    expect(view[size - 1]).toBe(77);
    release(adopted);
  });

  test('comes back as it was when it is recalled', () => {
    const ticket = arena.share(arena.from(pattern(size)));
    const view = arena.recall(ticket)!;
    expect(view.equals(pattern(size))).toBe(true);
    expect(arena.recall(ticket)).toBeUndefined();
    expect(codeOf(() => adopt(ticket))).toBe('ERR_HAKMEM_TICKET');
    arena.free(view);
  });

  test('is used again when it is released', () => {
    for (let i = 0; i < 200; i++) release(adopt(arena.share(arena.alloc(size))));
    expect(arena.stats().bytes.used).toBeLessThan(Math.max(2 * size, 8 * 65_536));
  });

  test('keeps its bytes through a reset and the end of its arena', () => {
    const adopted = adopt(arena.share(arena.from(pattern(size))));
    arena.reset();
    for (let i = 0; i < 20; i++) arena.alloc(size, 1);
    expect(adopted.equals(pattern(size))).toBe(true);
    arena.destroy();
    const other = new Arena();
    for (let i = 0; i < 20; i++) other.alloc(size, 2);
    expect(adopted.equals(pattern(size))).toBe(true);
    release(adopted);
    other.destroy();
  });

  test('that nobody has adopted is revoked by a reset', () => {
    const ticket = arena.share(arena.alloc(size));
    arena.reset();
    expect(codeOf(() => adopt(ticket))).toBe('ERR_HAKMEM_TICKET');
    expect(arena.recall(ticket)).toBeUndefined();
    expect(arena.stats().bytes.used).toBe(0);
  });

  test('that nobody has adopted is revoked by the end of its arena', () => {
    const ticket = arena.share(arena.alloc(size));
    arena.destroy();
    expect(codeOf(() => adopt(ticket))).toBe('ERR_HAKMEM_TICKET');
  });
});

describe('a ticket', () => {
  test('is good for one adoption', () => {
    const ticket = arena.share(arena.alloc(100));
    const adopted = adopt(ticket);
    expect(codeOf(() => adopt(ticket))).toBe('ERR_HAKMEM_TICKET');
    expect(arena.recall(ticket)).toBeUndefined();
    release(adopted);
    expect(codeOf(() => adopt(ticket))).toBe('ERR_HAKMEM_TICKET');
    expect(codeOf(() => release(adopted))).toBe('ERR_HAKMEM_DOUBLE_FREE');
  });

  test.each([
    0,
    -0,
    -1,
    0.5,
    NaN,
    Infinity,
    -Infinity,
    2 ** 20,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 64,
    1e300,
  ])('is not %p', (number) => {
    arena.share(arena.alloc(100));
    expect(codeOf(() => adopt(number))).toBe('ERR_HAKMEM_TICKET');
    expect(arena.stats().bytes.used).toBe(65_536);
  });

  test.each(['1', 1n, null, undefined, {}, [], Symbol('ticket'), Buffer.alloc(8)])(
    'is a number, not %p',
    (value) => {
      expect(codeOf(() => adopt(value as never))).toBe('ERR_INVALID_ARG_TYPE');
      expect(codeOf(() => arena.recall(value as never))).toBe('ERR_INVALID_ARG_TYPE');
    },
  );

  test.each([-1, 0.5, NaN, 2 ** 53 - 1, 2 ** 53])('to be recalled is not %p', (number) => {
    arena.share(arena.alloc(100));
    expect(codeOf(() => arena.recall(number))).toBe('ERR_HAKMEM_TICKET');
  });

  test('of another arena is refused by recall, and stays good', () => {
    const other = new Arena();
    const ticket = arena.share(arena.alloc(100, 3));
    expect(codeOf(() => other.recall(ticket))).toBe('ERR_HAKMEM_TICKET');
    const adopted = adopt(ticket);
    expect(adopted[99]).toBe(3);
    release(adopted);
    other.destroy();
  });

  test('is none of a million numbers', () => {
    const tickets = new Set(Array.from({ length: 100 }, () => arena.share(arena.alloc(100))));
    let refused = 0;
    Error.stackTraceLimit = 0;
    for (let i = 0; i < 1_000_000; i++) {
      // Every size of number, and the indices of letters that are offered.
      const letter = i % 2 === 0 ? i % 1024 : Math.floor(Math.random() * 2 ** 20);
      const number = letter + Math.floor(Math.random() * 2 ** (i % 34)) * 2 ** 20;
      if (tickets.has(number)) continue;
      try {
        adopt(number);
      } catch (error) {
        if ((error as { code: string }).code === 'ERR_HAKMEM_TICKET') refused++;
      }
    }
    Error.stackTraceLimit = 10;
    expect(refused).toBe(1_000_000);
    for (const ticket of tickets) release(adopt(ticket));
  }, 60_000);
});

describe('what can be shared', () => {
  test('is a live view of the arena that nobody retains', () => {
    const view = arena.alloc(100);
    const other = new Arena();
    expect(codeOf(() => other.share(view))).toBe('ERR_HAKMEM_NOT_OWNED');
    expect(codeOf(() => arena.share(view.subarray(1)))).toBe('ERR_HAKMEM_NOT_OWNED');
    expect(codeOf(() => arena.share(Buffer.alloc(8)))).toBe('ERR_HAKMEM_NOT_OWNED');
    expect(codeOf(() => arena.share(7 as never))).toBe('ERR_INVALID_ARG_TYPE');
    expect(codeOf(() => arena.share(arena.alloc(0)))).toBe('ERR_INVALID_ARG_VALUE');
    arena.retain(view);
    expect(codeOf(() => arena.share(view))).toBe('ERR_INVALID_STATE');
    arena.release(view);
    const ticket = arena.share(view);
    expect(codeOf(() => arena.share(view))).toBe('ERR_HAKMEM_DOUBLE_FREE');
    arena.recall(ticket);
    const stale = arena.alloc(100);
    arena.reset();
    expect(codeOf(() => arena.share(stale))).toBe('ERR_HAKMEM_STALE_VIEW');
    arena.destroy();
    expect(codeOf(() => arena.share(stale))).toBe('ERR_HAKMEM_ARENA_DESTROYED');
    expect(codeOf(() => arena.recall(ticket))).toBe('ERR_HAKMEM_ARENA_DESTROYED');
    other.destroy();
  });

  test('is no longer what free and realloc take', () => {
    const adopted = adopt(arena.share(arena.alloc(100)));
    for (const call of ['free', 'realloc'] as const) {
      expect(codeOf(() => arena[call](adopted, 200))).toBe('ERR_HAKMEM_NOT_OWNED');
    }
    release(adopted);
  });

  test('may be any kind of view, of a scope, and aligned', () => {
    const numbers = arena.allocTyped(Float64Array, 10).fill(1.5);
    const floats = adopt(arena.share(numbers));
    expect(floats.readDoubleLE(72)).toBe(1.5);
    const page = adopt(arena.share(arena.allocUnsafe(100, 4096)));
    expect(page.length).toBe(100);
    const taken = arena.scope((scope) => adopt(arena.share(scope.alloc(500, 4))));
    expect(taken).toEqual(Buffer.alloc(500, 4));
    const recalled = arena.recall(arena.share(arena.allocUnsafe(100, 4096)))!;
    expect(recalled.length).toBe(100);
    arena.free(recalled);
    for (const view of [floats, page, taken]) release(view);
  });

  test.each([
    ['fresh views', { views: 'fresh' }],
    ['a guard', { guard: { sampleRate: 1 } }],
    ['leak detection', { leaks: 'all' }],
    ['zeroing', { zero: 'free' }],
  ] as const)('comes from an arena with %s, too', (_name, options) => {
    const strict = new Arena(options);
    for (const size of [100, 40_000, 200_000]) {
      const view = strict.from(pattern(size));
      const ticket = strict.share(view);
      expect(strict.owns(view)).toBe(false);
      expect(codeOf(() => strict.free(view))).toMatch(/DOUBLE_FREE|STALE_VIEW/);
      expect(codeOf(() => strict.share(view))).toMatch(/DOUBLE_FREE|STALE_VIEW/);
      const adopted = adopt(ticket);
      expect(adopted.equals(pattern(size))).toBe(true);
      release(adopted);
    }
    expect(strict.liveBlocks()).toEqual([]);
    strict.destroy();
  });
});

describe('what is released', () => {
  test('is an adopted Buffer', () => {
    const adopted = adopt(arena.share(arena.alloc(100)));
    expect(codeOf(() => release(adopted.subarray(1)))).toBe('ERR_HAKMEM_NOT_OWNED');
    expect(codeOf(() => release(arena.alloc(8)))).toBe('ERR_HAKMEM_NOT_OWNED');
    expect(codeOf(() => release(Buffer.alloc(8)))).toBe('ERR_HAKMEM_NOT_OWNED');
    expect(codeOf(() => release(5 as never))).toBe('ERR_INVALID_ARG_TYPE');
    release(adopted);
  });

  test('shows no bytes of others before: a Buffer sees its own block only', () => {
    arena.alloc(100, 9);
    const adopted = adopt(arena.share(arena.alloc(100, 1)));
    expect(Buffer.from(adopted.buffer)).toEqual(Buffer.alloc(100, 1));
    expect(structuredClone(adopted).buffer.byteLength).toBe(100);
    release(adopted);
  });

  test('is refused nothing by its arena`s limit: what is away counts', () => {
    const small = new Arena({ maxBytes: 4 * 65_536 });
    const away = Array.from({ length: 4 }, () => adopt(small.share(small.alloc(65_536))));
    expect(codeOf(() => small.alloc(65_536))).toBe('ERR_HAKMEM_OUT_OF_MEMORY');
    release(away.pop()!);
    small.free(small.alloc(65_536));
    for (const view of away) release(view);
    small.destroy();
  });
});

describe('what was adopted', () => {
  test.each(SIZES)('is handed on as a copy, and goes back (%i bytes)', (size) => {
    const other = new Arena();
    const adopted = adopt(arena.share(arena.from(pattern(size))));
    const ticket = other.share(adopted);
    expect([adopted.length, arena.stats().lending.away]).toEqual([0, 0]);
    expect(codeOf(() => other.share(adopted))).toBe('ERR_HAKMEM_NOT_OWNED');
    expect(codeOf(() => release(adopted))).toBe('ERR_HAKMEM_DOUBLE_FREE');
    arena.destroy();
    const last = adopt(ticket);
    expect(last.equals(pattern(size))).toBe(true);
    release(last);
    expect(other.stats().lending.away).toBe(0);
    other.destroy();
  });

  test('stays its own when there is no room for the copy', () => {
    const other = new Arena({ maxBytes: 1024 * 1024 });
    const adopted = adopt(arena.share(arena.alloc(2_000_000, 5)));
    expect(codeOf(() => other.share(adopted))).toBe('ERR_HAKMEM_OUT_OF_MEMORY');
    expect([adopted.length, adopted[1_999_999]]).toEqual([2_000_000, 5]);
    release(adopted);
    other.destroy();
    const again = adopt(arena.share(arena.alloc(100, 5)));
    expect(codeOf(() => other.share(again))).toBe('ERR_HAKMEM_ARENA_DESTROYED');
    expect(again[99]).toBe(5);
    release(again);
  });

  test('cannot be handed on without its bytes', () => {
    const adopted = adopt(arena.share(arena.alloc(100, 5)));
    const { buffer } = adopted as { buffer: ArrayBuffer & { transfer?(): ArrayBuffer } };
    if (buffer.transfer === undefined) return; // Node 20
    buffer.transfer();
    expect(codeOf(() => arena.share(adopted))).toBe('ERR_HAKMEM_STALE_VIEW');
  });

  test('stays where it is for who retains it', () => {
    const adopted = adopt(arena.share(arena.alloc(20_000, 5)));
    arena.retain(adopted);
    const last = adopt(arena.share(adopted));
    expect([adopted[19_999], last[19_999]]).toEqual([5, 5]);
    arena.release(adopted);
    expect([adopted.length, last[19_999]]).toEqual([0, 5]);
    release(last);
    expect(arena.stats().lending.away).toBe(0);
  });
});

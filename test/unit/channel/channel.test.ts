/**
 * Channel, both ends in one thread; test/process/channel.test.ts has several.
 */
import { afterEach, beforeEach, describe, expect } from '@jest/globals';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import {
  Arena,
  Channel,
  ChannelEnd,
  type ChannelOptions,
  adopt,
  release,
} from '../../../lib/index';
import { Envelope } from '../../../lib/channel/envelope';
import { Inbox } from '../../../lib/channel/inbox';
import { sideOf } from '../../../lib/channel/memory';
import { Outbox } from '../../../lib/channel/outbox';
import { onlyNative } from '../support/backend';
import { codeOf } from '../support/codes';
import { atTheEndOfTheStack } from '../support/depths';

const test = onlyNative('Buffers go to other threads with the addon only');

let arena: Arena;
let left: ChannelEnd;
let right: ChannelEnd;

const opened: ChannelEnd[] = [];

function connect(options?: ChannelOptions): void {
  const { ends } = new Channel(options);
  left = Channel.open(ends[0], arena);
  right = Channel.open(ends[1], arena);
  opened.push(left, right);
}

/** What is longer is handed over in most tests. */
const THRESHOLD = 2048;

beforeEach(() => {
  arena = new Arena();
  connect({ threshold: THRESHOLD });
});

afterEach(() => {
  for (const end of opened.splice(0)) end.close();
  if (!arena.destroyed) arena.destroy();
});

/** The next messages, as texts, with what came with them. */
async function read(end: ChannelEnd, count: number): Promise<unknown[]> {
  const messages: unknown[] = [];
  if (count === 0) return messages;
  for await (const buffer of end) {
    messages.push([buffer.toString('latin1'), end.header, end.tag]);
    if (messages.length === count) break;
  }
  return messages;
}

/** What an operation rejects with, as a code. */
async function rejection(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (error as { code: string }).code,
  );
}

/** Nothing is live and nothing is away. */
function expectNothingLeft(): void {
  expect(arena.stats().lending.away).toBe(0);
  arena.trim();
  expect(arena.stats().bytes.used).toBe(0);
}

describe('messages', () => {
  test.each([0, 1, 7, 8, 2047, 2048, 2049, 65_536, 300_000])(
    'of %i bytes arrive as they were, and end where they were',
    async (size) => {
      const sent = arena.alloc(size, 'bytes that repeat');
      const text = sent.toString('latin1');
      expect(left.send(sent)).toBe(true);
      expect(arena.owns(sent)).toBe(false);
      expect(codeOf(() => left.send(sent))).toMatch(/DOUBLE_FREE|NOT_OWNED/);
      expect(await read(right, 1)).toEqual([[text, [], '']]);
      expectNothingLeft();
    },
  );

  test('arrive in the order in which they were sent, in both directions', async () => {
    const sizes = Array.from({ length: 200 }, (_, i) => (i * 977) % 5000);
    const texts = sizes.map((size, i) => String(i).padEnd(size, '.'));
    for (const text of texts) {
      expect(left.send(arena.from(text))).toBe(true);
      expect(right.send(arena.from(`back ${text}`))).toBe(true);
    }
    expect(await read(right, 200)).toEqual(texts.map((text) => [text, [], '']));
    expect(await read(left, 200)).toEqual(texts.map((text) => [`back ${text}`, [], '']));
    expectNothingLeft();
  });

  test.each([5, 5000])('of %i bytes carry numbers and a tag', async (size) => {
    const most = Array.from({ length: 16 }, (_, i) => i / 3);
    const cases: [number[], string][] = [
      [[], ''],
      [[1], ''],
      [[], 'tag'],
      [[NaN, -0, Infinity, 2 ** 53, 5e-324], 'ein Wörtchen: 字 \0'],
      [most, 'x'.repeat(255)],
      [[7], 'tag'],
    ];
    for (const [header, tag] of cases) left.send(arena.alloc(size, 'a'), header, tag);
    const text = 'a'.repeat(size);
    expect(await read(right, cases.length)).toEqual(cases.map(([h, t]) => [text, h, t]));
  });

  test('may be typed arrays and DataViews: their bytes arrive', async () => {
    const numbers = arena.allocTyped(Float64Array, 3).fill(0.5);
    const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, 24).toString('latin1');
    left.send(numbers);
    left.send(arena.allocTyped(DataView, 5000));
    expect(await read(right, 2)).toEqual([
      [bytes, [], ''],
      ['\0'.repeat(5000), [], ''],
    ]);
  });

  test('may be of a scope, which has nothing more to free then', async () => {
    arena.scope((scope) => {
      left.send(scope.alloc(10, 'a'));
      left.send(scope.alloc(5000, 'b'));
    });
    expect(await read(right, 2)).toEqual([
      ['a'.repeat(10), [], ''],
      ['b'.repeat(5000), [], ''],
    ]);
    expectNothingLeft();
  });

  test.each([10, 5000, 100_000])('of %i bytes that were received may be sent on', async (size) => {
    left.send(arena.alloc(size, 'a'));
    for (let i = 0; i < 5; i++) {
      const [from, to] = i % 2 === 0 ? [right, left] : [left, right];
      for await (const buffer of from) {
        expect(from.send(buffer)).toBe(true);
        break;
      }
      expect(to.stats().received).toBe(Math.ceil(i / 2));
    }
    expect(await read(left, 1)).toEqual([['a'.repeat(size), [], '']]);
    expectNothingLeft();
  });

  test.each([
    ['copied', { threshold: 100 }, 101, { copied: 2, handedOver: 1 }],
    ['always handed over', { threshold: 0 }, 1, { copied: 0, handedOver: 3 }],
    ['copied up to the most', { threshold: 65_536 }, 65_536, { copied: 3, handedOver: 0 }],
  ] as const)('are %s by the threshold', (_name, options, size, counts) => {
    connect(options);
    for (const bytes of [size, Math.max(1, size - 1), Math.max(1, size >> 1)]) {
      left.send(arena.alloc(bytes));
    }
    expect(left.stats()).toMatchObject({ sent: 3, depth: 3, ...counts });
  });
});

describe('what cannot be sent', () => {
  const foreign = new Arena();
  const NAMED: [string, () => unknown, string][] = [
    ['a Buffer of Node', () => Buffer.alloc(10), 'ERR_HAKMEM_NOT_OWNED'],
    ['a part of a view', () => arena.alloc(10).subarray(1), 'ERR_HAKMEM_NOT_OWNED'],
    ['a view of another arena', () => foreign.alloc(10), 'ERR_HAKMEM_NOT_OWNED'],
    ['no view', () => 'text', 'ERR_INVALID_ARG_TYPE'],
    ['nothing', () => undefined, 'ERR_INVALID_ARG_TYPE'],
  ];
  test.each(NAMED)('%s', (_name, make, code) => {
    expect(codeOf(() => left.send(make() as Buffer))).toBe(code);
    expect(left.stats().sent).toBe(0);
  });

  test('a view that was reset, and one that was released', () => {
    const view = arena.alloc(10);
    arena.reset();
    expect(codeOf(() => left.send(view))).toBe('ERR_HAKMEM_STALE_VIEW');
    const adopted = adopt(arena.share(arena.alloc(5000)));
    release(adopted);
    expect(codeOf(() => left.send(adopted))).toBe('ERR_HAKMEM_NOT_OWNED');
  });

  test.each([10, 5000])('a view of %i bytes whose ArrayBuffer was taken', async (size) => {
    const view = arena.alloc(size);
    const reader = new ReadableStream({
      type: 'bytes',
      pull: ({ byobRequest }) => byobRequest?.respond(1),
    }).getReader({ mode: 'byob' });
    await reader.read(view);
    expect(codeOf(() => left.send(view))).toBe('ERR_HAKMEM_STALE_VIEW');
    expect(left.stats().sent).toBe(0);
  });

  const ENVELOPES: [string, unknown, unknown, string][] = [
    ['no array', 5, '', 'ERR_INVALID_ARG_TYPE'],
    ['an object', { length: 1, 0: 1 }, '', 'ERR_INVALID_ARG_TYPE'],
    ['null', null, '', 'ERR_INVALID_ARG_TYPE'],
    ['texts', ['1'], '', 'ERR_INVALID_ARG_TYPE'],
    ['a hole', new Array(1), '', 'ERR_INVALID_ARG_TYPE'],
    ['big integers', [1n], '', 'ERR_INVALID_ARG_TYPE'],
    ['17 numbers', new Array(17).fill(1), '', 'ERR_INVALID_ARG_VALUE'],
    ['a tag that is a number', [], 5, 'ERR_INVALID_ARG_TYPE'],
    ['a tag that is null', [], null, 'ERR_INVALID_ARG_TYPE'],
    ['a long tag', [], 'x'.repeat(256), 'ERR_INVALID_ARG_VALUE'],
    ['a tag of long letters', [], 'ö'.repeat(128), 'ERR_INVALID_ARG_VALUE'],
  ];
  test.each(ENVELOPES)('a header or tag: %s; the view stays', (_name, header, tag, code) => {
    const view = arena.alloc(10);
    expect(codeOf(() => left.send(view, header as number[], tag as string))).toBe(code);
    expect(arena.owns(view)).toBe(true);
    expect(left.send(view, [1], 'fine')).toBe(true);
  });

  test('a large view that somebody retains; it stays as it is', () => {
    const view = arena.retain(arena.alloc(5000));
    expect(codeOf(() => left.send(view))).toBe('ERR_INVALID_STATE');
    expect(arena.owns(view)).toBe(true);
    arena.release(view);
    expect(left.send(view)).toBe(true);
  });
});

test.each([10, 5000])(
  'where the stack ends, %i bytes are sent and arrive, or stay whose they are',
  async (size) => {
    const seen: number[] = [];
    const reading = right.receive((buffer) => void seen.push(buffer[size - 1]!));
    for (let i = 0; i < 20; i++) {
      const view = arena.alloc(size, i);
      expect(atTheEndOfTheStack(() => left.send(view, [i], 'tag'))).toBeGreaterThan(0);
      expect(left.stats().sent).toBe(i + 1);
      if (i % 2 === 0) await left.drained();
    }
    await left.drained();
    left.close();
    await reading;
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expectNothingLeft();
  },
);

describe('a full channel', () => {
  test.each([1, 2, 3, 64])('of %i messages refuses one more, which stays', async (capacity) => {
    connect({ capacity });
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < capacity; i++) expect(left.send(arena.alloc(i * 100))).toBe(true);
      const more = arena.alloc(100, 'x');
      expect(left.send(more)).toBe(false);
      expect(arena.owns(more)).toBe(true);
      const ready = left.ready().then(() => left.send(more));
      await read(right, 1);
      expect(await ready).toBe(true);
      await read(right, capacity);
    }
    expectNothingLeft();
  });

  test.each([10, 5000])('of so many bytes does, too (%i at a time)', async (size) => {
    connect({ maxBytes: 3 * size });
    for (let i = 0; i < 3; i++) expect(left.send(arena.alloc(size))).toBe(true);
    expect(left.stats().bytesUnderWay).toBe(3 * size);
    const more = arena.alloc(1);
    expect(left.send(more)).toBe(false);
    const ready = left.ready();
    await read(right, 1);
    await ready;
    expect(left.send(more)).toBe(true);
    const large = arena.alloc(3 * size + 1);
    expect(codeOf(() => left.send(large))).toBe('ERR_OUT_OF_RANGE');
    expect(arena.owns(large)).toBe(true);
  });

  test('is one whose ring is full; each record finds its place when others are read', async () => {
    connect({ capacity: 3, threshold: 1000 });
    let state = 1;
    let sent = 0;
    let received = 0;
    const refusals = new Set<number>();
    while (received < 3000) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const size = state % 1001;
      const view = arena.alloc(size, sent % 256);
      if (left.send(view, new Array(state % 17).fill(sent), 'x'.repeat(state % 256))) {
        sent++;
        continue;
      }
      refusals.add(left.stats().depth);
      arena.free(view);
      for await (const buffer of right) {
        expect(buffer.every((byte) => byte === received % 256)).toBe(true);
        expect(right.header.every((number) => number === received)).toBe(true);
        received++;
        break;
      }
    }
    // By its messages, and by the bytes of fewer.
    expect([...refusals].sort()).toEqual(expect.arrayContaining([2, 3]));
  });

  test('everybody who waits for room is told', async () => {
    connect({ capacity: 1 });
    left.send(arena.alloc(10));
    const refused = arena.alloc(10);
    left.send(refused);
    const all = Promise.all([left.ready(), left.ready(), left.drained()]);
    await read(right, 1);
    await all;
  });
});

describe('a Buffer that is read', () => {
  test.each([10, 5000])('of %i bytes is free at the next step', async (size) => {
    const buffers: Buffer[] = [];
    for (let i = 0; i < 3; i++) left.send(arena.alloc(size, i));
    for await (const buffer of right) {
      expect(buffer.every((byte) => byte === buffers.length)).toBe(true);
      buffers.push(buffer);
      if (buffers.length === 3) break;
    }
    expectNothingLeft();
    expect([right.header, right.tag]).toEqual([[], '']);
  });

  test.each([10, 5000])(
    'of %i bytes may have been freed, and its memory be in use',
    async (size) => {
      left.send(arena.alloc(size));
      let other: Buffer | undefined;
      for await (const buffer of right) {
        right.release(buffer);
        other = arena.alloc(size, 7);
        break;
      }
      expect(arena.owns(other)).toBe(true);
      expect(other!.every((byte) => byte === 7)).toBe(true);
    },
  );

  test.each([10, 5000])('of %i bytes may be kept, until it is released', async (size) => {
    left.send(arena.alloc(size, 3));
    left.send(arena.alloc(size, 4));
    const kept: Buffer[] = [];
    for await (const buffer of right) {
      kept.push(right.keep(buffer));
      expect(codeOf(() => right.keep(arena.alloc(1)))).toBe('ERR_HAKMEM_NOT_OWNED');
      if (kept.length === 2) break;
    }
    expect(kept.map((buffer) => [buffer.length, buffer[size - 1]])).toEqual([
      [size, 3],
      [size, 4],
    ]);
    expect(codeOf(() => right.keep(kept[0]!))).toBe('ERR_HAKMEM_NOT_OWNED');
    for (const buffer of kept) right.release(buffer);
    expect(codeOf(() => right.release(kept[0]!))).toBeDefined();
    arena.reset();
    expectNothingLeft();
  });

  test.each([10, 2000])('of %i bytes may be resized, which ends with the message', async (size) => {
    for (let i = 0; i < 3; i++) left.send(arena.alloc(size, i));
    let count = 0;
    for await (const buffer of right) {
      const resized = arena.realloc(buffer, size * 30);
      expect(resized.subarray(0, size).every((byte) => byte === count)).toBe(true);
      if (++count === 3) break;
    }
    expectNothingLeft();
  });

  test('may be retained: it stays until nobody holds it', async () => {
    left.send(arena.alloc(10, 1));
    left.send(arena.alloc(10, 2));
    const held: Buffer[] = [];
    for await (const buffer of right) if (held.push(arena.retain(buffer)) === 2) break;
    expect(held.map((buffer) => buffer[9])).toEqual([1, 2]);
    for (const buffer of held) expect(arena.release(buffer)).toBe(true);
    expectNothingLeft();
  });

  test('stays when the arena is reset meanwhile, if it was handed over', async () => {
    left.send(arena.alloc(5000, 5));
    left.send(arena.alloc(10, 5));
    left.send(arena.alloc(5000, 6));
    const lengths: number[] = [];
    for await (const buffer of right) {
      if (lengths.length === 0) arena.reset();
      lengths.push(buffer.length);
      if (lengths.length === 2) break;
    }
    // The reset has revoked the third.
    const last = arena.alloc(1);
    left.send(last);
    expect(lengths).toEqual([5000, 10]);
    expect((await read(right, 1)).length).toBe(1);
    expect(right.stats()).toMatchObject({ received: 3, expired: 1 });
    expectNothingLeft();
  });
});

test('what is small is copied, and what is large handed over, if nobody says from where on', () => {
  connect();
  for (const size of [10, 8192, 8193, 100_000]) left.send(arena.alloc(size));
  expect(left.stats()).toMatchObject({ copied: 2, handedOver: 2 });
});

test('what was handed over is adopted in batches, and arrives after a reset of its arena', async () => {
  for (let i = 0; i < 50; i++) left.send(arena.alloc(5000, i));
  const bytes: number[] = [];
  for await (const buffer of right) {
    if (bytes.length === 0) arena.reset();
    bytes.push(buffer[4999]!);
    if (bytes.length === 32) break;
  }
  expect(bytes).toEqual(Array.from({ length: 32 }, (_, i) => i));
  left.send(arena.from('last'));
  expect(await read(right, 1)).toEqual([['last', [], '']]);
  expect(right.stats()).toMatchObject({ received: 33, expired: 18 });
  expectNothingLeft();
});

describe('receive', () => {
  test('frees after the function, or after its promise, and goes on then', async () => {
    for (let i = 0; i < 4; i++) left.send(arena.alloc(5000, i), [i], `tag ${i}`);
    const seen: unknown[] = [];
    let live: Buffer | undefined;
    const over = right.receive(async (buffer, header, tag) => {
      expect(live?.length ?? 0).toBe(0);
      live = buffer;
      await turn();
      seen.push([buffer[4999], header[0], tag]);
      if (header[0] === 3) right.close();
    });
    await over;
    expect(seen).toEqual([0, 1, 2, 3].map((i) => [i, i, `tag ${i}`]));
    expectNothingLeft();
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('on purpose');
      },
    ],
    ['rejects', () => Promise.reject(new Error('on purpose'))],
  ] as const)(
    'ends with the error of a function that %s; the rest can be read',
    async (_, fail) => {
      left.send(arena.alloc(5000));
      left.send(arena.from('second'));
      await expect(right.receive(fail)).rejects.toThrow('on purpose');
      expect(right.closed).toBe(false);
      expect(await read(right, 1)).toEqual([['second', [], '']]);
      expectNothingLeft();
    },
  );

  test('has one reader at a time', async () => {
    const first = right.receive(() => {});
    expect(await rejection(right.receive(() => {}))).toBe('ERR_INVALID_STATE');
    expect(await rejection(read(right, 1))).toBe('ERR_INVALID_STATE');
    right.close();
    await first;
    expect(await rejection(right.receive(5 as never))).toBe('ERR_INVALID_ARG_TYPE');
  });

  test('lets the event loop turn while there is always more', async () => {
    connect({ capacity: 4 });
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    let received = 0;
    left.send(arena.alloc(1));
    await right.receive(() => {
      left.send(arena.alloc(1));
      if (++received === 2000) right.close();
    });
    isOver = true;
    expect(turns).toBeGreaterThan(5);
  });

  test('that finds no memory for a copy can be tried again', async () => {
    const small = new Arena({ maxBytes: 65_536 });
    const { ends } = new Channel();
    const [from, to] = [Channel.open(ends[0], arena), Channel.open(ends[1], small)];
    const filler = small.alloc(65_536);
    from.send(arena.from('waits'));
    expect(await rejection(read(to, 1))).toBe('ERR_HAKMEM_OUT_OF_MEMORY');
    small.free(filler);
    expect(await read(to, 1)).toEqual([['waits', [], '']]);
    from.close();
  });
});

describe('the end', () => {
  test.each(['left', 'right'] as const)('by %s gives back what was not read', async (who) => {
    for (let i = 0; i < 10; i++) {
      left.send(arena.alloc(1000 * i));
      right.send(arena.alloc(1000 * i));
    }
    await read(right, 5);
    const closes = Promise.all([once(left, 'close'), once(right, 'close')]);
    (who === 'left' ? left : right).close();
    expect([left.closed, right.closed]).toEqual([true, true]);
    await closes;
    expectNothingLeft();
    // What right had adopted ahead, it gives back itself.
    expect(left.stats()).toMatchObject({ depth: 0, recalled: 0 });
    expect(right.stats()).toMatchObject({ depth: 0, recalled: 7 });
  });

  test('is told once, and closing again does nothing', async () => {
    let closes = 0;
    for (const end of [left, right]) end.on('close', () => closes++);
    left.close();
    left.close();
    right.close();
    await turn();
    await turn();
    left[Symbol.dispose]();
    await turn();
    expect(closes).toBe(2);
  });

  test('ends readers and those who wait', async () => {
    connect({ capacity: 1 });
    left.send(arena.alloc(1));
    const refused = arena.alloc(1);
    left.send(refused);
    const waiting = [left.ready(), left.drained()].map(rejection);
    const reading = left.receive(() => {});
    right.close();
    expect(await Promise.all(waiting)).toEqual(new Array(2).fill('ERR_HAKMEM_CHANNEL_CLOSED'));
    await reading;
    expect(codeOf(() => left.send(refused))).toBe('ERR_HAKMEM_CHANNEL_CLOSED');
    expect(codeOf(() => right.send(refused))).toBe('ERR_HAKMEM_CHANNEL_CLOSED');
    expect(await rejection(right.ready())).toBe('ERR_HAKMEM_CHANNEL_CLOSED');
    expect(arena.owns(refused)).toBe(true);
    expect(await read(right, 1)).toEqual([]);
  });

  test.each([10, 5000])(
    'leaves the message of %i bytes in hand until the next step',
    async (size) => {
      left.send(arena.alloc(size, 9));
      left.send(arena.alloc(size, 9));
      let count = 0;
      for await (const buffer of right) {
        left.close();
        await once(right, 'close');
        expect([buffer.length, buffer[size - 1]]).toEqual([size, 9]);
        count++;
      }
      expect(count).toBe(1);
      expectNothingLeft();
    },
  );

  test('after drained() loses nothing', async () => {
    const texts: string[] = [];
    const reading = right.receive((buffer) => void texts.push(buffer.toString()));
    for (let i = 0; i < 100; i++) left.send(arena.from(String(i)));
    await left.drained();
    left.close();
    await reading;
    expect(texts).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  });

  test('of the arena does no harm', async () => {
    const own = new Arena();
    const { ends } = new Channel({ threshold: THRESHOLD });
    const [from, to] = [Channel.open(ends[0], own), Channel.open(ends[1], arena)];
    from.send(own.alloc(5000, 1));
    from.send(own.alloc(10, 1));
    const view = own.alloc(10);
    own.destroy();
    expect(codeOf(() => from.send(view))).toBe('ERR_HAKMEM_ARENA_DESTROYED');
    expect(await read(to, 1)).toEqual([['\x01'.repeat(10), [], '']]);
    expect(to.stats().expired).toBe(1);
    from.close();
    await once(to, 'close');
  });
});

describe('a channel', () => {
  const OPTIONS: [unknown, string][] = [
    [5, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [[], 'ERR_INVALID_ARG_TYPE'],
    [{ size: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ capacity: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ capacity: 65_537 }, 'ERR_OUT_OF_RANGE'],
    [{ capacity: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ capacity: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxBytes: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ maxBytes: NaN }, 'ERR_OUT_OF_RANGE'],
    [{ threshold: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ threshold: 65_537 }, 'ERR_OUT_OF_RANGE'],
  ];
  test.each(OPTIONS)('with options %j is refused', (options, code) => {
    expect(codeOf(() => new Channel(options as ChannelOptions))).toBe(code);
  });

  const HANDLES: [string, (good: object) => unknown, string][] = [
    ['nothing', () => undefined, 'ERR_INVALID_ARG_TYPE'],
    ['a text', () => 'end', 'ERR_INVALID_ARG_TYPE'],
    ['an empty object', () => ({}), 'ERR_INVALID_ARG_TYPE'],
    ['one that inherits', (good) => Object.create(good) as object, 'ERR_INVALID_ARG_TYPE'],
    ['another side', (good) => ({ ...good, side: 2 }), 'ERR_INVALID_ARG_TYPE'],
    ['no port', (good) => ({ ...good, port: {} }), 'ERR_INVALID_ARG_TYPE'],
    [
      'an ArrayBuffer',
      (good) => ({ ...good, memory: new ArrayBuffer(5000) }),
      'ERR_INVALID_ARG_TYPE',
    ],
    [
      'no memory',
      (good) => ({ ...good, memory: new SharedArrayBuffer(0) }),
      'ERR_INVALID_ARG_VALUE',
    ],
    [
      'foreign memory',
      (good) => ({ ...good, memory: new SharedArrayBuffer(5000) }),
      'ERR_INVALID_ARG_VALUE',
    ],
  ];
  test.each(HANDLES)('is not opened by %s', (_name, make, code) => {
    const [good] = new Channel().ends;
    expect(codeOf(() => Channel.open(make(good) as never, arena))).toBe(code);
    expect(codeOf(() => Channel.open(good, {} as never))).toBe('ERR_INVALID_ARG_TYPE');
    Channel.open(good, arena).close();
  });

  test('is opened once, and not for an arena that is destroyed', () => {
    const { ends } = new Channel();
    const gone = new Arena();
    gone.destroy();
    expect(codeOf(() => Channel.open(ends[0], gone))).toBe('ERR_HAKMEM_ARENA_DESTROYED');
    const end = Channel.open(ends[0], arena);
    expect(codeOf(() => Channel.open(ends[0], arena))).toBe('ERR_INVALID_STATE');
    end.close();
    expect(
      codeOf(() => new (ChannelEnd as unknown as new (...its: unknown[]) => object)(arena, {}, {})),
    ).toBe('ERR_ILLEGAL_CONSTRUCTOR');
  });

  test('is closed when its other end was closed before it is opened', async () => {
    const { ends } = new Channel();
    Channel.open(ends[0], arena).close();
    const end = Channel.open(ends[1], arena);
    expect(end.closed).toBe(true);
    expect(codeOf(() => end.send(arena.alloc(1)))).toBe('ERR_HAKMEM_CHANNEL_CLOSED');
    expect(await read(end, 1)).toEqual([]);
    await once(end, 'close');
  });

  test('takes what is sent before the other end is opened', async () => {
    const { ends } = new Channel();
    const from = Channel.open(ends[0], arena);
    from.send(arena.from('early'));
    await turn();
    expect(await read(Channel.open(ends[1], arena), 1)).toEqual([['early', [], '']]);
    from.close();
  });

  test('counts how often its sender slept for want of room', async () => {
    connect({ capacity: 2 });
    await left.ready();
    while (left.send(arena.alloc(1)));
    const waiting = Promise.all([left.ready(), left.drained()]);
    await read(right, 2);
    await waiting;
    expect(left.stats().waits).toBe(1);
    arena.reset();
  });

  test('counts what goes through it', async () => {
    left.send(arena.alloc(100));
    left.send(arena.alloc(10_000));
    left.send(arena.alloc(10_000));
    await read(right, 2);
    expect(left.stats()).toEqual({
      depth: 1,
      bytesUnderWay: 10_000,
      sent: 3,
      copied: 1,
      handedOver: 2,
      bytesSent: 20_100,
      received: 0,
      bytesReceived: 0,
      recalled: 0,
      expired: 0,
      waits: 0,
    });
    expect(right.stats()).toMatchObject({ received: 2, bytesReceived: 10_100, sent: 0, depth: 0 });
  });
});

test('after a message that its sender has taken back, no later one is read', () => {
  const { memory } = new Channel({ threshold: THRESHOLD }).ends[0];
  const [from, to] = [sideOf(memory, 0), sideOf(memory, 1)];
  const outbox = new Outbox(arena, from.out);
  const inbox = new Inbox(arena, to);
  const envelope = new Envelope();
  envelope.set();
  for (const size of [5000, 10]) outbox.send(arena.alloc(size), envelope);
  // As when it closes after the receiver has looked whether it did.
  from.close();
  outbox.takeBack();
  expect(inbox.take()).toBeUndefined();
  expectNothingLeft();
});

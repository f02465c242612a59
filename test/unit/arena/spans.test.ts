/**
 * Spans: blocks beyond 8 KB, which may lie across the borders of slabs, in every part of the library that knows an
 * ArrayBuffer or an address. test/process/spans.test.ts has them between threads.
 */
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import {
  Arena,
  type ArenaOptions,
  type CloneReport,
  type GuardReport,
  heapMap,
} from '../../../lib/index';
import { SLAB_BYTES, SPAN_BYTES_MAX, spanBytesOf } from '../../../lib/native/geometry';
import { native } from '../../../lib/native/native';
import { expectCode } from '../support/codes';
import { Model } from '../support/model';
import { listen } from '../support/reports';

/** A size of each length of span, and how many slabs that has. */
const SIZES = [
  [16_401, 8],
  [20_000, 4],
  [29_000, 4],
  [40_000, 2],
  [58_000, 8],
] as const;

const arenas: Arena[] = [];

function make(options: ArenaOptions = {}): Arena {
  const arena = new Arena(options);
  arenas.push(arena);
  return arena;
}

afterEach(() => {
  for (const arena of arenas.splice(0)) arena.destroy();
  jest.restoreAllMocks();
});

const strideOf = (size: number): number =>
  native.tables.defaultStrides.find((stride) => stride >= size)!;

/** Every block of `spans` spans, each filled with its number. */
function fillSpans(arena: Arena, size: number, spans = 1): Buffer[] {
  const stride = strideOf(size);
  const count = spans * Math.floor(spanBytesOf(stride) / stride);
  return Array.from({ length: count }, (_, i) => arena.allocUnsafe(size).fill(i % 251));
}

const isBlock = (view: Buffer, i: number): boolean => view.every((byte) => byte === i % 251);

/** Whether a block lies in two slabs. */
const isAcross = ({ byteOffset, length }: Buffer): boolean =>
  Math.floor(byteOffset / SLAB_BYTES) !== Math.floor((byteOffset + length - 1) / SLAB_BYTES);

/** The first block of a span, one across a border of slabs, and the last. */
function placesIn(views: readonly Buffer[]): Buffer[] {
  const sorted = [...views].sort((a, b) => a.byteOffset - b.byteOffset);
  return [sorted[0]!, sorted.find(isAcross)!, sorted.at(-1)!];
}

describe.each(SIZES)('blocks of %i bytes, in spans of %i slabs', (size, slabs) => {
  test('are Buffers on one ArrayBuffer as long as the span, and none overlaps another', () => {
    const arena = make();
    const views = fillSpans(arena, size);
    expect(new Set(views.map(({ buffer }) => buffer)).size).toBe(1);
    expect(views[0]!.buffer.byteLength).toBe(slabs * SLAB_BYTES);
    expect(views.some(isAcross)).toBe(true);
    expect(views.every(isBlock)).toBe(true);
    expect(arena.stats().bytes.used).toBe(slabs * SLAB_BYTES);
  });

  test('are owned as they are, and no part of one is', () => {
    const arena = make();
    for (const view of placesIn(fillSpans(arena, size))) {
      expect(arena.owns(view)).toBe(true);
      expect(arena.usableSize(view)).toBe(strideOf(size));
      const border = Math.ceil((view.byteOffset + 1) / SLAB_BYTES) * SLAB_BYTES;
      const inside = [1, size - 1, border - view.byteOffset].filter((at) => at > 0 && at < size);
      for (const at of inside) {
        const part = view.subarray(at);
        expect(arena.owns(part)).toBe(false);
        expectCode(() => arena.free(part), 'ERR_HAKMEM_NOT_OWNED');
      }
      arena.free(view);
      expect(arena.owns(view)).toBe(false);
      expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    }
    expect(arena.verify()).toEqual({ ok: true, differences: [] });
  });

  test('keep their bytes where they grow in place and where they move', () => {
    const arena = make();
    const [first, across, last] = placesIn(fillSpans(arena, size)) as [Buffer, Buffer, Buffer];
    for (const view of [first, across, last]) {
      const before = Buffer.from(view);
      const whole = arena.realloc(view, strideOf(size));
      expect([whole.buffer, whole.byteOffset]).toEqual([first.buffer, view.byteOffset]);
      const moved = arena.realloc(whole, 2 * size);
      expect(moved.subarray(0, size).equals(before)).toBe(true);
    }
  });

  test('are zeroed by alloc after others had them', () => {
    const arena = make();
    for (const view of fillSpans(arena, size)) arena.free(view);
    for (const view of fillSpans(arena, size).map(() => arena.alloc(size))) {
      expect(view.every((byte) => byte === 0)).toBe(true);
    }
  });

  test('are shown by heapMap as one slab that serves a class, and tails', () => {
    const arena = make({ name: `map-${size}` });
    fillSpans(arena, size, 2);
    const { superslabs } = heapMap().arenas.find(({ name }) => name === arena.name)!;
    const cells = superslabs.flatMap((superslab) => superslab.slabs);
    const firsts = cells.flatMap(({ use }, i) => (use === 'class' ? [i] : []));
    expect(firsts.length).toBe(2);
    for (const at of firsts) {
      expect(at % slabs).toBe(0); // of 32 in a SuperSlab
      const capacity = Math.floor((slabs * SLAB_BYTES) / strideOf(size));
      expect(cells[at]).toMatchObject({ blockSize: strideOf(size), taken: capacity, capacity });
      const tails = cells.slice(at + 1, at + slabs);
      expect(tails.every(({ use, taken }) => use === 'tail' && taken === 0)).toBe(true);
    }
    expect(cells.filter(({ use }) => use === 'free').length).toBe(cells.length - 2 * slabs);
  });

  test.each(['reset', 'destroy'] as const)('have length 0 after a %s', (method) => {
    const arena = new Arena();
    const views = fillSpans(arena, size, 2);
    const [, across] = placesIn(views) as [Buffer, Buffer, Buffer];
    const copy = Buffer.from(across);
    arena.retain(across);
    const rest = views.filter(({ buffer }) => buffer !== across.buffer);
    arena[method]();
    expect(rest.map(({ length }) => length)).toEqual(rest.map(() => 0));
    const next = method === 'reset' ? arena : new Arena();
    fillSpans(next, size, 3);
    expect(across.equals(copy)).toBe(true); // retained, with its span
    if (method === 'reset') arena.release(across);
    expect(next.verify().ok).toBe(true);
    next.destroy();
  });

  test('leave nothing behind', () => {
    const arena = make();
    for (const view of fillSpans(arena, size, 3)) arena.free(view);
    arena.trim();
    expect(arena.stats().bytes).toMatchObject({ used: 0, live: 0 });
    expect(arena.verify()).toEqual({ ok: true, differences: [] });
  });

  test('are cloned and posted with their bytes, and with no more than their span', () => {
    const arena = make();
    const { port1, port2 } = new MessageChannel();
    for (const view of placesIn(fillSpans(arena, size))) {
      port1.postMessage(view);
      const { message } = receiveMessageOnPort(port2) as { message: Uint8Array };
      for (const clone of [structuredClone(view) as Uint8Array, message]) {
        expect(view.equals(clone)).toBe(true);
        expect(clone.buffer.byteLength).toBe(slabs * SLAB_BYTES);
        expect(clone.buffer.byteLength).toBeLessThanOrEqual(SPAN_BYTES_MAX);
      }
      const own = arena.copyOut(view);
      expect((structuredClone(own) as Uint8Array).buffer.byteLength).toBe(size);
      const before = message[0];
      view.fill(before! ^ 1); // a clone is no view
      expect(message[0]).toBe(before);
    }
    port1.close();
  });

  test('are told of by a guard when they are cloned, with the bytes of the span', () => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const arena = make({ name: `clone-${size}`, guard: { sampleRate: 2 ** 30 - 1 } });
    const listener = listen<CloneReport>('hakmem-arena:clone', arena.name);
    for (let i = 0; i < 2; i++) arena.free(arena.alloc(5)); // the first may be a sample
    structuredClone(arena.alloc(size));
    expect(listener.messages).toMatchObject([
      { arena: arena.name, size, bytes: slabs * SLAB_BYTES },
    ]);
    listener[Symbol.dispose]();
  });

  test('are poisoned in quarantine, and a late write there is reported with its place', () => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const arena = make({ name: `guard-${size}`, guard: { sampleRate: 1 } });
    const listener = listen<GuardReport>('hakmem-arena:guard', arena.name);
    const views = Array.from({ length: 20 }, () => arena.alloc(size, 1));
    for (const view of views) arena.free(view);
    const late = views.slice(-3);
    late.forEach((view, i) => (view[size - 1 - i] = 5));
    arena.trim();
    const places = listener.messages.map(({ kind, offset }) => [kind, offset]);
    expect(places).toEqual(late.map((_view, i) => ['late-write', size - 1 - i]));
    expect(arena.verify().ok).toBe(true);
    listener[Symbol.dispose]();
  });
});

/** Lengths of blocks in spans, and the edges of all of their classes. */
const strides = native.tables.defaultStrides.filter((stride) => stride >= 8192);
const sizes = fc.oneof(
  fc.integer({ min: 8000, max: 60_000 }),
  fc.constantFrom(...strides.flatMap((stride) => [stride, stride + 1])),
);
const picks = fc.nat(9999);
type Act = (model: Model) => void;

const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: sizes.map((size): Act => (model) => model.isFull || model.allocate(undefined, (from) => from.allocUnsafe(size))) }, // prettier-ignore
  { weight: 2, arbitrary: sizes.map((size): Act => (model) => model.isFull || model.allocate(undefined, (from) => from.alloc(size), Buffer.alloc(size))) }, // prettier-ignore
  { weight: 8, arbitrary: picks.map((pick): Act => (model) => onOne(model, pick, (one) => model.free(one))) }, // prettier-ignore
  { weight: 2, arbitrary: fc.tuple(picks, sizes).map(([pick, size]): Act => (model) => onOne(model, pick, (one) => model.realloc(one, size))) }, // prettier-ignore
  { weight: 2, arbitrary: picks.map((pick): Act => (model) => onOne(model, pick, (one) => model.ask(one))) }, // prettier-ignore
  { weight: 1, arbitrary: picks.map((pick): Act => (model) => onOne(model, pick, (one) => model.freeWrong(one))) }, // prettier-ignore
  { weight: 1, arbitrary: fc.array(sizes, { maxLength: 8 }).map((inside): Act => (model) => model.runScope(inside)) }, // prettier-ignore
  { weight: 1, arbitrary: fc.constantFrom<Act>((model) => model.trim(), (model) => model.freeAgain()) }, // prettier-ignore
);
/** They end a list of acts: else few blocks would ever be live at once. */
const ends = fc.constantFrom<Act>(
  () => undefined,
  (model) => model.reset(),
  (model) => model.destroy(),
);

function onOne(model: Model, pick: number, act: (one: Model['live'][number]) => void): void {
  const one = model.live[pick % model.live.length];
  if (one !== undefined) act(one);
}

test.each<[string, ArenaOptions]>([
  ['the defaults', {}],
  ['a limit that cuts spans short', { maxBytes: 3 * 1024 * 1024 }],
  ['fresh views', { views: 'fresh' }],
  ['memory that is zeroed when it is freed', { zero: 'free' }],
  ['guards and a list of what is live', { guard: { sampleRate: 2 }, leaks: 'all' }],
])(
  'lengths of 8 to 60 KB do what the model says, with %s',
  async (_name, options) => {
    jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const lists = fc.array(fc.tuple(fc.array(acts, { maxLength: 150, size: 'max' }), ends), { maxLength: 3 }); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(lists, async (rounds) => {
        const model = new Model(options);
        for (const [list, end] of rounds) {
          for (const act of [...list, end]) {
            act(model);
            model.check();
          }
          if (!model.arena.verify().ok) throw new Error('the books differ');
        }
        await model.finish();
      }),
      { numRuns: 30 },
    );
  },
  120_000,
);

describe('bytes of blocks and tails beyond those asked for', () => {
  let state = 1;
  const random = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
  const uniform = (): number => 1024 + Math.floor(random() * 30 * 1024);
  const logUniform = (): number => Math.floor(16 * 4096 ** random());
  const packets = [1500, 9018, 16_401];
  let next = 0;

  test.each([
    ['uniform lengths of 1 to 31 KB', uniform, 0.06],
    ['a packet, a jumbo frame and a TLS record', () => packets[next++ % 3]!, 0.06],
    ['log-uniform lengths of 16 B to 64 KB', logUniform, 0.1],
  ])('are few with %s', (_name, length, most) => {
    const arena = make();
    let asked = 0;
    for (let i = 0; i < 10_000; i++) asked += arena.allocUnsafe(length()).length;
    const { bytes } = arena.stats();
    expect(bytes.live).toBe(asked);
    expect(bytes.slack).toBeGreaterThan(0);
    expect(bytes.slack / asked).toBeLessThan(most);
  });
});

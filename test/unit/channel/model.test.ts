/**
 * Model of a channel: random calls at both ends, compared with two queues. What fails is shrunk to a short list of
 * calls, which is printed.
 */
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { Arena, Channel, type ChannelEnd, type ChannelOptions } from '../../../lib/index';
import { onlyNative } from '../support/backend';
import { checkSums } from '../support/sums';

const test = onlyNative('Buffers go to other threads with the addon only');

interface Sent {
  readonly bytes: Buffer;
  readonly header: readonly number[];
  readonly tag: string;
}

/** Both ends, what is under way from each, and what their readers have kept. */
class Model {
  readonly arenas = [new Arena(), new Arena()] as const;
  readonly ends: readonly [ChannelEnd, ChannelEnd];
  readonly queues: readonly [Sent[], Sent[]] = [[], []];
  readonly kept: { end: number; buffer: Buffer; bytes: Buffer }[] = [];
  readonly options: Required<ChannelOptions>;

  constructor(options: Required<ChannelOptions>) {
    this.options = options;
    const { ends } = new Channel(options);
    this.ends = [
      Channel.open(ends[0], this.arenas[0]).unref(),
      Channel.open(ends[1], this.arenas[1]).unref(),
    ];
  }

  bytesOf(from: number): number {
    return this.queues[from]!.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  check(): void {
    this.ends.forEach((end, from) => {
      const { depth, bytesUnderWay } = end.stats();
      expect({ depth, bytesUnderWay }).toEqual({
        depth: this.queues[from]!.length,
        bytesUnderWay: this.bytesOf(from),
      });
    });
    for (const { buffer, bytes } of this.kept) expect(buffer.equals(bytes)).toBe(true);
    for (const arena of this.arenas) this.checkSums(arena);
  }

  /** A reset gives up the slabs of Buffers that a reader still has. */
  private checkSums(arena: Arena): void {
    const stats = arena.stats();
    const slabs = stats.classes.reduce((sum, row) => sum + row.slabs, 0);
    checkSums(stats, this.kept.length > 0 ? stats.bytes.used - slabs * 65_536 : 0);
  }

  /** Everything goes back, and every block is somewhere. */
  end(): void {
    this.ends[0].close();
    this.ends[1].close();
    for (const { end, buffer } of this.kept) this.ends[end]!.release(buffer);
    for (const arena of this.arenas) {
      const { lending, classes } = checkSums(arena.stats());
      expect([lending.away, ...classes.map(({ live }) => live)].every((it) => it === 0)).toBe(true);
      expect(arena.verify()).toEqual({ ok: true, differences: [] });
      arena.destroy();
    }
  }
}

class Step implements fc.AsyncCommand<Model, Model> {
  constructor(
    readonly text: string,
    readonly act: (model: Model) => void | Promise<void>,
  ) {}

  check(): boolean {
    return true;
  }

  async run(model: Model): Promise<void> {
    await this.act(model);
    model.check();
  }

  toString(): string {
    return this.text;
  }
}

function send(from: number, length: number, byte: number, header: number[], tag: string): Step {
  return new Step(
    `send(${from}, ${length}, [${header.join()}], ${JSON.stringify(tag)})`,
    (model) => {
      const arena = model.arenas[from]!;
      const queue = model.queues[from]!;
      const { capacity, maxBytes } = model.options;
      const view = arena.alloc(length, byte);
      const bytes = Buffer.from(view);
      const fits = queue.length < capacity && model.bytesOf(from) + length <= maxBytes;
      if (length > maxBytes) {
        expect(() => model.ends[from]!.send(view, header, tag)).toThrow();
      } else if (model.ends[from]!.send(view, header, tag)) {
        expect([fits, arena.owns(view)]).toEqual([true, false]);
        queue.push({ bytes, header, tag });
        return;
      } else if (queue.length === 0) {
        throw new Error('an empty channel is full');
      }
      expect(view.equals(bytes)).toBe(true);
      arena.free(view);
    },
  );
}

/** Takes up to so many, without waiting for any. */
function read(to: number, most: number, act: 'keep' | 'release' | 'drop'): Step {
  return new Step(`read(${to}, ${most}, ${act})`, async (model) => {
    const end = model.ends[to]!;
    const queue = model.queues[1 - to]!;
    let left = Math.min(most, queue.length);
    if (left === 0) return;
    for await (const buffer of end) {
      const { bytes, header, tag } = queue.shift()!;
      expect([end.header, end.tag]).toEqual([header, tag]);
      expect(buffer.equals(bytes)).toBe(true);
      if (act === 'keep') model.kept.push({ end: to, buffer: end.keep(buffer), bytes });
      if (act === 'release') end.release(buffer);
      if (--left === 0) break;
    }
  });
}

const letGo = (pick: number): Step =>
  new Step(`letGo(${pick})`, (model) => {
    const [one] = model.kept.splice(pick % Math.max(1, model.kept.length), 1);
    if (one !== undefined) model.ends[one.end]!.release(one.buffer);
  });

/** Waits for room, which the other end makes meanwhile. */
const ready = (from: number): Step =>
  new Step(`ready(${from})`, async (model) => {
    const waiting = model.ends[from]!.ready();
    await read(1 - from, Infinity, 'drop').act(model);
    await waiting;
  });

/** What was copied to it ends with the reset of its arena, and is released before; what it has adopted stays. */
const reset = (who: number): Step =>
  new Step(`reset(${who})`, async (model) => {
    await read(1 - who, Infinity, 'drop').act(model);
    for (const one of model.kept.splice(0)) {
      if (one.end !== who || one.bytes.length > model.options.threshold) model.kept.push(one);
      else model.ends[who]!.release(one.buffer);
    }
    model.arenas[who]!.reset();
  });

const sides = fc.nat(1);
const lengths = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(0, 1, 7, 8, 9, 63, 64, 65, 2047, 2048, 2049, 5000, 66_000),
);
const headers = fc.array(fc.double(), { maxLength: 16 });
const tags = fc.oneof(fc.constantFrom('', 'tag'), fc.string({ unit: 'binary', maxLength: 60 }));

const steps = [
  fc.tuple(sides, lengths, fc.nat(255), headers, tags).map((it) => send(...it)),
  fc.tuple(sides, lengths, fc.nat(255), headers, tags).map((it) => send(...it)),
  fc
    .tuple(sides, fc.integer({ min: 1, max: 5 }), fc.constantFrom('keep', 'release', 'drop'))
    .map((it) => read(...it)),
  fc.nat(99).map(letGo),
  sides.map(ready),
  sides.map(reset),
];

const options = fc.record({
  capacity: fc.constantFrom(1, 2, 3, 8, 256),
  maxBytes: fc.constantFrom(Infinity, 100, 3000, 70_000),
  threshold: fc.constantFrom(0, 64, 2048, 65_536),
});

test('a channel is two queues, whatever is called at its ends', async () => {
  await fc.assert(
    fc.asyncProperty(
      options,
      fc.commands(steps, { maxCommands: 100, size: 'max' }),
      async (given, commands) => {
        const model = new Model(given);
        await fc.asyncModelRun(() => ({ model, real: model }), commands);
        model.end();
      },
    ),
    { numRuns: 80 },
  );
});

// Several writes under way on one stream of Node.

import { setImmediate as turn } from 'node:timers/promises';
import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { Arena } from '../../../lib/index';
import { resultOf } from '../support/child';
import { expectCode } from '../support/codes';
import { checkSums, totalsOf } from '../support/sums';

type Done = (error?: Error | null) => void;

const vouched = { zeroCopy: true };
const live = (arena: Arena): number => totalsOf(arena.stats()).live;

/** Overwrites whatever is free. */
function churn(arena: Arena): void {
  const views = Array.from({ length: 50 }, () => arena.alloc(100, 0xee));
  for (const view of views) arena.free(view);
}

/** A stream whose chunks wait until the test calls back for them. */
class Waiting extends Writable {
  readonly chunks: Buffer[] = [];
  readonly dones: Done[] = [];
  readonly errors: Error[] = [];

  constructor() {
    super({ highWaterMark: 1e6 });
    this.on('error', (error) => this.errors.push(error));
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.chunks.push(chunk);
    this.dones.push(done);
  }
}

/** A stream that has been written to once, and that is done. */
async function begun<S extends Waiting>(arena: Arena, stream: S): Promise<S> {
  const first = arena.freeAfterWrite(stream, arena.alloc(100), vouched);
  stream.dones.shift()!();
  stream.chunks.shift();
  await first;
  return stream;
}

describe('writes under way on a stream', () => {
  test('end one after the other, with and without a promise, of two arenas', async () => {
    const arenas = [new Arena(), new Arena()] as const;
    const stream = await begun(arenas[0], new Waiting());
    const settled: number[] = [];
    for (let i = 0; i < 40; i++) {
      const arena = arenas[i % 3 === 0 ? 1 : 0];
      const view = arena.alloc(100, i);
      if (i % 2 === 0) arena.writeAndFree(stream, view, vouched);
      else void arena.freeAfterWrite(stream, view, vouched).then(() => settled.push(i));
    }
    for (let i = 0; i < 40; i++) {
      for (const arena of arenas) churn(arena);
      expect(stream.chunks.at(-1)!.equals(Buffer.alloc(100, i))).toBe(true);
      stream.dones.shift()!();
      expect(live(arenas[0]) + live(arenas[1])).toBe(39 - i);
      await turn();
      expect(settled.at(-1) ?? -1).toBe(i % 2 === 0 ? i - 1 : i);
    }
    for (const arena of arenas) {
      expect(arena.stats().bytes.pinned).toBe(0);
      checkSums(arena.stats());
    }
  });

  test('a write that the stream refuses does not end older ones', async () => {
    const arena = new Arena();
    const stream = await begun(arena, new Waiting());
    const older = arena.alloc(100, 7);
    arena.writeAndFree(stream, older, vouched);
    stream.end();
    const late = arena.freeAfterWrite(stream, arena.alloc(100), vouched);
    arena.writeAndFree(stream, arena.alloc(100), vouched);
    await expect(late).rejects.toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' });
    churn(arena);
    expect(live(arena)).toBe(1);
    expect(older.equals(Buffer.alloc(100, 7))).toBe(true);
    stream.dones.shift()!();
    await turn();
    expect(live(arena)).toBe(0);
  });

  test('a write that is refused although its stream says that it is open does not, either', async () => {
    const arena = new Arena();
    const stream = await begun(arena, new Waiting());
    Object.defineProperty(stream, 'writable', { value: true });
    const older = arena.alloc(100, 7);
    arena.writeAndFree(stream, older, vouched);
    stream.end();
    arena.writeAndFree(stream, arena.alloc(100), vouched);
    arena.writeAndFree(stream, arena.alloc(100), vouched);
    await new Promise((resolve) => process.nextTick(resolve));
    churn(arena);
    expect(older.equals(Buffer.alloc(100, 7))).toBe(true);
    stream.dones.shift()!();
    for (let i = 0; i < 3; i++) await turn();
    expect(live(arena)).toBe(0);
  });

  test('a stream that throws and calls back all the same ends no other write', async () => {
    const arena = new Arena();
    const stream = await begun(arena, new Waiting());
    const write = stream._write.bind(stream);
    stream._write = (chunk: Buffer, encoding, done) => {
      write(chunk, encoding, done);
      throw Object.assign(new Error('thrown'), { code: 'ERR_THROWN' });
    };
    const refused = arena.alloc(100, 1);
    expectCode(() => arena.writeAndFree(stream, refused, vouched), 'ERR_THROWN');
    expect(arena.owns(refused)).toBe(true);
    stream._write = write;
    const later = arena.alloc(100, 2);
    arena.writeAndFree(stream, later, vouched);
    stream.dones.shift()!();
    churn(arena);
    expect(later.equals(Buffer.alloc(100, 2))).toBe(true);
    stream.dones.shift()!();
    arena.free(refused);
    expect(live(arena)).toBe(0);
    expect(arena.stats().bytes.pinned).toBe(0);
  });

  test('each has the error that its own callback would have had', async () => {
    const arena = new Arena();
    const outcomes = async (write: (stream: Writable) => Promise<unknown>): Promise<unknown[]> => {
      const stream = await begun(arena, new Waiting());
      const done = Array.from({ length: 4 }, () => write(stream));
      stream.dones.shift()!();
      stream.dones.shift()!(new Error('disk full'));
      done.push(write(stream));
      const results = await Promise.allSettled(done);
      return results.map((it) => (it.status === 'rejected' ? String(it.reason) : 'done'));
    };
    const ours = await outcomes((stream) =>
      arena.freeAfterWrite(stream, arena.alloc(100), vouched),
    );
    const plain = await outcomes(
      (stream) =>
        new Promise<void>((resolve, reject) => {
          stream.write(Buffer.alloc(100), (error) => {
            if (error) reject(error);
            else resolve();
          });
        }),
    );
    expect(ours).toEqual(plain);
    expect(ours.slice(0, 2)).toEqual(['done', 'Error: disk full']);
    expect(live(arena)).toBe(0);
  });

  test('a write of a stream in its own write comes after it', async () => {
    const arena = new Arena();
    const stream = await begun(arena, new Waiting());
    const write = stream._write.bind(stream);
    const inner = arena.alloc(100, 2);
    stream._write = (chunk: Buffer, encoding, done) => {
      stream._write = write;
      arena.writeAndFree(stream, inner, vouched);
      write(chunk, encoding, done);
    };
    arena.writeAndFree(stream, arena.alloc(100, 1), vouched);
    stream.dones.shift()!();
    churn(arena);
    expect(live(arena)).toBe(1);
    expect(inner.equals(Buffer.alloc(100, 2))).toBe(true);
    stream.dones.shift()!();
    expect(live(arena)).toBe(0);
  });

  test.each([
    ['a reset', (arena: Arena) => arena.reset()],
    ['destroy', (arena: Arena) => arena.destroy()],
  ])('%s in the write of a stream leaves the chunk until it calls back', async (_name, end) => {
    const arena = new Arena();
    for (const stream of [new Waiting(), await begun(arena, new Waiting())]) {
      if (arena.destroyed) continue;
      const write = stream._write.bind(stream);
      stream._write = (chunk: Buffer, encoding, done) => {
        end(arena);
        write(chunk, encoding, done);
      };
      const view = arena.alloc(100, 7);
      arena.writeAndFree(stream, view, vouched);
      expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
      stream.dones.shift()!();
      expect(view.length).toBe(0);
    }
  });

  test('does not keep an arena that is garbage', async () => {
    const names = await resultOf<string[]>(
      `const { Writable } = require('node:stream');
      const { Arena, heapStats } = require('hakmem-arena');
      const stream = new Writable({ write: (chunk, encoding, done) => setImmediate(done) });
      (async () => {
        await (async () => {
          const arena = new Arena();
          for (let i = 0; i < 5; i++)
            await arena.freeAfterWrite(stream, arena.alloc(100), { zeroCopy: true });
        })();
        for (let i = 0; i < 4; i++) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        console.log(JSON.stringify(heapStats().arenas.map(({ name }) => name)));
        stream.end();
      })();`,
      { nodeArguments: ['--expose-gc'] },
    );
    expect(names).toEqual([]);
  });
});

/** How a stream may be done with a chunk. */
const WAYS: readonly ((done: () => void) => void)[] = [
  (done) => done(),
  (done) => queueMicrotask(done),
  (done) => process.nextTick(done),
  (done) => setImmediate(done),
];

describe('any order of calls', () => {
  test.each([1, 2, 3, 4, 5, 6])('no chunk changes before its stream is done, %i', async (seed) => {
    let random = seed * 7919;
    const upTo = (n: number): number => {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
      return (random >>> 8) % n;
    };
    const arena = new Arena();
    let written = 0;
    let changed = 0;
    const check = (chunks: readonly Buffer[], numbers: readonly number[], done: Done): void => {
      WAYS[upTo(WAYS.length)]!(() => {
        churn(arena);
        chunks.forEach((chunk, i) => {
          written++;
          if (!chunk.equals(Buffer.alloc(100, numbers[i]))) changed++;
        });
        done(upTo(400) === 0 ? new Error('failed') : null);
      });
    };
    for (let round = 0; round < 30; round++) {
      const numberOf = (chunk: Buffer): number => chunk[0]!;
      const stream = new Writable({
        highWaterMark: 1e6,
        write: (chunk: Buffer, _encoding, done) => check([chunk], [numberOf(chunk)], done),
        ...(round % 2 === 1 && {
          writev: (list: { chunk: Buffer }[], done: Done) => {
            const chunks = list.map(({ chunk }) => chunk);
            check(chunks, chunks.map(numberOf), done);
          },
        }),
      });
      stream.on('error', () => undefined);
      const all: Promise<unknown>[] = [];
      for (let i = 0; i < 100; i++) {
        const view = arena.alloc(100, i);
        if (upTo(3) > 0) arena.writeAndFree(stream, view, vouched);
        else all.push(arena.freeAfterWrite(stream, view, vouched).catch(() => undefined));
        if (upTo(40) === 0) stream.write(Buffer.alloc(100, 255));
        if (upTo(10) === 0) await WAIT[upTo(WAIT.length)]!();
        if (upTo(30) === 0) stream.cork();
        if (upTo(10) === 0) stream.uncork();
        if (upTo(800) === 0) stream.destroy();
      }
      while (stream.writableCorked > 0) stream.uncork();
      await Promise.all(all);
      stream.destroy();
      for (let i = 0; i < 5; i++) await turn();
      expect(live(arena)).toBe(0);
    }
    expect(changed).toBe(0);
    expect(written).toBeGreaterThan(1000);
    expect(arena.stats().bytes.pinned).toBe(0);
    checkSums(arena.stats());
  });
});

const WAIT: readonly (() => Promise<unknown>)[] = [
  () => Promise.resolve(),
  () => new Promise((resolve) => process.nextTick(resolve)),
  () => turn(),
];

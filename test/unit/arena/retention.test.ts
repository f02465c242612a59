import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { Arena, type View, heapStats } from '../../../lib/index';
import { resultOf } from '../support/child';
import { codeOf, expectCode } from '../support/codes';
import { atTheEndOfTheStack } from '../support/depths';
import { checkSums, totalsOf } from '../support/sums';
import { bytesOf } from '../support/views';

const SLAB_BYTES = 64 * 1024;

/** Allocates, fills and frees so much that any block given back is overwritten. */
function churn(arena: Arena, sizes: readonly number[] = [100]): void {
  for (const size of sizes) {
    const views = Array.from({ length: 300 }, () => arena.alloc(size, 0xee));
    for (const view of views) arena.free(view);
  }
}

const pinned = (arena: Arena): number => arena.stats().bytes.pinned;

/** One view of every kind of home: class, run, huge, typed, empty, aligned. */
function everyKind(arena: Arena): View[] {
  return [
    arena.alloc(100, 7),
    arena.alloc(60_000, 7),
    arena.alloc(100_000, 7),
    arena.alloc(3_000_000, 7),
    arena.alloc(0),
    arena.allocTyped(Float64Array, 12),
    arena.allocUnsafe(100, 4096).fill(7),
  ];
}

describe('retain and release', () => {
  test('a freed view keeps its bytes until its last release', () => {
    const arena = new Arena();
    const view = arena.alloc(100, 7);
    expect(arena.retain(view)).toBe(view);
    arena.retain(view);
    arena.free(view);
    churn(arena);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    expect(arena.release(view)).toBe(false);
    churn(arena);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    expect(arena.release(view)).toBe(true);
    churn(arena);
    expect(view.includes(7)).toBe(false);
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('a view that nobody freed lives on after its last release', () => {
    const arena = new Arena();
    const view = arena.alloc(100, 7);
    arena.retain(view);
    expect(arena.release(view)).toBe(false);
    expect(arena.owns(view)).toBe(true);
    arena.free(view);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    arena.destroy();
  });

  test('views of every kind are retained, freed and released', () => {
    const arena = new Arena();
    for (const view of everyKind(arena)) {
      arena.retain(view);
      expect(arena.owns(view)).toBe(true);
      expect(arena.usableSize(view)).toBeGreaterThanOrEqual(view.byteLength);
      arena.free(view);
      churn(arena, [60_000]);
      expect(bytesOf(view).includes(0xee)).toBe(false);
      expect(arena.release(view)).toBe(true);
    }
    expect(totalsOf(arena.stats())).toMatchObject({ live: 0, liveBytes: 0 });
    expect(pinned(arena)).toBe(0);
    arena.destroy();
  });

  test('the pinned bytes are the blocks of retained views, each once', () => {
    const arena = new Arena();
    const [one, two] = [arena.alloc(100), arena.alloc(100_000)];
    const bytes = arena.usableSize(one) + arena.usableSize(two);
    for (const view of [one, one, two]) arena.retain(view);
    expect(pinned(arena)).toBe(bytes);
    arena.free(one);
    expect(pinned(arena)).toBe(bytes);
    for (const view of [one, one, two]) arena.release(view);
    expect(pinned(arena)).toBe(0);
    arena.free(two);
    checkSums(arena.stats());
    arena.destroy();
  });

  test('a second free of a retained view is a double free and takes nobody`s hold', () => {
    const arena = new Arena();
    const view = arena.alloc(100, 7);
    arena.retain(view);
    arena.free(view);
    expect(arena.owns(view)).toBe(false);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    expectCode(() => arena.realloc(view, 200), 'ERR_HAKMEM_DOUBLE_FREE');
    expectCode(() => arena.usableSize(view), 'ERR_HAKMEM_DOUBLE_FREE');
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    arena.retain(view);
    expect(arena.release(view)).toBe(false);
    expect(arena.release(view)).toBe(true);
    expectCode(() => arena.release(view), 'ERR_HAKMEM_DOUBLE_FREE');
    expectCode(() => arena.retain(view), 'ERR_HAKMEM_DOUBLE_FREE');
    arena.destroy();
  });

  test('refuse what is no live view of the arena, and a release too many', () => {
    const [arena, other] = [new Arena(), new Arena()];
    const view = arena.alloc(100);
    for (const method of ['retain', 'release'] as const) {
      expectCode(() => arena[method](null as never), 'ERR_INVALID_ARG_TYPE');
      expectCode(() => arena[method]({} as never), 'ERR_INVALID_ARG_TYPE');
      expectCode(() => arena[method](Buffer.alloc(5)), 'ERR_HAKMEM_NOT_OWNED');
      expectCode(() => arena[method](view.subarray(1)), 'ERR_HAKMEM_NOT_OWNED');
      expectCode(() => other[method](view), 'ERR_HAKMEM_NOT_OWNED');
    }
    expectCode(() => arena.release(view), 'ERR_INVALID_STATE');
    other.retain(other.alloc(10));
    arena.retain(view);
    expectCode(() => other.release(view), 'ERR_HAKMEM_NOT_OWNED');
    expect(arena.owns(view)).toBe(true);
    arena.destroy();
    other.destroy();
  });

  test('realloc of a retained view moves it and leaves the holder its bytes', () => {
    const arena = new Arena();
    const view = arena.alloc(100, 7);
    arena.retain(view);
    const next = arena.realloc(view, 101);
    expect(next.buffer === view.buffer && next.byteOffset === view.byteOffset).toBe(false);
    expect(next.subarray(0, 100).equals(Buffer.alloc(100, 7))).toBe(true);
    next.fill(9);
    churn(arena);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    expect(arena.release(view)).toBe(true);
    arena.free(next);
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('the end of a scope waits for the last release of what it held', () => {
    const arena = new Arena();
    const view = arena.scope((scope) => arena.retain(scope.alloc(100, 7)));
    churn(arena);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    expect(arena.release(view)).toBe(true);
    const kept = arena.scope((scope) => scope.keep(arena.retain(scope.alloc(100))));
    expect(arena.release(kept)).toBe(false);
    arena.free(kept);
    arena.scope((scope) => {
      const freed = arena.retain(scope.alloc(100));
      arena.free(freed);
      expectCode(() => scope.keep(freed), 'ERR_HAKMEM_NOT_OWNED');
      arena.release(freed);
    });
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });
});

describe('what retains is a number', () => {
  test('no getter that somebody has put on a view is asked', () => {
    const arena = new Arena();
    const view = arena.alloc(100);
    let other: Buffer | undefined;
    Object.defineProperty(view, 'length', {
      configurable: true,
      get() {
        Reflect.deleteProperty(view, 'length');
        arena.free(view);
        arena.trim();
        other = arena.alloc(100);
        return 100;
      },
    });
    arena.retain(view);
    expect(other).toBeUndefined();
    arena.release(view);
    Reflect.deleteProperty(view, 'length');
    arena.free(view);
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('a view whose memory somebody has taken away is not retained', () => {
    const arena = new Arena();
    const view = arena.alloc(100);
    new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) });
    expectCode(() => arena.retain(view), 'ERR_HAKMEM_STALE_VIEW');
    expect(pinned(arena)).toBe(0);
    arena.destroy();
  });

  test('a view keeps its owner while it is retained, whoever that becomes', () => {
    const arena = new Arena();
    const outer = arena.openScope();
    const view = arena.retain(outer.alloc(100, 7));
    outer.keep(view);
    outer.end();
    expect(arena.owns(view)).toBe(true);
    arena.free(view);
    expect(arena.owns(view)).toBe(false);
    expect(arena.release(view)).toBe(true);
    expect(arena.alloc(100)).toBe(view);
    arena.destroy();
  });

  test('a view that comes back is retained by nobody', () => {
    const arena = new Arena();
    for (let i = 0; i < 50; i++) {
      const view = arena.alloc(100);
      expectCode(() => arena.release(view), 'ERR_INVALID_STATE');
      for (let k = 0; k <= i % 3; k++) arena.retain(view);
      arena.free(view);
      for (let k = 0; k <= i % 3; k++) expect(arena.release(view)).toBe(k === i % 3);
    }
    arena.destroy();
  });

  test('a reset that could not begin leaves nothing behind', () => {
    const arena = new Arena();
    const view = arena.retain(arena.alloc(100, 7));
    const failures = atTheEndOfTheStack(() => arena.reset());
    expect(failures).toBeGreaterThan(0);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    expect(pinned(arena)).toBe(arena.usableSize(arena.alloc(100)));
    expect(arena.release(view)).toBe(true);
    expect([view.length, pinned(arena)]).toEqual([0, 0]);
    arena.destroy();
  });
});

describe('reset while views are retained', () => {
  test('keeps their bytes and their slabs until the last release', () => {
    const arena = new Arena();
    const views = everyKind(arena);
    const neighbour = arena.alloc(100, 1);
    for (const view of views) arena.retain(view);
    const copies = views.map((view) => Buffer.from(bytesOf(view)));
    const pinnedBytes = pinned(arena);
    arena.reset();
    churn(arena, [100, 60_000, 100_000, 3_000_000]);
    views.forEach((view, i) => {
      expect(Buffer.from(bytesOf(view)).equals(copies[i]!)).toBe(true);
      expectCode(() => arena.free(view), 'ERR_HAKMEM_STALE_VIEW');
      expect(arena.owns(view)).toBe(false);
    });
    expectCode(() => arena.free(neighbour), 'ERR_HAKMEM_STALE_VIEW');
    expect(pinned(arena)).toBe(pinnedBytes);
    for (const view of views) {
      const isEmpty = view.byteLength === 0;
      expect(arena.release(view)).toBe(true);
      if (!isEmpty) expect(view.buffer.byteLength).toBe(0);
      expectCode(() => arena.release(view), 'ERR_HAKMEM_STALE_VIEW');
    }
    expect(neighbour.length).toBe(0);
    arena.trim();
    expect(checkSums(arena.stats()).bytes).toMatchObject({ used: 0, pinned: 0 });
    arena.destroy();
  });

  test('detaches a slab only with the last of its retained views, through several resets', () => {
    const arena = new Arena();
    const [one, two] = [arena.alloc(100, 1), arena.alloc(100, 2)];
    const unretained = arena.alloc(5000, 3);
    arena.retain(one);
    arena.reset();
    expect(unretained.length).toBe(0);
    const three = arena.retain(arena.alloc(100, 3));
    arena.retain(one);
    arena.reset();
    arena.release(one);
    expect([one.length, two.length, three.length]).toEqual([100, 100, 100]);
    arena.release(one);
    expect([one.length, two.length, three.length]).toEqual([0, 0, 100]);
    churn(arena);
    expect(three.equals(Buffer.alloc(100, 3))).toBe(true);
    arena.release(three);
    arena.trim();
    expect(checkSums(arena.stats()).bytes.used).toBe(0);
    arena.destroy();
  });

  test('a pinned slab that somebody takes away does not take a new one with it', () => {
    const arena = new Arena();
    const view = arena.retain(arena.alloc(100, 1));
    new ReadableStream({ type: 'bytes', start: (it) => it.enqueue(view) });
    arena.reset();
    const fresh = Array.from({ length: 2000 }, () => arena.alloc(100, 5));
    expect(arena.release(view)).toBe(true);
    expect(fresh.every((it) => it.equals(Buffer.alloc(100, 5)))).toBe(true);
    arena.destroy();
  });
});

describe('destroy while views are retained', () => {
  test('keeps only their slabs; the last release ends the arena', () => {
    const arena = new Arena({ name: 'pinned' });
    const bulk = Array.from({ length: 100 }, () => arena.alloc(60_000));
    const view = arena.retain(arena.alloc(100, 7));
    const large = arena.retain(arena.alloc(3_000_000, 8));
    const largeBytes = arena.usableSize(large);
    const find = () => heapStats().arenas.find((it) => it.name === 'pinned');
    const pinnedBytes = arena.stats().bytes.pinned;
    arena.destroy();
    expect(bulk.every((it) => it.length === 0)).toBe(true);
    const bytes = find()!.bytes;
    expect(bytes.pinned).toBe(pinnedBytes);
    expect(bytes.used).toBe(SLAB_BYTES + largeBytes);
    expect(arena.release(large)).toBe(true);
    expect(find()!.bytes.used).toBe(SLAB_BYTES);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    arena.retain(view);
    expect(arena.release(view)).toBe(false);
    expect(arena.release(view)).toBe(true);
    expect(view.length).toBe(0);
    expect(find()).toBeUndefined();
    expectCode(() => arena.release(view), 'ERR_HAKMEM_ARENA_DESTROYED');
    expectCode(() => arena.retain(view), 'ERR_HAKMEM_ARENA_DESTROYED');
  });

  test('another arena may take its place before', () => {
    const arena = new Arena();
    const view = arena.retain(arena.alloc(100, 7));
    arena.destroy();
    const others = Array.from({ length: 20 }, () => new Arena());
    for (const other of others) churn(other);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    expect(arena.release(view)).toBe(true);
    for (const other of others) other.destroy();
  });
});

describe('freeAfter', () => {
  test('frees when the promise fulfils, and passes its value on', async () => {
    const arena = new Arena();
    const view = arena.alloc(100, 7);
    let settle!: (value: string) => void;
    const freed = arena.freeAfter(view, new Promise<string>((resolve) => (settle = resolve)));
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    churn(arena);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    settle('done');
    expect(await freed).toBe('done');
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('frees when the promise rejects, and passes the reason on', async () => {
    const arena = new Arena();
    const reason = new Error('no');
    await expect(arena.freeAfter(arena.alloc(100), Promise.reject(reason))).rejects.toBe(reason);
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('takes nothing when an argument is wrong', async () => {
    const arena = new Arena();
    const view = arena.alloc(100);
    for (const wrong of [undefined, null, 5, {}, () => 1]) {
      const freed = arena.freeAfter(view, wrong as never);
      await expect(freed).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    }
    const foreign = arena.freeAfter(Buffer.alloc(5), Promise.resolve());
    await expect(foreign).rejects.toMatchObject({ code: 'ERR_HAKMEM_NOT_OWNED' });
    expect(arena.owns(view)).toBe(true);
    expect(pinned(arena)).toBe(0);
    arena.free(view);
    arena.destroy();
  });

  test('that refuses its view handles the promise, too: one error, and no other', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    const arena = new Arena();
    const freed = arena.alloc(100);
    arena.free(freed);
    const stale = arena.alloc(100);
    arena.reset();
    for (const view of [Buffer.alloc(5), freed, stale, 5 as never]) {
      const failing = new Promise((_, reject) => setTimeout(reject, 5, new Error('EIO')));
      await expect(arena.freeAfter(view, failing)).rejects.toHaveProperty('code');
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
    arena.destroy();
  });

  test('outlives a reset and destroy', async () => {
    for (const method of ['reset', 'destroy'] as const) {
      const arena = new Arena();
      const view = arena.alloc(100, 7);
      let settle!: () => void;
      const freed = arena.freeAfter(view, new Promise<void>((resolve) => (settle = resolve)));
      arena[method]();
      expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
      settle();
      await freed;
      expect(view.length).toBe(0);
      arena.destroy();
    }
  });

  test('in a scope is left alone by its end', async () => {
    const arena = new Arena();
    let freed!: Promise<void>;
    const view = arena.scope((scope) => {
      const taken = scope.alloc(100, 7);
      freed = arena.freeAfter(taken, new Promise((resolve) => setImmediate(resolve)));
      return taken;
    });
    churn(arena);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    await freed;
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });
});

/** A stream that keeps its chunks until told to go on. */
class Slow extends Writable {
  readonly pending: ((error?: Error) => void)[] = [];
  constructor() {
    super({ highWaterMark: 1 });
  }
  override _write(_chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    this.pending.push(callback);
  }
}

describe('freeAfterWrite', () => {
  test('frees in the callback of each write to a stream that is vouched for', async () => {
    const arena = new Arena();
    const stream = new Slow();
    const views = [1, 2, 3].map((fill) => arena.alloc(100, fill));
    const freed = views.map((view) => arena.freeAfterWrite(stream, view, { zeroCopy: true }));
    churn(arena);
    for (let i = 0; i < 3; i++) {
      expect(views[i]!.equals(Buffer.alloc(100, i + 1))).toBe(true);
      stream.pending.shift()!();
      await freed[i];
      expect(totalsOf(arena.stats()).live).toBe(2 - i);
    }
    arena.destroy();
  });

  test('frees when the write fails, and says why', async () => {
    const arena = new Arena();
    const stream = new Slow();
    stream.on('error', () => undefined);
    const freed = arena.freeAfterWrite(stream, arena.alloc(100));
    stream.pending.shift()!(new Error('disk full'));
    await expect(freed).rejects.toThrow('disk full');
    const late = arena.freeAfterWrite(stream, arena.alloc(100));
    await expect(late).rejects.toMatchObject({ code: 'ERR_STREAM_DESTROYED' });
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('frees when the stream closes without calling back', async () => {
    const arena = new Arena();
    const stream = new Slow();
    const writes = Array.from({ length: 30 }, () =>
      arena.freeAfterWrite(stream, arena.alloc(100), { zeroCopy: true }),
    );
    expect(totalsOf(arena.stats()).live).toBe(30);
    expect(stream.listenerCount('close')).toBeLessThan(5);
    stream.destroy();
    const results = await Promise.allSettled(writes);
    expect(results.every((it) => it.status === 'rejected')).toBe(true);
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('takes nothing when the stream refuses the chunk or is none', async () => {
    const arena = new Arena();
    const view = arena.allocTyped(Float64Array, 3);
    const refuses = new Slow();
    refuses.write = () => {
      throw Object.assign(new Error('refused'), { code: 'ERR_REFUSED' });
    };
    const tries: [never, string][] = [
      [refuses as never, 'ERR_REFUSED'],
      [{} as never, 'ERR_INVALID_ARG_TYPE'],
      [undefined as never, 'ERR_INVALID_ARG_TYPE'],
    ];
    for (const [stream, code] of tries) {
      await expect(arena.freeAfterWrite(stream, view)).rejects.toMatchObject({ code });
    }
    expect(arena.owns(view)).toBe(true);
    expect(codeOf(() => arena.free(view))).toBeUndefined();
    arena.destroy();
  });
});

describe('writeAndFree', () => {
  test('frees in the callback of a stream that is vouched for, and returns what the stream does', () => {
    const arena = new Arena();
    const stream = new Slow();
    const view = arena.alloc(100, 7);
    expect(arena.writeAndFree(stream, view, { zeroCopy: true })).toBe(false);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    churn(arena);
    expect(view.equals(Buffer.alloc(100, 7))).toBe(true);
    stream.pending.shift()!();
    expect(totalsOf(arena.stats()).live).toBe(0);
    const roomy = new Writable({ write: (_chunk, _encoding, done) => done() });
    expect(arena.writeAndFree(roomy, arena.alloc(100), { zeroCopy: true })).toBe(true);
    expect(totalsOf(arena.stats()).live).toBe(1); // Node calls back in the next turn
    arena.destroy();
  });

  test('gives an unknown stream a copy, and has freed the view when it returns', () => {
    const arena = new Arena();
    const chunks: Buffer[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    });
    const view = arena.alloc(100, 7);
    expect(arena.writeAndFree(stream, view)).toBe(true);
    expect(totalsOf(arena.stats()).live).toBe(0);
    expectCode(() => arena.free(view), 'ERR_HAKMEM_DOUBLE_FREE');
    churn(arena);
    expect(chunks[0]!.equals(Buffer.alloc(100, 7))).toBe(true);
    arena.destroy();
  });

  test('leaves errors to the stream, and frees all the same', async () => {
    const arena = new Arena();
    const stream = new Slow();
    const errors: Error[] = [];
    stream.on('error', (error) => errors.push(error));
    arena.writeAndFree(stream, arena.alloc(100), { zeroCopy: true });
    arena.writeAndFree(stream, arena.alloc(200), { zeroCopy: true });
    stream.pending.shift()!(new Error('disk full'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(errors.map(({ message }) => message)).toEqual(['disk full']);
    arena.writeAndFree(stream, arena.alloc(100), { zeroCopy: true });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('frees when the stream closes without calling back', async () => {
    const arena = new Arena();
    const stream = new Slow();
    for (let i = 0; i < 30; i++) {
      arena.writeAndFree(stream, arena.alloc(100), { zeroCopy: true });
    }
    expect(stream.listenerCount('close')).toBeLessThan(5);
    stream.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(totalsOf(arena.stats()).live).toBe(0);
    arena.destroy();
  });

  test('throws, and takes nothing, when the stream refuses the chunk, is none, or is one of the web', () => {
    const arena = new Arena();
    const view = arena.allocTyped(Float64Array, 3);
    const refuses = new Slow();
    refuses.write = () => {
      throw Object.assign(new Error('refused'), { code: 'ERR_REFUSED' });
    };
    expectCode(() => arena.writeAndFree(refuses, view), 'ERR_REFUSED');
    for (const wrong of [{}, undefined, new WritableStream(), new WritableStream().getWriter()]) {
      expectCode(() => arena.writeAndFree(wrong as never, view), 'ERR_INVALID_ARG_TYPE');
    }
    const wrong = { copy: true } as never;
    expectCode(() => arena.writeAndFree(new Slow(), view, wrong), 'ERR_INVALID_ARG_VALUE');
    expect(arena.owns(view)).toBe(true);
    arena.free(view);
    expectCode(() => arena.writeAndFree(new Slow(), view), 'ERR_HAKMEM_DOUBLE_FREE');
    expect(pinned(arena)).toBe(0);
    arena.destroy();
  });

  test('a stream that calls back before it returns, or twice, frees once', async () => {
    const arena = new Arena();
    const eager = Object.assign(new EventEmitter(), {
      write(_chunk: Buffer, done: () => void) {
        done();
        setImmediate(done);
      },
    });
    const view = arena.alloc(100);
    expect(arena.writeAndFree(eager, view, { zeroCopy: true })).toBe(true);
    const next = arena.alloc(100);
    expect(next).toBe(view);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(arena.owns(next)).toBe(true);
    await arena.freeAfterWrite(eager, next, { zeroCopy: true });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(totalsOf(arena.stats()).live).toBe(0);
    expect(pinned(arena)).toBe(0);
    arena.destroy();
  });

  test('a stream that takes no more properties, and one behind a proxy, end their writes as others do', async () => {
    const arena = new Arena();
    const makeStream = (): Writable => {
      const stream = new Writable({ write: (_chunk, _encoding, done) => setImmediate(done) });
      stream.on('error', () => undefined);
      return stream;
    };
    for (const stream of [Object.preventExtensions(makeStream()), new Proxy(makeStream(), {})]) {
      await arena.freeAfterWrite(stream, arena.alloc(100), { zeroCopy: true });
      arena.writeAndFree(stream, arena.alloc(200), { zeroCopy: true });
      const last = arena.freeAfterWrite(stream, arena.alloc(300), { zeroCopy: true });
      stream.destroy();
      await last.catch(() => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(totalsOf(arena.stats()).live).toBe(0);
    checkSums(arena.stats());
  });
});

describe('views that are retained and dropped', () => {
  const COLLECT = `
    const { Arena, heapStats } = require('hakmem-arena');
    process.removeAllListeners('warning');
    const collect = async () => {
      for (let i = 0; i < 4; i++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };`;
  const run = <T>(source: string): Promise<T> =>
    resultOf<T>(`${COLLECT} (async () => { ${source} })();`, { nodeArguments: ['--expose-gc'] });

  test.each([
    ['before a reset', 'await collect(); arena.reset();'],
    ['after a reset', 'arena.reset(); await collect();'],
    ['freed, and before a reset', 'await collect(); arena.reset();'],
  ])("leaks: 'all', reclaim: 'gc' ends their retention: %s", async (when, steps) => {
    const rounds = await run<{ pinned: number; used: number; neighbour: number }[]>(`
      const arena = new Arena({ leaks: 'all', reclaim: 'gc' });
      const rounds = [];
      for (let round = 0; round < 3; round++) {
        const neighbour = arena.alloc(100);
        (() => {
          for (const size of [100, 65536, 200000]) {
            for (let i = 0; i < 20; i++) {
              const view = arena.retain(arena.alloc(size));
              if (${when.startsWith('freed')}) arena.free(view);
            }
          }
        })();
        ${steps}
        arena.trim();
        const { pinned, used } = arena.stats().bytes;
        rounds.push({ pinned, used, neighbour: neighbour.length });
      }
      console.log(JSON.stringify(rounds));`);
    expect(rounds).toEqual(Array(3).fill({ pinned: 0, used: 0, neighbour: 0 }));
  });

  test('do not keep an arena that is garbage itself, destroyed or not', async () => {
    const names = await run<string[]>(`
      for (const options of [{}, { leaks: 'all' }, { guard: { sampleRate: 1 } }, { zero: 'free' }]) {
        (() => {
          const dropped = new Arena(options);
          dropped.retain(dropped.alloc(65536));
          dropped.reset();
          dropped.retain(dropped.alloc(100));
          const destroyed = new Arena(options);
          destroyed.retain(destroyed.alloc(65536));
          destroyed.destroy();
        })();
      }
      await collect();
      console.log(JSON.stringify(heapStats().arenas.map(({ name }) => name)));`);
    expect(names).toEqual([]);
  });
});

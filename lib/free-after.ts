/**
 * Free after: knows when a stream has done with a chunk.
 *
 * The callback of a write says so. A stream that ends before its time may drop a write without calling
 * back (a response whose connection is gone); its 'close' says so then. One listener per stream, however
 * many writes are under way.
 */
import { invalidArgType } from './errors';
import type { View } from './view';

/**
 * What {@link Arena.freeAfterWrite} needs of a stream; every Writable of Node has it.
 *
 * @example
 * import { PassThrough } from 'node:stream';
 * const stream: WritableLike = new PassThrough();
 */
export interface WritableLike {
  /** Takes a chunk; `callback` is called when the stream has let go of its bytes, or could not. */
  write(chunk: never, callback: (error?: Error | null) => void): unknown;
  /** 'close' ends every write that was not called back. */
  once(event: 'close', listener: () => void): unknown;
  /** true: 'close' was emitted before. */
  readonly closed?: boolean;
}

type Settle = (error?: Error | null) => void;

/** Writes under way, of each stream that has any. */
const underWay = new WeakMap<WritableLike, Set<Settle>>();

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const isObject = typeof value === 'object' || typeof value === 'function';
  return isObject && typeof (value as { then?: unknown } | null)?.then === 'function';
}

export function validateThenable(promise: unknown): asserts promise is PromiseLike<unknown> {
  if (!isThenable(promise)) throw invalidArgType('promise', 'an instance of Promise', promise);
}

/**
 * Writes a chunk. Throws what the stream throws: then it has not taken the chunk.
 *
 * @returns a promise that settles when the stream has done with it.
 */
export function settleWrite(writable: WritableLike, chunk: View): Promise<void> {
  validateWritable(writable);
  let settle!: Settle;
  const settled = new Promise<void>((resolve, reject) => {
    settle = (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    };
  });
  const writes = writesOf(writable);
  const done: Settle = (error) => {
    writes.delete(done);
    settle(error);
  };
  writes.add(done);
  try {
    writable.write(chunk as never, done);
  } catch (error) {
    writes.delete(done);
    throw error;
  }
  if (writable.closed === true) closed(writable);
  return settled;
}

function validateWritable(writable: unknown): asserts writable is WritableLike {
  const { write, once } = (writable ?? {}) as Partial<WritableLike>;
  if (typeof write !== 'function' || typeof once !== 'function') {
    throw invalidArgType('writable', 'an instance of stream.Writable', writable);
  }
}

function writesOf(writable: WritableLike): Set<Settle> {
  let writes = underWay.get(writable);
  if (writes !== undefined) return writes;
  writes = new Set();
  underWay.set(writable, writes);
  writable.once('close', () => {
    closed(writable);
  });
  return writes;
}

/** Callbacks of writes that failed come soon after 'close', if they come: those know the error. */
function closed(writable: WritableLike): void {
  setImmediate(() => {
    const error = Object.assign(new Error('The stream was closed before the write was done'), {
      code: 'ERR_STREAM_PREMATURE_CLOSE',
    });
    for (const done of underWay.get(writable) ?? []) done(error);
    underWay.delete(writable);
  });
}

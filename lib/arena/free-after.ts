/**
 * Free after: writes a view to a stream, and knows when its memory is free again.
 *
 * A known sink gets the view itself and tells when it has let go of it: in the callback of the write or, if it
 * is destroyed before, by closing. Everything else gets a copy, because its callback proves nothing.
 */
import { type Cancel, type Closable, isClosable, whenClosed } from '../streams/closings';
import { invalidArgType, invalidArgValue } from '../errors';
import { type Sink, anySink, sinkOf } from '../streams/sinks';
import { ignore, validateThenable } from '../streams/endings';
import type { View } from '../view/view';
import { copyLike } from '../view/kinds';
import type { Retentions } from '../front/retentions';

/**
 * What {@link Arena.freeAfterWrite} needs of a stream; every Writable of Node has it.
 *
 * @example
 * import { PassThrough } from 'node:stream';
 * const stream: WritableLike = new PassThrough();
 */
export interface WritableLike extends Closable {
  /** Takes a chunk; `callback` is called when the stream takes the next one, or has failed. */
  write(chunk: never, callback: (error?: Error | null) => void): unknown;
}

/**
 * The writer of a WritableStream, as {@link Arena.freeAfterWrite} takes it.
 *
 * @example
 * import { Writable } from 'node:stream';
 * const writer: WebWriterLike = Writable.toWeb(socket).getWriter();
 */
export interface WebWriterLike {
  /** Takes a chunk; its promise says that the stream takes the next one. */
  write(chunk: never): Promise<unknown>;
  /** Gives the stream back to others. */
  releaseLock(): void;
}

/**
 * A WritableStream that nobody has locked.
 *
 * @example
 * import { Writable } from 'node:stream';
 * const stream: WebWritableLike = Writable.toWeb(socket);
 */
export interface WebWritableLike {
  /** Locks the stream. */
  getWriter(): WebWriterLike;
}

/**
 * What {@link Arena.freeAfterWrite} takes beside the stream and the view.
 *
 * @example
 * const options: FreeAfterWriteOptions = { zeroCopy: true };
 */
export interface FreeAfterWriteOptions {
  /**
   * true: you vouch for the stream: nobody reads a chunk any more once it calls back (or its promise settles),
   * or once it has closed without. It gets the view itself then.
   * @default false: true of Node's own sinks, and a copy for all others
   */
  readonly zeroCopy?: boolean;
}

/** A write under way. */
interface Write {
  /** true: the stream has a copy, and the view is free. */
  readonly isCopy: boolean;
  /** Settles with the write, and not before the stream has let go of what it was given. */
  readonly done: Promise<void>;
}

/**
 * Where {@link Arena.freeAfterWrite} writes to.
 *
 * @example
 * import { Writable } from 'node:stream';
 * const targets: WriteTarget[] = [socket, Writable.toWeb(socket)];
 */
export type WriteTarget = WritableLike | WebWritableLike | WebWriterLike;

/** Whether the caller vouches for the stream. */
function isVouchedFor(options: unknown): boolean {
  if (options === undefined) return false;
  if (typeof options !== 'object' || options === null) {
    throw invalidArgType('options', 'of type object', options);
  }
  for (const key of Object.keys(options)) {
    if (key !== 'zeroCopy') throw invalidArgValue(`options.${key}`, 'is not a known option', key);
  }
  const zeroCopy: unknown = Object.entries(options)[0]?.[1];
  if (zeroCopy === undefined || typeof zeroCopy === 'boolean') return zeroCopy === true;
  throw invalidArgType('options.zeroCopy', 'of type boolean', zeroCopy);
}

/**
 * Writes a view. Throws what the stream throws: then it has not taken it.
 *
 * @param isVouched - the stream gets the view itself, whatever it is.
 */
function startWrite(target: WriteTarget, view: View, isVouched: boolean): Write {
  if (isWeb(target)) {
    return { isCopy: !isVouched, done: writeToWeb(target, isVouched ? view : copyLike(view)) };
  }
  validateWritable(target);
  const sink = sinkOf(target);
  const isCopy = sink === undefined && !isVouched;
  const chunk = isCopy ? copyLike(view) : view;
  return { isCopy, done: writeTo(target, chunk, sink ?? anySink(target)) };
}

function validateWritable(target: unknown): asserts target is WritableLike {
  const { write } = (target ?? {}) as Partial<WritableLike>;
  if (typeof write === 'function' && isClosable(target)) return;
  throw invalidArgType('writable', 'an instance of stream.Writable or WritableStream', target);
}

// --- Streams of Node --------------------------------------------------------------------------------

type Settle = (error?: Error | null) => void;

/** A write that settles once: by its callback, or by the end of the stream. */
class Settlement {
  readonly promise: Promise<void>;
  readonly #cancels: Cancel[] = [];
  #settle!: Settle;
  #isDone = false;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = (error) => {
        if (error === undefined || error === null) resolve();
        else reject(error);
      };
    });
  }

  readonly done: Settle = (error) => {
    this.#isDone = true;
    for (const cancel of this.#cancels.splice(0)) cancel();
    this.#settle(error);
  };

  /** A stream may have called back before it returned. */
  endWith(closers: readonly Closable[], closed: () => void): void {
    for (const closer of closers) {
      if (!this.#isDone) this.#cancels.push(whenClosed(closer, closed));
    }
  }
}

function writeTo(stream: WritableLike, chunk: View, sink: Sink): Promise<void> {
  const settlement = new Settlement();
  stream.write(chunk as never, settlement.done);
  settlement.endWith(sink.closers, () => {
    afterClose(
      () => sink.isReading(chunk),
      () => {
        settlement.done(errorOfClosed(stream));
      },
    );
  });
  return settlement.promise;
}

/** How often a sink that has closed is asked whether it still reads a chunk. */
const READING_POLL_MS = 5;

/** Callbacks of writes that failed come soon after 'close', if they come: those know the error. */
function afterClose(isReading: () => boolean, done: () => void): void {
  setImmediate(() => {
    if (isReading()) setTimeout(afterClose, READING_POLL_MS, isReading, done).unref();
    else done();
  });
}

/** A middleware that compresses calls nobody back, and the stream finishes all the same. */
function errorOfClosed(stream: object): Error | undefined {
  if ((stream as { writableFinished?: boolean }).writableFinished === true) return undefined;
  return Object.assign(new Error('The stream was closed before the write was done'), {
    code: 'ERR_STREAM_PREMATURE_CLOSE',
  });
}

// --- Streams of the web -----------------------------------------------------------------------------

function isWeb(target: unknown): target is WebWritableLike | WebWriterLike {
  const { getWriter, releaseLock } = (target ?? {}) as Partial<WebWritableLike & WebWriterLike>;
  return typeof getWriter === 'function' || typeof releaseLock === 'function';
}

function writeToWeb(target: WebWritableLike | WebWriterLike, chunk: View): Promise<void> {
  if (!('getWriter' in target)) return settled(target.write(chunk as never));
  const writer = target.getWriter();
  try {
    return settled(writer.write(chunk as never));
  } finally {
    writer.releaseLock();
  }
}

async function settled(write: Promise<unknown>): Promise<void> {
  await write;
}

/** Frees a view that `promise` uses, once that settles; settles as it does. */
export async function freeAfter<T>(
  retentions: Retentions,
  view: View,
  promise: PromiseLike<T>,
): Promise<T> {
  validateThenable(promise);
  try {
    retentions.hold(view);
  } catch (error) {
    ignore(promise); // one error is enough: this one
    throw error;
  }
  retentions.giveUp(view);
  try {
    return await promise;
  } finally {
    retentions.release(view);
  }
}

/** Writes a view and frees it; throws as {@link Arena.freeAfterWrite}. */
export async function freeAfterWrite(
  retentions: Retentions,
  writable: WriteTarget,
  view: View,
  options: FreeAfterWriteOptions | undefined,
): Promise<void> {
  const isVouched = isVouchedFor(options);
  retentions.hold(view);
  let isHeld = true;
  try {
    const { isCopy, done } = startWrite(writable, view, isVouched);
    retentions.giveUp(view);
    if (isCopy) {
      isHeld = false;
      retentions.release(view);
    }
    await done;
  } finally {
    if (isHeld) retentions.release(view);
  }
}

/**
 * Writes: views on their way through a stream of Node.
 *
 * A write ends once: by its callback or, if that never comes, by the end of the stream. There is one record for each
 * stream, which listens to its end once. The second write and those after it go into a lane, if the stream is one of
 * Node's; all others stand in a list, and cost an object and a callback each.
 *
 * Owns:      the writes under way.
 * Called by: freeAfterWrite and writeAndFree.
 */
import { type Cancel, type Closable, isClosable, whenClosed } from '../streams/closings';
import { Returner } from '../base/returner';
import { invalidArgType } from '../errors';
import { Lane, type Resolve } from '../streams/lane';
import type { Retentions } from './retentions';
import { type Row, type Sink, anySink, isDoneWhenClosed, rowOf, sinkOf } from '../streams/sinks';
import type { WritableLike } from '../streams/targets';
import type { View } from '../view/view';
import { pooledCopy } from '../view/kinds';

/** A write under way. Fields are declared and written once, because many are made. */
class Write {
  /** What the stream was given. */
  declare readonly chunk: View;
  declare readonly isReading: Sink['isReading'];
  declare previous: Write | undefined;
  declare next: Write | undefined;
  declare private readonly writes: StreamWrites;
  declare private readonly retentions: Retentions;
  /** What is released at the end; undefined: the stream has a copy, or has not returned yet. */
  declare private held: View | undefined;
  declare private isDone: boolean;
  /** It is among the writes of its stream. */
  declare private isListed: boolean;
  declare private readonly resolve: Resolve;
  /** The callback of the write. */
  declare readonly done: (error?: Error | null) => void;

  constructor(
    writes: StreamWrites,
    retentions: Retentions,
    chunk: View,
    isReading: Sink['isReading'],
    resolve: Resolve,
  ) {
    this.chunk = chunk;
    this.isReading = isReading;
    this.previous = this.next = undefined;
    this.writes = writes;
    this.retentions = retentions;
    this.held = undefined;
    this.isDone = this.isListed = false;
    this.resolve = resolve;
    this.done = (error) => {
      this.end(error);
    };
  }

  private end(error?: Error | null): void {
    if (this.isDone) return;
    this.isDone = true;
    const { held, resolve } = this;
    if (this.isListed) this.writes.remove(this);
    this.held = undefined;
    if (held !== undefined) this.retentions.release(held);
    if (error === undefined || error === null) resolve?.();
    else resolve?.(Promise.reject(error));
  }

  /** The stream has taken the chunk. It may have called back before it returned. */
  begin(view: View, sink: Sink | undefined): void {
    const isCopy = this.chunk !== view;
    if (isCopy || this.isDone) this.retentions.release(view);
    else this.held = view;
    // Nobody waits for a copy.
    if (this.isDone || (isCopy && this.resolve === undefined)) return;
    this.isListed = true;
    this.writes.add(this, sink);
  }
}

/** The writes under way on one stream. */
class StreamWrites {
  readonly #stream: WritableLike;
  /** Asked for once: a stream that has got another prototype is no longer in its row, or was in none. */
  readonly #row: Row | null;
  #first: Write | undefined = undefined;
  /** Whose ends are listened to, and what takes the listeners back. */
  #closers: readonly Closable[] = [];
  readonly #cancels: Cancel[] = [];
  /** Its own end is the only one, and is listened to. */
  #isOwnCloser = false;
  /** Made for the second write, because most messages have one. */
  #lane: Lane<View> | undefined = undefined;

  constructor(stream: WritableLike) {
    this.#stream = stream;
    this.#row = rowOf(stream);
  }

  /** The sink that the stream is by now; undefined: it is none that is known. */
  get sink(): Sink | undefined {
    return sinkOf(this.#row, this.#stream);
  }

  /** The lane for a chunk that the stream gets itself, if it can go there. */
  laneFor(retentions: Retentions, isVouched: boolean): Lane<View> | undefined {
    if (!this.#isOwnCloser || (!isVouched && this.#row === null)) return undefined;
    const { sink } = this;
    const suits = sink === undefined ? isVouched : isDoneWhenClosed(sink);
    if (!suits) return undefined;
    const lane = (this.#lane ??= new Lane());
    return lane.takes(retentions, this.#stream) ? lane : undefined;
  }

  add(write: Write, sink: Sink | undefined): void {
    const next = this.#first;
    write.next = next;
    if (next !== undefined) next.previous = write;
    this.#first = write;
    if (!this.#isOwnCloser) this.#listen((sink ?? anySink(this.#stream)).closers);
  }

  remove(write: Write): void {
    const { previous, next } = write;
    if (previous !== undefined) previous.next = next;
    else if (this.#first === write) this.#first = next;
    if (next !== undefined) next.previous = previous;
    write.previous = write.next = undefined;
    // A connection outlives its messages, which must not stay among its listeners.
    if (this.#first === undefined && !this.#isOwnCloser) this.#stopListening();
  }

  #listen(closers: readonly Closable[]): void {
    if (
      closers.length === this.#closers.length &&
      closers.every((it, i) => it === this.#closers[i])
    )
      return;
    this.#stopListening();
    this.#closers = closers;
    this.#isOwnCloser = closers.length === 1 && closers[0] === this.#stream;
    const closed = (): void => {
      if (this.#closers !== closers) return;
      this.#stopListening();
      this.#closed();
    };
    for (const closer of closers) {
      if (this.#closers === closers) this.#cancels.push(whenClosed(closer, closed));
    }
  }

  #stopListening(): void {
    this.#closers = [];
    this.#isOwnCloser = false;
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  #closed(): void {
    const lane = this.#lane;
    if (lane !== undefined) {
      lane.close();
      afterClose(never, () => {
        lane.endAll(errorOfClosed(this.#stream));
      });
    }
    for (let write = this.#first; write !== undefined; write = write.next) {
      const { chunk, done, isReading } = write;
      afterClose(
        () => isReading(chunk),
        () => {
          done(errorOfClosed(this.#stream));
        },
      );
    }
  }
}

const never = (): boolean => false;

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

/**
 * The record of a stream, as a private field put on it (see lib/view/view.ts). Each response of a server is a stream of
 * its own: as keys of a WeakMap they would be work for every collection, and stay in it until a major one.
 */
class Written extends Returner {
  readonly #writes: StreamWrites;

  constructor(stream: object, writes: StreamWrites) {
    super(stream);
    this.#writes = writes;
  }

  static writesOf(stream: object): StreamWrites | undefined {
    return #writes in stream ? stream.#writes : undefined;
  }
}

/** The records of streams that take no field. */
const others = new WeakMap<object, StreamWrites>();

function writesOf(stream: WritableLike): StreamWrites {
  const known = Written.writesOf(stream) ?? others.get(stream);
  if (known !== undefined) return known;
  const writes = new StreamWrites(stream);
  if (Object.isExtensible(stream)) new Written(stream, writes);
  else others.set(stream, writes);
  return writes;
}

/** Whether it can be written to, and says when it is over. */
export function isWritable(target: unknown): target is WritableLike {
  return (
    typeof (target as Partial<WritableLike> | null | undefined)?.write === 'function' &&
    isClosable(target)
  );
}

function validateWritable(target: unknown): asserts target is WritableLike {
  if (isWritable(target)) return;
  throw invalidArgType('writable', 'an instance of stream.Writable or WritableStream', target);
}

/** The lane of a stream that has been written to, if it has one for this write. */
function laneOf(
  retentions: Retentions,
  stream: WritableLike,
  isVouched: boolean,
): Lane<View> | undefined {
  // Whatever else it is, it has none.
  if (typeof stream !== 'object' || (stream as object | null) === null) return undefined;
  return Written.writesOf(stream)?.laneFor(retentions, isVouched);
}

/**
 * Writes a view, which counts as freed then. Throws what the stream throws: then it has not taken it.
 *
 * @param isVouched - the stream gets the view itself, whatever it is.
 * @param resolve - undefined: nobody waits.
 * @returns false: the stream wants no more until it has drained.
 */
export function startWrite(
  retentions: Retentions,
  stream: WritableLike,
  view: View,
  isVouched: boolean,
  resolve: Resolve,
): boolean {
  const lane = laneOf(retentions, stream, isVouched);
  if (lane !== undefined) return lane.write(retentions, stream, view, resolve) !== false;
  retentions.hold(view);
  let sink: Sink | undefined;
  let write: Write;
  let hasRoom: unknown;
  try {
    validateWritable(stream);
    const writes = writesOf(stream);
    sink = writes.sink;
    const chunk = sink === undefined && !isVouched ? pooledCopy(view) : view;
    const isReading = sink === undefined ? never : sink.isReading;
    write = new Write(writes, retentions, chunk, isReading, resolve);
    hasRoom = stream.write(chunk as never, write.done);
  } catch (error) {
    retentions.release(view);
    throw error;
  }
  retentions.giveUp(view);
  write.begin(view, sink);
  return hasRoom !== false;
}

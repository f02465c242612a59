/**
 * Lane: the writes under way on a Writable of Node, oldest first. One callback serves all of them, so that a write
 * costs no object; and a stream that calls back at once asks for one tick of the process for many writes.
 *
 * Node has a stream write one chunk after the other, so the chunks that are done are always the oldest. That is why a
 * call without an error ends the oldest write, whichever it was meant for. Whose an error is, nobody knows before each
 * write that is left has one: until then errors wait, and no more writes begin.
 *
 * Owns:      the writes under way on one stream, of one arena at a time.
 * Called by: the writes of the arena; and the stream, which calls back.
 */
import { Writable } from 'node:stream';

/** What settles a promise; undefined: nobody waits for it. */
export type Resolve = ((failed?: Promise<never>) => void) | undefined;

/** What keeps a chunk: an arena. */
export interface Keeper<C extends object> {
  /** Keeps it beyond its free. */
  hold(chunk: C): void;
  /** Frees it, for when nobody keeps it any more. */
  giveUp(chunk: C): void;
  /** Keeps it no longer. */
  release(chunk: C): void;
}

type Field<C> = C | Resolve;

const { write } = Writable.prototype as { readonly write: unknown };
/** Called so, because a property that was looked at may be another one the next time. */
const writeTo = Function.prototype.call.bind(write as () => unknown) as (
  stream: object,
  chunk: object,
  callback: (error?: Error | null) => void,
) => unknown;

/** A stream that a lane may stand for. */
interface NodeWritable {
  readonly write: unknown;
  readonly writable?: unknown;
}

/** A write has two fields: its chunk and what settles its promise. */
const SHIFT = 1;
const WRITES_MIN = 4;
/** A lane that has grown beyond that shrinks when it is empty. */
const WRITES_KEPT = 1024;

export class Lane<C extends object> {
  /** A ring: where write number n has its fields is told by the last bits of n. */
  #ring = new Array<Field<C>>(WRITES_MIN << SHIFT).fill(undefined);
  #mask = WRITES_MIN - 1;
  /** Numbers of the oldest write and of the next one; they wrap around. */
  #first = 0;
  #end = 0;
  /** Whose chunks these are. */
  #keeper: Keeper<C> | undefined = undefined;
  #isOpen = true;
  /** Writes that the stream has not returned from. Calls wait meanwhile, and errors until they are enough. */
  #beginning = 0;
  #calls = 0;
  #errors: Error[] | undefined = undefined;
  /** The callback of all writes. Bound, because closures that are made now and then are compiled one by one. */
  readonly #done: (error?: Error | null) => void = this.#called.bind(this);

  /** Whether it takes a write of a keeper: nothing has gone wrong yet, and Node itself is what writes. */
  takes(keeper: Keeper<C>, stream: NodeWritable): boolean {
    if (!this.#isOpen || stream.write !== write) return false;
    // What Node refuses is called back before older writes are.
    return this.#first === this.#end || (this.#keeper === keeper && stream.writable === true);
  }

  /** Writes a chunk, which counts as freed then. Throws what the stream throws: then it has not taken it. */
  write(keeper: Keeper<C>, stream: NodeWritable, chunk: C, resolve: Resolve): unknown {
    keeper.hold(chunk);
    const number = this.#end;
    let hasRoom: unknown;
    this.#beginning++;
    try {
      this.#keeper = keeper;
      this.#add(number, chunk, resolve);
      hasRoom = writeTo(stream, chunk, this.#done);
    } catch (error) {
      this.#beginning--;
      this.#isOpen = false;
      // Its place stays: the stream may call back for it all the same.
      if (this.#end !== number) this.#clear(number);
      keeper.release(chunk);
      throw error;
    }
    this.#beginning--;
    keeper.giveUp(chunk);
    if (this.#isBehind) this.#catchUp();
    return hasRoom;
  }

  /** The stream is over: no write begins from here on. */
  close(): void {
    this.#isOpen = false;
  }

  /** Ends all that the stream has not called back for. */
  endAll(error: Error | undefined): void {
    this.#isOpen = false;
    const errors = this.#errors ?? [];
    this.#errors = undefined;
    for (let i = 0; this.#first !== this.#end; i++) this.#endFirst(errors[i] ?? error);
  }

  #add(number: number, chunk: C, resolve: Resolve): void {
    if (((number - this.#first) | 0) > this.#mask) this.#resize((this.#mask + 1) * 2);
    const at = (number & this.#mask) << SHIFT;
    const ring = this.#ring;
    ring[at] = chunk;
    ring[at + 1] = resolve;
    this.#end = (number + 1) | 0;
  }

  #resize(length: number): void {
    const old = this.#ring;
    const ring = new Array<Field<C>>(length << SHIFT).fill(undefined);
    for (let n = this.#first; n !== this.#end; n = (n + 1) | 0) {
      const from = (n & this.#mask) << SHIFT;
      const to = (n & (length - 1)) << SHIFT;
      ring[to] = old[from];
      ring[to + 1] = old[from + 1];
    }
    this.#ring = ring;
    this.#mask = length - 1;
  }

  #clear(number: number): void {
    const at = (number & this.#mask) << SHIFT;
    this.#ring[at] = this.#ring[at + 1] = undefined;
  }

  /** What the stream has to say of one of the writes. */
  #called(error?: Error | null): void {
    // What comes later than the end of its stream finds nothing.
    if (this.#first === this.#end) return;
    if (error !== undefined && error !== null) {
      this.#isOpen = false;
      (this.#errors ??= []).push(error);
    } else if (this.#beginning === 0) {
      this.#endFirst(undefined);
    } else {
      this.#calls++;
    }
    if (this.#isBehind) this.#catchUp();
  }

  /** Whether there are calls that have ended nothing yet. */
  get #isBehind(): boolean {
    return this.#calls > 0 || this.#errors !== undefined;
  }

  #catchUp(): void {
    if (this.#beginning > 0) return;
    while (this.#calls > 0) {
      this.#calls--;
      this.#endFirst(undefined);
    }
    const left = (this.#end - this.#first) | 0;
    if (this.#errors !== undefined && this.#errors.length >= left) this.endAll(undefined);
  }

  #endFirst(error: Error | undefined): void {
    if (this.#first === this.#end) return;
    const at = (this.#first & this.#mask) << SHIFT;
    const ring = this.#ring;
    const keeper = this.#keeper!;
    const chunk = ring[at] as C | undefined;
    const resolve = ring[at + 1] as Resolve;
    ring[at] = ring[at + 1] = undefined;
    this.#first = (this.#first + 1) | 0;
    if (this.#first === this.#end) this.#empty();
    if (chunk !== undefined) keeper.release(chunk);
    if (error === undefined) resolve?.();
    else resolve?.(Promise.reject(error));
  }

  /** Keeps no arena alive. */
  #empty(): void {
    this.#keeper = undefined;
    if (this.#mask >= WRITES_KEPT) this.#resize(WRITES_MIN);
  }
}

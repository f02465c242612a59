/**
 * End: what a thread has of a channel.
 *
 * Owns:       an outbox, an inbox, and what reads that.
 * Called by:  the program; and the doorbell, when the other end is gone.
 * Invariants: who waits has said in shared memory that this side sleeps, and has looked after that; so whatever it
 *             waits for rings. Every waiter is woken by every ring, and looks again.
 */
import { EventEmitter } from 'node:events';
import type { Arena } from '../arena/arena';
import { dispose } from '../base/dispose';
import { HakmemError, illegalConstructor, invalidArgType } from '../errors';
import { isAdopted, release } from '../letters/adopted';
import { validateFunction } from '../options';
import {
  type ChannelStats,
  type EndCounts,
  enterChannelEnd,
  leaveChannelEnd,
} from '../letters/channel-stats';
import { isThenable } from '../streams/endings';
import type { ArenaBuffer } from '../types';
import type { View } from '../view/view';
import type { Doorbell } from './doorbell';
import { Envelope } from './envelope';
import { Inbox, type Message } from './inbox';
import { Side } from './memory';
import { Outbox } from './outbox';
import { Reader } from './reader';
import type { ChannelEvents, ChannelReceiver } from './types';

/**
 * An open end of a {@link Channel}. Emits 'close', once, when it or the other end is closed, or the other's thread
 * has ended.
 *
 * @example
 * const [left, right] = new Channel().ends.map((handle) => Channel.open(handle, arena));
 * left!.send(arena.from('to the right'), [1, 2], 'greeting');
 * void right!.receive((buffer, header, tag) => {
 *   console.log(tag, header, buffer.toString()); // greeting [ 1, 2 ] to the right
 *   right!.close();
 * });
 */
export class ChannelEnd extends EventEmitter<ChannelEvents> implements Disposable {
  readonly #arena: Arena;
  readonly #side: Side;
  readonly #bell: Doorbell;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #reader: Reader;
  readonly #counts: EndCounts;
  readonly #envelope = new Envelope();
  #isClosed = false;

  /** @internal */
  constructor(arena: Arena, side: Side, bell: Doorbell) {
    if (!(side instanceof Side)) throw illegalConstructor();
    super();
    this.#arena = arena;
    this.#side = side;
    this.#bell = bell;
    this.#outbox = new Outbox(arena, side.out);
    this.#inbox = new Inbox(arena, side);
    this.#reader = new Reader(this.#inbox, bell);
    bell.onClose(() => {
      this.close();
      this.emit('close');
    });
    const { counts: sent, tail } = this.#outbox;
    this.#counts = { sent, received: this.#inbox.counts, tail };
    enterChannelEnd(this.#counts);
    if (side.isOtherClosed || bell.isClosed) this.close();
  }

  // --- Send -----------------------------------------------------------------------------------------

  /**
   * Sends a Buffer of this end's arena. It ends here as with {@link Arena.free}: do not use it any more. Up to the
   * channel's threshold its bytes are copied, beyond that its memory is handed over.
   *
   * @param view - a live view of the arena; or a Buffer that this thread has adopted, or got by a channel, whose bytes
   *   are copied whatever their length. It arrives as a Buffer.
   * @param header - up to 16 numbers that go with it.
   * @param tag - a text that goes with it, of up to 255 bytes in UTF-8.
   * @returns false: there is no room now, and the view is still yours; wait for {@link ChannelEnd.ready}.
   * @throws {ERR_HAKMEM_CHANNEL_CLOSED} one of the ends is closed.
   * @throws {ERR_HAKMEM_CHANNEL_DAMAGED} somebody else wrote into the channel's memory; the end is closed.
   * @throws {ERR_OUT_OF_RANGE} it is larger than the channel's `maxBytes`.
   * @throws {ERR_INVALID_ARG_TYPE} `header` is no array of numbers, or `tag` no text.
   * @throws {ERR_INVALID_ARG_VALUE} `header` or `tag` is too long.
   * @throws as {@link Arena.share} otherwise. The view is still yours, whatever is thrown.
   * @example
   * const [left, right] = new Channel({ capacity: 1 }).ends.map((handle) => Channel.open(handle, arena));
   * console.log(left!.send(arena.from('first'))); // true
   * const second = arena.from('second');
   * console.log(left!.send(second)); // false
   * arena.free(second);
   * right!.close();
   */
  send(view: View, header?: readonly number[], tag?: string): boolean {
    this.#assertOpen();
    if (!ArrayBuffer.isView(view)) throw invalidArgType('view', 'a view of the arena', view);
    this.#envelope.set(header, tag);
    try {
      if (!this.#outbox.send(view, this.#envelope)) return false;
    } catch (error) {
      throw this.#failed(error);
    }
    try {
      if (this.#outbox.mustRing) this.#outbox.ring(this.#bell);
    } catch {
      // It fell asleep just now, and this is the end of the stack: the next message wakes it.
    }
    return true;
  }

  /**
   * Waits until there is room for what {@link ChannelEnd.send} refused last.
   *
   * @throws {ERR_HAKMEM_CHANNEL_CLOSED} one of the ends is closed, or gets closed before.
   * @throws {ERR_HAKMEM_CHANNEL_DAMAGED} as `send`.
   * @example
   * async function send(end: ChannelEnd, view: Buffer): Promise<void> {
   *   while (!end.send(view)) await end.ready();
   * }
   */
  async ready(): Promise<void> {
    await this.#until(() => this.#outbox.hasRoom(), this.#outbox.counts);
  }

  /**
   * Waits until the other end has read everything that was sent: before {@link ChannelEnd.close}, which takes back
   * what was not.
   *
   * @throws as {@link ChannelEnd.ready}.
   * @example
   * const finish = (end: ChannelEnd): Promise<void> => end.drained().then(() => end.close());
   */
  async drained(): Promise<void> {
    await this.#until(() => this.#outbox.isEmpty());
  }

  /** `counts`: where it is counted that there was something to wait for. */
  async #until(isSo: () => boolean, counts = { waits: 0 }): Promise<void> {
    for (;;) {
      this.#assertOpen();
      if (this.#ask(isSo)) return;
      this.#outbox.sleep();
      if (this.#ask(isSo)) return;
      counts.waits++;
      await this.#bell.next();
    }
  }

  // --- Receive --------------------------------------------------------------------------------------

  /**
   * Calls `fn` for each message. Its Buffer is freed when `fn` returns or, if it returns a promise, when that settles;
   * the next message follows then.
   *
   * @returns a promise that fulfils when the channel is closed, and rejects with what `fn` throws; the end stays open
   *   then, and what follows can be read again.
   * @throws {ERR_INVALID_ARG_TYPE} `fn` is not a function.
   * @throws {ERR_INVALID_STATE} somebody reads it already.
   * @throws {ERR_HAKMEM_OUT_OF_MEMORY} the arena has no room for a copy, which can be read again; or the engine none
   *   for what was handed over, which has gone back.
   * @throws {ERR_HAKMEM_CHANNEL_DAMAGED} as {@link ChannelEnd.send}.
   * @example
   * const [left, right] = new Channel().ends.map((handle) => Channel.open(handle, arena));
   * left!.send(arena.from('once'));
   * void right!.receive((buffer) => {
   *   console.log(buffer.toString()); // once
   *   right!.close();
   * });
   */
  async receive(fn: ChannelReceiver): Promise<void> {
    validateFunction(fn, 'fn');
    const reader = this.#reader;
    reader.begin();
    try {
      for (;;) {
        const message = this.#take();
        if (message === undefined) {
          if (this.#isClosed) return;
          await this.#arrival();
          continue;
        }
        const result = fn(message.buffer, message.header, message.tag);
        if (isThenable(result)) {
          await result;
          reader.hasMoved();
        }
        reader.drop();
      }
    } finally {
      reader.end();
    }
  }

  /**
   * The Buffers that arrive, until the channel is closed. Each is freed at the next step; {@link ChannelEnd.header} and
   * {@link ChannelEnd.tag} are those of the last.
   *
   * @throws as {@link ChannelEnd.receive}.
   * @example
   * const read = async (end: ChannelEnd): Promise<void> => {
   *   for await (const buffer of end) console.log(end.tag, buffer.length);
   * };
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ArenaBuffer, void, undefined> {
    const reader = this.#reader;
    reader.begin();
    try {
      for (;;) {
        const message = this.#take();
        if (message !== undefined) {
          yield message.buffer;
          reader.hasMoved();
          reader.drop();
        } else if (this.#isClosed) {
          return;
        } else {
          await this.#arrival();
        }
      }
    } finally {
      reader.end();
    }
  }

  /**
   * The numbers that came with the message in hand; none without one.
   *
   * @example
   * const sum = (end: ChannelEnd): number => end.header.reduce((a, b) => a + b, 0);
   */
  get header(): readonly number[] {
    return this.#reader.message?.header ?? [];
  }

  /**
   * The text that came with the message in hand; '' without one.
   *
   * @example
   * const isLast = (end: ChannelEnd): boolean => end.tag === 'last';
   */
  get tag(): string {
    return this.#reader.message?.tag ?? '';
  }

  /**
   * Keeps the Buffer of the message in hand beyond the next step. It is yours until {@link ChannelEnd.release}.
   *
   * @returns the same Buffer.
   * @throws {ERR_HAKMEM_NOT_OWNED} it is not the Buffer in hand, or is free already.
   * @example
   * const collect = async (end: ChannelEnd, all: Buffer[]): Promise<void> => {
   *   for await (const buffer of end) all.push(end.keep(buffer));
   * };
   */
  keep<V extends View>(buffer: V): V {
    this.#reader.keep(buffer);
    return buffer;
  }

  /**
   * Frees a Buffer that was kept, in whichever way it came: by {@link Arena.free} or by the function `release`.
   *
   * @throws as {@link Arena.free}.
   * @example
   * const releaseAll = (end: ChannelEnd, kept: Buffer[]): void => kept.forEach((it) => end.release(it));
   */
  release(buffer: View): void {
    if (isAdopted(buffer)) release(buffer);
    else this.#arena.free(buffer);
  }

  /** undefined: there is none now, or the event loop is to have a turn. */
  #take(): Message | undefined {
    if (this.#side.isOtherClosed) this.close();
    return this.#isClosed ? undefined : this.#ask(this.#takeNext);
  }

  async #arrival(): Promise<void> {
    try {
      await this.#reader.arrival();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  readonly #takeNext = (): Message | undefined => this.#reader.take();

  // --- End ------------------------------------------------------------------------------------------

  /**
   * true: this end or the other one is closed, or the other's thread has ended.
   *
   * @example
   * const sendIfOpen = (end: ChannelEnd, view: Buffer): boolean => !end.closed && end.send(view);
   */
  get closed(): boolean {
    return this.#isClosed || this.#side.isOtherClosed;
  }

  /**
   * Closes the channel: what was not read, in both directions, goes back to the arena it came from. The message in a
   * reader's hands stays until its next step. Calling it again does nothing.
   *
   * @example
   * Channel.open(new Channel().ends[0], arena).close();
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#side.close();
    this.#bell.close();
    this.#inbox.close();
    this.#outbox.takeBack();
    leaveChannelEnd(this.#counts);
  }

  /**
   * The same as {@link ChannelEnd.close}, for `using`.
   *
   * @example
   * using end = Channel.open(new Channel().ends[0], arena);
   * end.send(arena.from('not read by anybody'));
   */
  [dispose](): void {
    this.close();
  }

  /**
   * The end keeps the thread's event loop alive until it is closed, as it does at first.
   *
   * @example Channel.open(new Channel().ends[0], arena).unref().ref().close();
   */
  ref(): this {
    this.#bell.ref();
    return this;
  }

  /**
   * The end does not keep the thread's event loop alive.
   *
   * @example
   * const end = Channel.open(new Channel().ends[0], arena).unref();
   */
  unref(): this {
    this.#bell.unref();
    return this;
  }

  /**
   * Counts of this end.
   *
   * @example
   * const { sent, copied, handedOver } = Channel.open(new Channel().ends[0], arena).unref().stats();
   */
  stats(): ChannelStats {
    if (!this.#isClosed) this.#ask(() => this.#outbox.isEmpty());
    const { depth, bytesUnderWay } = this.#outbox;
    const { sent, received } = this.#counts;
    return { depth, bytesUnderWay, ...sent, ...received };
  }

  #assertOpen(): void {
    if (this.closed) throw new HakmemError('ERR_HAKMEM_CHANNEL_CLOSED');
  }

  #ask<T>(question: () => T): T {
    try {
      return question();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Memory that somebody else has written into is not used any more. */
  #failed(error: unknown): unknown {
    const code = error instanceof HakmemError ? error.code : undefined;
    if (code === 'ERR_HAKMEM_CHANNEL_DAMAGED') this.close();
    return error;
  }
}

/**
 * Inbox: the receiving half of an end.
 *
 * Owns:       TAIL of its lane.
 * Called by:  the end.
 * Invariants: a message is read when TAIL says so, which is after its bytes are this thread's: a thread that ends
 *             between has adopted it, or has not, and the core knows which. What was handed over is adopted ahead, in
 *             batches; what of that is not read goes back.
 */
import type { Arena } from '../arena/arena';
import { HakmemError } from '../errors';
import { isAdopted, releaseWithRoom } from '../letters/adopted';
import { AHEAD_MAX, Ahead } from '../letters/ahead';
import { noneReceived } from '../letters/channel-stats';
import { type Scope, clearScope } from '../arena/scope';
import type { ArenaBuffer } from '../types';
import { lengthOf, setBytes } from '../view/kinds';
import type { Doorbell } from './doorbell';
import { TagReader, readNumbers } from './envelope';
import { COPIED, HEAD, type Lane, NUMBERS_MAX, RECEIVER_SLEEPS, SENDER_SLEEPS } from './memory';
import { SLOT_WORDS, type Side, Slot, TAG_BYTES_MAX, TAIL, damaged, recordBytes } from './memory';

/** A message in its receiver's hands. */
export interface Message {
  readonly buffer: ArenaBuffer;
  readonly header: readonly number[];
  readonly tag: string;
  /** Has a Buffer that was copied, and nothing else; without one it was adopted. */
  readonly scope: Scope | undefined;
  isKept: boolean;
}

/** Leaves the Buffer of a message to its receiver. */
export function keepMessage(message: Message): void {
  const { buffer, scope } = message;
  if (scope !== undefined) scope.keep(buffer);
  else if (!isAdopted(buffer)) throw new HakmemError('ERR_HAKMEM_NOT_OWNED', 'it is released');
  message.isKept = true;
}

/** Ends a message that is read, unless its receiver did that. */
export function endMessage({ buffer, scope, isKept }: Message): void {
  if (scope !== undefined) {
    clearScope(scope);
  } else if (!isKept && isAdopted(buffer)) {
    releaseWithRoom(buffer);
  }
}

export class Inbox {
  readonly #arena: Arena;
  readonly #side: Side;
  readonly #lane: Lane;
  /** Of the messages that are read next. */
  readonly #ahead = new Ahead();
  /** Has the copy that is in its reader's hands; there is one while there is a reader. */
  #scope: Scope | undefined = undefined;
  readonly #tags = new TagReader();
  /** Messages that were sent, as far as is known here, and of these, read. */
  #head = 0;
  #tail = 0;
  /** What was read when the sender was told last; and whether it is told in the next turn. */
  #toldAt = 0;
  #tellsLater = false;
  readonly counts = noneReceived();

  constructor(arena: Arena, side: Side) {
    this.#arena = arena;
    this.#side = side;
    this.#lane = side.in;
  }

  /**
   * undefined: there is none. What throws before TAIL is moved can be taken again. The caller has made sure of room on
   * the stack, as for {@link endMessage}. A sender that closes takes back one
   * message after the other: what follows the first of them is not read either, so that nobody sees a gap.
   */
  take(): Message | undefined {
    while (!this.isEmpty()) {
      const message = this.#read();
      if (message !== undefined) {
        this.counts.received++;
        this.counts.bytesReceived += lengthOf(message.buffer);
        return message;
      }
      if (this.#side.isOtherClosed) return undefined;
    }
    return undefined;
  }

  isEmpty(): boolean {
    if (this.#tail !== this.#head) return false;
    const head = Atomics.load(this.#lane.words, HEAD);
    const news = (head - this.#tail) | 0;
    if (news < 0 || news > this.#lane.limits.capacity) throw damaged('too much was sent');
    this.#head = head;
    return news === 0;
  }

  /** Asks to be told when something is sent. What was sent before that, the caller has to look for again. */
  sleep(): void {
    Atomics.store(this.#lane.words, RECEIVER_SLEEPS, 1);
  }

  /**
   * Wakes a sender that waits for room: when as much has been read as is left, and else in the next turn. Who is woken
   * for each message sends one and sleeps again. Its flag is down from here on, as if it had been told.
   */
  tellSender(bell: Doorbell): void {
    if (Atomics.load(this.#lane.words, SENDER_SLEEPS) === 0) return;
    const left = (this.#head - this.#tail) | 0;
    if (((this.#tail - this.#toldAt) | 0) >= left) {
      this.#tell(bell);
    } else if (!this.#tellsLater) {
      this.#tellsLater = true;
      setImmediate(() => {
        this.#tellsLater = false;
        this.#tell(bell);
      });
    }
  }

  #tell(bell: Doorbell): void {
    this.#toldAt = this.#tail;
    if (Atomics.exchange(this.#lane.words, SENDER_SLEEPS, 0) !== 0) bell.ring();
  }

  /** undefined: its sender has taken it back, with its arena. */
  #read(): Message | undefined {
    const { slots, mask, ring, numbers } = this.#lane;
    const word = (this.#tail & mask) * SLOT_WORDS;
    const at = slots[word + Slot.At]!;
    const bytes = slots[word + Slot.Bytes]!;
    const count = slots[word + Slot.Numbers]!;
    const tagBytes = slots[word + Slot.TagBytes]!;
    this.#check(at, bytes, count, tagBytes);
    const from = at + count * 8;
    const header = readNumbers(numbers, at, count);
    const tag = tagBytes === 0 ? '' : this.#tags.read(ring, from + bytes, tagBytes);
    if (this.#ahead.length > 0 || this.#adoptAhead()) return this.#adopt(header, tag);
    const scope = (this.#scope ??= this.#arena.openScope());
    const buffer = scope.allocUnsafe(bytes);
    if (bytes > 0) setBytes(buffer, new Uint8Array(ring.buffer, ring.byteOffset + from, bytes));
    this.#advance();
    return { buffer, header, tag, scope, isKept: false };
  }

  /** Adopts what was handed over from the next message on. false: that one's bytes are in the ring. */
  #adoptAhead(): boolean {
    const { tickets, mask } = this.#lane;
    const most = Math.min((this.#head - this.#tail) | 0, AHEAD_MAX);
    let count = 0;
    for (; count < most; count++) {
      const word = ((this.#tail + count) & mask) * SLOT_WORDS;
      const ticket = tickets[(word + Slot.Ticket) >> 1]!;
      if (ticket === COPIED) break;
      this.#ahead.tickets[count] = ticket;
    }
    if (count === 0) return false;
    this.#ahead.adopt(count);
    return true;
  }

  /** Its reader has ended, and with it the message that it had. */
  leave(): void {
    this.#scope?.end();
    this.#scope = undefined;
  }

  /** Gives back what was adopted and is not going to be read. */
  close(): void {
    this.#ahead.giveBack();
  }

  /** A ticket that is refused is good for nothing any more. */
  #adopt(header: readonly number[], tag: string): Message | undefined {
    try {
      const buffer = this.#ahead.first();
      this.#ahead.advance();
      this.#advance();
      return { buffer, header, tag, scope: undefined, isKept: false };
    } catch (error) {
      if (!(error instanceof HakmemError)) throw error;
      this.#ahead.advance();
      this.#advance();
      if (error.code !== 'ERR_HAKMEM_TICKET') throw error;
      this.counts.expired++;
      return undefined;
    }
  }

  #advance(): void {
    this.#tail = (this.#tail + 1) | 0;
    Atomics.store(this.#lane.words, TAIL, this.#tail);
  }

  /** Every number is in range before the next is looked at, so that no sum leaves the integers. */
  #check(at: number, bytes: number, count: number, tagBytes: number): void {
    const { limits, ring } = this.#lane;
    const isSane =
      isWithin(count, NUMBERS_MAX) &&
      isWithin(tagBytes, TAG_BYTES_MAX) &&
      isWithin(bytes, limits.threshold) &&
      at % 8 === 0 &&
      isWithin(at, ring.length - recordBytes(count, tagBytes, bytes));
    if (!isSane) throw damaged('a message is not in its ring');
  }
}

function isWithin(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}

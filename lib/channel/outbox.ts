/**
 * Outbox: the sending half of an end.
 *
 * Owns:       HEAD, slots and ring of its lane; and, in memory of its own, what each message under way holds.
 * Called by:  the end.
 * Invariants: a message is under way from the store to HEAD on; what was refused is still its owner's. A message that
 *             the other side never said to have read can be taken back, however its thread ended. One that it said to
 *             have read is its own: who lies there keeps memory, as somebody who adopts and never releases.
 */
import { types } from 'node:util';
import type { Arena } from '../arena/arena';
import { Room, Way } from '../base/stack';
import { HakmemError, outOfRange } from '../errors';
import { isAdopted, release } from '../letters/adopted';
import { noneSent } from '../letters/channel-stats';
import type { View } from '../view/view';
import { bytesOf, isGone, rangeOf, setBytes } from '../view/kinds';
import type { Envelope } from './envelope';
import { COPIED, HEAD, type Lane, RECEIVER_SLEEPS, SENDER_SLEEPS } from './memory';
import { SLOT_WORDS, Slot, TAIL, damaged, recordBytes } from './memory';

const sending = new Way();

export class Outbox {
  readonly #arena: Arena;
  readonly #lane: Lane;
  /** Messages sent, and of these, read: both wrap at 2^32, as the shared ones do. */
  #head = 0;
  #tail = 0;
  /** Bytes of the ring given out and taken back, without end. */
  #ringHead = 0;
  #ringTail = 0;
  /** Bytes of messages under way. */
  #bytes = 0;
  /** By slot: the ticket, the bytes, and where in the ring the message ends. */
  readonly #tickets: Float64Array;
  readonly #sizes: Float64Array;
  readonly #ends: Float64Array;
  /** Of what was refused last: bytes, and bytes in the ring. */
  #wanted: readonly [bytes: number, ring: number] = [0, 0];
  readonly counts = noneSent();

  constructor(arena: Arena, lane: Lane) {
    this.#arena = arena;
    this.#lane = lane;
    const slots = lane.mask + 1;
    this.#tickets = new Float64Array(slots);
    this.#sizes = new Float64Array(slots);
    this.#ends = new Float64Array(slots);
  }

  /** false: there is no room, and nothing has happened. */
  send(view: View, envelope: Envelope): boolean {
    this.#check(view);
    const { maxBytes, threshold } = this.#lane.limits;
    const [begin, end] = rangeOf(view);
    const bytes = end - begin;
    if (bytes > maxBytes) throw outOfRange('view.byteLength', `<= ${maxBytes}`, bytes);
    const isCopied = bytes <= threshold;
    const { count, tagBytes } = envelope;
    const ringBytes = recordBytes(count, tagBytes, isCopied ? bytes : 0);
    if (!this.#fits(bytes, ringBytes)) {
      this.#collect();
      if (!this.#fits(bytes, ringBytes)) {
        this.#wanted = [bytes, ringBytes];
        return false;
      }
    }
    // For what comes after the end of the view, which makes sure of its own. So does what hands over.
    if (isCopied) sending.ensureStack(Room.Step);
    this.#put(view, bytes, isCopied, ringBytes, envelope);
    return true;
  }

  /** Throws what {@link Arena.share} would, for a view that is not the arena's, or without its memory. */
  #check(view: View): void {
    const isWhole = (isAdopted(view) || this.#arena.owns(view)) && !isGone(view);
    // An empty view has no memory.
    if (isWhole || this.#arena.usableSize(view) === 0) return;
    throw new HakmemError('ERR_HAKMEM_STALE_VIEW');
  }

  /** The record first, then the end of the view, then the message: what throws before has sent nothing. */
  #put(view: View, bytes: number, isCopied: boolean, ringBytes: number, envelope: Envelope): void {
    const { slots, tickets, mask, words, ring, numbers } = this.#lane;
    const at = this.#place(ringBytes);
    const begin = at % ring.length;
    envelope.write(numbers, ring, begin);
    let ticket = COPIED;
    if (isCopied) {
      const { count, tagBytes } = envelope;
      const source = types.isUint8Array(view) ? view : bytesOf(view);
      if (bytes > 0) setBytes(ring, source, begin + count * 8 + tagBytes);
      if (isAdopted(view)) release(view);
      else this.#arena.free(view);
    } else {
      ticket = this.#arena.share(view);
    }
    const slot = this.#head & mask;
    const word = slot * SLOT_WORDS;
    this.#tickets[slot] = ticket;
    this.#sizes[slot] = bytes;
    this.#ringHead = this.#ends[slot] = at + ringBytes;
    this.#bytes += bytes;
    slots[word + Slot.At] = begin;
    slots[word + Slot.Bytes] = isCopied ? bytes : 0;
    slots[word + Slot.Numbers] = envelope.count;
    slots[word + Slot.TagBytes] = envelope.tagBytes;
    tickets[(word + Slot.Ticket) >> 1] = ticket;
    this.#head = (this.#head + 1) | 0;
    Atomics.store(words, HEAD, this.#head);
    this.#count(bytes, isCopied);
  }

  #count(bytes: number, isCopied: boolean): void {
    const { counts } = this;
    counts.sent++;
    counts.bytesSent += bytes;
    if (isCopied) counts.copied++;
    else counts.handedOver++;
  }

  /** Whether the receiver sleeps and has to be told; it is from here on as if it had been. */
  get mustRing(): boolean {
    const { words } = this.#lane;
    if (Atomics.load(words, RECEIVER_SLEEPS) === 0) return false;
    return Atomics.exchange(words, RECEIVER_SLEEPS, 0) !== 0;
  }

  /** Messages sent that nobody has read. */
  get depth(): number {
    return (this.#head - this.#tail) | 0;
  }

  /** Where the other side says how many messages it has read. */
  get tail(): Int32Array {
    return this.#lane.words.subarray(TAIL, TAIL + 1);
  }

  get bytesUnderWay(): number {
    return this.#bytes;
  }

  /** Whether what was refused last would be taken now. */
  hasRoom(): boolean {
    this.#collect();
    return this.#fits(...this.#wanted);
  }

  /** Whether everything has been read. */
  isEmpty(): boolean {
    this.#collect();
    return this.depth === 0;
  }

  /** Asks to be told when something is read. What was read before that, the caller has to look for again. */
  sleep(): void {
    Atomics.store(this.#lane.words, SENDER_SLEEPS, 1);
  }

  /** Takes back what nobody has read. Whatever the arena refuses was revoked, and is free already. */
  takeBack(): void {
    for (; this.#tail !== this.#head; this.#tail = (this.#tail + 1) | 0) {
      const ticket = this.#tickets[this.#tail & this.#lane.mask]!;
      if (ticket !== COPIED) this.#recall(ticket);
    }
    this.#bytes = 0;
  }

  #recall(ticket: number): void {
    try {
      const view = this.#arena.recall(ticket);
      if (view === undefined) return;
      this.counts.recalled++;
      this.#arena.free(view);
    } catch {
      // The arena was reset or destroyed.
    }
  }

  /** Believes the shared TAIL as far as it can be: it counts no message that was not sent. */
  #collect(): void {
    const tail = Atomics.load(this.#lane.words, TAIL);
    const read = (tail - this.#tail) | 0;
    if (read < 0 || read > this.depth) throw damaged('more was read than was sent');
    for (; this.#tail !== tail; this.#tail = (this.#tail + 1) | 0) {
      const slot = this.#tail & this.#lane.mask;
      this.#bytes -= this.#sizes[slot]!;
      this.#ringTail = this.#ends[slot]!;
    }
  }

  #fits(bytes: number, ringBytes: number): boolean {
    const { limits, ring } = this.#lane;
    if (this.depth >= limits.capacity || this.#bytes + bytes > limits.maxBytes) return false;
    return this.#place(ringBytes) + ringBytes - this.#ringTail <= ring.length;
  }

  /** Where a record would begin: it does not go round the end of the ring. With nothing under way it begins anew. */
  #place(ringBytes: number): number {
    const { length } = this.#lane.ring;
    if (this.depth === 0) this.#ringHead = this.#ringTail = 0;
    const left = length - (this.#ringHead % length);
    return left < ringBytes ? this.#ringHead + left : this.#ringHead;
  }
}

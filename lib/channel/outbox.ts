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
import { type Arena, frontOf } from '../arena/arena';
import { Room, Way } from '../base/stack';
import { outOfRange } from '../errors';
import type { Front } from '../front/front';
import { isAdopted, release } from '../letters/adopted';
import { noneSent } from '../letters/channel-stats';
import type { View } from '../view/view';
import { bytesIn, bytesOf, isGone, lengthOf, setBytes } from '../view/kinds';
import type { Doorbell } from './doorbell';
import type { Envelope } from './envelope';
import { COPIED, HEAD, type Lane, RECEIVER_SLEEPS, SENDER_SLEEPS } from './memory';
import { SLOT_WORDS, Slot, TAIL, damaged, recordBytes } from './memory';

const sending = new Way();

/** Re-bound: to ask the global object for it may be a call. */
const atomics = Atomics;

export class Outbox {
  readonly #arena: Arena;
  readonly #front: Front;
  readonly #lane: Lane;
  readonly #ringBytes: number;
  /** Messages sent, and of these, read: both wrap at 2^32, as the shared ones do. */
  #head = 0;
  #tail = 0;
  /** Where in the ring the last record ends, and how many bytes up to there are in use. */
  #ringEnd = 0;
  #ringUsed = 0;
  /** Bytes of messages under way. */
  #bytes = 0;
  /** By slot: the ticket, the bytes, and those of the ring, with what is left out before the record. */
  readonly #tickets: Float64Array;
  readonly #sizes: Float64Array;
  readonly #spans: Int32Array;
  /** Of what was refused last: bytes, and bytes in the ring. */
  #wanted: readonly [bytes: number, ring: number] = [0, 0];
  /** The receiver slept when the last message was sent, and has to be told. */
  mustRing = false;
  readonly counts = noneSent();

  constructor(arena: Arena, lane: Lane) {
    this.#arena = arena;
    this.#front = frontOf(arena);
    this.#lane = lane;
    this.#ringBytes = lane.ring.length;
    const slots = lane.mask + 1;
    this.#tickets = new Float64Array(slots);
    this.#sizes = new Float64Array(slots);
    this.#spans = new Int32Array(slots);
  }

  /** false: there is no room, and nothing has happened. */
  send(view: View, envelope: Envelope): boolean {
    const { maxBytes, threshold } = this.#lane.limits;
    const plain = this.#front.plainBytes(view);
    const bytes = plain < 0 ? this.#bytesOfOther(view) : plain;
    if (bytes > maxBytes) throw outOfRange('view.byteLength', `<= ${maxBytes}`, bytes);
    const copied = bytes <= threshold ? bytes : 0;
    const ringBytes = recordBytes(envelope.count, envelope.tagBytes, copied);
    if (!this.#fits(bytes, ringBytes)) {
      this.#collect();
      if (!this.#fits(bytes, ringBytes)) {
        this.#wanted = [bytes, ringBytes];
        return false;
      }
    }
    // For whoever has to be woken after it. What ends the view makes sure of its own.
    if (atomics.load(this.#lane.words, RECEIVER_SLEEPS) !== 0) sending.ensureStack(Room.Step);
    this.#put(view, plain >= 0, bytes, ringBytes, envelope);
    return true;
  }

  /** The same of what is not plainly the arena's. Throws what {@link Arena.share} would if it is not to be sent. */
  #bytesOfOther(view: View): number {
    const isWhole = isAdopted(view) ? !isGone(view) : this.#arena.owns(view);
    if (!isWhole) throw this.#front.refusal(view);
    return bytesIn(view);
  }

  /**
   * The record first, then the end of the view, then the message: what throws before has sent nothing. From the end of
   * the view on there is no call but of atomics, so that nothing can interrupt it.
   */
  #put(view: View, isPlain: boolean, bytes: number, ringBytes: number, envelope: Envelope): void {
    const { slots, tickets, mask, words, ring, numbers, limits } = this.#lane;
    const { counts } = this;
    const { count, tagBytes } = envelope;
    const isCopied = bytes <= limits.threshold;
    const skipped = this.#skippedFor(ringBytes);
    const at = skipped > 0 ? 0 : this.#ringEnd;
    const slot = this.#head & mask;
    const word = slot * SLOT_WORDS;
    slots[word + Slot.At] = at;
    slots[word + Slot.Bytes] = isCopied ? bytes : 0;
    slots[word + Slot.Numbers] = count;
    slots[word + Slot.TagBytes] = tagBytes;
    envelope.write(numbers, ring, at, isCopied ? bytes : 0);
    let ticket = COPIED;
    if (!isCopied) ticket = this.#arena.share(view);
    else if (isPlain) this.#copy(view as Buffer, at + count * 8);
    else this.#copyOther(view, at + count * 8);
    tickets[(word + Slot.Ticket) >> 1] = this.#tickets[slot] = ticket;
    this.#sizes[slot] = bytes;
    this.#spans[slot] = skipped + ringBytes;
    this.#ringUsed += skipped + ringBytes;
    this.#ringEnd = (at + ringBytes) % this.#ringBytes;
    this.#bytes += bytes;
    counts.sent++;
    counts.bytesSent += bytes;
    if (isCopied) counts.copied++;
    else counts.handedOver++;
    this.#head = (this.#head + 1) | 0;
    atomics.store(words, HEAD, this.#head);
    this.mustRing = atomics.load(words, RECEIVER_SLEEPS) !== 0;
  }

  /** Copies a Buffer of the arena, which ends. */
  #copy(view: Buffer, at: number): void {
    setBytes(this.#lane.ring, view, at);
    this.#front.free(view);
  }

  /** The same of anything else that is to be sent. */
  #copyOther(view: View, at: number): void {
    const bytes = types.isUint8Array(view) ? view : bytesOf(view);
    if (lengthOf(bytes) > 0) setBytes(this.#lane.ring, bytes, at);
    if (isAdopted(view)) release(view);
    else this.#front.free(view);
  }

  /** Wakes the receiver, if it sleeps still. When that fails, the next message does it. */
  ring(bell: Doorbell): void {
    const { words } = this.#lane;
    if (atomics.exchange(words, RECEIVER_SLEEPS, 0) === 0) return;
    try {
      bell.ring();
    } catch {
      atomics.store(words, RECEIVER_SLEEPS, 1);
    }
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
    atomics.store(this.#lane.words, SENDER_SLEEPS, 1);
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
    const tail = atomics.load(this.#lane.words, TAIL);
    const read = (tail - this.#tail) | 0;
    if (read < 0 || read > this.depth) throw damaged('more was read than was sent');
    for (; this.#tail !== tail; this.#tail = (this.#tail + 1) | 0) {
      const slot = this.#tail & this.#lane.mask;
      this.#bytes -= this.#sizes[slot]!;
      this.#ringUsed -= this.#spans[slot]!;
    }
    // With nothing under way it begins anew.
    if (this.#tail === this.#head) this.#ringEnd = 0;
  }

  #fits(bytes: number, ringBytes: number): boolean {
    const { limits } = this.#lane;
    if (this.depth >= limits.capacity || this.#bytes + bytes > limits.maxBytes) return false;
    return this.#ringUsed + this.#skippedFor(ringBytes) + ringBytes <= this.#ringBytes;
  }

  /** Bytes at the end of the ring that a record leaves out, as it does not go round; if there are any, it begins at 0. */
  #skippedFor(ringBytes: number): number {
    const left = this.#ringBytes - this.#ringEnd;
    return left < ringBytes ? left : 0;
  }
}

/**
 * Memory: the shared memory of a channel, and what may stand in it.
 *
 *   header       what it is: sizes, written once; who has opened and who has closed an end
 *   two lanes    one per direction, each with
 *     words      HEAD counts messages sent, TAIL messages read; RECEIVER and SENDER: that side sleeps
 *     slots      one per message: where its record begins, its parts' lengths, its ticket
 *     ring       records: the numbers of the header, the bytes of a message that is copied, and the tag
 *
 * A side writes HEAD, slots and ring, or TAIL, and never both. Neither believes the other: what is under way, and
 * what of it is to be taken back, each sender knows from memory of its own; a receiver checks every number that it
 * reads, once, before it uses it. So whatever somebody writes there, nobody leaves the ring.
 */
import { HakmemError, invalidArgType, invalidArgValue } from '../errors';

const MAGIC = 0x68_6b_63_31;

/** Words of the header. */
const Header = { Magic: 0, Capacity: 1, Threshold: 2, Opened: 4, Closed: 6, Floats: 8 } as const;
const HEADER_BYTES = 128;

/** Words of a lane, each in a cache line of its own. */
export const HEAD = 0;
export const TAIL = 16;
export const RECEIVER_SLEEPS = 32;
export const SENDER_SLEEPS = 48;
const LANE_WORDS_BYTES = 256;

/** Words of a slot; the ticket is the number in the last two of its first six. */
export const SLOT_WORDS = 8;
export const Slot = { At: 0, Bytes: 1, Numbers: 2, TagBytes: 3, Ticket: 4 } as const;

/** The ticket of a message whose bytes are in the ring. */
export const COPIED = -1;

export const NUMBERS_MAX = 16;
export const TAG_BYTES_MAX = 255;
export const CAPACITY_MAX = 65_536;
export const THRESHOLD_MAX = 65_536;
/** A ring has room for so many bytes beside a copied message's own, on average. */
const RECORD_SPARE = 64;
const RING_BYTES_MAX = 1024 * 1024;

/** Bytes of a record: the next one begins at a multiple of 8. */
export function recordBytes(numbers: number, tagBytes: number, copied: number): number {
  return numbers * 8 + ((tagBytes + copied + 7) & ~7);
}

/** What `new Channel()` was given. */
export interface ChannelLimits {
  readonly capacity: number;
  /** Infinity: no limit. */
  readonly maxBytes: number;
  readonly threshold: number;
}

interface Geometry {
  /** A power of two. */
  readonly slots: number;
  readonly ringBytes: number;
  readonly laneBytes: number;
  readonly bytes: number;
}

function geometryOf({ capacity, threshold }: ChannelLimits): Geometry {
  const slots = 2 ** Math.ceil(Math.log2(capacity));
  const wanted = capacity * recordBytes(0, RECORD_SPARE, threshold);
  const least = recordBytes(NUMBERS_MAX, TAG_BYTES_MAX, threshold);
  const ringBytes = Math.max(least, Math.min(wanted, RING_BYTES_MAX));
  const laneBytes = LANE_WORDS_BYTES + slots * SLOT_WORDS * 4 + ringBytes;
  return { slots, ringBytes, laneBytes, bytes: HEADER_BYTES + 2 * laneBytes };
}

/** One direction of a channel. */
export interface Lane {
  readonly limits: ChannelLimits;
  readonly words: Int32Array;
  readonly slots: Int32Array;
  /** The slots as numbers: a slot's ticket is at a quarter of its first word, and two more. */
  readonly tickets: Float64Array;
  /** A number of messages, less this mask, is a slot. */
  readonly mask: number;
  readonly ring: Uint8Array;
  readonly numbers: Float64Array;
}

/** An end's side of the memory. */
export class Side {
  readonly out: Lane;
  readonly in: Lane;
  readonly #words: Int32Array;
  readonly #side: number;

  constructor(memory: SharedArrayBuffer, side: number, limits: ChannelLimits) {
    const geometry = geometryOf(limits);
    this.#words = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.#side = side;
    this.out = laneOf(memory, side, limits, geometry);
    this.in = laneOf(memory, 1 - side, limits, geometry);
  }

  /** false: somebody has opened this end before. */
  open(): boolean {
    return Atomics.compareExchange(this.#words, Header.Opened + this.#side, 0, 1) === 0;
  }

  close(): void {
    Atomics.store(this.#words, Header.Closed + this.#side, 1);
  }

  get isOtherClosed(): boolean {
    return Atomics.load(this.#words, Header.Closed + 1 - this.#side) !== 0;
  }
}

function laneOf(
  memory: SharedArrayBuffer,
  lane: number,
  limits: ChannelLimits,
  of: Geometry,
): Lane {
  const at = HEADER_BYTES + lane * of.laneBytes;
  const slotsAt = at + LANE_WORDS_BYTES;
  const ringAt = slotsAt + of.slots * SLOT_WORDS * 4;
  return {
    limits,
    words: new Int32Array(memory, at, LANE_WORDS_BYTES / 4),
    slots: new Int32Array(memory, slotsAt, of.slots * SLOT_WORDS),
    tickets: new Float64Array(memory, slotsAt, (of.slots * SLOT_WORDS) / 2),
    mask: of.slots - 1,
    ring: new Uint8Array(memory, ringAt, of.ringBytes),
    numbers: new Float64Array(memory, ringAt, of.ringBytes / 8),
  };
}

/** Memory for a channel. */
export function makeMemory(limits: ChannelLimits): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(geometryOf(limits).bytes);
  const words = new Int32Array(memory, 0, HEADER_BYTES / 4);
  words[Header.Magic] = MAGIC;
  words[Header.Capacity] = limits.capacity;
  words[Header.Threshold] = limits.threshold;
  new Float64Array(memory, 0, HEADER_BYTES / 8)[Header.Floats] = limits.maxBytes;
  return memory;
}

const byteLengthOf = Function.prototype.call.bind(
  // eslint-disable-next-line @typescript-eslint/unbound-method -- bound by `call`
  Object.getOwnPropertyDescriptor(SharedArrayBuffer.prototype, 'byteLength')!.get!,
) as (memory: unknown) => number;

/** Looks at memory that somebody says is a channel's. Throws when it cannot be. */
export function sideOf(memory: unknown, side: unknown): Side {
  if (side !== 0 && side !== 1) throw invalidArgType('end.side', '0 or 1', side);
  const bytes = bytesOfShared(memory);
  if (bytes >= HEADER_BYTES) {
    const words = new Int32Array(memory as SharedArrayBuffer, 0, HEADER_BYTES / 4);
    const floats = new Float64Array(memory as SharedArrayBuffer, 0, HEADER_BYTES / 8);
    const limits = {
      capacity: words[Header.Capacity]!,
      threshold: words[Header.Threshold]!,
      maxBytes: floats[Header.Floats]!,
    };
    const isSane = words[Header.Magic] === MAGIC && areLimits(limits);
    if (isSane && geometryOf(limits).bytes === bytes) {
      return new Side(memory as SharedArrayBuffer, side, limits);
    }
  }
  throw invalidArgValue('end.memory', 'is not the memory of a channel', memory);
}

function areLimits({ capacity, threshold, maxBytes }: ChannelLimits): boolean {
  const isCapacity = capacity >= 1 && capacity <= CAPACITY_MAX;
  return isCapacity && threshold >= 0 && threshold <= THRESHOLD_MAX && maxBytes >= 1;
}

function bytesOfShared(memory: unknown): number {
  try {
    return byteLengthOf(memory);
  } catch {
    throw invalidArgType('end.memory', 'a SharedArrayBuffer', memory);
  }
}

/** What is said when a number in shared memory cannot be. */
export function damaged(what: string): HakmemError {
  return new HakmemError('ERR_HAKMEM_CHANNEL_DAMAGED', what);
}

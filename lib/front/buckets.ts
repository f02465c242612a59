/**
 * Bins: the free views of one exact length and one kind, each bin a record of four integers.
 *
 *   bin 1 .. 1024     Buffers of so many bytes
 *   1025 .. 2048      longer Buffers: a length has one of these by its hash, and owns it while it repeats
 *   2049 .. 2560      typed arrays and DataViews, likewise
 *
 * The number of a bin is also the index of its counters, and the counters tell how full it is: a view that
 * is given back either goes into its bin or was the last that fits, so the views in a bin and the live ones
 * that it counts add up to the same number until something unusual happens. Hence one number, the floor, is
 * all that has to be kept: there is room as long as more views than that are live.
 *
 *   ints[at + HEAD]   at = bin x 4; number of the first free view, or 0
 *   ints[at + FLOOR]  live views - floor = room: how many views the bin may still take
 *   ints[at + CAP]    most views in the bin; lent by the size class, so that the caps of a class never add
 *                     up to more than its budget
 *   ints[at + KEY]    length and kind that own the bin; or, negative, a candidate and how often it came in a
 *                     row (bins 1 .. 1024: always 0)
 *
 * The operations that are not here, take and give of the front, change HEAD and the counters only; and
 * FreeBlocks counts fresh views.
 */
import type { Space } from './records';
import { EXACT_LENGTH_MAX, FREES, type Tallies, lentCells } from './counters';

const HEAD = 0;
const FLOOR = 1;
const CAP = 2;
const KEY = 3;
const RECORD_BITS = 2;

const EXACT_BITS = 10;
/** Lengths up to this one have bins of their own. */
const EXACT = 1 << EXACT_BITS;
const LONG_BINS = 1024;
const TYPED_BITS = 9;
const FIRST_TYPED = EXACT + 1 + LONG_BINS;
const BIN_COUNT = FIRST_TYPED + (1 << TYPED_BITS);
if (EXACT_LENGTH_MAX !== EXACT || lentCells !== BIN_COUNT - EXACT - 1) {
  throw new Error('the counters of the native addon do not fit the bins of the front');
}

/** Integers of all records. */
const TABLE_INTEGERS = BIN_COUNT << RECORD_BITS;

/** Chosen so that lengths services often use, and all multiples of 1 KB, have bins of their own. */
const LONG_SPREAD = 613;
const TYPED_SPREAD = 0x9e3779b1;
/** The key of a bin is length << KIND_BITS | kind; Buffers are kind 0. */
const KIND_BITS = 4;

/**
 * A candidate owns the bin when it was given back so many times with no other length of the bin between.
 * Lengths that never come back must not get bins: they would push out those that do.
 */
const TIMES_TO_OWN = 4;
const TIMES_SHIFT = 22;
const KEY_MASK = (1 << TIMES_SHIFT) - 1;

// Exported by name, the constants of this file are constants to its own code; declared with `export` they
// would be loaded and checked wherever they are used.
export { CAP, EXACT, FLOOR, HEAD, KEY, KIND_BITS, RECORD_BITS, TABLE_INTEGERS };

/** The bin of Buffers of a length; without a branch, which would be mispredicted. */
export function binOfBuffers(bytes: number): number {
  const last = bytes - 1;
  const isLong = (EXACT - bytes) >>> 31;
  const spread = last ^ Math.imul(last >>> EXACT_BITS, LONG_SPREAD);
  return (spread & (EXACT - 1)) + 1 + (isLong << EXACT_BITS);
}

/** The bin of views of a kind and length. */
export function binOf(kind: number, bytes: number): number {
  if (kind === 0) return binOfBuffers(bytes);
  return FIRST_TYPED + (Math.imul(keyOf(kind, bytes), TYPED_SPREAD) >>> (32 - TYPED_BITS));
}

function keyOf(kind: number, bytes: number): number {
  return (bytes << KIND_BITS) | kind;
}

/** Whether a length may own a long bin, which it does not yet; else its claim is noted. */
export function isClaimed(ints: Int32Array, bin: number, key: number): boolean {
  const at = (bin << RECORD_BITS) + KEY;
  const known = ints[at]!;
  if (known > 0) return false;
  const times = (-known & KEY_MASK) === key ? (-known >> TIMES_SHIFT) + 1 : 1;
  ints[at] = -((times << TIMES_SHIFT) | key);
  return times >= TIMES_TO_OWN;
}

export class BinTable {
  readonly #space: Space;
  readonly #tallies: Tallies;
  readonly #counts: Float64Array;

  constructor(space: Space, tallies: Tallies) {
    this.#space = space;
    this.#tallies = tallies;
    this.#counts = tallies.counts;
  }

  /** Whether a bin serves exactly these views, and counts them. */
  isOwn(bin: number, kind: number, bytes: number): boolean {
    return bin <= EXACT ? bin !== 0 : this.#get(bin, KEY) === keyOf(kind, bytes);
  }

  /**
   * Asks for a bin on behalf of a view that is given back. true: the bin serves its length, now at the
   * latest. Views that are live when it begins to were counted by class.
   */
  claim(bin: number, kind: number, bytes: number): boolean {
    if (this.isOwn(bin, kind, bytes)) return true;
    if (bin <= EXACT || !isClaimed(this.#space.ints, bin, keyOf(kind, bytes))) return false;
    this.#set(bin, KEY, keyOf(kind, bytes));
    this.#tallies.lendCell(bin, bytes);
    return true;
  }

  /** A bin without a cap and without live views becomes nobody's. */
  disownIfUnused(bin: number, classIndex: number): void {
    if (
      bin <= EXACT ||
      this.#get(bin, KEY) <= 0 ||
      this.capOf(bin) !== 0 ||
      this.#liveOf(bin) !== 0
    )
      return;
    this.#set(bin, KEY, 0);
    this.#set(bin, FLOOR, 0);
    this.#tallies.takeBackCell(bin, classIndex);
  }

  /** Counts a new view of a bin's length. */
  countFresh(bin: number): void {
    this.#counts[bin]!++;
    this.#add(bin, FLOOR, 1);
  }

  /** Counts the end of a view of a bin's length. */
  countDropped(bin: number): void {
    this.#counts[bin + FREES]!++;
    this.#add(bin, FLOOR, -1);
  }

  /** Takes a live view in; the bin has room. */
  keep(bin: number, id: number): void {
    this.#link(bin, id);
    this.#counts[bin + FREES]!++;
  }

  /** Takes in a view whose life was counted by class; the bin has room. */
  adopt(bin: number, id: number): void {
    this.#link(bin, id);
    this.#add(bin, FLOOR, 1);
  }

  /** Takes the first view out, not to be handed out; the bin has one. */
  pop(bin: number): number {
    const id = this.#get(bin, HEAD);
    this.#set(bin, HEAD, this.#space.ints[id]!);
    this.#add(bin, FLOOR, -1);
    return id;
  }

  roomOf(bin: number): number {
    return this.#liveOf(bin) - this.#get(bin, FLOOR);
  }

  /** Allocations that a bin has counted. */
  allocsOf(bin: number): number {
    return this.#counts[bin]!;
  }

  capOf(bin: number): number {
    return this.#get(bin, CAP);
  }

  /** Views in a bin. */
  countOf(bin: number): number {
    return this.capOf(bin) - this.roomOf(bin);
  }

  addCap(bin: number, more: number): void {
    this.#add(bin, CAP, more);
    this.#add(bin, FLOOR, -more);
  }

  #liveOf(bin: number): number {
    return this.#counts[bin]! - this.#counts[bin + FREES]!;
  }

  #link(bin: number, id: number): void {
    this.#space.ints[id] = this.#get(bin, HEAD);
    this.#set(bin, HEAD, id);
  }

  #get(bin: number, field: number): number {
    return this.#space.ints[(bin << RECORD_BITS) + field]!;
  }

  #set(bin: number, field: number, value: number): void {
    this.#space.ints[(bin << RECORD_BITS) + field] = value;
  }

  #add(bin: number, field: number, more: number): void {
    this.#space.ints[(bin << RECORD_BITS) + field]! += more;
  }
}

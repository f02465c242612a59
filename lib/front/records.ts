/**
 * Records: all integers of a front in one array, so that the hot path loads and checks one array.
 *
 * The records of the buckets come first, at positions known beforehand. The records of views follow, as many
 * as there are. The first record stays zero for ever and stands for whatever does not exist: no bucket, no
 * view, no room.
 */

// The engine's own, whatever a program has put in their place: what is not zeroed would be live in the next front.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { fill, set } = Int32Array.prototype;
export const fillInts = Function.prototype.call.bind(fill) as (
  ints: Int32Array,
  ...rest: number[]
) => Int32Array;

/** Copies all of the second array into the first. */
export const setInts = Function.prototype.call.bind(set) as (
  ints: Int32Array,
  from: Int32Array,
) => void;

export class Records {
  /** Replaced by a longer one when there is no room: see {@link Records.enlarged}. */
  declare ints: Int32Array;
  /** Position of the first integers that are taken. */
  declare readonly first: number;
  /** Position behind the last integers that are taken. */
  declare end: number;

  /** The first `reserved` integers, a multiple of eight, are never taken. All of `ints` are zero. */
  constructor(reserved: number, ints: Int32Array) {
    this.first = this.end = reserved;
    this.ints = ints;
  }

  hasRoom(count: number): boolean {
    return this.end + count <= this.ints.length;
  }

  /** The same integers in an array of twice the length, which is the caller's to put in the place of `ints`. */
  enlarged(): Int32Array {
    const ints = new Int32Array(2 * this.ints.length);
    ints.set(this.ints);
    return ints;
  }

  /** Takes `count` zeroed integers, a multiple of eight, for which there is room; returns the position of the first. */
  take(count: number): number {
    const at = this.end;
    this.end = at + count;
    return at;
  }

  /** Zeroes everything. */
  wipe(): void {
    fillInts(this.ints, 0, 0, this.end);
  }

  /** Takes everything back, after {@link Records.wipe}. */
  clear(): void {
    this.end = this.first;
  }
}

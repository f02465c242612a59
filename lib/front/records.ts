/**
 * Records: all integers of a front in one array, so that the hot path loads and checks one array.
 *
 * The records of the buckets come first, at positions known beforehand. The records of views follow, as many
 * as there are. The first record stays zero for ever and stands for whatever does not exist: no bucket, no
 * view, no room.
 */
export class Records {
  /** Replaced when it grows, which only {@link Records.take} does. Hot code asks for it after every call. */
  declare ints: Int32Array;
  declare private readonly reserved: number;
  declare private end: number;

  /** The first `reserved` integers, a multiple of eight, are never taken. */
  constructor(reserved: number) {
    this.reserved = this.end = reserved;
    this.ints = new Int32Array(2 * reserved);
  }

  /** Takes `count` zeroed integers, a multiple of eight; returns the position of the first, never 0. */
  take(count: number): number {
    const at = this.end;
    if (at + count > this.ints.length) {
      const ints = new Int32Array(2 * this.ints.length);
      ints.set(this.ints);
      this.ints = ints;
    }
    this.end = at + count;
    return at;
  }

  /** Takes everything back and zeroes it. */
  clear(): void {
    this.ints.fill(0);
    this.end = this.reserved;
  }
}

/**
 * Space: one array for all integers of a front, so that the hot path has one array to check and load.
 *
 * The records of the bins come first, at positions known beforehand; the links of views follow, as many as
 * there are. The first record stays zero for ever and stands for whatever does not exist: no bin, no view,
 * no room.
 */
export class Space {
  /** Replaced when it grows, which only {@link Space.take} does. */
  declare ints: Int32Array;
  readonly #reserved: number;
  #end: number;

  /** With room for `reserved` integers, a multiple of eight, at the beginning. */
  constructor(reserved: number) {
    this.#reserved = this.#end = reserved;
    this.ints = new Int32Array(2 * reserved);
  }

  /** Takes `count` zeroed integers, a multiple of eight; returns the position of the first, another one. */
  take(count: number): number {
    const at = this.#end;
    this.#end += count;
    if (this.#end > this.ints.length) {
      const ints = new Int32Array(2 * this.ints.length);
      ints.set(this.ints);
      this.ints = ints;
    }
    return at;
  }

  /** Takes everything back. */
  clear(): void {
    this.ints.fill(0);
    this.#end = this.#reserved;
  }
}

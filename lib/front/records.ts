/**
 * Space: one array for all integers of a front, so that the hot path has one array to check and load.
 *
 * The records of the bins come first, at positions known beforehand; the links of views follow, as many as
 * there are. The first record stays zero for ever and stands for whatever does not exist: no bin, no view,
 * no room.
 */

/** Whose hot path has the array one step closer. Both change in one go: whoever used an old one would spoil it. */
export interface SpaceOwner {
  ints: Int32Array;
}

export class Space {
  /** Replaced when it grows, which only {@link Space.take} does. */
  declare ints: Int32Array;
  readonly #owner: SpaceOwner;
  readonly #reserved: number;
  #end: number;

  /** With room for `reserved` integers, a multiple of eight, at the beginning. */
  constructor(owner: SpaceOwner, reserved: number) {
    this.#owner = owner;
    this.#reserved = this.#end = reserved;
    owner.ints = this.ints = new Int32Array(2 * reserved);
  }

  /** Takes `count` zeroed integers, a multiple of eight; returns the position of the first, another one. */
  take(count: number): number {
    const at = this.#end;
    if (at + count > this.ints.length) {
      const ints = new Int32Array(2 * this.ints.length);
      ints.set(this.ints);
      this.#owner.ints = this.ints = ints;
    }
    this.#end = at + count;
    return at;
  }

  /** Takes everything back. */
  clear(): void {
    this.ints.fill(0);
    this.#end = this.#reserved;
  }
}

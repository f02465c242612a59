/**
 * Space: one array for all integers of a front, so that the hot path has one array to check and load.
 *
 * Everything in it is found by its position: pages of bins, page tables, and the links of views. The first
 * page stays zero for ever and stands for whatever does not exist: no page, no view, no room.
 */

/** Integers in a page. */
export const PAGE_INTEGERS = 1024;

const START = 8 * PAGE_INTEGERS;

export class Space {
  /** Replaced when it grows, which only {@link Space.take} does. */
  ints = new Int32Array(START);
  #end = PAGE_INTEGERS;

  /** Takes `count` zeroed integers, an even number; returns the position of the first, an even one. */
  take(count: number): number {
    const at = this.#end;
    if (at + count > this.ints.length) {
      const ints = new Int32Array(2 * this.ints.length);
      ints.set(this.ints);
      this.ints = ints;
    }
    this.#end = at + count; // not before: there may be no memory for a larger array
    return at;
  }

  /** Takes everything back. */
  clear(): void {
    this.ints.fill(0);
    this.#end = PAGE_INTEGERS;
  }
}

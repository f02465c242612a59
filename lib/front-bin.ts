/**
 * Bins: the free views of one exact length, and the table that finds a bin by length.
 *
 * A bin holds at most `cap` views; its cap is lent to it by its size class, so the caps of a class
 * never add up to more than the class's budget. A view's stamp points to its bin as its home.
 */
import type { Home, View } from './view';

/** What a bin's views are made of. */
export const BinKind = {
  /** Blocks of a size class. */
  Class: 0,
  /** A run or huge mapping: one view, never kept in the bin. */
  Large: 1,
  /** Nothing: Buffers of length 0. */
  Empty: 2,
} as const;

export type BinKind = (typeof BinKind)[keyof typeof BinKind];

export class Bin implements Home {
  // Hot: what taking and giving reads comes first, to lie on one cache line.
  readonly owner: object;
  /** Requested bytes of its views. */
  readonly length: number;
  /** First of the list of free views. */
  head: View | null;
  /** Views in the list: at most `cap`. */
  count: number;
  cap: number;
  /** Index of its counters, or -1 while it has none (then cap is 0). */
  cell: number;
  // Cold.
  readonly kind: BinKind;
  /** Number of the size class, or pseudo bin. */
  readonly classIndex: number;
  /** true: in no table (any more); its views give back their blocks alone. */
  retired: boolean;
  /** true: its blocks are not of the length's own class (aligned, resized), so they count by class. */
  foreign: boolean;
  /** Allocations when its class last looked: what did not move since is not in demand. */
  seenAllocs: number;

  constructor(owner: object, kind: BinKind, length: number, classIndex: number) {
    this.owner = owner;
    this.length = length;
    this.head = null;
    this.count = 0;
    this.cap = 0;
    this.cell = -1;
    this.kind = kind;
    this.classIndex = classIndex;
    this.retired = false;
    this.foreign = false;
    this.seenAllocs = 0;
  }
}

/** Lengths are split in two, so that a page of 1,024 bins exists only where it is used. */
export const PAGE_BITS = 10;
const PAGE_SIZE = 1 << PAGE_BITS;
export const PAGE_MASK = PAGE_SIZE - 1;

/** Idle bins a table may gather before it forgets them: lengths that never come back. */
const IDLE_MAX = 4096;

/** Stands where no bin is: its length matches no request. */
const NO_BIN = new Bin({}, BinKind.Empty, -1, -1);
const NO_PAGE: Bin[] = new Array<Bin>(PAGE_SIZE).fill(NO_BIN);

export class BinTable {
  /** pages[length >> 10][length & 1023]; hot code reads it directly. */
  readonly pages: Bin[][];
  #count = 0;

  constructor(maxLength: number) {
    this.pages = new Array<Bin[]>((maxLength >> PAGE_BITS) + 1).fill(NO_PAGE);
  }

  /** The bin of a length, or undefined. */
  find(length: number): Bin | undefined {
    const bin = this.pages[length >> PAGE_BITS]![length & PAGE_MASK]!;
    return bin === NO_BIN ? undefined : bin;
  }

  add(bin: Bin): Bin {
    if (++this.#count > IDLE_MAX) this.#forgetIdle();
    const at = bin.length >> PAGE_BITS;
    if (this.pages[at] === NO_PAGE) this.pages[at] = NO_PAGE.slice();
    this.pages[at]![bin.length & PAGE_MASK] = bin;
    return bin;
  }

  clear(): void {
    this.pages.fill(NO_PAGE);
  }

  #forgetIdle(): void {
    let kept = 0;
    for (let at = 0; at < this.pages.length; at++) {
      const page = this.pages[at]!;
      if (page === NO_PAGE) continue;
      for (let i = 0; i < PAGE_SIZE; i++) {
        const bin = page[i]!;
        if (bin === NO_BIN) continue;
        if (bin.cap > 0) {
          kept++;
        } else {
          bin.retired = true;
          page[i] = NO_BIN;
        }
      }
    }
    this.#count = kept;
  }
}

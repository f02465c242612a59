/**
 * Bins: the free views of one exact length and one kind, each bin a record of four integers.
 *
 * A bin holds at most its cap of views; caps are lent by the size class, so those of a class never add up
 * to more than the class's budget. Records lie in pages of 256 lengths, which exist where a length was used.
 *
 *   ints[bin + HEAD]  number of the first free view, or 0
 *   ints[bin + ROOM]  views the bin may still take: cap minus views in it
 *   ints[bin + CELL]  index of its counters, or -1 while it has none (then its cap is 0)
 *   ints[bin + CAP]
 */
import { PAGE_INTEGERS, type Space } from './front-space';
import { EXACT_LENGTH_MAX } from './front-tallies';

export const HEAD = 0;
export const ROOM = 1;
export const CELL = 2;
export const CAP = 3;
const RECORD_BITS = 2;

/** ints[pages + (length >> PAGE_BITS)] + binInPage(length) is the bin of a length. */
export const PAGE_BITS = 8;
const PAGE_LENGTHS = PAGE_INTEGERS >> RECORD_BITS;

export function binInPage(length: number): number {
  return (length & (PAGE_LENGTHS - 1)) << RECORD_BITS;
}

export class BinTable {
  readonly #space: Space;
  readonly #maxLength: number;
  /** By kind of view: where its table of pages is. */
  readonly #pages: number[] = [];

  constructor(space: Space, maxLength: number) {
    this.#space = space;
    this.#maxLength = maxLength;
  }

  /** Where the table of pages of one kind of views is; 0: there is none yet. */
  pagesOf(kind: number): number {
    return this.#pages[kind] ?? 0;
  }

  /** The bin of a length, made if there is none. */
  find(kind: number, length: number): number {
    const at = this.#pagesFor(kind) + (length >> PAGE_BITS);
    if (this.#space.ints[at] === 0) {
      const page = this.#addPage((length >> PAGE_BITS) << PAGE_BITS);
      this.#space.ints[at] = page;
    }
    return this.#space.ints[at]! + binInPage(length);
  }

  push(bin: number, id: number): void {
    const { ints } = this.#space;
    ints[id] = ints[bin + HEAD]!;
    ints[bin + HEAD] = id;
    ints[bin + ROOM]!--;
  }

  /** Takes the first view out; the bin has one. */
  pop(bin: number): number {
    const { ints } = this.#space;
    const id = ints[bin + HEAD]!;
    ints[bin + HEAD] = ints[id]!;
    ints[bin + ROOM]!++;
    return id;
  }

  /** Views in a bin. */
  countOf(bin: number): number {
    return this.capOf(bin) - this.roomOf(bin);
  }

  roomOf(bin: number): number {
    return this.#space.ints[bin + ROOM]!;
  }

  capOf(bin: number): number {
    return this.#space.ints[bin + CAP]!;
  }

  addCap(bin: number, more: number): void {
    this.#space.ints[bin + CAP]! += more;
    this.#space.ints[bin + ROOM]! += more;
  }

  cellOf(bin: number): number {
    return this.#space.ints[bin + CELL]!;
  }

  setCell(bin: number, cell: number): void {
    this.#space.ints[bin + CELL] = cell;
  }

  /** Forgets all bins. */
  clear(): void {
    this.#pages.length = 0;
  }

  #pagesFor(kind: number): number {
    while (this.#pages.length <= kind) this.#pages.push(0);
    if (this.#pages[kind] === 0) {
      const pages = (this.#maxLength >> PAGE_BITS) + 1;
      this.#pages[kind] = this.#space.take(pages + (pages & 1));
    }
    return this.#pages[kind]!;
  }

  #addPage(firstLength: number): number {
    const page = this.#space.take(PAGE_INTEGERS);
    for (let i = 0; i < PAGE_LENGTHS; i++) {
      const length = firstLength + i;
      this.setCell(page + (i << RECORD_BITS), length <= EXACT_LENGTH_MAX ? length : -1);
    }
    return page;
  }
}

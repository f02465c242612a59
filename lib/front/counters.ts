/**
 * Tallies: the front's counters over core memory, read from any thread without stopping this one.
 *
 * A block is counted by its requested length: in the cell of that length up to 1024 B; in a cell
 * lent to its bin while a longer length owns one; else by size class, with the bytes beside it.
 */
import type { HakmemErrorCode } from '../errors';
import { frontStat, native } from '../native/native';

const layout = native.tables.counters;

/** Where refused frees are counted, by the code of their error. */
const REFUSED: Partial<Record<HakmemErrorCode, number>> = {
  ERR_HAKMEM_DOUBLE_FREE: frontStat('double_frees'),
  ERR_HAKMEM_STALE_VIEW: frontStat('stale_frees'),
  ERR_HAKMEM_NOT_OWNED: frontStat('foreign_frees'),
};

/** Lengths up to this one have a cell for ever. */
export const EXACT_LENGTH_MAX = layout.cellBase - 1;

/** Cells that are lent. */
export const lentCells = layout.cellCount;

/** counts[BY_CLASS + class] */
export const BY_CLASS = layout.binBase;

/** How far the frees of a cell lie behind its allocations. */
export const FREES = layout.frees - layout.allocs;

export class Tallies {
  /** Allocations by cell, and {@link FREES} behind them frees. Hot: the front increments these itself. */
  readonly counts: Float64Array;
  readonly #cellLengths: Uint32Array;
  /** Requested bytes of what is counted by class. Hot, too. */
  readonly liveBytes: Float64Array;
  readonly #liveBlockBytes: Float64Array;
  readonly #all: Float64Array;
  /** Odd while counts move from one place to another; see hk_counters_t. */
  readonly #moves: Uint32Array;

  constructor(counters: ArrayBuffer) {
    const part = (from: number, to: number): Float64Array =>
      new Float64Array(counters, from * 8, to - from);
    this.#all = new Float64Array(counters);
    this.counts = part(layout.allocs, layout.cellLengths);
    this.#cellLengths = new Uint32Array(counters, layout.cellLengths * 8, layout.cellCount);
    this.liveBytes = part(layout.liveBytes, layout.liveBlockBytes);
    this.#liveBlockBytes = part(layout.liveBlockBytes, layout.liveBlockBytes + layout.binCount);
    this.#moves = new Uint32Array(counters, layout.moves * 8, 1);
  }

  /** Counts an allocation by class. */
  countAlloc(classIndex: number, bytes: number): void {
    this.counts[BY_CLASS + classIndex]!++;
    this.liveBytes[classIndex]! += bytes;
  }

  /** Counts a free by class. */
  countFree(classIndex: number, bytes: number): void {
    this.counts[BY_CLASS + classIndex + FREES]!++;
    this.liveBytes[classIndex]! -= bytes;
  }

  /** Counts a free that was refused. */
  countRefused(code: HakmemErrorCode): void {
    const cell = REFUSED[code];
    if (cell !== undefined) this.#all[cell]!++;
  }

  /** Adds to the bytes of live blocks beyond 64 KB, whose size is not that of a class. */
  addLiveBlockBytes(classIndex: number, bytes: number): void {
    this.#liveBlockBytes[classIndex]! += bytes;
  }

  /** Lends a cell, beyond those of the exact lengths, to views of a length. */
  lendCell(cell: number, bytes: number): void {
    this.#cellLengths[cell - layout.cellBase] = bytes;
  }

  /** Takes a lent cell back and carries its counts over to the class. */
  takeBackCell(cell: number, classIndex: number): void {
    const at = BY_CLASS + classIndex;
    const lent = cell - layout.cellBase;
    const allocs = this.counts[cell]!;
    const frees = this.counts[cell + FREES]!;
    // Odd it was, if the last move was interrupted.
    Atomics.or(this.#moves, 0, 1);
    this.counts[cell] = this.counts[cell + FREES] = 0;
    this.counts[at]! += allocs;
    this.counts[at + FREES]! += frees;
    this.liveBytes[classIndex]! += (allocs - frees) * this.#cellLengths[lent]!;
    this.#cellLengths[lent] = 0;
    Atomics.add(this.#moves, 0, 1);
  }

  /** Takes all cells back that are lent. */
  takeBackCells(classFor: (bytes: number) => number): void {
    this.#cellLengths.forEach((bytes, lent) => {
      if (bytes !== 0) this.takeBackCell(lent + layout.cellBase, classFor(bytes));
    });
  }
}

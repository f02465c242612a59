/**
 * Tallies: the front's counters over core memory, read from any thread without stopping this one.
 *
 * A block is counted by its requested length: in the cell of that length up to 1024 B; in a cell
 * lent to its bin while that bin recycles views; else by size class, with the bytes beside it.
 */
import { native } from './native';

const layout = native.tables.counters;

/** Lengths up to this one have a cell for ever. */
export const EXACT_LENGTH_MAX = layout.cellBase - 1;

/** How far the frees of a cell lie behind its allocations. */
export const FREES = layout.frees - layout.allocs;

export class Tallies {
  /** Allocations by cell, and {@link FREES} behind them frees. Hot: the front increments these itself. */
  readonly counts: Float64Array;
  readonly #cellLengths: Float64Array;
  readonly #liveBytes: Float64Array;
  readonly #liveBlockBytes: Float64Array;
  /** Odd while counts move from one place to another; see hk_counters_t. */
  readonly #moves: Uint32Array;
  readonly #freeCells: number[] = [];
  #nextCell = 0;

  constructor(counters: ArrayBuffer) {
    const part = (from: number, to: number): Float64Array =>
      new Float64Array(counters, from * 8, to - from);
    this.counts = part(layout.allocs, layout.cellLengths);
    this.#cellLengths = part(layout.cellLengths, layout.liveBytes);
    this.#liveBytes = part(layout.liveBytes, layout.liveBlockBytes);
    this.#liveBlockBytes = part(layout.liveBlockBytes, layout.pinnedBytes);
    this.#moves = new Uint32Array(counters, layout.moves * 8, 1);
  }

  /** Allocations counted in a cell. */
  allocsOf(cell: number): number {
    return this.counts[cell]!;
  }

  /** Counts an allocation, outside the hot path: in a cell, or by class where it is -1. */
  countAlloc(cell: number, classIndex: number, bytes: number): void {
    if (cell >= 0) {
      this.counts[cell]!++;
    } else {
      this.counts[layout.binBase + classIndex]!++;
      this.#liveBytes[classIndex]! += bytes;
    }
  }

  /** Counts a free, in the same way. */
  countFree(cell: number, classIndex: number, bytes: number): void {
    if (cell >= 0) {
      this.counts[cell + FREES]!++;
    } else {
      this.counts[layout.binBase + classIndex + FREES]!++;
      this.#liveBytes[classIndex]! -= bytes;
    }
  }

  /** Adds to the bytes of live blocks beyond 64 KB, whose size is not that of a class. */
  addLiveBlockBytes(classIndex: number, bytes: number): void {
    this.#liveBlockBytes[classIndex]! += bytes;
  }

  /**
   * Lends a cell for a length beyond {@link EXACT_LENGTH_MAX}; -1: all are lent. Views that are live now
   * were counted by class and will be freed by cell: only sums over class and cells mean something.
   */
  lendCell(length: number): number {
    const cell = this.#freeCells.pop() ?? this.#nextCell;
    if (cell >= layout.cellCount) return -1;
    if (cell === this.#nextCell) this.#nextCell++;
    this.#cellLengths[cell] = length;
    return layout.cellBase + cell;
  }

  /** Takes a lent cell back and carries its counts over to the class. */
  takeBackCell(cell: number, classIndex: number): void {
    const at = layout.binBase + classIndex;
    const lent = cell - layout.cellBase;
    const allocs = this.counts[cell]!;
    const frees = this.counts[cell + FREES]!;
    Atomics.add(this.#moves, 0, 1);
    this.counts[cell] = this.counts[cell + FREES] = 0;
    this.counts[at]! += allocs;
    this.counts[at + FREES]! += frees;
    this.#liveBytes[classIndex]! += (allocs - frees) * this.#cellLengths[lent]!;
    this.#cellLengths[lent] = 0;
    Atomics.add(this.#moves, 0, 1);
    this.#freeCells.push(lent);
  }
}

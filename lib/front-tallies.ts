/**
 * Tallies: the front's counters over core memory, read from any thread without stopping this one.
 *
 * A block is counted by its requested length: in the cell of that length up to 1024 B; in a cell
 * lent to its bin while that bin recycles views; else by size class, with the bytes beside it.
 */
import type { Bin } from './front-bin';
import { native } from './native';

const layout = native.tables.counters;

/** Lengths up to this one have a cell for ever. */
export const EXACT_LENGTH_MAX = layout.cellBase - 1;

export class Tallies {
  /** Allocations and frees, by the same index. Hot: the front increments these itself. */
  readonly allocs: Float64Array;
  readonly frees: Float64Array;
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
    this.allocs = part(layout.allocs, layout.frees);
    this.frees = part(layout.frees, layout.cellLengths);
    this.#cellLengths = part(layout.cellLengths, layout.liveBytes);
    this.#liveBytes = part(layout.liveBytes, layout.liveBlockBytes);
    this.#liveBlockBytes = part(layout.liveBlockBytes, layout.pinnedBytes);
    this.#moves = new Uint32Array(counters, layout.moves * 8, 1);
  }

  /** Counts an allocation of a bin's length, outside the hot path. */
  countAlloc(bin: Bin): void {
    if (this.#hasCell(bin)) {
      this.allocs[bin.cell >= 0 ? bin.cell : bin.length]!++;
    } else {
      this.allocs[layout.binBase + bin.classIndex]!++;
      this.#liveBytes[bin.classIndex]! += bin.length;
    }
  }

  /** Counts a free of a bin's length, outside the hot path. */
  countFree(bin: Bin): void {
    if (this.#hasCell(bin)) {
      this.frees[bin.cell >= 0 ? bin.cell : bin.length]!++;
    } else {
      this.frees[layout.binBase + bin.classIndex]!++;
      this.#liveBytes[bin.classIndex]! -= bin.length;
    }
  }

  /** Adds to the bytes of live blocks beyond 64 KB, whose size is not that of a class. */
  addLiveBlockBytes(classIndex: number, bytes: number): void {
    this.#liveBlockBytes[classIndex]! += bytes;
  }

  /**
   * Lends a cell to a bin. false: all are lent. Views that are live now were counted by class and
   * will be freed by cell: only sums over class and cells mean something.
   */
  lendCell(bin: Bin): boolean {
    if (bin.cell >= 0) return true;
    if (bin.length <= EXACT_LENGTH_MAX) {
      bin.cell = bin.length;
      return true;
    }
    const cell = this.#freeCells.pop() ?? this.#nextCell;
    if (cell >= layout.cellCount) return false;
    if (cell === this.#nextCell) this.#nextCell++;
    this.#cellLengths[cell] = bin.length;
    bin.cell = layout.cellBase + cell;
    return true;
  }

  /** Takes a bin's cell back and carries its counts over to its class. */
  takeBackCell(bin: Bin): void {
    if (bin.cell < layout.cellBase) return;
    const cell = bin.cell - layout.cellBase;
    const at = layout.binBase + bin.classIndex;
    const allocs = this.allocs[bin.cell]!;
    const frees = this.frees[bin.cell]!;
    Atomics.add(this.#moves, 0, 1);
    this.#cellLengths[cell] = 0;
    this.allocs[bin.cell] = this.frees[bin.cell] = 0;
    this.allocs[at]! += allocs;
    this.frees[at]! += frees;
    this.#liveBytes[bin.classIndex]! += (allocs - frees) * bin.length;
    Atomics.add(this.#moves, 0, 1);
    this.#freeCells.push(cell);
    bin.cell = -1;
  }

  #hasCell(bin: Bin): boolean {
    return bin.cell >= 0 || (bin.length <= EXACT_LENGTH_MAX && !bin.foreign);
  }
}

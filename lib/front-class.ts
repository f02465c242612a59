/**
 * Size class of the front: the budget that its bins share.
 *
 * Owns:       caps lent to bins.
 * Called by:  the front, when a bin is full or has to go.
 * Invariants: caps of the bins <= budget; so, with the free blocks, the front holds a bounded number of
 *             blocks of a class, whatever lengths it sees.
 */
import type { BinTable } from './front-bins';
import { type BlockHost, type FreeBlocks, blocksIn } from './front-blocks';

/**
 * Bytes of views that the bins of a class may keep: at least the first figure, near a share of a
 * level-2 cache; beyond it a quarter of what the class has out of the core, so that a busy class does
 * not go back and forth; at most the second.
 */
const BUDGET_BYTES_MIN = 128 * 1024;
const BUDGET_BYTES_MAX = 2 * 1024 * 1024;
const BUDGET_BLOCKS_MIN = 4;
const BUDGET_BLOCKS_MAX = 2048;
const BUDGET_SHARE = 1 / 4;

/** Full bins seen before the class looks for caps that are not in demand any more. */
const PRESSURE_PER_BUDGET = 4;

/** What a class needs of its front. */
export interface ClassHost extends BlockHost {
  readonly bins: BinTable;
  readonly blocks: FreeBlocks;
  /** Ends a view that has just been taken out of its bin; returns its block. */
  dropKept(id: number): number;
}

/** A bin that has a cap of this class. */
interface Loan {
  readonly bin: number;
  /** Allocations when the class last looked: what did not move since is not in demand. */
  seenAllocs: number;
}

export class SizeClass {
  readonly #index: number;
  readonly #host: ClassHost;
  readonly #budgetMin: number;
  readonly #budgetMax: number;
  #lent = 0;
  #pressure = 0;
  readonly #loans: Loan[] = [];

  constructor(index: number, stride: number, host: ClassHost) {
    this.#index = index;
    this.#host = host;
    this.#budgetMin = blocksIn(BUDGET_BYTES_MIN, stride, BUDGET_BLOCKS_MIN, BUDGET_BLOCKS_MAX);
    this.#budgetMax = blocksIn(BUDGET_BYTES_MAX, stride, BUDGET_BLOCKS_MIN, BUDGET_BLOCKS_MAX);
  }

  /** Makes room in a bin of this class by raising its cap. false: the budget does not allow it. */
  makeRoom(bin: number): boolean {
    const { bins } = this.#host;
    if (bins.roomOf(bin) > 0) return true;
    const left = this.#budget - this.#lent;
    if (left <= 0) {
      this.#press();
      return false;
    }
    const cap = bins.capOf(bin);
    if (cap === 0) this.#loans.push({ bin, seenAllocs: bins.allocsOf(bin) });
    const more = Math.min(Math.max(cap, 1), left);
    this.#lent += more;
    bins.addCap(bin, more);
    return true;
  }

  /** Drops all views; their blocks are free. */
  releaseAll(): void {
    for (const loan of this.#loans) this.#shrink(loan, 0);
    this.#loans.length = 0;
  }

  get #budget(): number {
    const share = Math.floor(this.#host.blocks.ownedOf(this.#index) * BUDGET_SHARE);
    return Math.min(Math.max(share, this.#budgetMin), this.#budgetMax);
  }

  #shrink({ bin }: Loan, cap: number): void {
    const { bins, blocks } = this.#host;
    while (bins.countOf(bin) > cap) blocks.give(this.#index, this.#host.dropKept(bins.pop(bin)));
    const less = bins.capOf(bin) - cap;
    this.#lent -= less;
    bins.addCap(bin, -less);
    bins.disownIfUnused(bin, this.#index);
  }

  /** Now and then, takes caps from bins whose length is not in demand any more. */
  #press(): void {
    if (++this.#pressure < this.#budget * PRESSURE_PER_BUDGET) return;
    this.#pressure = 0;
    const { bins } = this.#host;
    let kept = 0;
    for (const loan of this.#loans) {
      const allocs = bins.allocsOf(loan.bin);
      const demand = allocs - loan.seenAllocs;
      loan.seenAllocs = allocs;
      if (demand < bins.capOf(loan.bin)) this.#shrink(loan, demand);
      if (bins.capOf(loan.bin) > 0) this.#loans[kept++] = loan;
    }
    this.#loans.length = kept;
  }
}

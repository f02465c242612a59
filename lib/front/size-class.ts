/**
 * Size class of the front: the budget that its bins share.
 *
 * Owns:       caps lent to bins.
 * Called by:  the front, when a bin is full or has to go.
 * Invariants: caps of the bins <= budget; so, with the free blocks, the front holds a bounded number of
 *             blocks of a class, whatever lengths it sees.
 */
import type { BinTable } from './buckets';
import { type BlockHost, type FreeBlocks, blocksIn } from './free-blocks';

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

/**
 * How often a class without budget refuses room, and once more for each loan, before it looks which caps are
 * not in demand. Of those it takes half of the surplus, not all: lengths that take turns then share.
 */
const REFUSALS_MIN = 32;

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
  /** Allocations when the class last looked. */
  seenAllocs: number;
}

export class SizeClass {
  readonly #index: number;
  readonly #host: ClassHost;
  readonly #budgetMin: number;
  readonly #budgetMax: number;
  #lent = 0;
  readonly #loans: Loan[] = [];

  constructor(index: number, stride: number, host: ClassHost) {
    this.#index = index;
    this.#host = host;
    this.#budgetMin = blocksIn(BUDGET_BYTES_MIN, stride, BUDGET_BLOCKS_MIN, BUDGET_BLOCKS_MAX);
    this.#budgetMax = blocksIn(BUDGET_BYTES_MAX, stride, BUDGET_BLOCKS_MIN, BUDGET_BLOCKS_MAX);
  }

  /** Makes room in a bin of this class by raising its cap. false: the budget does not allow it. */
  makeRoom(bin: number): boolean {
    const { bins, blocks } = this.#host;
    if (bins.roomOf(bin) > 0) return true;
    if (this.#left <= 0) {
      if (blocks.isRefused(this.#index)) return false;
      this.#takeBack();
      if (this.#left <= 0) {
        blocks.refuse(this.#index, REFUSALS_MIN + this.#loans.length);
        return false;
      }
    }
    this.#lend(bin);
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

  get #left(): number {
    return this.#budget - this.#lent;
  }

  #lend(bin: number): void {
    const { bins } = this.#host;
    const cap = bins.capOf(bin);
    if (cap === 0) this.#loans.push({ bin, seenAllocs: bins.allocsOf(bin) });
    const more = Math.min(Math.max(cap, 1), this.#left);
    this.#lent += more;
    bins.addCap(bin, more);
  }

  #shrink({ bin }: Loan, cap: number): void {
    const { bins, blocks } = this.#host;
    for (let surplus = bins.countOf(bin) - cap; surplus > 0; surplus--) {
      blocks.give(this.#index, this.#host.dropKept(bins.pop(bin)));
    }
    const less = bins.capOf(bin) - cap;
    this.#lent -= less;
    bins.addCap(bin, -less);
    bins.disownIfUnused(bin, this.#index);
  }

  /** Takes from the caps that exceeded what was allocated from their bins since the last time. */
  #takeBack(): void {
    const { bins } = this.#host;
    let kept = 0;
    for (const loan of this.#loans) {
      const allocs = bins.allocsOf(loan.bin);
      const demand = allocs - loan.seenAllocs;
      loan.seenAllocs = allocs;
      const cap = bins.capOf(loan.bin);
      if (demand < cap) this.#shrink(loan, (demand + cap) >> 1);
      if (bins.capOf(loan.bin) > 0) this.#loans[kept++] = loan;
    }
    this.#loans.length = kept;
  }
}

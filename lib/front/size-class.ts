/**
 * Size class of the front: the budget that its buckets share.
 *
 * Owns:      caps lent to buckets.
 * Called by: the slow path, when a bucket is full or has to go.
 * Invariant: the caps of the buckets add up to at most the budget. So, with the free blocks, the front holds a
 *            bounded number of blocks of a class, whatever lengths it sees.
 */
import type { BucketTable } from './buckets';
import type { Decay } from '../events/decay';
import { type FreeBlocks, blocksIn } from './free-blocks';
import type { FrontCounters } from './counters';
import { CLASS_SIZE_MAX } from '../native/geometry';
import type { ViewTable } from './view-table';

/**
 * Bytes of views that the buckets of a class may keep: at least the first figure, near a share of a
 * level-2 cache; beyond it a quarter of what the class has out of the core, so that a busy class does
 * not go back and forth; at most the second.
 */
const BUDGET_BYTES_MIN = 128 * 1024;
const BUDGET_BYTES_MAX = 2 * 1024 * 1024;
const BUDGET_BLOCKS_MIN = 4;
const BUDGET_BLOCKS_MAX = 2048;
const BUDGET_SHARE = 1 / 4;

/**
 * How often a class without budget refuses room before it looks which caps are not in demand; each loan adds one
 * time. Of those caps it takes half of the surplus, not all: so lengths that take turns share.
 */
const REFUSALS_MIN = 32;

/** The tables that all classes of a front share. */
interface Tables {
  readonly buckets: BucketTable;
  readonly views: ViewTable;
  readonly blocks: FreeBlocks;
  readonly counters: FrontCounters;
  readonly decay: Decay;
}

/** A bucket that has a cap of this class. */
interface Loan {
  readonly bucket: number;
  /** Allocations when the class last looked. */
  seenAllocs: number;
  /** The same of decay. */
  decayAllocs: number;
}

export class SizeClass {
  readonly #index: number;
  readonly #tables: Tables;
  readonly #budgetMin: number;
  readonly #budgetMax: number;
  #lent = 0;
  readonly #loans: Loan[] = [];

  constructor(index: number, stride: number, tables: Tables) {
    this.#index = index;
    this.#tables = tables;
    this.#budgetMin = blocksIn(BUDGET_BYTES_MIN, stride, BUDGET_BLOCKS_MIN, BUDGET_BLOCKS_MAX);
    this.#budgetMax = blocksIn(BUDGET_BYTES_MAX, stride, BUDGET_BLOCKS_MIN, BUDGET_BLOCKS_MAX);
  }

  /** Makes room in a bucket of this class by raising its cap. false: the class refuses it, now or for a while. */
  makeRoom(bucket: number): boolean {
    const { buckets, blocks, counters } = this.#tables;
    if (buckets.roomOf(bucket) > 0) return true;
    if (blocks.isRefused(this.#index)) return false;
    if (this.#left <= 0) this.#takeBack(bucket, 'seenAllocs');
    if (this.#left <= 0) {
      blocks.refuse(this.#index, REFUSALS_MIN + this.#loans.length);
      counters.countRefusedRoom(this.#index);
      return false;
    }
    this.#lend(bucket);
    return true;
  }

  /**
   * Takes half of what the caps exceed what was allocated from their buckets since the last call. false: no bucket has
   * a cap any more, so that the next view that comes is noticed.
   */
  decay(): boolean {
    this.#takeBack(0, 'decayAllocs');
    return this.#loans.length > 0;
  }

  /** Drops all views; their blocks are free. */
  dropAll(): void {
    for (const loan of this.#loans) {
      this.#shrink(loan, 0);
      this.#tables.buckets.disownIfUnused(loan.bucket, this.#index);
    }
    this.#loans.length = 0;
  }

  get #budget(): number {
    const share = Math.floor(this.#tables.blocks.ownedOf(this.#index) * BUDGET_SHARE);
    return Math.min(Math.max(share, this.#budgetMin), this.#budgetMax);
  }

  get #left(): number {
    return this.#budget - this.#lent;
  }

  #lend(bucket: number): void {
    const { buckets } = this.#tables;
    const cap = buckets.capOf(bucket);
    if (cap === 0) {
      const allocs = buckets.allocsOf(bucket);
      this.#loans.push({ bucket, seenAllocs: allocs, decayAllocs: allocs });
      this.#tables.decay.note();
    }
    const more = Math.min(Math.max(cap, 1), this.#left);
    this.#changeCap(bucket, more);
  }

  #shrink({ bucket }: Loan, cap: number): void {
    const { buckets, views, blocks, counters } = this.#tables;
    const surplus = Math.max(buckets.countOf(bucket) - cap, 0);
    for (let i = 0; i < surplus; i++) {
      blocks.put(this.#index, views.removeKept(buckets.take(bucket)));
    }
    counters.countDropped(this.#index, surplus);
    this.#changeCap(bucket, cap - buckets.capOf(bucket));
  }

  #changeCap(bucket: number, more: number): void {
    const { buckets, counters } = this.#tables;
    this.#lent += more;
    buckets.addCap(bucket, more);
    counters.sayCap(this.#index, this.#lent);
  }

  /**
   * Takes from the caps that exceed what was allocated from their buckets since the last time. The bucket that is
   * about to get a view stays its length's: a view in a bucket that nobody owns would not be counted.
   */
  #takeBack(asking: number, seen: 'seenAllocs' | 'decayAllocs'): void {
    const { buckets } = this.#tables;
    let kept = 0;
    for (const loan of this.#loans) {
      const allocs = buckets.allocsOf(loan.bucket);
      const demand = allocs - loan[seen];
      loan[seen] = allocs;
      const cap = buckets.capOf(loan.bucket);
      if (demand < cap) this.#shrink(loan, (demand + cap) >> 1);
      if (buckets.capOf(loan.bucket) > 0) this.#loans[kept++] = loan;
      else if (loan.bucket !== asking) buckets.disownIfUnused(loan.bucket, this.#index);
    }
    this.#loans.length = kept;
  }
}

const CLASS_STEP_BITS = 3;

/** Place in the table of {@link classesBySize} of requests of `bytes` bytes. */
export function classStepOf(bytes: number): number {
  return (bytes + 7) >>> CLASS_STEP_BITS;
}

const lookups = new WeakMap<readonly number[], Uint8Array>();

/** The smallest class that holds a request, by {@link classStepOf}; made once for each list of strides. */
export function classesBySize(strides: readonly number[]): Uint8Array {
  let lookup = lookups.get(strides);
  if (lookup === undefined) {
    lookup = new Uint8Array((CLASS_SIZE_MAX >> CLASS_STEP_BITS) + 1);
    let index = 0;
    for (let i = 0; i < lookup.length; i++) {
      if (i << CLASS_STEP_BITS > strides[index]!) index++;
      lookup[i] = index;
    }
    lookups.set(strides, lookup);
  }
  return lookup;
}

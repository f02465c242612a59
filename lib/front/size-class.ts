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
import type { PolicyState } from '../policy/state';
import type { ViewTable } from './view-table';

/**
 * The buckets of a class may keep views of so many bytes, and more if it has much out of the core, as its policy says;
 * between these numbers of views, or none at all.
 */
const BUDGET_BLOCKS_MIN = 4;
const BUDGET_BLOCKS_MAX = 2048;

/**
 * How often a class without budget refuses room before it looks which caps are not in demand; each loan adds one
 * time. Were it to look at once, nothing would have been in demand since the last time, and what it takes would be
 * lent again at once. Of those caps it takes half of the surplus, not all: so lengths that take turns share.
 */
const REFUSALS_MIN = 32;

/** The tables that all classes of a front share. */
interface Tables {
  readonly buckets: BucketTable;
  readonly views: ViewTable;
  readonly blocks: FreeBlocks;
  readonly counters: FrontCounters;
  readonly decay: Decay;
  readonly policy: PolicyState;
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
  readonly #stride: number;
  #budgetMin = 0;
  #budgetMax = 0;
  #budgetShare = 0;
  #lent = 0;
  /** It has refused room since it last looked for some: time for demand to show. */
  #hasRefused = false;
  readonly #loans: Loan[] = [];

  constructor(index: number, stride: number, tables: Tables) {
    this.#index = index;
    this.#stride = stride;
    this.#tables = tables;
    this.#setBudget(tables.policy);
  }

  /** Another policy from now on; what is kept beyond it becomes blocks without a view. */
  setPolicy(policy: PolicyState): void {
    this.#setBudget(policy);
    const surplus = this.#lent - this.#budget;
    if (surplus <= 0) return;
    const share = this.#budget / this.#lent;
    for (const loan of this.#loans) {
      this.#shrink(loan, Math.floor(this.#tables.buckets.capOf(loan.bucket) * share));
    }
    this.#dropLoans(0);
  }

  #setBudget(policy: PolicyState): void {
    this.#budgetMin = this.#blocksIn(policy.valueOf('frontBytes', this.#stride));
    this.#budgetMax = this.#blocksIn(policy.valueOf('frontBytesMax', this.#stride));
    this.#budgetShare = policy.valueOf('frontShare', this.#stride);
  }

  #blocksIn(bytes: number): number {
    if (bytes === 0) return 0;
    return blocksIn(bytes, this.#stride, BUDGET_BLOCKS_MIN, BUDGET_BLOCKS_MAX);
  }

  /** Makes room in a bucket of this class by raising its cap. false: the class refuses it, now or for a while. */
  makeRoom(bucket: number): boolean {
    const { buckets, blocks, counters } = this.#tables;
    if (buckets.roomOf(bucket) > 0) return true;
    if (blocks.isRefused(this.#index)) return false;
    if (this.#left <= 0 && this.#hasRefused) {
      this.#hasRefused = false;
      this.#takeBack(bucket, 'seenAllocs');
    }
    if (this.#left <= 0) {
      this.#hasRefused = true;
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

  /** Drops the views of some lengths, whose buckets have no cap then. */
  drop(isOne: (bytes: number) => boolean): void {
    const { buckets } = this.#tables;
    for (const loan of this.#loans) {
      if (isOne(buckets.lengthOf(loan.bucket))) this.#shrink(loan, 0);
    }
    this.#dropLoans(0);
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
    const share = Math.floor(this.#tables.blocks.ownedOf(this.#index) * this.#budgetShare);
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
    for (const loan of this.#loans) {
      const allocs = buckets.allocsOf(loan.bucket);
      const demand = allocs - loan[seen];
      loan[seen] = allocs;
      const cap = buckets.capOf(loan.bucket);
      if (demand < cap) this.#shrink(loan, (demand + cap) >> 1);
    }
    this.#dropLoans(asking);
  }

  /** Forgets buckets without a cap; `asking` stays its length's. */
  #dropLoans(asking: number): void {
    const { buckets } = this.#tables;
    let kept = 0;
    for (const loan of this.#loans) {
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

/** Gives the requests of up to `stride` bytes that class `from` serves to class `to`. */
export function moveSizes(bySize: Uint8Array, stride: number, from: number, to: number): void {
  for (let i = classStepOf(stride); i >= 0 && bySize[i] === from; i--) bySize[i] = to;
}

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

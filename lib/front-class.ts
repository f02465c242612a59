/**
 * Size class of the front: free blocks that have no view, and the budget its bins share.
 *
 * Owns:       `refs`, a stack of free block references; caps lent to bins; batches to and from the core.
 * Called by:  the front, when a bin is empty or full.
 * Invariants: caps of the bins <= budget; `top` <= refs.length; so the front holds at most
 *             budget + refs.length blocks of a class, whatever lengths it sees.
 */
import type { BinTable } from './front-bins';
import type { Tallies } from './front-tallies';
import { native } from './native';
import type { SlabTable } from './slabs';

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

/** Blocks moved in one batch, at most. */
const BATCH_MAX = 64;
const BATCH_START = 16;

/**
 * Blocks kept without a view: what these bytes hold, within these numbers. Half of them go when it is too
 * many. Not fewer, because a random walk of allocations and frees goes far, and then every step of it is a
 * native call.
 */
const KEPT_BYTES = 1024 * 1024;
const KEPT_MIN = 32;
const KEPT_MAX = 2 * BATCH_MAX;

/** Full bins seen before the class looks for caps that are not in demand any more. */
const PRESSURE_PER_BUDGET = 4;

/** Lengths remembered to tell those that repeat: a power of two. */
const RECENT_LENGTHS = 64;

const exchange = new Int32Array(native.exchange);

/** What a class needs of its front. */
export interface ClassHost {
  readonly arena: number;
  readonly slabs: SlabTable;
  readonly tallies: Tallies;
  readonly bins: BinTable;
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
  readonly index: number;
  readonly stride: number;
  readonly #host: ClassHost;
  readonly #refs: Int32Array;
  #top = 0;
  #batch: number;
  readonly #batchMax: number;
  /** Blocks out of the core: live, in bins, or in refs. */
  #owned = 0;
  #budget: number;
  readonly #budgetMin: number;
  readonly #budgetMax: number;
  #lent = 0;
  #pressure = 0;
  readonly #loans: Loan[] = [];
  readonly #recent = new Int32Array(RECENT_LENGTHS);

  constructor(index: number, stride: number, host: ClassHost) {
    this.index = index;
    this.stride = stride;
    this.#host = host;
    this.#budgetMin = blocksIn(BUDGET_BYTES_MIN, stride);
    this.#budgetMax = blocksIn(BUDGET_BYTES_MAX, stride);
    this.#budget = this.#budgetMin;
    this.#batchMax = Math.min(Math.max(this.#budgetMin >> 1, 2), BATCH_MAX);
    this.#batch = Math.min(this.#batchMax, BATCH_START);
    const kept = Math.min(Math.max(Math.floor(KEPT_BYTES / stride), KEPT_MIN), KEPT_MAX);
    this.#refs = new Int32Array(kept);
  }

  /** true: the next block needs no native call. */
  get hasBlock(): boolean {
    return this.#top > 0;
  }

  /** A free block, from the stack or the core; or a negative status. */
  takeBlock(): number {
    return this.#top > 0 ? this.#refs[--this.#top]! : this.#refill();
  }

  /** Takes back a block that has no view. */
  giveBlock(ref: number): void {
    if (this.#top === this.#refs.length) this.#flush(this.#refs.length >> 1);
    this.#refs[this.#top++] = ref;
  }

  /** Makes room in a bin of this class by raising its cap. false: the budget does not allow it. */
  makeRoom(bin: number): boolean {
    const { bins } = this.#host;
    if (bins.roomOf(bin) > 0) return true;
    if (this.#lent >= this.#budget) {
      this.#press();
      return false;
    }
    const cap = bins.capOf(bin);
    if (cap === 0) this.#loans.push({ bin, seenAllocs: this.#host.tallies.counts[bin]! });
    const more = Math.min(Math.max(cap, 1), this.#budget - this.#lent);
    this.#lent += more;
    bins.addCap(bin, more);
    return true;
  }

  /**
   * Whether a length was given back not long ago; remembers that it is now. Lengths that never come back
   * must not push out those that do.
   */
  repeats(bytes: number): boolean {
    const at = bytes & (RECENT_LENGTHS - 1);
    if (this.#recent[at] === bytes) return true;
    this.#recent[at] = bytes;
    return false;
  }

  /** Gives everything to the core: views are dropped, blocks flushed. */
  releaseAll(): void {
    for (const loan of this.#loans) this.#shrink(loan, 0);
    this.#loans.length = 0;
    this.#flush(this.#top);
  }

  #refill(): number {
    const got = native.refill(this.#host.arena, this.index, this.#batch);
    if (got <= 0) return got;
    this.#own(got);
    if (this.#batch < this.#batchMax) this.#batch = Math.min(this.#batch * 2, this.#batchMax);
    // Lowest address last, so that it is handed out first and untouched pages stay untouched.
    for (let i = got - 1; i > 0; i--) this.#refs[this.#top++] = exchange[i]!;
    return exchange[0]!;
  }

  /** Gives the `count` oldest blocks to the core, and retires a slab if that left too many empty. */
  #flush(count: number): void {
    if (count === 0) return;
    for (let i = 0; i < count; i++) exchange[i] = this.#refs[i]!;
    this.#refs.copyWithin(0, count, this.#top);
    this.#top -= count;
    this.#own(-count);
    if (native.flush(this.#host.arena, this.index, count) > 0) this.#host.slabs.retireSurplus();
  }

  #own(blocks: number): void {
    this.#owned += blocks;
    const share = Math.floor(this.#owned * BUDGET_SHARE);
    this.#budget = Math.min(Math.max(share, this.#budgetMin), this.#budgetMax);
  }

  #shrink({ bin }: Loan, cap: number): void {
    const { bins } = this.#host;
    while (bins.countOf(bin) > cap) this.giveBlock(this.#host.dropKept(bins.pop(bin)));
    const less = bins.capOf(bin) - cap;
    this.#lent -= less;
    bins.addCap(bin, -less);
    bins.disownIfUnused(bin, this.index);
  }

  /** Now and then, takes caps from bins whose length is not in demand any more. */
  #press(): void {
    if (++this.#pressure < this.#budget * PRESSURE_PER_BUDGET) return;
    this.#pressure = 0;
    const { bins, tallies } = this.#host;
    let kept = 0;
    for (const loan of this.#loans) {
      const allocs = tallies.counts[loan.bin]!;
      const demand = allocs - loan.seenAllocs;
      loan.seenAllocs = allocs;
      if (demand < bins.capOf(loan.bin)) this.#shrink(loan, demand);
      if (bins.capOf(loan.bin) > 0) this.#loans[kept++] = loan;
    }
    this.#loans.length = kept;
  }
}

function blocksIn(bytes: number, stride: number): number {
  return Math.min(Math.max(Math.floor(bytes / stride), BUDGET_BLOCKS_MIN), BUDGET_BLOCKS_MAX);
}

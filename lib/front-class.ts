/**
 * Size class of the front: free blocks that have no view, and the budget its bins share.
 *
 * Owns:       `refs`, a stack of free block references; caps lent to bins; batches to and from the core.
 * Called by:  the front, when a bin is empty or full.
 * Invariants: caps of the bins <= budget; `top` <= refs.length; so the front holds at most
 *             budget + refs.length blocks of a class, whatever lengths it sees.
 */
import type { Bin } from './front-bin';
import type { Tallies } from './front-tallies';
import { native } from './native';
import type { SlabTable } from './slabs';
import { LIVE, link, refOf, unlink, type View } from './view';

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

/** Blocks moved in one batch, at most; and kept without a view: this many batches. */
const BATCH_MAX = 64;
const BATCH_START = 16;
const BATCHES_KEPT = 2;

/** Full bins seen before the class looks for caps that are not in demand any more. */
const PRESSURE_PER_BUDGET = 4;

/** Lengths remembered to tell those that repeat: a power of two. */
const RECENT_LENGTHS = 64;

const exchange = new Int32Array(native.exchange);

export class SizeClass {
  readonly index: number;
  readonly stride: number;
  readonly #arena: number;
  readonly #slabs: SlabTable;
  readonly #tallies: Tallies;
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
  readonly #bins: Bin[] = [];
  readonly #recent = new Int32Array(RECENT_LENGTHS);

  constructor(index: number, stride: number, arena: number, slabs: SlabTable, tallies: Tallies) {
    this.index = index;
    this.stride = stride;
    this.#arena = arena;
    this.#slabs = slabs;
    this.#tallies = tallies;
    this.#budgetMin = blocksIn(BUDGET_BYTES_MIN, stride);
    this.#budgetMax = blocksIn(BUDGET_BYTES_MAX, stride);
    this.#budget = this.#budgetMin;
    this.#batchMax = Math.min(Math.max(this.#budgetMin >> 1, 2), BATCH_MAX);
    this.#batch = Math.min(this.#batchMax, BATCH_START);
    this.#refs = new Int32Array(this.#batchMax * BATCHES_KEPT);
  }

  /** Whether a length was asked for not long ago; remembers that it is now. */
  hasSeen(length: number): boolean {
    const at = length & (RECENT_LENGTHS - 1);
    if (this.#recent[at] === length) return true;
    this.#recent[at] = length;
    return false;
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

  /** Keeps a free view in its full bin by raising the bin's cap, if the budget allows. */
  keepView(bin: Bin, view: View): boolean {
    if (this.#lent >= this.#budget) {
      this.#press();
      return false;
    }
    if (!this.#tallies.lendCell(bin)) return false;
    if (bin.cap === 0) {
      this.#bins.push(bin);
      bin.seenAllocs = this.#tallies.allocs[bin.cell]!;
    }
    const more = Math.min(Math.max(bin.cap, 1), this.#budget - this.#lent);
    bin.cap += more;
    this.#lent += more;
    link(view, bin.head);
    bin.head = view;
    bin.count++;
    return true;
  }

  /** Gives everything to the core: views are dropped, blocks flushed. */
  releaseAll(): void {
    for (const bin of this.#bins) this.#shrink(bin, 0);
    this.#bins.length = 0;
    this.#flush(this.#top);
  }

  /** Lets go of views and blocks, which the core takes back by itself, and settles the counters. */
  end(): void {
    for (const bin of this.#bins) {
      bin.head = null;
      bin.count = bin.cap = 0;
      this.#tallies.takeBackCell(bin);
    }
    this.#bins.length = this.#top = 0;
  }

  #refill(): number {
    const got = native.refill(this.#arena, this.index, this.#batch);
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
    exchange.set(this.#refs.subarray(0, count));
    this.#refs.copyWithin(0, count, this.#top);
    this.#top -= count;
    this.#own(-count);
    if (native.flush(this.#arena, this.index, count) > 0) this.#slabs.retireSurplus();
  }

  #own(blocks: number): void {
    this.#owned += blocks;
    const share = Math.floor(this.#owned * BUDGET_SHARE);
    this.#budget = Math.min(Math.max(share, this.#budgetMin), this.#budgetMax);
  }

  #shrink(bin: Bin, cap: number): void {
    while (bin.count > cap) {
      const view = bin.head!;
      bin.head = unlink(view, LIVE);
      link(view, null);
      bin.count--;
      this.giveBlock(refOf(view));
    }
    this.#lent -= bin.cap - cap;
    bin.cap = cap;
    if (cap === 0) this.#tallies.takeBackCell(bin);
  }

  /** Now and then, takes caps from bins whose length is not in demand any more. */
  #press(): void {
    if (++this.#pressure < this.#budget * PRESSURE_PER_BUDGET) return;
    this.#pressure = 0;
    let kept = 0;
    for (const bin of this.#bins) {
      const allocs = this.#tallies.allocs[bin.cell]!;
      const demand = allocs - bin.seenAllocs;
      bin.seenAllocs = allocs;
      if (demand < bin.cap) this.#shrink(bin, demand);
      if (bin.cap > 0) this.#bins[kept++] = bin;
    }
    this.#bins.length = kept;
  }
}

function blocksIn(bytes: number, stride: number): number {
  return Math.min(Math.max(Math.floor(bytes / stride), BUDGET_BLOCKS_MIN), BUDGET_BLOCKS_MAX);
}

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
import { refOf, type View } from './view';

/**
 * Bytes of views that the bins of a class may keep. Near the size of a level-2 cache: beyond it a
 * recycled view is no warmer than a fresh one.
 */
const BUDGET_BYTES = 128 * 1024;
const BUDGET_MIN_BLOCKS = 4;
const BUDGET_MAX_BLOCKS = 2048;

/** Blocks without a view kept, as a share of the budget, and the batch taken in one refill. */
const REFS_PER_BUDGET = 0.5;
const REFS_MIN = 4;
const BATCH_MAX = 64;

/** Full bins seen before the class looks for caps that are not in demand any more. */
const PRESSURE_PER_BUDGET = 4;

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
  readonly #budget: number;
  #lent = 0;
  #pressure = 0;
  readonly #bins: Bin[] = [];

  constructor(index: number, stride: number, arena: number, slabs: SlabTable, tallies: Tallies) {
    this.index = index;
    this.stride = stride;
    this.#arena = arena;
    this.#slabs = slabs;
    this.#tallies = tallies;
    const fit = Math.floor(BUDGET_BYTES / stride);
    this.#budget = Math.min(Math.max(fit, BUDGET_MIN_BLOCKS), BUDGET_MAX_BLOCKS);
    const room = Math.max(Math.floor(this.#budget * REFS_PER_BUDGET), REFS_MIN);
    this.#refs = new Int32Array(room);
    this.#batchMax = Math.min(room >> 1, BATCH_MAX);
    this.#batch = Math.min(this.#batchMax, 16);
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

  /** Keeps a view in its full bin by raising the bin's cap, if the budget allows. */
  keepView(bin: Bin, view: View): boolean {
    if (this.#lent >= this.#budget) {
      this.#press();
      return false;
    }
    if (!this.#tallies.lendCell(bin)) return false;
    if (bin.cap === 0) this.#bins.push(bin);
    const more = Math.min(Math.max(bin.cap, 1), this.#budget - this.#lent);
    bin.cap += more;
    this.#lent += more;
    // Filled to the cap, so that hot code only ever writes inside the array.
    if (bin.views.length === 0) bin.views = [];
    while (bin.views.length < bin.cap) bin.views.push(view);
    bin.views[bin.top++] = view;
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
      bin.top = bin.cap = bin.views.length = 0;
      this.#tallies.takeBackCell(bin);
    }
    this.#bins.length = this.#top = 0;
  }

  #refill(): number {
    const got = native.refill(this.#arena, this.index, this.#batch);
    if (got <= 0) return got;
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
    if (native.flush(this.#arena, this.index, count) > 0) this.#slabs.retireSurplus();
  }

  #shrink(bin: Bin, cap: number): void {
    while (bin.top > cap) {
      const view = bin.views[--bin.top]!;
      this.giveBlock(refOf(view));
    }
    bin.views.length = cap;
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

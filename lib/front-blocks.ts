/**
 * Free blocks: those of one size class that have no view, and new Buffers on them.
 *
 * Owns:      `refs`, a stack of block references, the oldest first; batches to and from the core.
 * Called by: the front, for views that are not recycled; the size class, when bins shrink.
 * Invariant: top <= refs.length, so the stack holds at most so many blocks.
 *
 * A length that does not repeat comes here with every allocation and every free. Hence `takeFresh` and
 * `giveFresh` do in one run what other files do step by step: they are worth one reading beside these.
 */
import * as bins from './front-bins';
import type { Space } from './front-space';
import * as tallies from './front-tallies';
import * as views from './front-views';
import { native } from './native';
import * as slabs from './slabs';
import { FastBuffer, type Home, type View, forgetId, stamp } from './view';

/** Blocks moved in one batch, at most; and in the first. */
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

// Constants of other modules are loaded from those modules again and again; of this one they are not.
const { HEAD, FLOOR, KEY, RECORD_BITS, KIND_BITS, EXACT } = bins;
const { BY_CLASS, FREES } = tallies;
const { BYTES, COUNTED, HOPE, INFO, REF } = views;
const { REF_INDEX_BITS, REF_INDEX_MASK } = slabs;
const NewBuffer = FastBuffer;

const exchange = new Int32Array(native.exchange);

/** What the blocks of all classes share: parts of their front. */
export interface BlockHost {
  readonly arena: number;
  readonly slabs: slabs.SlabTable;
  readonly tallies: tallies.Tallies;
  readonly space: Space;
  readonly table: views.ViewTable;
  /** Of new views. */
  readonly home: Home;
}

export class FreeBlocks {
  // Hot fields first, together; not of the `#` kind: the engine would check for each whether it is there.
  private top = 0;
  declare private readonly refs: Int32Array;
  declare readonly index: number;
  declare readonly stride: number;
  declare private readonly info: number;
  declare private readonly space: Space;
  declare private readonly table: views.ViewTable;
  declare private readonly home: Home;
  declare private readonly counts: Float64Array;
  declare private readonly liveBytes: Float64Array;
  declare private readonly buffers: readonly (ArrayBuffer | undefined)[];
  /** Blocks out of the core: live, in bins, or here. */
  owned = 0;
  readonly #host: BlockHost;
  #batch: number;
  readonly #batchMax: number;

  constructor(index: number, stride: number, batch: number, host: BlockHost) {
    this.index = index;
    this.stride = stride;
    this.#host = host;
    this.#batchMax = Math.min(batch, BATCH_MAX);
    this.#batch = Math.min(this.#batchMax, BATCH_START);
    const kept = Math.min(Math.max(Math.floor(KEPT_BYTES / stride), KEPT_MIN), KEPT_MAX);
    this.refs = new Int32Array(kept);
    this.info = views.infoOf(views.Kind.Class, 0, index);
    this.space = host.space;
    this.table = host.table;
    this.home = host.home;
    this.counts = host.tallies.counts;
    this.liveBytes = host.tallies.liveBytes;
    this.buffers = host.slabs.buffers;
  }

  /** A free block, from the stack or the core; or a negative status. */
  take(): number {
    return this.top > 0 ? this.refs[--this.top]! : this.#refill();
  }

  /** Takes back a block that has no view. */
  give(ref: number): void {
    if (this.top === this.refs.length) this.#flush(this.refs.length >> 1);
    this.refs[this.top++] = ref;
  }

  /** Gives all blocks to the core. */
  releaseAll(): void {
    this.#flush(this.top);
  }

  /**
   * A new Buffer, live, of `size` bytes, whose bin has none. undefined, and nothing has changed: it takes
   * more than a block and a number that are at hand.
   */
  takeFresh(size: number, bin: number, mark: number): Buffer | undefined {
    const { ints } = this.space;
    const id = this.table.unused;
    const top = this.top - 1;
    if (top < 0 || id === 0) return undefined;
    const at = bin << RECORD_BITS;
    const isCounted = size <= EXACT || ints[at + KEY] === size << KIND_BITS;
    // A view that is in its bin in spite of all has lost its slab.
    if (isCounted && ints[at + HEAD] !== 0) return undefined;
    const ref = this.refs[top]!;
    const buffer = this.buffers[ref >>> REF_INDEX_BITS];
    // Not exposed, or detached. To try and catch is no alternative: the engine would not inline the rest.
    if (buffer === undefined || buffer.byteLength === 0) return undefined;
    const view = new NewBuffer(buffer, (ref & REF_INDEX_MASK) * this.stride, size);
    this.top = top;
    this.table.unused = ints[id]!;
    ints[id] = -mark;
    ints[id + REF] = ref;
    ints[id + BYTES] = size;
    ints[id + HOPE] = bin;
    if (isCounted) {
      ints[id + INFO] = this.info | COUNTED;
      ints[at + FLOOR]!++;
      this.counts[bin]!++;
    } else {
      ints[id + INFO] = this.info;
      this.counts[BY_CLASS + this.index]!++;
      this.liveBytes[this.index]! += size;
    }
    return stamp(view, this.home, id);
  }

  /**
   * Takes back the view of a length that does not repeat. false, and it is live as before: that is not what
   * it is, or the stack is full.
   */
  giveFresh(id: number, view: View): boolean {
    const { ints } = this.space;
    const bytes = ints[id + BYTES]!;
    const bin = ints[id + HOPE]!;
    if (ints[id + INFO] !== this.info || this.top === this.refs.length || bin === 0) return false;
    const key = bytes << KIND_BITS;
    if (ints[(bin << RECORD_BITS) + KEY] === key || bins.isClaimed(ints, bin, key)) return false;
    this.counts[BY_CLASS + FREES + this.index]!++;
    this.liveBytes[this.index]! -= bytes;
    this.refs[this.top++] = ints[id + REF]!;
    ints[id] = this.table.unused;
    this.table.unused = id;
    forgetId(view);
    return true;
  }

  #refill(): number {
    const got = native.refill(this.#host.arena, this.index, this.#batch);
    if (got <= 0) return got;
    this.owned += got;
    if (this.#batch < this.#batchMax) this.#batch = Math.min(this.#batch * 2, this.#batchMax);
    // Lowest address last, so that it is handed out first and untouched pages stay untouched.
    for (let i = got - 1; i > 0; i--) this.refs[this.top++] = exchange[i]!;
    return exchange[0]!;
  }

  /** Gives the `count` oldest blocks to the core, and retires a slab if that left too many empty. */
  #flush(count: number): void {
    if (count === 0) return;
    exchange.set(this.refs.subarray(0, count));
    this.refs.copyWithin(0, count, this.top);
    this.top -= count;
    this.owned -= count;
    if (native.flush(this.#host.arena, this.index, count) > 0) this.#host.slabs.retireSurplus();
  }
}

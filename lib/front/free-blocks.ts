/**
 * Free blocks: those without a view, a stack for each size class, and new Buffers on them.
 *
 * Owns:       the stacks of block references, the oldest first; batches to and from the core.
 * Called by:  the front, for views that are not recycled; the size classes, when bins shrink.
 * Invariant:  base <= top <= limit, so a stack holds at most so many blocks.
 *
 * A record of integers for each class says where its stack is:
 *
 *   stacks[at + TOP]    at = class x 8; position in `refs` of the block that was given last
 *   stacks[at + BASE]   position below the first block, where a negative number stands for the end
 *   stacks[at + LIMIT]  the last position
 *
 * A length that does not repeat comes here with every allocation and every free. Hence `takeFresh` and
 * `giveFresh` do in one run what other files do step by step: they are worth one reading beside these. And
 * hence there is one object for all classes: forty of them would not fit the first-level cache.
 *
 * Both are longer than what the engine inlines (460 bytes of bytecode), and that is as well: with them, and what
 * they leave to the host, inside, `take` and `give` would be too long to be inlined into their own callers.
 */
import * as bins from './buckets';
import type { Space } from './records';
import * as tallies from './counters';
import * as views from './view-table';
import { exchangeOf, native } from '../native/native';
import * as slabs from './slabs';
import { FastBuffer, type Home, type View, stamp } from '../view/view';
import * as makers from '../view/kinds';

/** Blocks moved in one batch: what these bytes hold, within these numbers; and in the first, at most. */
const BATCH_BYTES = 64 * 1024;
const BATCH_MIN = 2;
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

const TOP = 0;
const BASE = 1;
const LIMIT = 2;
/** Bytes of a block. */
const STRIDE = 3;
/** Blocks out of the core: live, in bins, or here. */
const OWNED = 4;
/** Blocks of the next batch, and of the largest. */
const BATCH = 5;
const LARGEST_BATCH = 6;
/** Views that are dropped, because their bins are full, before the size class is asked for room again. */
const REFUSALS = 7;
const RECORD_BITS = 3;
const NO_BLOCK = -1;

// Constants of other modules are loaded from those modules again and again; of this one they are not.
const { HEAD, FLOOR, CAP, KEY, KIND_BITS, EXACT } = bins;
const BIN_RECORD_BITS = bins.RECORD_BITS;
const { BY_CLASS, FREES } = tallies;
const { BYTES, CLASS_SHIFT, COUNTED, HOPE, INFO, OTHER_THAN_BUFFER, REF } = views;
const { REF_INDEX_BITS, REF_INDEX_MASK } = slabs;
const NewBuffer = FastBuffer;
const { sizeOf } = makers;

/** What the blocks of all classes share: parts of their front. */
export interface BlockHost {
  readonly arena: number;
  readonly slabs: slabs.SlabTable;
  readonly tallies: tallies.Tallies;
  readonly space: Space;
  readonly table: views.ViewTable;
  /** Of new views. */
  readonly home: Home;
  /** A live Buffer, whatever it takes. */
  takeSlow(size: number, mark: number): Buffer;
  /** Takes back a live view, whatever it takes. */
  giveSlow(id: number, view: View): void;
}

export class FreeBlocks {
  // Hot; written once, and not of the `#` kind, so that the engine takes them for constants (see Front).
  declare private readonly host: BlockHost;
  declare private readonly stacks: Int32Array;
  declare private readonly refs: Int32Array;
  declare private readonly space: Space;
  declare private readonly table: views.ViewTable;
  declare private readonly counts: Float64Array;
  declare private readonly liveBytes: Float64Array;
  declare private readonly buffers: readonly (ArrayBuffer | undefined)[];

  /** Of classes with these bytes a block. */
  constructor(strides: readonly number[], host: BlockHost) {
    this.host = host;
    this.stacks = new Int32Array(strides.length << RECORD_BITS);
    this.refs = new Int32Array(layOut(this.stacks, strides)).fill(NO_BLOCK);
    this.space = host.space;
    this.table = host.table;
    this.counts = host.tallies.counts;
    this.liveBytes = host.tallies.liveBytes;
    this.buffers = host.slabs.buffers;
  }

  /** Blocks of a class that are out of the core. */
  ownedOf(index: number): number {
    return this.stacks[(index << RECORD_BITS) + OWNED]!;
  }

  /** A free block, from the stack or the core; or a negative status. */
  take(index: number): number {
    const at = index << RECORD_BITS;
    const top = this.stacks[at + TOP]!;
    const ref = this.refs[top]!;
    if (ref === NO_BLOCK) return this.#refill(index);
    this.stacks[at + TOP] = top - 1;
    return ref;
  }

  /** Takes back a block that has no view. */
  give(index: number, ref: number): void {
    const { stacks } = this;
    const at = index << RECORD_BITS;
    if (stacks[at + TOP] === stacks[at + LIMIT]) {
      this.#flush(index, (stacks[at + LIMIT]! - stacks[at + BASE]!) >> 1);
    }
    this.#push(at, ref);
  }

  /** Gives a block to the core, which will not hand it out again while its slab is given away. */
  giveToCore(index: number, ref: number): void {
    this.stacks[(index << RECORD_BITS) + OWNED]!--;
    exchangeOf()[0] = ref;
    native.flush(this.host.arena, index, 1);
  }

  /** Whether a class refuses room for now; counts that it was asked. */
  isRefused(index: number): boolean {
    const at = (index << RECORD_BITS) + REFUSALS;
    if (this.stacks[at] === 0) return false;
    this.stacks[at]!--;
    return true;
  }

  /** Lets a class refuse room so many times. */
  refuse(index: number, times: number): void {
    this.stacks[(index << RECORD_BITS) + REFUSALS] = times;
  }

  /** Gives all blocks to the core. */
  releaseAll(): void {
    const { stacks } = this;
    for (let at = 0; at < stacks.length; at += 1 << RECORD_BITS) {
      this.#flush(at >> RECORD_BITS, stacks[at + TOP]! - stacks[at + BASE]!);
    }
  }

  /** Forgets all blocks, which the core takes back. */
  clear(): void {
    const { stacks } = this;
    for (let at = 0; at < stacks.length; at += 1 << RECORD_BITS) {
      stacks[at + TOP] = stacks[at + BASE]!;
      stacks[at + OWNED] = stacks[at + REFUSALS] = 0;
    }
  }

  /**
   * A new Buffer, live, of `size` bytes on a block of class `index`, whose bin has none. What takes more than
   * a block and a number that are at hand is left to the host.
   */
  takeFresh(size: number, index: number, bin: number, mark: number): Buffer {
    const { stacks } = this;
    const { ints } = this.space;
    const id = this.table.unused;
    const stack = index << RECORD_BITS;
    const top = stacks[stack + TOP]!;
    const ref = this.refs[top]!;
    if (ref === NO_BLOCK || id === 0) return this.host.takeSlow(size, mark);
    const at = bin << BIN_RECORD_BITS;
    const isCounted = size <= EXACT || ints[at + KEY] === size << KIND_BITS;
    // A view that is in its bin in spite of all has lost its slab.
    if (isCounted && ints[at + HEAD] !== 0) return this.host.takeSlow(size, mark);
    const buffer = this.buffers[ref >>> REF_INDEX_BITS];
    // Not exposed, or detached. To try and catch is no alternative: the engine would not inline the rest.
    if (buffer === undefined || sizeOf(buffer) === 0) return this.host.takeSlow(size, mark);
    const offset = (ref & REF_INDEX_MASK) * stacks[stack + STRIDE]!;
    // All calls come before the first change: the stack may end at any of them.
    const view = stamp(new NewBuffer(buffer, offset, size), this.host.home, id);
    stacks[stack + TOP] = top - 1;
    this.table.unused = ints[id]!;
    ints[id] = -mark;
    ints[id + REF] = ref;
    ints[id + BYTES] = size;
    ints[id + HOPE] = bin;
    if (isCounted) {
      ints[id + INFO] = (index << CLASS_SHIFT) | COUNTED;
      ints[at + FLOOR]!++;
      this.counts[bin]!++;
    } else {
      ints[id + INFO] = index << CLASS_SHIFT;
      this.counts[BY_CLASS + index]!++;
      this.liveBytes[index]! += size;
    }
    return view;
  }

  /**
   * Takes back a Buffer that never was in a bin, or whose bin is full. Anything else is left to the host, and
   * so is it when the stack is full or the class has to be asked for room.
   */
  giveFresh(id: number, view: View): void {
    const { counts, refs, stacks, table } = this;
    const { ints } = this.space;
    const info = ints[id + INFO]!;
    const bin = ints[id + HOPE]!;
    if ((info & OTHER_THAN_BUFFER) !== 0 || bin === 0) {
      this.host.giveSlow(id, view);
      return;
    }
    const at = bin << BIN_RECORD_BITS;
    const index = info >> CLASS_SHIFT;
    const stack = index << RECORD_BITS;
    const top = stacks[stack + TOP]! + 1;
    if ((info & COUNTED) === 0) {
      const bytes = ints[id + BYTES]!;
      const key = bytes << KIND_BITS;
      if (
        top > stacks[stack + LIMIT]! ||
        ints[at + KEY] === key ||
        bins.isClaimed(ints, bin, key)
      ) {
        this.host.giveSlow(id, view);
        return;
      }
      refs[top] = table.remove(id, view);
      counts[BY_CLASS + FREES + index]!++;
      this.liveBytes[index]! -= bytes;
    } else {
      const frees = counts[bin + FREES]!;
      if (counts[bin]! - frees > ints[at + FLOOR]!) {
        table.keep(id, view);
        ints[id] = ints[at + HEAD]!;
        ints[at + HEAD] = id;
        counts[bin + FREES] = frees + 1;
        return;
      }
      const refusals = stacks[stack + REFUSALS]!;
      // A long bin without a cap may have to become nobody's.
      const isEnding = bin > EXACT && ints[at + CAP] === 0;
      if (refusals === 0 || isEnding || top > stacks[stack + LIMIT]!) {
        this.host.giveSlow(id, view);
        return;
      }
      refs[top] = table.remove(id, view);
      stacks[stack + REFUSALS] = refusals - 1;
      ints[at + FLOOR]!--;
      counts[bin + FREES] = frees + 1;
    }
    stacks[stack + TOP] = top;
  }

  #push(at: number, ref: number): void {
    const top = this.stacks[at + TOP]! + 1;
    this.refs[top] = ref;
    this.stacks[at + TOP] = top;
  }

  #refill(index: number): number {
    const { stacks } = this;
    const at = index << RECORD_BITS;
    const batch = stacks[at + BATCH]!;
    const exchange = exchangeOf();
    const got = native.refill(this.host.arena, index, batch);
    if (got <= 0) return got;
    stacks[at + OWNED]! += got;
    stacks[at + BATCH] = Math.min(batch * 2, stacks[at + LARGEST_BATCH]!);
    // Lowest address last, so that it is handed out first and untouched pages stay untouched.
    for (let i = got - 1; i > 0; i--) this.#push(at, exchange[i]!);
    return exchange[0]!;
  }

  /** Gives the `count` oldest blocks to the core, and retires a slab if that left too many empty. */
  #flush(index: number, count: number): void {
    if (count === 0) return;
    const { refs, stacks } = this;
    const { arena, slabs } = this.host;
    const at = index << RECORD_BITS;
    const first = stacks[at + BASE]! + 1;
    const exchange = exchangeOf();
    exchange.set(refs.subarray(first, first + count));
    refs.copyWithin(first, first + count, stacks[at + TOP]! + 1);
    stacks[at + TOP]! -= count;
    stacks[at + OWNED]! -= count;
    if (native.flush(arena, index, count) > 0) slabs.retireSurplus();
  }
}

/** Fills the records of empty stacks; returns how many positions they take. */
function layOut(stacks: Int32Array, strides: readonly number[]): number {
  let end = 0;
  strides.forEach((stride, index) => {
    const at = index << RECORD_BITS;
    const batch = blocksIn(BATCH_BYTES, stride, BATCH_MIN, BATCH_MAX);
    stacks[at + TOP] = stacks[at + BASE] = end;
    stacks[at + LIMIT] = end + blocksIn(KEPT_BYTES, stride, KEPT_MIN, KEPT_MAX);
    stacks[at + STRIDE] = stride;
    stacks[at + BATCH] = Math.min(batch, BATCH_START);
    stacks[at + LARGEST_BATCH] = batch;
    end = stacks[at + LIMIT]! + 1;
  });
  return end;
}

/** Blocks of `stride` bytes that `bytes` hold, but at least and at most so many. */
export function blocksIn(bytes: number, stride: number, least: number, most: number): number {
  return Math.min(Math.max(Math.floor(bytes / stride), least), most);
}

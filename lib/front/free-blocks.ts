/**
 * Free blocks: those without a view, a stack of references for each size class.
 *
 * Owns:      the stacks; batches to and from the core.
 * Called by: the slow path; the size classes, when buckets shrink. The fresh path moves TOP itself.
 * Invariant: base <= top <= limit, so a stack holds at most limit - base blocks.
 *
 * There is one array for all classes: forty objects would not fit the first-level cache. A record of
 * integers for each class says where its stack is:
 *
 *   stacks[at + TOP]    at = class x 8; position in `refs` of the block that was put last
 *   stacks[at + BASE]   position below the first block, where NO_BLOCK stands for the end
 *   stacks[at + LIMIT]  the last position; of a stack that is closed, because it was not in demand, BASE
 */
import type { Decay } from '../events/decay';
import type { FrontCounters } from './counters';
import { exchangeOf, native } from '../native/native';
import { fillInts, setInts } from './records';
import type { PolicyState } from '../policy/state';
import type { SlabTable } from './slabs';

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

/** So few blocks that are not in demand go all at once; of more, half each time. */
const FEW = 8;

const TOP = 0;
const BASE = 1;
const LIMIT = 2;
/** Bytes of a block, or {@link SPARE}. */
const STRIDE = 3;
/** Blocks out of the core: live, in buckets, or here. */
const OWNED = 4;
/** Blocks of the next batch, and of the largest. */
const BATCH = 5;
const LARGEST_BATCH = 6;
/** Views that are dropped, because their buckets are full, before the size class is asked for room again. */
const REFUSALS = 7;
const STACK_BITS = 3;
const NO_BLOCK = -1;
const REFUSES_ALL = 0x3fffffff;
/** The stride of a stack whose class is retired, or will be learned. */
export const SPARE = 0;

// Exported by name: see "What V8 asks of hot code" in docs/ARCHITECTURE.md.
export { LIMIT, NO_BLOCK, REFUSALS, STACK_BITS, STRIDE, TOP };

/** The arrays that the stacks of a front stand in. */
export interface Stacks {
  readonly stacks: Int32Array;
  readonly refs: Int32Array;
  /** `stacks` as it was when it was new. */
  readonly unused: Int32Array;
}

const NOTHING_SEEN = new Int32Array();

export class FreeBlocks {
  readonly stacks: Int32Array;
  readonly refs: Int32Array;
  readonly #arena: number;
  readonly #slabs: SlabTable;
  readonly #decay: Decay;
  readonly #counters: FrontCounters;
  /** What limits stacks and batches beside the room for them; undefined: nothing. */
  #policy: PolicyState | undefined;
  /** Classes that keep nothing for now; undefined: there was none. */
  #closed: Set<number> | undefined;
  /** `refs` when decay last looked at each stack. */
  #seen = NOTHING_SEEN;

  constructor(
    arena: number,
    stacks: Stacks,
    slabs: SlabTable,
    decay: Decay,
    counters: FrontCounters,
  ) {
    this.#arena = arena;
    this.#counters = counters;
    this.#slabs = slabs;
    this.#decay = decay;
    this.stacks = stacks.stacks;
    this.refs = stacks.refs;
  }

  /** Another policy from now on; what is kept beyond it goes to the core. */
  setPolicy(policy: PolicyState): void {
    const { stacks } = this;
    this.#policy = policy;
    for (let at = 0; at < stacks.length; at += 1 << STACK_BITS) {
      this.#limitBatch(at);
      const room = this.#fullOf(at) - stacks[at + BASE]!;
      const count = stacks[at + TOP]! - stacks[at + BASE]!;
      if (count > room) this.#flush(at >> STACK_BITS, count - room);
      if (stacks[at + LIMIT] !== stacks[at + BASE]) stacks[at + LIMIT] = this.#fullOf(at);
    }
  }

  /** Sets the largest batch as the policy has it. */
  #limitBatch(at: number): void {
    const { stacks } = this;
    const stride = stacks[at + STRIDE]!;
    const room = this.#fullOf(at) - stacks[at + BASE]!;
    const most = this.#policy?.valueOf('batchBlocks', stride) ?? BATCH_MAX;
    // One for who asks, and the stack holds the others.
    stacks[at + LARGEST_BATCH] = Math.min(largestBatch(stride), most, room + 1);
    stacks[at + BATCH] = Math.min(stacks[at + BATCH]!, stacks[at + LARGEST_BATCH]!);
  }

  /** Stacks that there are, those of spare classes included. */
  get count(): number {
    return this.stacks.length >> STACK_BITS;
  }

  /** A spare stack is that of a class from now on. */
  begin(index: number, stride: number): void {
    const at = index << STACK_BITS;
    this.#closed?.delete(index);
    this.stacks[at + REFUSALS] = 0;
    this.stacks[at + STRIDE] = stride;
    this.stacks[at + BATCH] = BATCH_START;
    this.#limitBatch(at);
  }

  /** Gives the blocks of a class that is retired to the core, and from now on each one that comes back. */
  end(index: number): void {
    const { stacks } = this;
    const at = index << STACK_BITS;
    stacks[at + STRIDE] = SPARE;
    this.flush(index);
    stacks[at + LIMIT] = stacks[at + BASE]!;
  }

  /** Blocks of a class that are out of the core. */
  ownedOf(index: number): number {
    return this.stacks[(index << STACK_BITS) + OWNED]!;
  }

  /** A free block, from the stack or the core; or a negative status. */
  take(index: number): number {
    const at = index << STACK_BITS;
    const top = this.stacks[at + TOP]!;
    const ref = this.refs[top]!;
    if (ref === NO_BLOCK) return this.#refill(index);
    this.stacks[at + TOP] = top - 1;
    return ref;
  }

  /** Takes back a block that has no view. */
  put(index: number, ref: number): void {
    const { stacks } = this;
    const at = index << STACK_BITS;
    if (stacks[at + TOP] === stacks[at + LIMIT]) {
      stacks[at + LIMIT] = this.#fullOf(at);
      const room = stacks[at + LIMIT]! - stacks[at + BASE]!;
      if (room === 0) {
        this.#putBack(index, ref);
        return;
      }
      if (stacks[at + TOP] === stacks[at + LIMIT]) this.#flush(index, (room + 1) >> 1);
      this.#push(at, ref);
      this.#decay.note();
    } else {
      this.#push(at, ref);
    }
  }

  /**
   * Gives the core of a class what nobody took since the last call: those at the bottom that are where they were. An
   * empty stack is closed, so that the next block that comes is noticed. false: it is closed.
   */
  decay(index: number): boolean {
    const { refs, stacks } = this;
    const at = index << STACK_BITS;
    const base = stacks[at + BASE]!;
    if (stacks[at + LIMIT] === base) return false;
    if (this.#seen === NOTHING_SEEN) this.#seen = new Int32Array(refs.length).fill(NO_BLOCK);
    let idle = 0;
    for (let i = base + 1; i <= stacks[at + TOP]! && refs[i] === this.#seen[i]; i++) idle++;
    this.#flush(index, idle > FEW ? idle >> 1 : idle);
    const top = stacks[at + TOP]!;
    if (top === base) stacks[at + LIMIT] = base;
    this.#seen.fill(NO_BLOCK, base + 1, this.#fullOf(at) + 1);
    this.#seen.set(refs.subarray(base + 1, top + 1), base + 1);
    return top > base;
  }

  /** Nothing of a class is kept, and no view: each block comes from the core and goes back there. */
  close(index: number): void {
    (this.#closed ??= new Set()).add(index);
    this.flush(index);
    const at = index << STACK_BITS;
    this.stacks[at + LIMIT] = this.stacks[at + BASE]!;
    this.#limitBatch(at);
    this.refuse(index, REFUSES_ALL);
  }

  /** As usual again. */
  open(index: number): void {
    this.begin(index, this.stacks[(index << STACK_BITS) + STRIDE]!);
  }

  /** Counts blocks of a class that leave for another thread, or come back from there. */
  countLent(index: number, blocks: number): void {
    this.stacks[(index << STACK_BITS) + OWNED]! -= blocks;
  }

  /** Gives a block to the core, which will not hand it out again while its slab is given away. */
  drop(index: number, ref: number): void {
    this.#giveBack(index, ref);
  }

  /** Gives a block to the core, because the stack has no room at all. */
  #putBack(index: number, ref: number): void {
    if (this.#giveBack(index, ref) > 0) this.#slabs.retireSurplus();
    this.#decay.note();
  }

  #giveBack(index: number, ref: number): number {
    this.stacks[(index << STACK_BITS) + OWNED]!--;
    exchangeOf()[0] = ref;
    return native.flush(this.#arena, index, 1);
  }

  /** Whether a class refuses room for now; counts that it was asked. */
  isRefused(index: number): boolean {
    const at = (index << STACK_BITS) + REFUSALS;
    if (this.stacks[at] === 0) return false;
    this.stacks[at]!--;
    return true;
  }

  /** Lets a class refuse room so many times. */
  refuse(index: number, times: number): void {
    this.stacks[(index << STACK_BITS) + REFUSALS] = times;
  }

  /** Gives all blocks to the core. */
  flushAll(): void {
    for (let index = 0; index < this.count; index++) this.flush(index);
  }

  /** Gives all blocks of a class to the core. */
  flush(index: number): void {
    const at = index << STACK_BITS;
    this.#flush(index, this.stacks[at + TOP]! - this.stacks[at + BASE]!);
  }

  /** Forgets all blocks; the core takes them back. */
  clear(): void {
    const { stacks } = this;
    for (let at = 0; at < stacks.length; at += 1 << STACK_BITS) {
      stacks[at + TOP] = stacks[at + BASE]!;
      stacks[at + OWNED] = stacks[at + REFUSALS] = 0;
    }
  }

  /** The last position of a stack, closed or not. */
  #fullOf(at: number): number {
    if (this.#closed?.has(at >> STACK_BITS) === true) return this.stacks[at + BASE]!;
    const stride = this.stacks[at + STRIDE]!;
    const most = this.#policy?.valueOf('freeBlocks', stride) ?? KEPT_MAX;
    return this.stacks[at + BASE]! + Math.min(roomFor(stride), most);
  }

  #push(at: number, ref: number): void {
    const top = this.stacks[at + TOP]! + 1;
    this.refs[top] = ref;
    this.stacks[at + TOP] = top;
  }

  #refill(index: number): number {
    const { stacks } = this;
    const at = index << STACK_BITS;
    const batch = stacks[at + BATCH]!;
    const exchange = exchangeOf();
    const got = native.refill(this.#arena, index, batch);
    if (got <= 0) return got;
    stacks[at + LIMIT] = this.#fullOf(at);
    stacks[at + OWNED]! += got;
    const next = Math.min(batch * 2, stacks[at + LARGEST_BATCH]!);
    stacks[at + BATCH] = next;
    this.#counters.sayBatch(index, next);
    // Lowest address last, so that it is handed out first and untouched pages stay untouched.
    const { refs } = this;
    let top = stacks[at + TOP]!;
    for (let i = got - 1; i > 0; i--) refs[++top] = exchange[i]!;
    stacks[at + TOP] = top;
    const ref = exchange[0]!;
    this.#decay.note();
    return ref;
  }

  /** Gives the `count` oldest blocks to the core, and retires a slab if that left too many empty. */
  #flush(index: number, count: number): void {
    if (count === 0) return;
    const { refs, stacks } = this;
    const at = index << STACK_BITS;
    const first = stacks[at + BASE]! + 1;
    const exchange = exchangeOf();
    exchange.set(refs.subarray(first, first + count));
    refs.copyWithin(first, first + count, stacks[at + TOP]! + 1);
    stacks[at + TOP]! -= count;
    stacks[at + OWNED]! -= count;
    if (native.flush(this.#arena, index, count) > 0) this.#slabs.retireSurplus();
  }
}

/** Empty stacks of blocks of these bytes. */
export function stacksFor(strides: readonly number[]): Stacks {
  const stacks = new Int32Array(strides.length << STACK_BITS);
  const refs = new Int32Array(layOut(stacks, strides));
  fillInts(refs, NO_BLOCK);
  return { stacks, refs, unused: stacks.slice() };
}

/** Makes used stacks as they were when they were new, but for references that nobody looks at. */
export function emptyStacks({ stacks, unused }: Stacks): void {
  setInts(stacks, unused);
}

/** Fills the records of empty stacks; returns how many positions they take. */
function layOut(stacks: Int32Array, strides: readonly number[]): number {
  let end = 0;
  strides.forEach((stride, index) => {
    const at = index << STACK_BITS;
    const batch = largestBatch(stride);
    stacks[at + TOP] = stacks[at + BASE] = end;
    // A spare one has room for whatever class.
    stacks[at + LIMIT] = end + (stride === SPARE ? KEPT_MAX : roomFor(stride));
    stacks[at + STRIDE] = stride;
    stacks[at + OWNED] = stacks[at + REFUSALS] = 0;
    stacks[at + BATCH] = Math.min(batch, BATCH_START);
    stacks[at + LARGEST_BATCH] = batch;
    end = stacks[at + LIMIT]! + 1;
  });
  return end;
}

/** Blocks that the stack of a class keeps. */
function roomFor(stride: number): number {
  return stride === SPARE ? 0 : blocksIn(KEPT_BYTES, stride, KEPT_MIN, KEPT_MAX);
}

function largestBatch(stride: number): number {
  return blocksIn(BATCH_BYTES, stride, BATCH_MIN, BATCH_MAX);
}

/** Blocks of `stride` bytes that `bytes` hold, but at least and at most so many. */
export function blocksIn(bytes: number, stride: number, least: number, most: number): number {
  return Math.min(Math.max(Math.floor(bytes / stride), least), most);
}

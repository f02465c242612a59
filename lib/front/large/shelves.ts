/**
 * Shelves: large blocks that are kept for reuse, a shelf for each size of block, each block with its view if it had one.
 *
 *   find      a view of this kind and length: among the first of the shelf where one of that length was put last
 *   fitting   else a block that is large enough, whose view ends with that
 *
 * The blocks of a shelf are a stack, the one freed last on top. To put a block on its shelf and to take it away are
 * plain writes, which nothing interrupts.
 *
 * Owns:      the stacks.
 * Called by: the large blocks.
 */
import { slabBytes } from '../../policy/large';
import type { View } from '../../view/view';

/** A block out of the core. */
export interface LargeBlock {
  readonly ref: number;
  readonly shelf: Shelf;
  /** Bytes requested of its last view, and kind of that view. */
  length: number;
  kind: number;
  /** Where a look for that length begins. */
  slot: number;
  /** The view that it is kept with, and the number of that; undefined while live for the first time. */
  view: View | undefined;
  id: number;
  /** Frees of the arena until it was freed. */
  freedAt: number;
  /** When it was freed; {@link NOT_SEEN}: since decay looked last. */
  sinceMs: number;
  /** So much of it has no pages. */
  purged: number;
}

export const NOT_SEEN = -1;

/** Kept blocks of one size. */
export interface Shelf {
  readonly bytes: number;
  /** The bin that statistics count them in: that of runs, or of huge mappings. */
  readonly bin: number;
  /** From 1 on the blocks that are kept; what stands behind those means nothing. */
  readonly stack: LargeBlock[];
  kept: number;
  /** Blocks of this size out of the core. */
  blocks: number;
}

/** Lengths that services use at a time, and more. */
const SLOT_BITS = 6;
const SPREAD = 0x9e3779b1;

/** Blocks of other lengths that are passed over. */
const DEPTH = 8;

const NO_SHELF: Shelf = { bytes: 0, bin: 0, stack: [], kept: 0, blocks: 0 };

/** Lies at the bottom of every stack. No view has its length. */
const NO_BLOCK = newBlock(0, NO_SHELF);
NO_SHELF.stack.push(NO_BLOCK);

/** The record of a block that nobody has had. */
export function newBlock(ref: number, shelf: Shelf): LargeBlock {
  return {
    ref,
    shelf,
    length: 0,
    kind: 0,
    slot: 0,
    view: undefined,
    id: 0,
    freedAt: 0,
    sinceMs: NOT_SEEN,
    purged: 0,
  };
}

/** Where a look for a length begins. */
export function slotOf(length: number): number {
  return Math.imul(length, SPREAD) >>> (32 - SLOT_BITS);
}

/** Of shelves that nothing was put on. Nobody writes to it. */
const NO_SIZES = new Map<number, Shelf>();

export class Shelves {
  declare private bySize: Map<number, Shelf>;
  /** By slot of a length: where a view of that length, or of another one of the slot, was put last. */
  declare private readonly bySlot: Shelf[];
  private frees = 0;

  constructor() {
    this.bySize = NO_SIZES;
    this.bySlot = new Array<Shelf>(1 << SLOT_BITS);
    this.#forgetSlots();
  }

  /** The shelf for blocks of so many bytes, for one more of them. */
  shelfFor(bytes: number, bin: number): Shelf {
    let shelf = this.bySize.get(bytes);
    if (shelf === undefined) {
      shelf = { bytes, bin, stack: [NO_BLOCK], kept: 0, blocks: 0 };
      if (this.bySize === NO_SIZES) this.bySize = new Map();
      this.bySize.set(bytes, shelf);
    }
    shelf.blocks++;
    return shelf;
  }

  /** Forgets a block that is on no shelf. */
  forget({ shelf }: LargeBlock): void {
    if (--shelf.blocks === 0) this.bySize.delete(shelf.bytes);
  }

  /** A shelf that has a kept block on top whose view has this kind and length; else any shelf. */
  find(kind: number, length: number): Shelf {
    const shelf = this.bySlot[slotOf(length)]!;
    const top = shelf.stack[shelf.kept]!;
    const isHit = top.length === length && top.kind === kind;
    return isHit || bringUp(shelf, kind, length) ? shelf : this.#findBySize(kind, length);
  }

  /** Of two lengths of one slot, the one put last is found there; the shelf of most others is known as well. */
  #findBySize(kind: number, length: number): Shelf {
    const shelf = this.bySize.get(slabBytes(length));
    return shelf !== undefined && bringUp(shelf, kind, length) ? shelf : NO_SHELF;
  }

  /** Puts a block on its shelf. */
  put(block: LargeBlock): void {
    const { shelf, slot } = block;
    const { stack } = shelf;
    const top = shelf.kept + 1;
    // To write an object costs more than to look.
    if (stack[top] !== block) stack[top] = block;
    shelf.kept = top;
    block.freedAt = this.frees++;
    if (this.bySlot[slot] !== shelf) this.bySlot[slot] = shelf;
  }

  /** Takes a block from its shelf; the one on top goes into its place. */
  take(block: LargeBlock): void {
    const { stack, kept } = block.shelf;
    let at = kept;
    while (stack[at] !== block) at--;
    stack[at] = stack[kept]!;
    stack[kept] = NO_BLOCK;
    block.shelf.kept--;
  }

  /** A kept block of the smallest size that has `wanted` bytes, which are whole slabs, and `most` at most. */
  fitting(
    wanted: number,
    most: number,
    isUsable: (block: LargeBlock) => boolean,
  ): LargeBlock | undefined {
    const exact = newestOf(this.bySize.get(wanted), isUsable);
    if (exact !== undefined) return exact;
    let best: LargeBlock | undefined;
    for (const shelf of this.bySize.values()) {
      const { bytes } = shelf;
      if (bytes < wanted || bytes > most) continue;
      if (best === undefined || bytes < best.shelf.bytes) best = newestOf(shelf, isUsable) ?? best;
    }
    return best;
  }

  /** The block that was freed before all others. */
  oldest(): LargeBlock | undefined {
    let oldest: LargeBlock | undefined;
    for (const block of this) {
      if (oldest === undefined || block.freedAt < oldest.freedAt) oldest = block;
    }
    return oldest;
  }

  /** All kept blocks. */
  *[Symbol.iterator](): Generator<LargeBlock> {
    for (const { kept, stack } of this.bySize.values()) {
      for (let at = 1; at <= kept; at++) yield stack[at]!;
    }
  }

  clear(): void {
    this.bySize = NO_SIZES;
    this.#forgetSlots();
  }

  #forgetSlots(): void {
    for (let i = 0; i < 1 << SLOT_BITS; i++) this.bySlot[i] = NO_SHELF;
  }
}

/** Brings a block with a view of this kind and length to the top. false: there is none among the uppermost. */
function bringUp({ kept, stack }: Shelf, kind: number, length: number): boolean {
  const end = Math.max(kept - DEPTH, 0);
  for (let at = kept; at > end; at--) {
    const block = stack[at]!;
    if (block.length !== length || block.kind !== kind) continue;
    if (at === kept) return true;
    stack[at] = stack[kept]!;
    stack[kept] = block;
    return true;
  }
  return false;
}

function newestOf(
  shelf: Shelf | undefined,
  isUsable: (block: LargeBlock) => boolean,
): LargeBlock | undefined {
  if (shelf === undefined) return undefined;
  for (let at = shelf.kept; at > 0; at--) {
    const block = shelf.stack[at]!;
    if (isUsable(block)) return block;
  }
  return undefined;
}

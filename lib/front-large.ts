/**
 * Large: blocks beyond 64 KB, each a run of slabs or a mapping, with an ArrayBuffer of its own.
 *
 * A few freed blocks are kept, oldest out first, so that a service that needs 1 MB again and again
 * pays for a view and no system call.
 */
import { noteSuperSlabs } from './events';
import type { Tallies } from './front-tallies';
import { exchangeOf, native } from './native';
import { REF_INDEX_BITS, SLAB_BYTES, type SlabTable } from './slabs';
import { sizeOf } from './view-makers';

/** Free blocks kept, and their bytes: the working set of a few large requests. */
const KEEP_BLOCKS = 16;
const KEEP_BYTES = 16 * 1024 * 1024;

/** Largest request served by a run; the core decides the same way. */
const RUN_SIZE_MAX = 2 * 1024 * 1024;

interface KeptBlock {
  readonly ref: number;
  readonly bytes: number;
}

export class LargeBlocks {
  readonly #arena: number;
  readonly #slabs: SlabTable;
  readonly #tallies: Tallies;
  /** Oldest first. */
  readonly #kept: KeptBlock[] = [];
  /** Requested bytes of those that are live, by block. */
  readonly #requested = new Map<number, number>();
  #keptBytes = 0;
  /** Whether the block taken last reads as zero, because nobody has had its memory before. */
  isZero = false;

  constructor(arena: number, slabs: SlabTable, tallies: Tallies) {
    this.#arena = arena;
    this.#slabs = slabs;
    this.#tallies = tallies;
  }

  /** A block of at least `size` bytes, from those kept or from the core; or a negative status. */
  takeBlock(size: number): number {
    const wanted = Math.ceil(size / SLAB_BYTES) * SLAB_BYTES;
    const at = this.#kept.findLastIndex((block) => block.bytes === wanted);
    if (at < 0) return this.#allocate(size);
    this.isZero = false;
    const [block] = this.#kept.splice(at, 1);
    this.#keptBytes -= wanted;
    return block!.ref;
  }

  /** Takes a block back; old ones go to the core when too much is kept. */
  giveBlock(ref: number): void {
    const bytes = this.blockBytes(ref);
    this.#kept.push({ ref, bytes });
    this.#keptBytes += bytes;
    while (this.#kept.length > KEEP_BLOCKS || this.#keptBytes > KEEP_BYTES) this.#releaseOldest();
  }

  /** Forgets all blocks, which the core takes back by itself. */
  clear(): void {
    this.#kept.length = this.#keptBytes = 0;
    this.#requested.clear();
  }

  releaseAll(): void {
    while (this.#kept.length > 0) this.#releaseOldest();
  }

  blockBytes(ref: number): number {
    const buffer = this.#slabs.bufferOf(ref >>> REF_INDEX_BITS);
    return buffer === undefined ? 0 : sizeOf(buffer);
  }

  /** Counts a block that becomes live for `bytes` requested. */
  countAlloc(ref: number, bytes: number): void {
    const block = this.blockBytes(ref);
    const classIndex = classFor(block);
    this.#requested.set(ref, bytes);
    this.#tallies.countAlloc(classIndex, bytes);
    this.#tallies.addLiveBlockBytes(classIndex, block);
  }

  countFree(ref: number): void {
    const bytes = this.#requested.get(ref)!;
    const block = this.blockBytes(ref);
    const classIndex = classFor(block);
    this.#requested.delete(ref);
    this.#tallies.countFree(classIndex, bytes);
    this.#tallies.addLiveBlockBytes(classIndex, -block);
  }

  #allocate(size: number): number {
    const exchange = exchangeOf();
    const ref = native.largeAlloc(this.#arena, size);
    this.isZero = ref >= 0 && exchange[0] === 1;
    return ref;
  }

  #releaseOldest(): void {
    const { ref, bytes } = this.#kept.shift()!;
    this.#keptBytes -= bytes;
    this.#slabs.forget(ref >>> REF_INDEX_BITS);
    native.largeFree(this.#arena, ref);
    noteSuperSlabs();
  }
}

/** The pseudo bin of a block: that of runs, or of mappings of their own. */
function classFor(blockBytes: number): number {
  const { runBin, hugeBin } = native.tables;
  return blockBytes <= RUN_SIZE_MAX ? runBin : hugeBin;
}

/**
 * Large: blocks beyond 64 KB, each a run of slabs or a mapping, with an ArrayBuffer of its own.
 *
 * A few freed blocks are kept, oldest out first, so that a service that needs 1 MB again and again
 * pays for a view and no system call.
 */
import { noteSuperSlabs } from '../events/events';
import type { Tallies } from './counters';
import { exchangeOf, native } from '../native/native';
import { REF_INDEX_BITS, SLAB_BYTES, type SlabTable } from './slabs';
import { sizeOf } from '../view/kinds';

/** Free blocks kept, and their bytes: the working set of a few large requests. */
const KEEP_BLOCKS = 16;
const KEEP_BYTES = 16 * 1024 * 1024;

/** Largest request served by a run; the core decides the same way. */
const RUN_SIZE_MAX = 2 * 1024 * 1024;

interface KeptBlock {
  readonly ref: number;
  readonly bytes: number;
}

interface LiveBytes {
  readonly requested: number;
  readonly block: number;
}

export class LargeBlocks {
  readonly #arena: number;
  readonly #slabs: SlabTable;
  readonly #tallies: Tallies;
  /** Oldest first. */
  readonly #kept: KeptBlock[] = [];
  /** Those that are live, by block. */
  readonly #live = new Map<number, LiveBytes>();
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
    const at = this.#kept.findLastIndex(
      ({ ref, bytes }) => bytes === wanted && !this.#slabs.isGivenAway(ref >>> REF_INDEX_BITS),
    );
    if (at < 0) return this.#allocate(size);
    this.isZero = false;
    const [block] = this.#kept.splice(at, 1);
    this.#keptBytes -= wanted;
    return block!.ref;
  }

  /** Takes a block of `bytes` bytes back; old ones go to the core when too much is kept. */
  giveBlock(ref: number, bytes: number): void {
    this.#kept.push({ ref, bytes });
    this.#keptBytes += bytes;
    while (this.#kept.length > KEEP_BLOCKS || this.#keptBytes > KEEP_BYTES) this.#releaseOldest();
  }

  /** Forgets all blocks, which the core takes back by itself. */
  clear(): void {
    this.#kept.length = this.#keptBytes = 0;
    this.#live.clear();
  }

  releaseAll(): void {
    while (this.#kept.length > 0) this.#releaseOldest();
  }

  /** Bytes of a live block. */
  blockBytes(ref: number): number {
    return this.#live.get(ref)?.block ?? 0;
  }

  /** Counts a block that becomes live for `bytes` requested. It has a view already. */
  countAlloc(ref: number, bytes: number): void {
    const block = sizeOf(this.#slabs.bufferOf(ref >>> REF_INDEX_BITS)!);
    const classIndex = classFor(block);
    this.#live.set(ref, { requested: bytes, block });
    this.#tallies.countAlloc(classIndex, bytes);
    this.#tallies.addLiveBlockBytes(classIndex, block);
  }

  /** Counts the end of a live block; returns its bytes. */
  countFree(ref: number): number {
    const { requested, block } = this.#live.get(ref)!;
    const classIndex = classFor(block);
    this.#live.delete(ref);
    this.#tallies.countFree(classIndex, requested);
    this.#tallies.addLiveBlockBytes(classIndex, -block);
    return block;
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
    this.release(ref);
  }

  /** Gives a block to the core. */
  release(ref: number): void {
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

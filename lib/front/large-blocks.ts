/**
 * Large blocks: those beyond 64 KB. Each is a run of slabs or a mapping, with an ArrayBuffer of its own.
 *
 * Owns:      the bytes of live ones; a few freed ones, so that a service that needs 1 MB again and again pays for
 *            a view and no system call. The oldest goes first.
 * Called by: the slow path, and the front when it is asked.
 */
import { noteSuperSlabs } from '../events/events';
import type { FrontCounters } from './counters';
import { exchangeOf, native } from '../native/native';
import { REF_INDEX_BITS, RUN_SIZE_MAX, SLAB_BYTES } from './geometry';
import type { SlabTable } from './slabs';
import { sizeOf } from '../view/kinds';

/** Free blocks kept, and their bytes: the working set of a few large requests. */
const KEEP_BLOCKS = 16;
const KEEP_BYTES = 16 * 1024 * 1024;

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
  readonly #counters: FrontCounters;
  /** Oldest first. */
  readonly #kept: KeptBlock[] = [];
  /** Those that are live, by block. */
  readonly #live = new Map<number, LiveBytes>();
  #keptBytes = 0;
  /** Whether the block taken last reads as zero, because nobody has had its memory before. */
  isZero = false;

  constructor(arena: number, slabs: SlabTable, counters: FrontCounters) {
    this.#arena = arena;
    this.#slabs = slabs;
    this.#counters = counters;
  }

  /** A block of at least `size` bytes, from those kept or from the core; or a negative status. */
  take(size: number): number {
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

  /** Keeps a freed block of `bytes` bytes; old ones go to the core when too much is kept. */
  put(ref: number, bytes: number): void {
    this.#kept.push({ ref, bytes });
    this.#keptBytes += bytes;
    while (this.#kept.length > KEEP_BLOCKS || this.#keptBytes > KEEP_BYTES) this.#flushOldest();
  }

  /** Forgets all blocks; the core has taken them back. */
  clear(): void {
    this.#kept.length = this.#keptBytes = 0;
    this.#live.clear();
  }

  /** Gives all kept blocks to the core. */
  flushAll(): void {
    while (this.#kept.length > 0) this.#flushOldest();
  }

  /** Bytes of a live block. */
  blockBytes(ref: number): number {
    return this.#live.get(ref)?.block ?? 0;
  }

  /** Counts a block that becomes live for `bytes` requested. Its slab is exposed already. */
  countAlloc(ref: number, bytes: number): void {
    const block = sizeOf(this.#slabs.bufferOf(ref >>> REF_INDEX_BITS)!);
    const classIndex = classFor(block);
    this.#live.set(ref, { requested: bytes, block });
    this.#counters.countAlloc(classIndex, bytes);
    this.#counters.addLiveBlockBytes(classIndex, block);
  }

  /** Counts the end of a live block; returns its bytes. */
  countFree(ref: number): number {
    const { requested, block } = this.#live.get(ref)!;
    const classIndex = classFor(block);
    this.#live.delete(ref);
    this.#counters.countFree(classIndex, requested);
    this.#counters.addLiveBlockBytes(classIndex, -block);
    return block;
  }

  #allocate(size: number): number {
    const exchange = exchangeOf();
    const ref = native.largeAlloc(this.#arena, size);
    this.isZero = ref >= 0 && exchange[0] === 1;
    return ref;
  }

  #flushOldest(): void {
    const { ref, bytes } = this.#kept.shift()!;
    this.#keptBytes -= bytes;
    this.drop(ref);
  }

  /** Gives a block to the core. */
  drop(ref: number): void {
    this.#slabs.forget(ref >>> REF_INDEX_BITS);
    native.largeFree(this.#arena, ref);
    noteSuperSlabs();
  }
}

/** The class that statistics count a block in: that of runs, or of huge mappings. */
function classFor(blockBytes: number): number {
  const { runBin, hugeBin } = native.tables;
  return blockBytes <= RUN_SIZE_MAX ? runBin : hugeBin;
}

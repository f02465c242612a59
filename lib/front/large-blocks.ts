/**
 * Large blocks: those beyond 64 KB. Each is a run of slabs or a mapping, with an ArrayBuffer of its own.
 *
 * Freed blocks are kept by demand, so that a size used before costs a view and no system call, whatever its size:
 * as many bytes as lately were live beyond those that are now, and some for sizes that change. The size freed least
 * lately goes to the core first. What is kept and was not used for the purge delay stays where it is without its pages.
 */
import { nowMs } from '../base/clock';
import { noteSuperSlabs } from '../events/events';
import type { FrontCounters } from './counters';
import type { Decay } from '../events/decay';
import { exchangeOf, native } from '../native/native';
import { REF_INDEX_BITS, RUN_SIZE_MAX } from '../native/geometry';
import { type LargeLimits, USUAL_LIMITS, roundedSize, slabBytes } from '../policy/large';
import type { SlabTable } from './slabs';
import { sizeOf } from '../view/kinds';

/** How long a peak counts, at least; at most twice as long. The core does the same (csrc/supply/demand.h). */
const EPOCH_MS = 10_000;

/** Bytes that are purged between two looks at the clock. */
const PURGED_AT_ONCE = 2 * 1024 * 1024;

interface Kept {
  readonly ref: number;
  /** When it was freed. */
  readonly sinceMs: number;
  /** So much of it has no pages. */
  purged: number;
}

interface LiveBytes {
  readonly requested: number;
  readonly block: number;
}

function optionValue(name: string): number {
  return native.tables.options.find((option) => option.name === name)!.value;
}

/** Bytes of live blocks, and how many bytes of free ones are worth keeping. */
class Demand {
  live = 0;
  #peak = 0;
  #lastPeak = 0;
  #since = 0;
  readonly #epochMs = Math.min(EPOCH_MS, optionValue('HAKMEM_SUPERSLAB_TTL_SEC') * 1000);
  readonly #keepsNothing =
    this.#epochMs === 0 ||
    optionValue('HAKMEM_SUPERSLAB_MAX_MEMORY_MB') === 0 ||
    optionValue('HAKMEM_SUPERSLAB_MAX_CACHED') === 0;

  /** Counts the end of `bytes` that were live. */
  fall(bytes: number): void {
    const age = nowMs() - this.#since;
    if (age >= this.#epochMs) {
      this.#lastPeak = age < 2 * this.#epochMs ? this.#peak : this.live;
      this.#peak = this.live;
      this.#since += age;
    }
    if (this.live > this.#peak) this.#peak = this.live;
    this.live -= bytes;
  }

  /** false: the room will only shrink when less is live. */
  get isFalling(): boolean {
    return Math.max(this.#peak, this.#lastPeak) > this.live;
  }

  /** Beyond what was live at once, blocks of other sizes are kept. */
  room({ variety, varietyBytes }: LargeLimits): number {
    if (this.#keepsNothing) return 0;
    const peak = Math.max(this.#peak, this.#lastPeak);
    return Math.max(peak - this.live, 0) + Math.min(peak * variety, varietyBytes);
  }
}

export class LargeBlocks {
  readonly #arena: number;
  readonly #slabs: SlabTable;
  readonly #counters: FrontCounters;
  /** Free blocks by their size, the one freed last at the end; the size freed least lately comes first. */
  readonly #kept = new Map<number, Kept[]>();
  /** Those that are live, by block. */
  readonly #live = new Map<number, LiveBytes>();
  readonly #demand = new Demand();
  readonly #decay: Decay;
  #limits = USUAL_LIMITS;
  #keptBytes = 0;
  /** Blocks in other threads, or come back from there and not fetched. */
  #lentCount = 0;
  /** Whether the block taken last reads as zero, because nobody has had its memory before. */
  isZero = false;

  constructor(arena: number, slabs: SlabTable, counters: FrontCounters, decay: Decay) {
    this.#arena = arena;
    this.#decay = decay;
    this.#slabs = slabs;
    this.#counters = counters;
  }

  /** Other limits from now on; what is kept beyond them goes to the core. */
  setLimits(limits: LargeLimits): void {
    this.#limits = limits;
    this.#shrink(this.#demand.room(limits));
  }

  /** A block of at least `size` bytes, from those kept or from the core; or a negative status. */
  take(size: number): number {
    this.#fetch();
    const rounded = roundedSize(size, this.#limits.rounding);
    const bytes = this.#bestFit(slabBytes(size), slabBytes(rounded));
    if (bytes === 0) {
      const ref = this.#allocate(rounded);
      return ref < 0 && rounded > size ? this.#allocate(size) : ref;
    }
    this.isZero = false;
    return this.#takeKept(bytes, this.#findUsable(bytes));
  }

  /** The smallest size kept that holds `wanted` bytes, and is not much larger than those or `rounded`; 0: none. */
  #bestFit(wanted: number, rounded: number): number {
    if (this.#findUsable(wanted) >= 0) return wanted;
    const most = Math.max(rounded, wanted * this.#limits.fit);
    let best = 0;
    for (const bytes of this.#kept.keys()) {
      const fits = bytes >= wanted && bytes <= most;
      if (fits && (best === 0 || bytes < best) && this.#findUsable(bytes) >= 0) best = bytes;
    }
    return best;
  }

  /** Which of the kept blocks of a size was freed last, of those not given away; -1: there is none. */
  #findUsable(bytes: number): number {
    const kept = this.#kept.get(bytes);
    if (kept === undefined) return -1;
    return kept.findLastIndex(({ ref }) => !this.#slabs.isGivenAway(ref >>> REF_INDEX_BITS));
  }

  /** Takes the kept block of a size that stands at `at`. */
  #takeKept(bytes: number, at: number): number {
    const kept = this.#kept.get(bytes)!;
    const [block] = kept.splice(at, 1);
    if (kept.length === 0) this.#kept.delete(bytes);
    this.#keptBytes -= bytes;
    return block!.ref;
  }

  /** Takes a block of `bytes` bytes back; what is kept beyond the demand goes to the core. */
  put(ref: number, bytes: number): void {
    const kept = this.#kept.get(bytes) ?? [];
    kept.push({ ref, sinceMs: nowMs(), purged: 0 });
    this.#kept.delete(bytes);
    this.#kept.set(bytes, kept);
    this.#keptBytes += bytes;
    this.#shrink(this.#demand.room(this.#limits));
    this.#decay.note();
  }

  /** Gives back pages of what is kept and was not used for a while, until `untilMs`. false: that was all. */
  decay(untilMs: number): boolean {
    this.#fetch();
    this.#demand.fall(0);
    this.#shrink(this.#demand.room(this.#limits));
    let isWaiting = this.#keptBytes > 0 && this.#demand.isFalling;
    const oldMs = nowMs() - this.#decay.delayMs;
    for (const [bytes, kept] of this.#kept) {
      for (const block of kept) {
        if (block.purged >= bytes) continue;
        isWaiting = true;
        if (block.sinceMs <= oldMs && !this.#purge(block, bytes, untilMs)) return true;
      }
    }
    return isWaiting;
  }

  /** false: time is up. */
  #purge(block: Kept, bytes: number, untilMs: number): boolean {
    for (; block.purged < bytes; block.purged += PURGED_AT_ONCE) {
      if (nowMs() >= untilMs) return false;
      const part = Math.min(PURGED_AT_ONCE, bytes - block.purged);
      native.purgeLarge(this.#arena, block.ref, block.purged, part);
    }
    return true;
  }

  /** Forgets all blocks; the core has taken them back. */
  clear(): void {
    this.#kept.clear();
    this.#live.clear();
    this.#demand.fall(this.#demand.live);
    this.#keptBytes = this.#lentCount = 0;
  }

  flushAll(): void {
    this.#fetch();
    this.#shrink(0);
  }

  /** Counts a block that leaves for another thread, or comes back from there. */
  countLent(blocks: number): void {
    this.#fetch();
    this.#lentCount += blocks;
  }

  /** Takes back what came back from other threads. */
  #fetch(): void {
    while (this.#lentCount > 0) {
      const ref = native.takeReturned(this.#arena);
      if (ref < 0) return;
      this.#lentCount--;
      const buffer = this.#slabs.bufferOf(ref >>> REF_INDEX_BITS);
      if (buffer === undefined) this.drop(ref);
      else this.put(ref, sizeOf(buffer));
    }
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
    this.#demand.live += block;
    this.#counters.countAlloc(classIndex, bytes);
    this.#counters.addLiveBlockBytes(classIndex, block);
  }

  /** Counts the end of a live block; returns its bytes. */
  countFree(ref: number): number {
    const { requested, block } = this.#live.get(ref)!;
    const classIndex = classFor(block);
    this.#live.delete(ref);
    this.#demand.fall(block);
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

  #shrink(room: number): void {
    while (this.#keptBytes > room) {
      const [bytes] = this.#kept.keys();
      this.drop(this.#takeKept(bytes!, 0));
    }
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

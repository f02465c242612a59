/**
 * Counters of the front, over core memory: any thread reads them without stopping this one.
 *
 * A block is counted by its requested length: with a counter of that length up to 1024 B; with a slot, a
 * counter lent to its bucket, while a longer length owns that; else by size class, with the bytes beside it.
 */
import type { HakmemErrorCode } from '../errors';
import { frontBinStat, frontStat, native } from '../native/native';

const layout = native.tables.counters;

/** Where refused frees are counted, by the code of their error. */
const REFUSED: Partial<Record<HakmemErrorCode, number>> = {
  ERR_HAKMEM_DOUBLE_FREE: frontStat('double_frees'),
  ERR_HAKMEM_STALE_VIEW: frontStat('stale_frees'),
  ERR_HAKMEM_NOT_OWNED: frontStat('foreign_frees'),
};

/** What the front says of a class, at places for each. */
const CAP = frontBinStat('front_cap');
const BATCH = frontBinStat('front_batch');
const DROPPED = frontBinStat('front_dropped');
const REFUSED_ROOM = frontBinStat('front_refused');
const TO_STACK = frontBinStat('front_to_stack');

/** Lengths up to this one have a counter for ever. */
export const EXACT_LENGTH_MAX = layout.cellBase - 1;

/** Counters that are lent. */
export const slotCount = layout.cellCount;

/** counts[BY_CLASS + class] */
export const BY_CLASS = layout.binBase;

/** How far a counter of frees lies behind that of allocations. */
export const FREES = layout.frees - layout.allocs;

export class FrontCounters {
  /** Allocations by bucket, and {@link FREES} behind them frees. Hot: the front increments these itself. */
  readonly counts: Float64Array;
  /** Length that each slot is lent to, or 0. */
  readonly #slotLengths: Uint32Array;
  /** Requested bytes of what is counted by class. Hot as well. */
  readonly liveBytes: Float64Array;
  /** Bytes of live blocks beyond 64 KB, whose size is not that of a class. Hot as well. */
  readonly liveBlockBytes: Float64Array;
  /** Frees by class that ended their view. Not on the hot path, but on that of lengths that do not repeat. */
  readonly toStack: Float64Array;
  /** All of them, in the layout of hk_counters_t. */
  readonly all: Float64Array;
  /** A seqlock: odd while counts move from one place to another; see hk_counters_t. */
  readonly #moves: Uint32Array;
  /** How many slots are lent. */
  #lentCount = 0;

  /** @param all - see `countersOf`. */
  constructor(all: Float64Array) {
    const { buffer, byteOffset } = all;
    const part = (from: number, to: number): Float64Array =>
      new Float64Array(buffer, byteOffset + from * 8, to - from);
    const integers = (from: number, length: number): Uint32Array =>
      new Uint32Array(buffer, byteOffset + from * 8, length);
    this.all = all;
    this.counts = part(layout.allocs, layout.cellLengths);
    this.#slotLengths = integers(layout.cellLengths, layout.cellCount);
    this.liveBytes = part(layout.liveBytes, layout.liveBlockBytes);
    this.liveBlockBytes = part(layout.liveBlockBytes, layout.liveBlockBytes + layout.binCount);
    this.toStack = part(TO_STACK, TO_STACK + native.tables.runBin);
    this.#moves = integers(layout.moves, 1);
  }

  /** Counts an allocation by class. */
  countAlloc(classIndex: number, bytes: number): void {
    this.counts[BY_CLASS + classIndex]!++;
    this.liveBytes[classIndex]! += bytes;
  }

  /** Counts a free by class. */
  countFree(classIndex: number, bytes: number): void {
    this.counts[BY_CLASS + classIndex + FREES]!++;
    this.liveBytes[classIndex]! -= bytes;
  }

  /** Counts a free that was refused. */
  countRefused(code: HakmemErrorCode): void {
    const at = REFUSED[code];
    if (at !== undefined) this.all[at]!++;
  }

  /** Says how many views the buckets of a class may keep. */
  sayCap(classIndex: number, views: number): void {
    this.all[CAP + classIndex] = views;
  }

  /** Says how many blocks of a class are asked for next. */
  sayBatch(classIndex: number, blocks: number): void {
    this.all[BATCH + classIndex] = blocks;
  }

  /** Counts views that a bucket gave up because less of them was in demand. */
  countDropped(classIndex: number, views: number): void {
    this.all[DROPPED + classIndex]! += views;
  }

  /** Counts that no bucket of a class gets more room for a while. */
  countRefusedRoom(classIndex: number): void {
    this.all[REFUSED_ROOM + classIndex]!++;
  }

  /** No class has a bucket any more. */
  clearCaps(): void {
    for (let at = CAP; at < CAP + native.tables.runBin; at++) {
      // Most were never said, and their pages never touched.
      if (this.all[at] !== 0) this.all[at] = 0;
    }
  }

  /** Lends the slot of a long bucket to views of a length. */
  lendSlot(bucket: number, bytes: number): void {
    this.#lentCount++;
    this.#slotLengths[bucket - layout.cellBase] = bytes;
  }

  /** Takes the slot of a bucket back and carries its counts over to the class. */
  takeBackSlot(bucket: number, classIndex: number): void {
    const slot = bucket - layout.cellBase;
    this.carryOver(bucket, this.#slotLengths[slot]!, classIndex);
    this.#slotLengths[slot] = 0;
    this.#lentCount--;
  }

  /** Carries the counts of a bucket, whose views have so many bytes, over to the class. */
  carryOver(bucket: number, bytes: number, classIndex: number): void {
    const at = BY_CLASS + classIndex;
    const allocs = this.counts[bucket]!;
    const frees = this.counts[bucket + FREES]!;
    if (allocs === 0) return;
    // It is odd already if the last move was interrupted.
    Atomics.or(this.#moves, 0, 1);
    this.counts[bucket] = this.counts[bucket + FREES] = 0;
    this.counts[at]! += allocs;
    this.counts[at + FREES]! += frees;
    this.liveBytes[classIndex]! += (allocs - frees) * bytes;
    Atomics.add(this.#moves, 0, 1);
  }

  /** Takes back all slots that are lent. */
  takeBackSlots(classFor: (bytes: number) => number): void {
    for (let slot = 0; this.#lentCount > 0 && slot < layout.cellCount; slot++) {
      const bytes = this.#slotLengths[slot]!;
      if (bytes !== 0) this.takeBackSlot(slot + layout.cellBase, classFor(bytes));
    }
  }
}

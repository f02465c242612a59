/**
 * Large blocks: those beyond 64 KB. Each is a run of slabs or a mapping, with an ArrayBuffer of its own.
 *
 * Freed blocks are kept by demand, with their views, so that a length used before costs no call of the core and no
 * object, whatever it is, and another length a view. As many bytes are kept as lately were live beyond those that are
 * now, and some for sizes that change; the block freed least lately goes to the core first. What is kept and was not
 * used for the purge delay stays where it is without its pages.
 *
 * Owns:      the blocks that are out of the core, live or kept.
 * Called by: the large path; the surplus.
 */
import { nowMs } from '../../base/clock';
import { noteSuperSlabs } from '../../events/events';
import * as frontCounters from '../counters';
import type { FrontCounters } from '../counters';
import type { Decay } from '../../events/decay';
import { exchangeOf, native } from '../../native/native';
import * as geometry from '../../native/geometry';
import { type LargeLimits, USUAL_LIMITS, roundedSize, slabBytes } from '../../policy/large';
import type { Records } from '../records';
import type { SlabTable } from '../slabs';
import * as kinds from '../../view/kinds';
import type { View } from '../../view/view';
import * as viewTable from '../view-table';
import type { ViewTable } from '../view-table';
import { Demand } from './demand';
import { type LargeBlock, NOT_SEEN, Shelves, newBlock, slotOf } from './shelves';

const { BY_CLASS, FREES } = frontCounters;
const { REF_INDEX_BITS, RUN_SIZE_MAX } = geometry;
const { REF } = viewTable;
const { bufferMaker, isGone, lengthOf, sizeOf } = kinds;
const BUFFER = bufferMaker.kind;

/** Bytes that are purged between two looks at the clock. */
const PURGED_AT_ONCE = 2 * 1024 * 1024;

/** The tables of a front that large blocks stand in. */
interface Tables {
  readonly slabs: SlabTable;
  readonly counters: FrontCounters;
  readonly records: Records;
  readonly table: ViewTable;
  readonly timer: Decay;
}

export class LargeBlocks {
  declare private readonly arena: number;
  declare private readonly slabs: SlabTable;
  declare private readonly counters: FrontCounters;
  declare private readonly counts: Float64Array;
  declare private readonly liveBytes: Float64Array;
  declare private readonly liveBlockBytes: Float64Array;
  declare private readonly records: Records;
  declare private readonly table: ViewTable;
  declare private readonly timer: Decay;
  /** By the slab that they begin with. */
  declare private readonly blocks: (LargeBlock | undefined)[];
  declare private readonly shelves: Shelves;
  declare private readonly demand: Demand;
  private limits = USUAL_LIMITS;
  /** Bytes out of the core, live or kept. What is in other threads counts as live: it comes back, and is used again. */
  private owned = 0;
  /** Blocks in other threads, or come back from there and not fetched. */
  private lentCount = 0;
  /** Whether the block taken last reads as zero, because nobody has had its memory before. */
  isZero = false;

  constructor(arena: number, { slabs, counters, records, table, timer }: Tables) {
    this.arena = arena;
    this.slabs = slabs;
    this.counters = counters;
    this.counts = counters.counts;
    this.liveBytes = counters.liveBytes;
    this.liveBlockBytes = counters.liveBlockBytes;
    this.records = records;
    this.table = table;
    this.timer = timer;
    this.blocks = [];
    this.shelves = new Shelves();
    this.demand = new Demand();
  }

  // --- Hot: all calls come before the first change, or are it ---------------------------------------

  /** A kept view of a kind and length, which is live then; undefined: there is none. */
  takeView(kind: number, length: number, owner: number): View | undefined {
    const shelf = this.shelves.find(kind, length);
    const block = shelf.stack[shelf.kept]!;
    const { view } = block;
    if (view === undefined || block.length !== length || block.kind !== kind) return undefined;
    const isWhole = kind === BUFFER ? lengthOf(view as Buffer) === length : !isGone(view);
    if (!isWhole) return undefined;
    const { counts, liveBytes, liveBlockBytes, demand, records } = this;
    const { bin, bytes } = shelf;
    shelf.kept--;
    records.ints[block.id] = -owner;
    demand.live += bytes;
    counts[BY_CLASS + bin]!++;
    liveBytes[bin]! += length;
    liveBlockBytes[bin]! += bytes;
    this.isZero = false;
    return view;
  }

  /** Keeps a live view with its block. false: the demand, the clock or the timer has to be asked first. */
  keepView(id: number, view: View): boolean {
    const { demand, records } = this;
    const block = this.blocks[records.ints[id + REF]! >>> REF_INDEX_BITS];
    if (block === undefined || demand.untilLook === 0) return false;
    if (this.owned > demand.limit || !this.timer.isNoted) return false;
    const { counts, liveBytes, liveBlockBytes } = this;
    const { length, shelf } = block;
    const { bin, bytes } = shelf;
    this.shelves.put(block);
    if (block.view !== view) block.view = view;
    block.id = id;
    block.sinceMs = NOT_SEEN;
    block.purged = 0;
    records.ints[id] = 0;
    demand.untilLook--;
    if (demand.live > demand.peak) demand.peak = demand.live;
    demand.live -= bytes;
    counts[BY_CLASS + bin + FREES]!++;
    liveBytes[bin]! -= length;
    liveBlockBytes[bin]! -= bytes;
    return true;
  }

  // --- Step by step ---------------------------------------------------------------------------------

  /** A block of at least `size` bytes, from those kept or from the core; or a negative status. */
  take(size: number): number {
    this.fetch();
    const block = this.#fitting(size);
    if (block === undefined) return this.#allocateRounded(size);
    this.isZero = false;
    this.shelves.take(block);
    this.#endView(block);
    return block.ref;
  }

  /** Other limits from now on; what is kept beyond them goes to the core. */
  setLimits(limits: LargeLimits): void {
    this.limits = limits;
    this.demand.setLimits(limits);
    this.#shrink(this.demand.room());
  }

  /** Bytes of the kept block that `size` bytes would get, or `size` if that is none. */
  bytesFor(size: number): number {
    return this.#fitting(size)?.shelf.bytes ?? size;
  }

  /** Takes back a live view of a large block. */
  put(id: number, view: View): void {
    const ref = this.table.refOf(id);
    const block = this.#blockOf(ref);
    this.countFree(ref);
    if (isGone(view)) {
      this.table.remove(id, view);
    } else {
      block.view = view;
      block.id = id;
      this.records.ints[id] = 0;
    }
    this.#keep(block);
  }

  /** Puts a block on its shelf; what is kept beyond the demand goes to the core. */
  #keep(block: LargeBlock): void {
    block.sinceMs = nowMs();
    block.purged = 0;
    this.shelves.put(block);
    this.#shrink(this.demand.room());
    this.timer.note();
  }

  /** Gives back pages of what is kept and was not used for a while, until `untilMs`. false: that was all. */
  decay(untilMs: number): boolean {
    this.fetch();
    this.demand.fall(0);
    this.#shrink(this.demand.room());
    let isWaiting = this.#keptBytes > 0 && this.demand.isFalling;
    const now = nowMs();
    const oldMs = now - this.timer.delayMs;
    for (const block of this.shelves) {
      if (block.purged >= block.shelf.bytes) continue;
      isWaiting = true;
      if (block.sinceMs === NOT_SEEN) block.sinceMs = now;
      if (block.sinceMs <= oldMs && !this.#purge(block, untilMs)) return true;
    }
    return isWaiting;
  }

  /** false: time is up. */
  #purge(block: LargeBlock, untilMs: number): boolean {
    const { bytes } = block.shelf;
    for (; block.purged < bytes; block.purged += PURGED_AT_ONCE) {
      if (nowMs() >= untilMs) return false;
      const part = Math.min(PURGED_AT_ONCE, bytes - block.purged);
      native.purgeLarge(this.arena, block.ref, block.purged, part);
    }
    return true;
  }

  /** Forgets all blocks; the core has taken them back. */
  clear(): void {
    // Most arenas have none, and to ask the clock costs more than all of this.
    if (this.blocks.length === 0) return;
    this.shelves.clear();
    this.blocks.length = 0;
    this.demand.fall(this.demand.live);
    this.owned = this.lentCount = 0;
  }

  flushAll(): void {
    this.fetch();
    this.#shrink(0);
  }

  /** Ends a live block here, which leaves for another thread. Its view has to be removed then. */
  lend(ref: number): void {
    this.lentCount++;
    this.#countEnd(this.#blockOf(ref));
  }

  /** Counts a block that comes back from another thread by itself, and is neither live nor kept then. */
  recall(ref: number): void {
    this.fetch();
    this.lentCount--;
    this.demand.fall(this.#blockOf(ref).shelf.bytes);
  }

  /** Takes back what came back from other threads. */
  fetch(): void {
    while (this.lentCount > 0) {
      const ref = native.takeReturned(this.arena);
      if (ref < 0) return;
      this.lentCount--;
      const block = this.#blockOf(ref);
      this.demand.fall(block.shelf.bytes);
      if (this.slabs.bufferOf(ref >>> REF_INDEX_BITS) === undefined) this.drop(ref);
      else this.#keep(block);
    }
  }

  /** Bytes of a block out of the core. */
  blockBytes(ref: number): number {
    return this.blocks[ref >>> REF_INDEX_BITS]?.shelf.bytes ?? 0;
  }

  /** Counts a block that becomes live for a view of a kind, for which its slab was exposed. */
  countAlloc(ref: number, kind: number, length: number): void {
    const block = this.blocks[ref >>> REF_INDEX_BITS] ?? this.#enter(ref);
    const { bin, bytes } = block.shelf;
    block.kind = kind;
    block.length = length;
    block.slot = slotOf(length);
    this.demand.live += bytes;
    this.counters.countAlloc(bin, length);
    this.counters.liveBlockBytes[bin]! += bytes;
  }

  /** Counts the end of a live block. */
  countFree(ref: number): void {
    const block = this.#blockOf(ref);
    this.demand.fall(block.shelf.bytes);
    this.#countEnd(block);
  }

  #countEnd(block: LargeBlock): void {
    const { bin, bytes } = block.shelf;
    block.view = undefined;
    this.counters.countFree(bin, block.length);
    this.counters.liveBlockBytes[bin]! -= bytes;
  }

  #blockOf(ref: number): LargeBlock {
    return this.blocks[ref >>> REF_INDEX_BITS]!;
  }

  /** Makes the record of a block that has come out of the core. Its slab is exposed. */
  #enter(ref: number): LargeBlock {
    const slab = ref >>> REF_INDEX_BITS;
    const bytes = sizeOf(this.slabs.bufferOf(slab)!);
    const block = newBlock(ref, this.shelves.shelfFor(bytes, binFor(bytes)));
    while (this.blocks.length <= slab) this.blocks.push(undefined);
    this.blocks[slab] = block;
    this.owned += bytes;
    return block;
  }

  /** Forgets a block that is neither live nor kept. */
  #forget(ref: number): void {
    const slab = ref >>> REF_INDEX_BITS;
    const block = this.blocks[slab];
    if (block === undefined) return;
    this.blocks[slab] = undefined;
    this.owned -= block.shelf.bytes;
    this.shelves.forget(block);
  }

  /** What rounding adds is never what is refused. */
  #allocateRounded(size: number): number {
    const rounded = roundedSize(size, this.limits.rounding);
    const ref = this.#allocate(rounded);
    return ref < 0 && rounded > size ? this.#allocate(size) : ref;
  }

  #allocate(size: number): number {
    const exchange = exchangeOf();
    const ref = native.largeAlloc(this.arena, size);
    this.isZero = ref >= 0 && exchange[0] === 1;
    return ref;
  }

  #fitting(size: number): LargeBlock | undefined {
    const { fit, rounding } = this.limits;
    const wanted = slabBytes(size);
    const most = Math.max(slabBytes(roundedSize(size, rounding)), wanted * fit);
    return this.shelves.fitting(wanted, most, (block) => {
      if (!this.slabs.isGivenAway(block.ref >>> REF_INDEX_BITS)) return true;
      this.#endView(block);
      return false;
    });
  }

  /** Ends the view that a kept block has. */
  #endView(block: LargeBlock): void {
    const { view } = block;
    block.view = undefined;
    if (view !== undefined) this.table.remove(block.id, view);
  }

  get #keptBytes(): number {
    return this.owned - this.demand.live;
  }

  /** Gives kept blocks to the core until no more than `room` bytes are left. */
  #shrink(room: number): void {
    while (this.#keptBytes > room) {
      const block = this.shelves.oldest();
      if (block === undefined) return;
      this.shelves.take(block);
      this.#endView(block);
      this.drop(block.ref);
    }
  }

  /** Gives a block to the core. */
  drop(ref: number): void {
    this.#forget(ref);
    this.slabs.forget(ref >>> REF_INDEX_BITS);
    native.largeFree(this.arena, ref);
    noteSuperSlabs();
  }
}

/** The bin that statistics count a block in: that of runs, or of huge mappings. */
function binFor(bytes: number): number {
  const { runBin, hugeBin } = native.tables;
  return bytes <= RUN_SIZE_MAX ? runBin : hugeBin;
}

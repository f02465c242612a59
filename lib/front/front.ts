/**
 * Front: the hot side of an arena. Views that exist already, binned by kind and exact length.
 *
 *   take(200) -> bin of 200 has a view: pop, mark, count                         (no native call)
 *             -> it has none: a free block of the class, a new view on it        (no native call)
 *             -> no free block: refill from the core                             (one for a batch)
 *   give(view) -> checks, count, push
 *             -> bin full: raise its cap, or drop the view and keep the block
 *             -> too many blocks: flush the older half to the core               (one for a batch)
 *
 * `take` and `give` are written to be inlined: no closures, no allocation, no try, one shape; and they
 * write integers only.
 */
import { type Keeper, custodyOf } from './custody';
import { HakmemError, OutOfMemoryError, invalidArgType, reasonOf } from '../errors';
import { publishLimit } from '../events/events';
import * as binTable from './buckets';
import { FreeBlocks } from './free-blocks';
import { type ClassHost, SizeClass } from './size-class';
import { LargeBlocks } from './large-blocks';
import { Space, type SpaceOwner } from './records';
import * as tallies from './counters';
import { BIN, COUNTED, Kind, VIEW_SHIFT, ViewTable, infoOf } from './view-table';
import { type NativeArena, OUT_OF_MEMORY_OS, native, statusOf } from '../native/native';
import { validateSize } from '../options';
import { REF_INDEX_BITS, REF_INDEX_MASK, type Ranges, SlabTable } from './slabs';
import { Room, ensureStack, ensureWholeStack } from '../base/stack';
import { usedBytesOf } from '../stats/stats';
import type { LiveBlock } from '../types';
import { HELD, type Home, type View, homeOf, idOf, stamp } from '../view/view';
import { type ViewMaker, bufferMaker, isGone } from '../view/kinds';

/** Largest size served by a size class. */
export const CLASS_SIZE_MAX = 64 * 1024;

// Constants of other modules are loaded from those modules again and again; of this one they are not.
const { HEAD, FLOOR, RECORD_BITS, binOfBuffers } = binTable;
const ID_TO_VIEW = VIEW_SHIFT;
const BIN_OF_ID = BIN;
const { FREES } = tallies;
const CLASS_STEP_BITS = 3;
const MAX = CLASS_SIZE_MAX;

const emptyBuffer = new ArrayBuffer(0);

/** What stays of a front that is reset or destroyed. */
export interface Remains {
  /** Slabs that stay attached, because a view of them is retained; undefined: there are none. */
  readonly slabs: Uint32Array | undefined;
  /** Where these views are. */
  readonly kept: ReadonlyMap<number, Ranges>;
}

const NOTHING: Remains = { slabs: undefined, kept: new Map() };

export interface FrontOptions {
  readonly maxBytes: number;
  /** Block sizes, ascending, ending with 64 KB. */
  readonly strides: readonly number[];
}

/**
 * Fields are declared only, and not of the `#` kind: those are written twice, by their definition and by
 * the constructor, and the engine takes a field for a constant only when it is written once. No JavaScript
 * outside this package can reach a front.
 */
export class Front implements Keeper, ClassHost, SpaceOwner {
  declare readonly core: NativeArena;
  declare readonly arena: number;
  declare readonly slabs: SlabTable;
  declare readonly tallies: tallies.Tallies;
  declare readonly bins: binTable.BinTable;
  declare readonly blocks: FreeBlocks;
  // Hot: parts of the tables, one step closer.
  declare private readonly views: readonly View[];
  declare private readonly counts: Float64Array;
  declare private readonly buffers: readonly (ArrayBuffer | undefined)[];
  /** Written by the space alone. */
  declare ints: Int32Array;
  /** Home of the views of this front since its last reset; keeps the core arena alive as long as they live. */
  declare home: Home;
  // Cold.
  declare private readonly options: FrontOptions;
  readonly space = new Space(this, binTable.TABLE_INTEGERS);
  declare readonly table: ViewTable;
  declare private readonly classes: (SizeClass | undefined)[];
  declare private readonly classBySize: Uint8Array;
  declare private readonly large: LargeBlocks;
  /** true: destroyed, or about to be. */
  hasEnded = false;
  /** A reset or destroy is under way, or was interrupted: nothing is handed out before it is done. */
  private isEnding = false;
  private remains = NOTHING;

  constructor(core: NativeArena, options: FrontOptions) {
    this.core = core;
    this.arena = core.id;
    this.options = options;
    this.slabs = new SlabTable(core.id, core.name, new Float64Array(core.counters));
    this.buffers = this.slabs.buffers;
    this.tallies = new tallies.Tallies(core.counters);
    this.counts = this.tallies.counts;
    this.table = new ViewTable(this.space);
    this.views = this.table.views;
    this.bins = new binTable.BinTable(this.space, this.tallies);
    this.classes = new Array<SizeClass | undefined>(options.strides.length).fill(undefined);
    this.blocks = new FreeBlocks(options.strides, this);
    this.classBySize = classesBySize(options.strides);
    this.large = new LargeBlocks(core.id, this.slabs, this.tallies);
    this.home = { core };
  }

  get epoch(): object {
    return this.home;
  }

  // --- Hot ----------------------------------------------------------------------------------------

  /** A live Buffer of `size` bytes with old contents; `mark` is LIVE or a scope's. */
  take(size: number, mark: number): Buffer {
    if (typeof size !== 'number' || (size | 0) !== size || size <= 0 || size > MAX) {
      return this.takeSlow(size, mark);
    }
    const ints = this.ints;
    const bin = binOfBuffers(size);
    const at = bin << RECORD_BITS;
    const id = ints[at + HEAD]!;
    if (id === 0) return this.takeFresh(size, bin, mark);
    const view = this.views[id >> ID_TO_VIEW] as Buffer;
    // Its slab was detached, or another length owns the bin. Or the length is what a program has put on the
    // view, and may have changed anything meanwhile.
    if (view.length !== size || this.ints[at + HEAD] !== id) return this.takeFresh(size, bin, mark);
    const links = this.ints;
    links[at + HEAD] = links[id]!;
    links[id] = -mark;
    this.counts[bin]!++;
    return view;
  }

  /** Takes a view back. Throws, and changes nothing, when it is not a live view of this front. */
  give(view: View): void {
    const id = idOf(view, this.home);
    if (this.ints[id]! >= 0) this.giveOther(view);
    else this.giveLive(id, view);
  }

  /** The same for the package's own use: in the middle of other work. */
  takeBack(view: View): void {
    this.give(view);
  }

  /** Takes a view back if it is live and has this mark, and leaves it alone if not. */
  giveMarked(view: View, mark: number): void {
    const id = idOf(view, this.home);
    if (this.ints[id] === -mark) this.giveLive(id, view);
    else if (id === 0 && this.markOf(view) === mark) this.giveOther(view);
  }

  private giveLive(id: number, view: View): void {
    const ints = this.ints;
    const bin = ints[id + BIN_OF_ID]!;
    const at = bin << RECORD_BITS;
    const frees = this.counts[bin + FREES]!;
    if (this.counts[bin]! - frees <= ints[at + FLOOR]!) {
      this.blocks.giveFresh(id, view);
    } else {
      ints[id] = ints[at + HEAD]!;
      ints[at + HEAD] = id;
      this.counts[bin + FREES] = frees + 1;
    }
  }

  // --- Other ways to take -------------------------------------------------------------------------

  /** A Buffer at a multiple of `alignment`, a power of two up to 4096. */
  takeAligned(size: number, alignment: number, mark: number): Buffer {
    validateSize(size);
    if (this.isEnding || this.hasEnded) this.assertOpen();
    if (size === 0 || size > CLASS_SIZE_MAX) return this.takeSlow(size, mark);
    const { strides } = this.options;
    const natural = this.classFor(size);
    let index = natural;
    while (strides[index]! % alignment !== 0) index++;
    if (index === natural) return this.take(size, mark);
    return this.fresh(bufferMaker, size, index, mark);
  }

  /** A typed array or DataView of `bytes` bytes, at a multiple of its element size. */
  takeView<V extends View>(maker: ViewMaker<V>, bytes: number, mark: number): V {
    const bin = bytes > 0 && bytes <= MAX ? binTable.binOf(maker.kind, bytes) : 0;
    const ints = this.ints;
    const at = bin << RECORD_BITS;
    const id = ints[at + HEAD]!;
    if (id !== 0 && this.bins.isOwn(bin, maker.kind, bytes)) {
      const view = this.views[id >> ID_TO_VIEW] as V;
      if (maker.isWhole(view, bytes) && this.ints[at + HEAD] === id) {
        const links = this.ints;
        links[at + HEAD] = links[id]!;
        links[id] = -mark;
        this.counts[bin]!++;
        return view;
      }
    }
    return this.takeViewSlow(maker, bytes, mark);
  }

  /** Whether the block of a live view suits `size` bytes: it fits, and not half of it is wasted. */
  canResize(view: View, size: number): boolean {
    const id = idOf(view, this.home);
    const kind = this.table.kindOf(id);
    if (id === 0 || kind === Kind.Empty || size === 0) return false;
    if (kind === Kind.Large && size <= CLASS_SIZE_MAX) return false;
    const bytes = this.blockBytes(view);
    return size <= bytes && size > bytes / 2;
  }

  /** A new Buffer of `size` bytes on the block of a live view, which ends without its block. */
  resizeInPlace(view: View, size: number): Buffer {
    const table = this.table;
    const old = idOf(view, this.home);
    const mark = table.markOf(old);
    const ref = table.refOf(old);
    if (table.kindOf(old) === Kind.Large) {
      this.large.countFree(ref);
      this.drop(old, view);
      return this.viewOnLarge(bufferMaker, ref, size, mark);
    }
    const classIndex = table.classOf(old);
    this.countEnd(old);
    this.drop(old, view);
    return this.viewOn(bufferMaker, ref, size, classIndex, mark);
  }

  /** Whether the view handed out last, of `bytes` bytes, is known to read as zero. */
  isZero(bytes: number): boolean {
    return bytes > CLASS_SIZE_MAX && this.large.isZero;
  }

  // --- Questions ----------------------------------------------------------------------------------

  /** Bytes of the block behind a live view. */
  blockBytes(view: View): number {
    const custody = custodyOf(view);
    if (custody !== undefined) return custody.bytes;
    const { table } = this;
    const id = idOf(view, this.home);
    const kind = table.kindOf(id);
    if (kind === Kind.Empty) return 0;
    if (kind === Kind.Large) return this.large.blockBytes(table.refOf(id));
    return this.options.strides[table.classOf(id)]!;
  }

  /** The slab of a live view that is not in custody; -1: it has none. */
  slabOf(view: View): number {
    const id = idOf(view, this.home);
    const isEmpty = this.table.kindOf(id) === Kind.Empty;
    return isEmpty ? -1 : this.table.refOf(id) >>> REF_INDEX_BITS;
  }

  /** true: a live view of this front whose memory is still there. */
  owns(view: unknown): view is View {
    if (this.markOf(view as View) === HELD) return false;
    return this.blockBytes(view as View) === 0 || !isGone(view as View);
  }

  /** The mark of a live view of this front; HELD for anything else. */
  markOf(view: View): number {
    const id = idOf(view, this.home);
    if (id !== 0) return this.table.markOf(id);
    const custody = custodyOf(view);
    return custody?.isOf(this) === true ? custody.mark : HELD;
  }

  /** Gives a live view to another owner. */
  setMark(view: View, mark: number): void {
    const custody = custodyOf(view);
    if (custody === undefined) this.table.setMark(idOf(view, this.home), mark);
    else custody.mark = mark;
  }

  /** Why `view` is not accepted where a live view of this arena is needed. */
  refusal(view: unknown): Error {
    if (this.hasEnded) return new HakmemError('ERR_HAKMEM_ARENA_DESTROYED');
    if (!ArrayBuffer.isView(view)) {
      return invalidArgType('view', 'a Buffer, TypedArray or DataView of an arena', view);
    }
    const custody = custodyOf(view);
    if (custody?.isOf(this) === true && custody.isFreed) return custody.refusal();
    const home = homeOf(view);
    if (home?.core !== this.core) return new HakmemError('ERR_HAKMEM_NOT_OWNED');
    const free = home === this.home && this.markOf(view) === HELD;
    return new HakmemError(free ? 'ERR_HAKMEM_DOUBLE_FREE' : 'ERR_HAKMEM_STALE_VIEW');
  }

  /** Names an allocation that is watched. */
  tag(view: View, tag: string): void {
    const custody = custodyOf(view);
    if (custody !== undefined) custody.tag = tag;
  }

  /** Live allocations that are watched: none, here. */
  liveBlocks(): LiveBlock[] {
    return [];
  }

  // --- All at once --------------------------------------------------------------------------------

  /** Gives all free blocks back to the core and takes empty slabs out of their classes. */
  release(): void {
    ensureWholeStack();
    this.finish();
    for (const sizeClass of this.classes) sizeClass?.releaseAll();
    this.blocks.releaseAll();
    this.large.releaseAll();
    this.slabs.retireAll();
  }

  /** Takes everything back at once, what remains aside: all views are stale then. */
  reset(remains: Remains): void {
    ensureWholeStack();
    // From here on no view is live and none is free, so that all ways lead to `finish`.
    this.table.unused = 0;
    this.ints.fill(0);
    this.remains = remains;
    this.isEnding = true;
    this.finish();
  }

  /** The same for ever: nothing is handed out any more, and every view refused. */
  end(remains: Remains): void {
    ensureStack(Room.Call);
    this.table.unused = 0;
    this.ints.fill(0);
    this.remains = remains;
    this.isEnding = this.hasEnded = true;
    this.finish();
  }

  /** Does what is left of a reset or destroy that was interrupted. */
  finish(): void {
    if (!this.isEnding) return;
    this.clear(this.remains);
    const { slabs } = this.remains;
    if (this.hasEnded) {
      // Once only: another arena may have the number of this one then.
      this.isEnding = false;
      native.destroyArena(this.arena, slabs);
    } else {
      native.resetArena(this.arena, slabs);
      this.isEnding = false;
    }
  }

  /** Forgets every view and block, which the core takes back then. May be repeated. */
  protected clear(_remains: Remains): void {
    this.classes.fill(undefined);
    this.blocks.clear();
    this.large.clear();
    this.slabs.clear();
    this.tallies.takeBackCells((bytes) => this.classFor(bytes));
    this.table.clear();
    this.space.clear();
    this.home = { core: this.core };
  }

  private assertOpen(): void {
    this.finish();
    if (this.hasEnded) throw this.refusal(undefined);
  }

  // --- Slow ---------------------------------------------------------------------------------------

  /** A live Buffer of any size, on a new view unless it is empty. */
  takeSlow(size: number, mark: number): Buffer {
    validateSize(size);
    return this.takeViewSlow(bufferMaker, size, mark);
  }

  /** A new view, on a block that is at hand if it is that simple. */
  private takeFresh(size: number, bin: number, mark: number): Buffer {
    return this.blocks.takeFresh(size, this.classFor(size), bin, mark);
  }

  private takeViewSlow<V extends View>(maker: ViewMaker<V>, bytes: number, mark: number): V {
    ensureStack(Room.Step);
    if (this.isEnding || this.hasEnded) this.assertOpen();
    if (bytes === 0) return this.emptyView(maker, mark);
    if (bytes > CLASS_SIZE_MAX) return this.takeLarge(maker, bytes, mark);
    const classIndex = this.classFor(bytes);
    const bin = binTable.binOf(maker.kind, bytes);
    // A view that is there in spite of all has lost its slab, but not its block.
    if (this.bins.isOwn(bin, maker.kind, bytes) && this.ints[(bin << RECORD_BITS) + HEAD] !== 0) {
      this.blocks.give(classIndex, this.dropKept(this.bins.pop(bin)));
    }
    return this.fresh(maker, bytes, classIndex, mark);
  }

  /** Takes back a view that is not, or not plainly, a live one of this front. */
  private giveOther(view: View): void {
    this.finish();
    const custody = custodyOf(view);
    if (custody?.isOf(this) !== true) throw this.counted(this.refusal(view));
    if (custody.isFreed) throw this.counted(custody.refuseFree());
    custody.give(view);
  }

  /** Counts a free that is refused, by its reason. */
  private counted(refusal: Error): Error {
    if (refusal instanceof HakmemError && !this.hasEnded) this.tallies.countRefused(refusal.code);
    return refusal;
  }

  /** Takes back a live view, whatever it is. */
  giveSlow(id: number, view: View): void {
    ensureStack(Room.Step);
    const { table } = this;
    if (table.kindOf(id) !== Kind.Class) {
      this.giveUnclassed(id, view);
      return;
    }
    const index = table.classOf(id);
    if (this.mayKeep(id) && this.classAt(index).makeRoom(table.binOf(id))) {
      this.keep(id, view);
    } else {
      this.countEnd(id);
      this.blocks.give(index, this.drop(id, view));
    }
  }

  /** Takes back a run, a mapping, or nothing at all. */
  private giveUnclassed(id: number, view: View): void {
    const isLarge = this.table.kindOf(id) === Kind.Large;
    const ref = this.drop(id, view);
    if (!isLarge) return;
    this.large.giveBlock(ref, this.large.countFree(ref));
  }

  /** Whether the bin of a view on a block of a class serves its length, from now on if need be. */
  private mayKeep(id: number): boolean {
    const { table } = this;
    if (table.isCounted(id)) return true;
    return this.bins.claim(table.binOf(id), table.viewKindOf(id), table.bytesOf(id));
  }

  /** Puts a live view into its bin, which has room, for the first time or again. */
  private keep(id: number, view: View): void {
    const { table } = this;
    const bin = table.binOf(id);
    if (table.isCounted(id)) {
      this.bins.keep(bin, id);
    } else {
      this.tallies.countFree(table.classOf(id), table.bytesOf(id));
      this.bins.adopt(bin, id);
    }
    table.keep(id, view);
  }

  /** Counts the end of a live view that is not kept. */
  private countEnd(id: number): void {
    const { table } = this;
    const bin = table.binOf(id);
    if (table.isCounted(id)) this.bins.countDropped(bin);
    else this.tallies.countFree(table.classOf(id), table.bytesOf(id));
    this.bins.disownIfUnused(bin, table.classOf(id));
  }

  /** Ends a view; its block is the caller's. */
  private drop(id: number, view: View): number {
    return this.table.remove(id, view);
  }

  dropKept(id: number): number {
    return this.drop(id, this.views[id >> ID_TO_VIEW]!);
  }

  /** A new view on a free block of a class. */
  private fresh<V extends View>(
    maker: ViewMaker<V>,
    bytes: number,
    classIndex: number,
    mark: number,
  ): V {
    let ref = this.takeBlock(classIndex);
    if (ref < 0) {
      const refusal = ref;
      this.release();
      ref = this.takeBlock(classIndex);
      native.noteRetry(this.arena, refusal, ref);
      if (ref < 0) throw this.outOfMemory(ref, bytes);
    }
    return this.viewOn(maker, ref, bytes, classIndex, mark);
  }

  /** A free block whose slab nobody has taken away, or a negative status. */
  private takeBlock(classIndex: number): number {
    for (;;) {
      const ref = this.blocks.take(classIndex);
      if (ref < 0 || !this.slabs.isGivenAway(ref >>> REF_INDEX_BITS)) return ref;
      this.blocks.giveToCore(classIndex, ref);
    }
  }

  private takeLarge<V extends View>(maker: ViewMaker<V>, bytes: number, mark: number): V {
    let ref = this.large.takeBlock(bytes);
    if (ref < 0) {
      const refusal = ref;
      this.release();
      ref = this.large.takeBlock(bytes);
      native.noteRetry(this.arena, refusal, ref);
      if (ref < 0) throw this.outOfMemory(ref, bytes);
    }
    return this.viewOnLarge(maker, ref, bytes, mark);
  }

  /** Makes and counts a view on a block of a class; a block that cannot be shown goes back. */
  private viewOn<V extends View>(
    maker: ViewMaker<V>,
    ref: number,
    bytes: number,
    classIndex: number,
    mark: number,
  ): V {
    const offset = (ref & REF_INDEX_MASK) * this.options.strides[classIndex]!;
    const view = this.makeView(maker, ref, offset, bytes);
    if (view === undefined) {
      this.blocks.give(classIndex, ref);
      throw this.outOfMemory(OUT_OF_MEMORY_OS, bytes);
    }
    // On a block of another class (aligned, resized) it counts by class and is not kept.
    const isNatural = this.classFor(bytes) === classIndex;
    const bin = isNatural ? binTable.binOf(maker.kind, bytes) : 0;
    const isCounted = this.bins.isOwn(bin, maker.kind, bytes);
    if (isCounted) this.bins.countFresh(bin);
    else this.tallies.countAlloc(classIndex, bytes);
    const info = infoOf(Kind.Class, maker.kind, classIndex) | (isCounted ? COUNTED : 0);
    return stamp(view, this.home, this.table.add(info, ref, bytes, bin, mark));
  }

  /** The same on a run or huge mapping. */
  private viewOnLarge<V extends View>(
    maker: ViewMaker<V>,
    ref: number,
    bytes: number,
    mark: number,
  ): V {
    const view = this.makeView(maker, ref, 0, bytes);
    if (view === undefined) {
      this.large.release(ref);
      throw this.outOfMemory(OUT_OF_MEMORY_OS, bytes);
    }
    this.large.countAlloc(ref, bytes);
    return stamp(view, this.home, this.table.add(infoOf(Kind.Large, 0, 0), ref, 0, 0, mark));
  }

  private emptyView<V extends View>(maker: ViewMaker<V>, mark: number): V {
    const view = maker.make(emptyBuffer, 0, 0);
    return stamp(view, this.home, this.table.add(infoOf(Kind.Empty, 0, 0), 0, 0, 0, mark));
  }

  /** undefined: the engine has no memory to expose the slab. */
  private makeView<V extends View>(
    maker: ViewMaker<V>,
    ref: number,
    offset: number,
    bytes: number,
  ): V | undefined {
    const buffer = this.slabs.bufferOf(ref >>> REF_INDEX_BITS);
    if (buffer === undefined) return undefined;
    return maker.make(buffer, offset, bytes / maker.elementBytes);
  }

  // --- Finding classes ----------------------------------------------------------------------------

  private classAt(index: number): SizeClass {
    return (this.classes[index] ??= new SizeClass(index, this.options.strides[index]!, this));
  }

  /** The smallest class that holds `bytes` (1 .. 64 KB). */
  private classFor(bytes: number): number {
    return this.classBySize[(bytes + 7) >>> CLASS_STEP_BITS]!;
  }

  private outOfMemory(result: number, requestedBytes: number): OutOfMemoryError {
    const { name, text } = statusOf(result);
    const reason = reasonOf(name);
    const usedBytes = usedBytesOf(this.core.id);
    const sizes = { requestedBytes, usedBytes, maxBytes: this.options.maxBytes };
    if (reason === 'limit') publishLimit(this.core.id, sizes);
    return new OutOfMemoryError(reason, text, sizes);
  }
}

const lookups = new WeakMap<readonly number[], Uint8Array>();

/** Class by (size + 7) / 8; made once for each list of strides. */
function classesBySize(strides: readonly number[]): Uint8Array {
  let lookup = lookups.get(strides);
  if (lookup === undefined) {
    lookup = new Uint8Array((CLASS_SIZE_MAX >> CLASS_STEP_BITS) + 1);
    let index = 0;
    for (let i = 0; i < lookup.length; i++) {
      if (i << CLASS_STEP_BITS > strides[index]!) index++;
      lookup[i] = index;
    }
    lookups.set(strides, lookup);
  }
  return lookup;
}

/**
 * Slow path: allocates and frees any view, one step after the other, and gives everything back at once.
 *
 *   alloc: end a reset that was interrupted -> free block of the class -> refill from the core -> give all free
 *          blocks back and try again -> ERR_HAKMEM_OUT_OF_MEMORY
 *   free:  the bucket has room, or its class gives it some -> into the bucket; else drop the view, keep the block
 *
 * Owns:      the tables of one front, and whether it has ended.
 * Called by: the fresh path and the front, which extend it.
 * Calls:     the tables.
 */
import { type FrontIdentity, custodyOf, doubleFree } from '../view/custody';
import { HakmemError, invalidArgType } from '../errors';
import { BucketTable, TABLE_INTEGERS, bucketOf } from './buckets';
import { Decay } from '../events/decay';
import { FreeBlocks } from './free-blocks';
import { CLASS_SIZE_MAX, REF_INDEX_BITS, REF_INDEX_MASK } from '../native/geometry';
import { SizeClass, classStepOf, classesBySize } from './size-class';
import { LargeBlocks } from './large-blocks';
import { Records } from './records';
import { outOfMemory } from './refusals';
import type { FrontCounters } from './counters';
import { type Kit, countersFor, leaveKit } from './kit';
import { BATCH_INTEGERS, COUNTED, EMPTY, type Epoch, Kind, ViewTable, infoOf } from './view-table';
import { type NativeArena, OUT_OF_MEMORY_OS, native } from '../native/native';
import { type ResolvedOptions, validateSize } from '../options';
import { NO_REMAINS, type Remains, SlabTable } from './slabs';
import { Surplus } from './surplus';
import { Room, ensureStack, ensureWholeStack } from '../base/stack';
import { NO_OWNER, type View, homeOf, idOf, stamp } from '../view/view';
import { type ViewMaker, bufferMaker } from '../view/kinds';

export type FrontOptions = Pick<ResolvedOptions, 'maxBytes' | 'strides' | 'purgeDelayMs'>;

/** Fields are declared and written once: see "What V8 asks of hot code" in docs/ARCHITECTURE.md. */
export class SlowPath implements FrontIdentity {
  declare readonly core: NativeArena;
  /** Names the arena to the core. */
  declare readonly arena: number;
  declare readonly slabs: SlabTable;
  declare protected readonly counters: FrontCounters;
  /** All integers of the tables below: those of `records`, one step closer. */
  declare protected ints: Int32Array;
  declare protected readonly records: Records;
  declare protected readonly table: ViewTable;
  declare protected readonly buckets: BucketTable;
  declare protected readonly blocks: FreeBlocks;
  declare protected readonly large: LargeBlocks;
  declare readonly strides: readonly number[];
  declare private readonly classes: (SizeClass | undefined)[];
  declare private readonly classBySize: Uint8Array;
  declare readonly maxBytes: number;
  declare private readonly timer: Decay;
  declare private readonly surplus: Surplus;
  declare private readonly kit: Kit;
  /** true: destroyed, or about to be. */
  hasEnded = false;
  /** A reset or destroy is under way, or was interrupted: nothing is handed out before it is done. */
  protected isEnding = false;
  private remains = NO_REMAINS;

  constructor(core: NativeArena, { maxBytes, strides, purgeDelayMs }: FrontOptions, kit: Kit) {
    this.core = core;
    this.arena = core.id;
    this.maxBytes = maxBytes;
    this.strides = strides;
    this.kit = kit;
    this.counters = countersFor(kit, core);
    this.slabs = new SlabTable(core.id, core.name, this.counters.all);
    this.records = new Records(TABLE_INTEGERS, kit.ints);
    this.ints = this.records.ints;
    this.table = new ViewTable(this.records, core, kit.views);
    this.buckets = new BucketTable(this.records, this.counters);
    this.timer = new Decay(this, purgeDelayMs);
    this.blocks = new FreeBlocks(core.id, kit.stacks, this.slabs, this.timer, this.counters);
    this.large = new LargeBlocks(core.id, this.slabs, this.counters, this.timer);
    this.classes = new Array<SizeClass | undefined>(strides.length).fill(undefined);
    this.classBySize = classesBySize(strides);
    this.surplus = new Surplus(this.classes, this.blocks, this.large);
  }

  get epoch(): Epoch {
    return this.table.home;
  }

  // --- Allocate -----------------------------------------------------------------------------------

  /** A live Buffer of any size, on a new view. */
  protected allocSlow(size: number, owner: number): Buffer {
    validateSize(size);
    return this.allocViewSlow(bufferMaker, size, owner);
  }

  protected allocViewSlow<V extends View>(maker: ViewMaker<V>, bytes: number, owner: number): V {
    ensureStack(Room.Step);
    if (this.isEnding || this.hasEnded) this.assertOpen();
    if (bytes === 0) {
      return this.enter(maker.make(EMPTY, 0, 0), infoOf(Kind.Empty, 0, 0), 0, 0, 0, owner);
    }
    if (bytes > CLASS_SIZE_MAX) return this.allocLarge(maker, bytes, owner);
    const classIndex = this.classFor(bytes);
    const bucket = bucketOf(maker.kind, bytes);
    // A view that is in its bucket in spite of all has lost its slab, but not its block.
    if (this.buckets.isOwnedBy(bucket, maker.kind, bytes) && !this.buckets.isEmpty(bucket)) {
      this.blocks.put(classIndex, this.table.removeKept(this.buckets.take(bucket)));
    }
    return this.allocInClass(maker, bytes, classIndex, owner);
  }

  /** A new view on a free block of a class. */
  protected allocInClass<V extends View>(
    maker: ViewMaker<V>,
    bytes: number,
    classIndex: number,
    owner: number,
  ): V {
    let ref = this.takeBlock(classIndex);
    if (ref < 0) {
      const refusal = ref;
      this.flushAll();
      ref = this.takeBlock(classIndex);
      native.noteRetry(this.arena, refusal, ref);
      if (ref < 0) throw this.outOfMemory(ref, bytes);
    }
    return this.viewOn(maker, ref, bytes, classIndex, owner);
  }

  /** A free block whose slab nobody has taken away, or a negative status. */
  private takeBlock(classIndex: number): number {
    for (;;) {
      const ref = this.blocks.take(classIndex);
      if (ref < 0 || !this.slabs.isClassGivenAway(ref >>> REF_INDEX_BITS)) return ref;
      this.blocks.drop(classIndex, ref);
    }
  }

  private allocLarge<V extends View>(maker: ViewMaker<V>, bytes: number, owner: number): V {
    let ref = this.large.take(bytes);
    if (ref < 0) {
      const refusal = ref;
      this.flushAll();
      ref = this.large.take(bytes);
      native.noteRetry(this.arena, refusal, ref);
      if (ref < 0) throw this.outOfMemory(ref, bytes);
    }
    return this.viewOnLarge(maker, ref, bytes, owner);
  }

  /** Makes and counts a view on a block of a class; a block that cannot be shown goes back. */
  protected viewOn<V extends View>(
    maker: ViewMaker<V>,
    ref: number,
    bytes: number,
    classIndex: number,
    owner: number,
  ): V {
    const offset = (ref & REF_INDEX_MASK) * this.strides[classIndex]!;
    const view = this.makeView(maker, ref, offset, bytes);
    if (view === undefined) {
      this.blocks.put(classIndex, ref);
      throw this.outOfMemory(OUT_OF_MEMORY_OS, bytes);
    }
    // On a block of another class (aligned, resized) it counts by class and is not kept.
    const isNatural = this.classFor(bytes) === classIndex;
    const bucket = isNatural ? bucketOf(maker.kind, bytes) : 0;
    const isCounted = this.buckets.isOwnedBy(bucket, maker.kind, bytes);
    if (isCounted) this.buckets.countFresh(bucket);
    else this.counters.countAlloc(classIndex, bytes);
    const info = infoOf(Kind.Class, maker.kind, classIndex) | (isCounted ? COUNTED : 0);
    return this.enter(view, info, ref, bytes, bucket, owner);
  }

  /** The same on a run or huge mapping. */
  protected viewOnLarge<V extends View>(
    maker: ViewMaker<V>,
    ref: number,
    bytes: number,
    owner: number,
  ): V {
    const view = this.makeView(maker, ref, 0, bytes);
    if (view === undefined) {
      this.large.drop(ref);
      throw this.outOfMemory(OUT_OF_MEMORY_OS, bytes);
    }
    this.large.countAlloc(ref, bytes);
    return this.enter(view, infoOf(Kind.Large, 0, 0), ref, 0, 0, owner);
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

  /** Stamps a new view with a number of its own. */
  private enter<V extends View>(view: V, ...record: Parameters<ViewTable['add']>): V {
    if (this.table.unused === 0) this.addNumbers();
    return stamp(view, this.table.home, this.table.add(...record));
  }

  private addNumbers(): void {
    if (!this.records.hasRoom(BATCH_INTEGERS)) {
      const ints = this.records.enlarged();
      // One step: whoever wrote to the old array afterwards would spoil the tables.
      this.ints = this.records.ints = ints;
    }
    this.table.addNumbers();
  }

  // --- Free ---------------------------------------------------------------------------------------

  /** Takes back a view that is not, or not plainly, a live one of this front. */
  protected freeOther(id: number, view: View): void {
    if (this.table.disown(id)) return;
    this.finish();
    const custody = custodyOf(view);
    if (custody?.isOf(this) !== true) throw this.counted(this.refusal(view));
    if (custody.isFreed) throw this.counted(custody.refuseFree());
    custody.free();
  }

  /** Takes back a live view, whatever it is. */
  protected freeSlow(id: number, view: View): void {
    ensureStack(Room.Step);
    const { table } = this;
    if (table.kindOf(id) !== Kind.Class) {
      this.freeUnclassed(id, view);
      return;
    }
    const index = table.classOf(id);
    if (this.mayKeep(id) && this.classAt(index).makeRoom(table.targetOf(id))) {
      this.keep(id, view);
    } else {
      this.countEnd(id);
      this.blocks.put(index, table.remove(id, view));
    }
  }

  /** Takes back a run, a mapping, or nothing at all. */
  private freeUnclassed(id: number, view: View): void {
    const isLarge = this.table.kindOf(id) === Kind.Large;
    const ref = this.table.remove(id, view);
    if (isLarge) this.large.put(ref, this.large.countFree(ref));
  }

  /** Whether the bucket of a view on a block of a class serves its length, from now on if need be. */
  private mayKeep(id: number): boolean {
    const { table } = this;
    if (table.isCounted(id)) return true;
    return this.buckets.claim(table.targetOf(id), table.viewKindOf(id), table.bytesOf(id));
  }

  /** Puts a live view into its bucket, which has room, for the first time or again. */
  private keep(id: number, view: View): void {
    const { table } = this;
    const bucket = table.targetOf(id);
    if (table.isCounted(id)) {
      this.buckets.put(bucket, id);
    } else {
      this.counters.countFree(table.classOf(id), table.bytesOf(id));
      this.buckets.putUncounted(bucket, id);
    }
    table.keep(id, view);
  }

  /** Counts the end of a live view that is not kept. */
  protected countEnd(id: number): void {
    const { table } = this;
    const bucket = table.targetOf(id);
    if (table.isCounted(id)) this.buckets.countDropped(bucket);
    else this.counters.countFree(table.classOf(id), table.bytesOf(id));
    this.buckets.disownIfUnused(bucket, table.classOf(id));
  }

  // --- Refuse -------------------------------------------------------------------------------------

  /** The owner of a live view of this front; NO_OWNER of anything else. */
  ownerOf(view: View): number {
    const id = idOf(view, this.table.home);
    if (id !== 0) return this.table.ownerOf(id);
    const custody = custodyOf(view);
    return custody?.isOf(this) === true ? custody.owner : NO_OWNER;
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
    const isFree = home === this.table.home && this.ownerOf(view) === NO_OWNER;
    if (!isFree) return new HakmemError('ERR_HAKMEM_STALE_VIEW');
    return doubleFree(this.table.isHeld(idOf(view, home)));
  }

  /** Counts a free that is refused, by its reason. */
  protected counted(refusal: Error): Error {
    if (refusal instanceof HakmemError && !this.hasEnded) this.counters.countRefused(refusal.code);
    return refusal;
  }

  protected outOfMemory(result: number, requestedBytes: number): Error {
    return outOfMemory(this.arena, result, requestedBytes, this);
  }

  // --- All at once --------------------------------------------------------------------------------

  /** Gives all free blocks back to the core and takes empty slabs out of their classes. */
  flushAll(): void {
    ensureWholeStack();
    this.finish();
    this.surplus.giveAllBack();
    this.slabs.retireAll();
  }

  /** Gives the core a part of what was not in demand since the last time. false: nothing is left. */
  giveSurplusBack(untilMs: number): boolean {
    this.finish();
    return !this.hasEnded && this.surplus.giveBack(untilMs);
  }

  /** Takes everything back at once, what remains aside: all views are stale then. */
  reset(remains: Remains): void {
    ensureWholeStack();
    // From here on all ways lead to `finish`.
    this.table.invalidate();
    this.remains = remains;
    this.isEnding = true;
    this.finish();
  }

  /** The same for ever: nothing is handed out any more, and every view refused. */
  end(remains: Remains): void {
    ensureStack(Room.Call);
    this.table.invalidate();
    this.remains = remains;
    this.isEnding = this.hasEnded = true;
    this.finish();
  }

  /** Does what is left of a reset or destroy that was interrupted. */
  finish(): void {
    if (!this.isEnding) return;
    this.clear(this.remains);
    if (this.hasEnded) {
      // Once only: another arena may have the number of this one then.
      this.isEnding = false;
      native.destroyArena(this.arena, this.remains.slabs, this.core.counters);
      this.timer.end();
      if (this.remains.slabs === undefined) this.leave();
    } else {
      native.resetArena(this.arena, this.remains.slabs);
      this.isEnding = false;
      this.timer.note();
    }
  }

  /** Leaves the arrays to a later front. Views that are retained still count in them. */
  protected leave(): void {
    this.ints = this.records.ints = leaveKit(this.kit, this.ints, this.core.handle);
  }

  /** Forgets every view and block; the core takes the blocks back afterwards. May be repeated. */
  protected clear(_remains: Remains): void {
    this.classes.fill(undefined);
    this.counters.clearCaps();
    this.blocks.clear();
    this.large.clear();
    this.slabs.clear();
    this.counters.takeBackSlots((bytes) => this.classFor(bytes));
    this.records.clear();
    this.table.clear();
  }

  protected assertOpen(): void {
    this.finish();
    if (this.hasEnded) throw this.refusal(undefined);
  }

  /** The smallest class that holds `bytes` (1 .. 64 KB). */
  protected classFor(bytes: number): number {
    return this.classBySize[classStepOf(bytes)]!;
  }

  private classAt(index: number): SizeClass {
    const { buckets, blocks, counters, table: views, timer: decay } = this;
    const tables = { buckets, views, blocks, counters, decay };
    return (this.classes[index] ??= new SizeClass(index, this.strides[index]!, tables));
  }
}

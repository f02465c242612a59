/**
 * Front tables: what a front owns, how a view enters it, why a view is refused, and how everything goes back at once.
 *
 * Owns:      the tables of one front, and whether it has ended.
 * Called by: the paths, which extend it.
 * Calls:     the tables.
 */
import { type FrontIdentity, custodyOf, doubleFree } from '../view/custody';
import { HakmemError, invalidArgType } from '../errors';
import { BucketTable, TABLE_INTEGERS } from './buckets';
import { Decay } from '../events/decay';
import { FreeBlocks } from './free-blocks';
import { REF_INDEX_BITS } from '../native/geometry';
import { SizeClass, classStepOf, classesBySize, moveSizes } from './size-class';
import { LargeBlocks } from './large/large-blocks';
import { Records } from './records';
import { outOfMemory, relieve } from './refusals';
import type { FrontCounters } from './counters';
import { type Kit, countersFor, leaveKit } from './kit';
import * as viewTable from './view-table';
import { BATCH_INTEGERS, type Epoch, ViewTable } from './view-table';
import { type NativeArena, native } from '../native/native';
import type { ResolvedOptions } from '../options';
import type { PolicyState } from '../policy/state';
import { NO_REMAINS, type Remains, SlabTable } from './slabs';
import { Surplus } from './surplus';
import { Room, ensureStack, ensureWholeStack } from '../base/stack';
import { NO_OWNER, type View, homeOf, idOf, stamp } from '../view/view';
import type { ViewMaker } from '../view/kinds';

const { CLASS_SHIFT, INFO, KIND_MASK, Kind } = viewTable;

/** So often a class that serves fewer lengths than before is settled. */
const TIMES_TO_SETTLE = 5;

export type FrontOptions = Pick<ResolvedOptions, 'learn' | 'maxBytes' | 'strides' | 'policy'>;

/** Fields are declared and written once: see "What V8 asks of hot code" in docs/ARCHITECTURE.md. */
export class FrontTables implements FrontIdentity {
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
  /** By class. Those that are added behind the first ones are in no order. */
  declare readonly strides: number[];
  declare protected readonly classes: (SizeClass | undefined)[];
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
  /** Whether `classes` has one. */
  private hasClasses = false;
  /** Classes that lost lengths to others, and how often each is still to be settled; undefined: there was none. */
  private shrunk: Map<number, number> | undefined;

  constructor(core: NativeArena, options: FrontOptions, kit: Kit) {
    const { learn, maxBytes, strides, policy } = options;
    this.core = core;
    this.arena = core.id;
    this.maxBytes = maxBytes;
    this.strides = strides as number[];
    this.kit = kit;
    this.counters = countersFor(kit, core);
    this.slabs = new SlabTable(core.id, core.name, this.counters.all);
    this.records = new Records(TABLE_INTEGERS, kit.ints);
    this.ints = this.records.ints;
    this.table = new ViewTable(this.records, core, kit.views);
    this.buckets = new BucketTable(this.records, this.counters, learn !== 'frozen');
    this.timer = new Decay(this, policy.valueOf('purgeDelayMs'));
    this.blocks = new FreeBlocks(core.id, kit.stacks, this.slabs, this.timer, this.counters);
    const { slabs, counters, records, table, timer } = this;
    this.large = new LargeBlocks(core.id, { slabs, counters, records, table, timer });
    this.classes = kit.classes;
    this.classBySize = classesBySize(strides);
    this.surplus = new Surplus(core.id, this.classes, this.blocks, this.large, policy);
  }

  /** Goes by another policy from now on. */
  setPolicy(policy: PolicyState): void {
    ensureWholeStack();
    this.surplus.setPolicy(policy);
    this.timer.setDelay(policy.valueOf('purgeDelayMs'));
  }

  get epoch(): Epoch {
    return this.table.home;
  }

  /** Whether nobody retains a view that has a record. */
  get retainsNothing(): boolean {
    return this.table.heldCount === 0;
  }

  /** The block that `take` gives, if need be after all free blocks have gone back. */
  protected blockFor(bytes: number, take: () => number): number {
    const refusal = take();
    if (refusal >= 0) return refusal;
    relieve(this, refusal, bytes);
    const ref = take();
    native.noteRetry(this.arena, refusal, ref);
    if (ref < 0) throw this.outOfMemory(ref, bytes);
    return ref;
  }

  // --- Size classes ---------------------------------------------------------------------------------

  /** Bytes of the blocks of all classes that serve lengths, ascending. */
  get sizeClasses(): number[] {
    return [...new Set(this.classBySize)].map((index) => this.strides[index]!);
  }

  /** Adds a class to a front that learns. false: the core has no number for one, or it is there already. */
  addClass(stride: number): boolean {
    ensureWholeStack();
    this.assertOpen();
    const from = this.classFor(stride);
    if (this.strides[from] === stride) return false;
    this.leaveClass(from, stride);
    const index = native.addClass(this.arena, stride);
    if (index < 0) return false;
    this.strides[index] = stride;
    this.classes[index] = undefined;
    this.blocks.begin(index, stride);
    moveSizes(this.classBySize, stride, from, index);
    return true;
  }

  /** Retires a class that was added. Its blocks go back to the core as they are freed. */
  retireClass(stride: number): void {
    ensureWholeStack();
    this.assertOpen();
    const index = this.classFor(stride);
    this.leaveClass(index, stride);
    moveSizes(this.classBySize, stride, index, this.classFor(stride + 1));
    native.retireClass(this.arena, index);
    this.shrunk?.delete(index);
    this.blocks.end(index);
    this.slabs.retireSurplus();
  }

  /**
   * Classes that serve fewer lengths than before keep nothing for a while: blocks that they recycle would hold all their
   * slabs for ever, while the core takes blocks from full ones, and the others empty. Each call brings the end of that
   * nearer, and gives up what is empty by now.
   */
  settleClasses(): void {
    ensureWholeStack();
    this.assertOpen();
    const { shrunk } = this;
    if (shrunk === undefined || shrunk.size === 0) return;
    for (const [index, left] of shrunk) {
      if (left > 1) {
        shrunk.set(index, left - 1);
      } else {
        shrunk.delete(index);
        this.blocks.open(index);
      }
    }
    this.slabs.retireMost();
  }

  /**
   * Lengths of up to `stride` bytes get another class than this one. No view of them is kept, and those that are live
   * end like views on a block of another class: they count by it, and the block goes back to it.
   */
  private leaveClass(index: number, stride: number): void {
    const isOne = (bytes: number): boolean => bytes <= stride && this.classFor(bytes) === index;
    (this.shrunk ??= new Map()).set(index, TIMES_TO_SETTLE);
    this.classes[index]?.dropAll();
    this.blocks.close(index);
    this.table.forgetBuckets(isOne);
    this.buckets.disownAll(isOne, index);
  }

  // --- Enter ----------------------------------------------------------------------------------------

  /** undefined: the engine has no memory to expose the slab. */
  protected makeView<V extends View>(
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
  protected enter<V extends View>(view: V, ...record: Parameters<ViewTable['add']>): V {
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

  // --- Behind a view ------------------------------------------------------------------------------

  /** Bytes of the block behind a live view. */
  blockBytes(view: View): number {
    const custody = custodyOf(view);
    if (custody !== undefined) return custody.bytes;
    return this.bytesBehind(idOf(view, this.table.home));
  }

  /** The same by number. */
  bytesBehind(id: number): number {
    const info = this.ints[id + INFO]!;
    const kind = info & KIND_MASK;
    if (kind === Kind.Class) return this.strides[info >> CLASS_SHIFT]!;
    return kind === Kind.Empty ? 0 : this.large.blockBytes(this.table.refOf(id));
  }

  /** The slab of a live view that is not in custody; -1: it has none. */
  slabOf(view: View): number {
    return this.slabBehind(idOf(view, this.table.home));
  }

  /** The same by number. */
  slabBehind(id: number): number {
    return this.table.kindOf(id) === Kind.Empty ? -1 : this.table.refOf(id) >>> REF_INDEX_BITS;
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
    this.clearClasses();
    if (!this.hasEnded) {
      // Else nobody asks again: the core has the counters, and the next front gets new stacks.
      this.counters.clearCaps();
      this.blocks.clear();
    }
    this.large.clear();
    this.slabs.clear();
    this.counters.takeBackSlots((bytes) => this.classFor(bytes));
    this.records.clear();
    this.table.clear();
  }

  /** Here and in other tables one by one, because `fill` of arrays is ten times as slow. */
  private clearClasses(): void {
    if (!this.hasClasses) return;
    for (let i = 0; i < this.classes.length; i++) this.classes[i] = undefined;
    this.hasClasses = false;
  }

  protected assertOpen(): void {
    this.finish();
    if (this.hasEnded) throw this.refusal(undefined);
  }

  /** The smallest class that holds `bytes` (1 .. 64 KB). */
  protected classFor(bytes: number): number {
    return this.classBySize[classStepOf(bytes)]!;
  }

  protected classAt(index: number): SizeClass {
    this.hasClasses = true;
    const { buckets, blocks, counters, table: views, timer: decay, surplus } = this;
    const tables = { buckets, views, blocks, counters, decay, policy: surplus.policy };
    return (this.classes[index] ??= new SizeClass(index, this.strides[index]!, tables));
  }
}

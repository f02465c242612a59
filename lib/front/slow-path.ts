/**
 * Slow path: allocates and frees any view, one step after the other.
 *
 *   alloc: end a reset that was interrupted -> free block of the class -> refill from the core -> give all free
 *          blocks back and try again -> ERR_HAKMEM_OUT_OF_MEMORY
 *   free:  the bucket has room, or its class gives it some -> into the bucket; else drop the view, keep the block
 *
 * Owns:      nothing.
 * Called by: the fresh path and the front, which extend it.
 * Calls:     the tables.
 */
import { bucketOf } from './buckets';
import { CLASS_SIZE_MAX, REF_INDEX_BITS, REF_INDEX_MASK } from '../native/geometry';
import { LargePath } from './large/large-path';
import { COUNTED, EMPTY, Kind, infoOf } from './view-table';
import { OUT_OF_MEMORY_OS } from '../native/native';
import { validateSize } from '../options';
import { Room, ensureStack } from '../base/stack';
import { custodyOf } from '../view/custody';
import type { View } from '../view/view';
import { type ViewMaker, bufferMaker } from '../view/kinds';

export class SlowPath extends LargePath {
  // --- Allocate -----------------------------------------------------------------------------------

  /** A live Buffer of any size, on a new view. */
  protected allocSlow(size: number, owner: number): Buffer {
    const kept = this.takeLarge(bufferMaker.kind, size, owner);
    if (kept !== undefined) return kept as Buffer;
    validateSize(size);
    return this.allocStepwise(bufferMaker, size, owner);
  }

  protected allocViewSlow<V extends View>(maker: ViewMaker<V>, bytes: number, owner: number): V {
    const kept = this.takeLarge(maker.kind, bytes, owner);
    return kept === undefined ? this.allocStepwise(maker, bytes, owner) : (kept as V);
  }

  private allocStepwise<V extends View>(maker: ViewMaker<V>, bytes: number, owner: number): V {
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
    const ref = this.blockFor(bytes, () => this.takeBlock(classIndex));
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

  /** The same, when the program calls: a front with modes also tells what was found. */
  protected freeAside(id: number, view: View): void {
    this.freeOther(id, view);
  }

  /** Takes back a live view, whatever it is. */
  protected freeSlow(id: number, view: View): void {
    const { table } = this;
    const kind = table.kindOf(id);
    if (kind === Kind.Large && this.large.keepView(id, view)) return;
    ensureStack(Room.Step);
    if (kind !== Kind.Class) {
      if (kind === Kind.Large) this.large.put(id, view);
      else table.remove(id, view);
      return;
    }
    const index = table.classOf(id);
    if (this.mayKeep(id) && this.classAt(index).makeRoom(table.targetOf(id))) {
      this.keep(id, view);
    } else {
      this.countFreed(id);
      this.blocks.put(index, table.remove(id, view));
    }
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

  /** The same of one that was freed: its block waits for another view. */
  protected countFreed(id: number): void {
    this.countEnd(id);
    this.counters.toStack[this.table.classOf(id)]!++;
  }
}

/**
 * Front: the hot side of an arena. Views that exist already, in buckets by kind and exact length.
 *
 *   alloc(200) -> the bucket of 200 has a view: take it, note its owner, count      (no native call)
 *              -> it has none: a free block of the class, a new view on it          (no native call)
 *              -> no free block: refill from the core                               (one for a batch)
 *   free(view) -> checks, count, put it into its bucket
 *              -> bucket full: raise its cap, or drop the view and keep the block
 *              -> too many blocks: flush the older half to the core                 (one for a batch)
 *
 * Called by: the arena and its scopes.
 * Calls:     the fresh path, which falls into the slow path, which falls into the tables.
 *
 * What V8 asks of hot code stands in docs/ARCHITECTURE.md. JavaScript outside this package cannot reach a front.
 */
import { constants } from 'node:buffer';
import * as buckets from './buckets';
import * as frontCounters from './counters';
import { custodyOf } from '../view/custody';
import { FreshPath } from './fresh-path';
import * as geometry from '../native/geometry';
import type { Kit } from './kit';
import { type FrontOptions } from './tables';
import * as viewTable from './view-table';
import { type NativeArena, frontStat } from '../native/native';
import { validateSize } from '../options';
import type { LiveBlock } from '../types';
import * as owners from '../view/view';
import { type View, idOf } from '../view/view';
import * as kinds from '../view/kinds';
import { type ViewMaker, bufferMaker, isGone } from '../view/kinds';

const { HEAD, FULL_AT, RECORD_BITS, bucketOfBuffers, bucketOf } = buckets;
const { FREES } = frontCounters;
const { CLASS_SIZE_MAX, REF_INDEX_MASK, SLAB_BYTES } = geometry;
const { BUCKET, HOLDERS, Kind, VIEW_SHIFT } = viewTable;
const { lengthOf, setBytes } = kinds;
const { ARENA, NO_OWNER } = owners;
const PINNED_BYTES = frontStat('bytes_pinned');

/** The block of a view that somebody retains; `id` is the view's number. */
export interface HeldBlock {
  readonly id: number;
  readonly holders: number;
  readonly bytes: number;
  /** Its slab; -1: it has none. */
  readonly slab: number;
  /** Where in the slab the view begins and ends. */
  readonly range: readonly [begin: number, end: number];
}

/** Puts a live view into its bucket. false: it has none, or that is full. */
function putBack(ints: Int32Array, counts: Float64Array, id: number): boolean {
  const bucket = ints[id + BUCKET]!;
  const at = bucket << RECORD_BITS;
  const frees = counts[bucket + FREES]!;
  if (counts[bucket]! - frees <= ints[at + FULL_AT]!) return false;
  ints[id] = ints[at + HEAD]!;
  ints[at + HEAD] = id;
  counts[bucket + FREES] = frees + 1;
  return true;
}

export class Front extends FreshPath {
  declare protected readonly views: readonly View[];
  /** All counters of the arena. */
  declare private readonly stats: Float64Array;

  constructor(core: NativeArena, options: FrontOptions, kit: Kit) {
    super(core, options, kit);
    this.views = this.table.views;
    this.stats = this.counters.all;
  }

  // --- Hot ----------------------------------------------------------------------------------------

  /** A live Buffer of `size` bytes with old contents; `owner` is ARENA or a scope's. */
  alloc(size: number, owner: number): Buffer {
    if (typeof size !== 'number' || (size | 0) !== size || size <= 0 || size > CLASS_SIZE_MAX) {
      return this.allocSlow(size, owner);
    }
    const { ints } = this;
    const bucket = bucketOfBuffers(size);
    const at = bucket << RECORD_BITS;
    const id = ints[at + HEAD]!;
    if (id === 0) return this.allocFresh(size, bucket, owner);
    const view = this.views[id >> VIEW_SHIFT] as Buffer;
    // Its slab was detached, or another length owns the bucket. Or the length is a getter that a program has put on
    // the view: it may say anything, and have changed anything meanwhile.
    if (view.length !== size || this.ints[at + HEAD] !== id) {
      return this.allocFresh(size, bucket, owner);
    }
    const links = this.ints;
    links[at + HEAD] = links[id]!;
    links[id] = -owner;
    this.counts[bucket]!++;
    return view;
  }

  /** Takes a view back. Throws, and changes nothing, when it is not a live view of this front. */
  free(view: View): void {
    const id = idOf(view, this.table.home);
    if (this.ints[id]! >= 0) this.freeAside(id, view);
    else this.freeLive(id, view);
  }

  /** The same for the package's own use: in the middle of other work. */
  takeBack(view: View): void {
    this.free(view);
  }

  /** Takes a view back if it is live and has this owner, and leaves it alone if not. */
  freeOwned(view: View, owner: number): void {
    const id = idOf(view, this.table.home);
    if (this.ints[id] === -owner) this.freeLive(id, view);
    else if ((id === 0 || this.table.isHeld(id)) && this.ownerOf(view) === owner)
      this.freeOther(id, view);
  }

  /** The same with the first so many of a list, which leave it one after the other. */
  freeAllOwned(views: (View | undefined)[], count: number, owner: number): void {
    for (let i = 0; i < count; i++) {
      i = this.freeRun(views, i, count, owner);
      if (i === count) return;
      this.freeOwned(views[i]!, owner);
      views[i] = undefined;
    }
  }

  /**
   * Puts views from `from` on into their buckets, up to the first one that needs more; returns where that is. There is
   * no call in the loop, so that the engine need not look anew where everything is.
   */
  protected freeRun(
    views: (View | undefined)[],
    from: number,
    count: number,
    owner: number,
  ): number {
    const { ints, counts, table } = this;
    const { home } = table;
    for (let i = from; i < count; i++) {
      const id = idOf(views[i], home);
      if (ints[id] !== -owner || !putBack(ints, counts, id)) return i;
      views[i] = undefined;
    }
    return count;
  }

  private freeLive(id: number, view: View): void {
    if (!putBack(this.ints, this.counts, id)) this.freeFresh(id, view);
  }

  // --- Retain -------------------------------------------------------------------------------------

  /**
   * Adds a holder to a view that is live or retained. false: it is neither, or it is in custody. What changes the
   * tables comes without a call between, here and below, so that nothing can interrupt it.
   */
  hold(view: View): boolean {
    return this.holdLive(view) || this.holdOther(idOf(view, this.table.home), view);
  }

  /** The same for a live Buffer on a block of a class. false: it is not, or not plainly, that. */
  holdLive(view: View): boolean {
    const id = idOf(view, this.table.home);
    if (!this.isWholeBuffer(id, view)) return false;
    this.beginHold(id, this.bytesBehind(id));
    return true;
  }

  private holdOther(id: number, view: View): boolean {
    const { ints } = this;
    if (this.table.isHeld(id)) {
      ints[id + HOLDERS]!++;
      return true;
    }
    if (ints[id]! >= 0 || !this.owns(view)) return false;
    this.beginHold(id, this.bytesBehind(id));
    return true;
  }

  private beginHold(id: number, bytes: number): void {
    const { ints, stats, table } = this;
    ints[id] = -ints[id]!;
    ints[id + HOLDERS] = 1;
    table.heldCount++;
    stats[PINNED_BYTES]! += bytes;
  }

  /** Adds the first holder to a live view that its owner frees with it. false: it is not, or not plainly, live. */
  holdFreed(view: View): boolean {
    const id = idOf(view, this.table.home);
    if (!this.isWholeBuffer(id, view)) return false;
    this.beginHold(id, this.bytesBehind(id));
    this.ints[id] = NO_OWNER;
    return true;
  }

  /** Frees a view that is held, on behalf of its owner: its last release recycles it. false: it is not at home here. */
  disown(view: View): boolean {
    const id = idOf(view, this.table.home);
    if (id !== 0) this.ints[id] = NO_OWNER;
    return id !== 0;
  }

  /** Takes a holder away. true: the block is free now. undefined: nobody holds the view, or it is in custody. */
  unhold(view: View): boolean | undefined {
    const id = idOf(view, this.table.home);
    if (id === 0 || this.ints[id + HOLDERS] !== 1) return this.unholdOther(id);
    const bytes = this.bytesBehind(id);
    const { ints, stats, table } = this;
    const owner = ints[id]!;
    ints[id] = owner === NO_OWNER ? -ARENA : -owner;
    ints[id + HOLDERS] = 0;
    table.heldCount--;
    stats[PINNED_BYTES]! -= bytes;
    if (owner !== NO_OWNER) return false;
    this.recycle(id, view, bytes);
    return true;
  }

  private unholdOther(id: number): false | undefined {
    if (!this.table.isHeld(id)) return undefined;
    this.ints[id + HOLDERS]!--;
    return false;
  }

  /** Takes back a view that was held and freed. If it is interrupted, the view is held again. */
  protected recycle(id: number, view: View, bytes: number): void {
    try {
      this.freeLive(id, view);
    } catch (error) {
      const { ints, stats, table } = this;
      ints[id] = NO_OWNER;
      ints[id + HOLDERS] = 1;
      table.heldCount++;
      stats[PINNED_BYTES]! += bytes;
      throw error;
    }
  }

  /** The blocks of views that are held, and where in its slab each view is. */
  heldBlocks(): HeldBlock[] {
    const { table } = this;
    return [...table.held()].map((id) => {
      const bytes = this.bytesBehind(id);
      const slab = this.slabBehind(id);
      const isLarge = table.kindOf(id) === Kind.Large;
      const begin = isLarge ? 0 : (table.refOf(id) & REF_INDEX_MASK) * bytes;
      const end = begin + (isLarge ? bytes : table.bytesOf(id));
      return { id, holders: this.ints[id + HOLDERS]!, bytes, slab, range: [begin, end] };
    });
  }

  // --- Other ways to allocate ---------------------------------------------------------------------

  /** A Buffer of at least `size` bytes, as long as its block. Few lengths exist, so each of them repeats. */
  allocAtLeast(size: number, owner: number): Buffer {
    if (typeof size !== 'number' || (size | 0) !== size || size <= 0 || size > CLASS_SIZE_MAX) {
      return this.allocWhole(size, owner);
    }
    return this.alloc(this.strides[this.classFor(size)]!, owner);
  }

  /** The same for large blocks: apart, because both would be too long to be inlined. */
  private allocWhole(size: number, owner: number): Buffer {
    validateSize(size);
    const whole = this.large.bytesFor(Math.ceil(size / SLAB_BYTES) * SLAB_BYTES);
    const view = this.alloc(Math.min(whole, constants.MAX_LENGTH), owner);
    const bytes = this.blockBytes(view);
    // A mapping that is used again may be larger than asked for.
    const isWhole = bytes <= lengthOf(view) || !this.canResize(view, bytes);
    return isWhole ? view : this.resizeInPlace(view, bytes);
  }

  /** A Buffer at a multiple of `alignment`, a power of two up to 4096. */
  allocAligned(size: number, alignment: number, owner: number): Buffer {
    validateSize(size);
    if (this.isEnding || this.hasEnded) this.assertOpen();
    if (size === 0 || size > CLASS_SIZE_MAX) return this.allocSlow(size, owner);
    const natural = this.classFor(size);
    let index = natural;
    while (this.strides[index]! % alignment !== 0) index = this.classFor(this.strides[index]! + 1);
    if (index === natural) return this.alloc(size, owner);
    return this.allocInClass(bufferMaker, size, index, owner);
  }

  /** A typed array or DataView of `bytes` bytes, at a multiple of its element size. */
  allocView<V extends View>(maker: ViewMaker<V>, bytes: number, owner: number): V {
    const bucket = bytes > 0 && bytes <= CLASS_SIZE_MAX ? bucketOf(maker.kind, bytes) : 0;
    const at = bucket << RECORD_BITS;
    const id = this.ints[at + HEAD]!;
    if (id !== 0 && this.buckets.isOwnedBy(bucket, maker.kind, bytes)) {
      const view = this.views[id >> VIEW_SHIFT] as V;
      if (maker.isWhole(view, bytes) && this.ints[at + HEAD] === id) {
        const links = this.ints;
        links[at + HEAD] = links[id]!;
        links[id] = -owner;
        this.counts[bucket]!++;
        return view;
      }
    }
    return this.allocViewSlow(maker, bytes, owner);
  }

  /**
   * Moves a Buffer of the arena's own to a larger one, when that is at hand and the bucket of the old one has room;
   * else undefined. The bytes go into a view that is still free, and no call comes after them: nothing can be lost.
   */
  moveUp(view: View, size: number): Buffer | undefined {
    const id = idOf(view, this.table.home);
    const { counts, ints } = this;
    if (id === 0 || ints[id] !== -ARENA || !this.isWholeBuffer(id, view)) return undefined;
    if (typeof size !== 'number' || (size | 0) !== size || size > CLASS_SIZE_MAX) return undefined;
    if (size <= this.bytesBehind(id)) return undefined;
    const from = ints[id + BUCKET]!;
    const fromAt = from << RECORD_BITS;
    const to = bucketOfBuffers(size);
    const toAt = to << RECORD_BITS;
    const nextId = ints[toAt + HEAD]!;
    if (nextId === 0 || from === to) return undefined;
    if (counts[from]! - counts[from + FREES]! <= ints[fromAt + FULL_AT]!) return undefined;
    const next = this.views[nextId >> VIEW_SHIFT] as Buffer;
    if (lengthOf(next) !== size) return undefined;
    setBytes(next, view as Buffer);
    ints[toAt + HEAD] = ints[nextId]!;
    ints[nextId] = -ARENA;
    counts[to]!++;
    ints[id] = ints[fromAt + HEAD]!;
    ints[fromAt + HEAD] = id;
    counts[from + FREES]!++;
    return next;
  }

  /** Whether the block of a live view suits `size` bytes: it fits, and not half of it is wasted. */
  canResize(view: View, size: number): boolean {
    const id = idOf(view, this.table.home);
    const kind = this.table.kindOf(id);
    if (id === 0 || kind === Kind.Empty || size === 0 || this.table.isHeld(id)) return false;
    if (kind === Kind.Large && size <= CLASS_SIZE_MAX) return false;
    const bytes = this.blockBytes(view);
    return size <= bytes && size > bytes / 2;
  }

  /** A new Buffer of `size` bytes on the block of a live view, which ends without its block. */
  resizeInPlace(view: View, size: number): Buffer {
    const { table } = this;
    const old = idOf(view, table.home);
    const owner = table.ownerOf(old);
    const ref = table.refOf(old);
    if (table.kindOf(old) === Kind.Large) {
      this.large.countFree(ref);
      table.remove(old, view);
      return this.viewOnLarge(bufferMaker, ref, size, owner);
    }
    const classIndex = table.classOf(old);
    this.countFreed(old);
    table.remove(old, view);
    return this.viewOn(bufferMaker, ref, size, classIndex, owner);
  }

  /** Whether the view handed out last, of `bytes` bytes, is known to read as zero. */
  isZero(bytes: number): boolean {
    return bytes > CLASS_SIZE_MAX && this.large.isZero;
  }

  // --- Questions ----------------------------------------------------------------------------------

  /** Whether a view is live, at home here, and retained by nobody. */
  protected isPlainlyLive(view: View): boolean {
    const id = idOf(view, this.table.home);
    return id !== 0 && this.ints[id]! < 0;
  }

  /** true: a live view of this front whose memory is still there. */
  owns(view: unknown): view is View {
    if (this.ownerOf(view as View) === NO_OWNER) return false;
    return this.blockBytes(view as View) === 0 || !isGone(view as View);
  }

  /** Gives a live view to another owner. */
  setOwner(view: View, owner: number): void {
    const custody = custodyOf(view);
    if (custody === undefined) this.table.setOwner(idOf(view, this.table.home), owner);
    else custody.owner = owner;
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
}

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
import * as buckets from './buckets';
import * as frontCounters from './counters';
import { custodyOf } from './custody';
import { FreshPath } from './fresh-path';
import * as geometry from './geometry';
import { type FrontOptions } from './slow-path';
import * as viewTable from './view-table';
import type { NativeArena } from '../native/native';
import { validateSize } from '../options';
import type { LiveBlock } from '../types';
import { NO_OWNER, type View, idOf } from '../view/view';
import { type ViewMaker, bufferMaker, isGone } from '../view/kinds';

const { HEAD, FULL_AT, RECORD_BITS, bucketOfBuffers, bucketOf } = buckets;
const { FREES } = frontCounters;
const { CLASS_SIZE_MAX, REF_INDEX_BITS } = geometry;
const { BUCKET, Kind, VIEW_SHIFT } = viewTable;

export class Front extends FreshPath {
  declare protected readonly views: readonly View[];

  constructor(core: NativeArena, options: FrontOptions) {
    super(core, options);
    this.views = this.table.views;
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
    if (this.ints[id]! >= 0) this.freeOther(view);
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
    else if (id === 0 && this.ownerOf(view) === owner) this.freeOther(view);
  }

  private freeLive(id: number, view: View): void {
    const { ints } = this;
    const bucket = ints[id + BUCKET]!;
    const at = bucket << RECORD_BITS;
    const frees = this.counts[bucket + FREES]!;
    if (this.counts[bucket]! - frees <= ints[at + FULL_AT]!) {
      this.freeFresh(id, view);
    } else {
      ints[id] = ints[at + HEAD]!;
      ints[at + HEAD] = id;
      this.counts[bucket + FREES] = frees + 1;
    }
  }

  // --- Other ways to allocate ---------------------------------------------------------------------

  /** A Buffer at a multiple of `alignment`, a power of two up to 4096. */
  allocAligned(size: number, alignment: number, owner: number): Buffer {
    validateSize(size);
    if (this.isEnding || this.hasEnded) this.assertOpen();
    if (size === 0 || size > CLASS_SIZE_MAX) return this.allocSlow(size, owner);
    const { strides } = this;
    const natural = this.classFor(size);
    let index = natural;
    while (strides[index]! % alignment !== 0) index++;
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

  /** Whether the block of a live view suits `size` bytes: it fits, and not half of it is wasted. */
  canResize(view: View, size: number): boolean {
    const id = idOf(view, this.table.home);
    const kind = this.table.kindOf(id);
    if (id === 0 || kind === Kind.Empty || size === 0) return false;
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
    this.countEnd(old);
    table.remove(old, view);
    return this.viewOn(bufferMaker, ref, size, classIndex, owner);
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
    const id = idOf(view, table.home);
    const kind = table.kindOf(id);
    if (kind === Kind.Empty) return 0;
    if (kind === Kind.Large) return this.large.blockBytes(table.refOf(id));
    return this.strides[table.classOf(id)]!;
  }

  /** The slab of a live view that is not in custody; -1: it has none. */
  slabOf(view: View): number {
    const id = idOf(view, this.table.home);
    const isEmpty = this.table.kindOf(id) === Kind.Empty;
    return isEmpty ? -1 : this.table.refOf(id) >>> REF_INDEX_BITS;
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

/**
 * Front: the hot side of an arena. Views that exist already, binned by exact length.
 *
 *   take(200) -> bin of 200 has a view: pop, mark, count                         (no native call)
 *             -> it has none: a free block of the class, a new view on it        (no native call)
 *             -> no free block: refill from the core                             (one for a batch)
 *   give(view) -> checks, count, push
 *             -> bin full: raise its cap, or drop the view and keep the block
 *             -> too many blocks: flush the older half to the core               (one for a batch)
 *
 * `take` and `give` are written to be inlined: no closures, no allocation, no try, one shape.
 */
import { type Keeper, custodyOf } from './custody';
import { HakmemError, OutOfMemoryError, invalidArgType } from './errors';
import { publishLimit } from './events';
import { Bin, BinKind, BinTable, PAGE_BITS, PAGE_MASK } from './front-bin';
import { SizeClass } from './front-class';
import { LargeBlocks } from './front-large';
import { EXACT_LENGTH_MAX, Tallies } from './front-tallies';
import { type NativeArena, OUT_OF_MEMORY_OS, statusOf } from './native';
import { validateSize } from './options';
import { REF_INDEX_BITS, REF_INDEX_MASK, SlabTable } from './slabs';
import { usedBytesOf } from './stats';
import type { LiveBlock } from './types';
import {
  HELD,
  type View,
  homeOf,
  isLive,
  link,
  markOf,
  refOf,
  setMark,
  stamp,
  unlink,
} from './view';
import { type ViewMaker, bufferMaker } from './view-makers';

/** Largest size served by a size class. */
export const CLASS_SIZE_MAX = 64 * 1024;

const emptyBuffer = new ArrayBuffer(0);

export interface FrontOptions {
  readonly maxBytes: number;
  /** Block sizes, ascending, ending with 64 KB. */
  readonly strides: readonly number[];
}

export class Front implements Keeper {
  /** Keeps the core arena alive as long as any view leads here. */
  readonly core: NativeArena;
  readonly #options: FrontOptions;
  readonly #slabs: SlabTable;
  readonly #tallies: Tallies;
  readonly #allocs: Float64Array;
  readonly #frees: Float64Array;
  readonly #buffers = new BinTable(CLASS_SIZE_MAX);
  /** Tables of the other kinds of views. */
  readonly #tables = new Map<ViewMaker, BinTable>();
  readonly #pages: readonly (readonly Bin[])[];
  readonly #classes: (SizeClass | undefined)[];
  readonly #large: LargeBlocks;
  readonly #empty: Bin;
  #ended = false;

  constructor(core: NativeArena, options: FrontOptions) {
    this.core = core;
    this.#options = options;
    this.#tallies = new Tallies(core.counters);
    this.#allocs = this.#tallies.allocs;
    this.#frees = this.#tallies.frees;
    this.#pages = this.#buffers.pages;
    this.#slabs = new SlabTable(core.id, core.name, new Float64Array(core.counters));
    this.#classes = new Array<SizeClass | undefined>(options.strides.length).fill(undefined);
    this.#large = new LargeBlocks(this, core.id, this.#slabs, this.#tallies);
    this.#empty = new Bin(this, BinKind.Empty, 0, -1);
  }

  get epoch(): object {
    return this;
  }

  // --- Hot ----------------------------------------------------------------------------------------

  /** A live Buffer of `size` bytes with old contents; `mark` is LIVE or a scope's. */
  take(size: number, mark: number): Buffer {
    if (typeof size === 'number' && size > 0 && size <= CLASS_SIZE_MAX) {
      const bin = this.#pages[size >>> PAGE_BITS]![size & PAGE_MASK]!;
      const view = bin.head;
      if (bin.length === size && view !== null) {
        bin.head = unlink(view, mark);
        bin.count--;
        if ((view as Buffer).length !== size)
          return this.#replaceDetached(bin, view, bufferMaker, mark);
        this.#allocs[bin.cell]!++;
        return view as Buffer;
      }
    }
    return this.#takeSlow(size, mark);
  }

  /** Takes a view back. Throws, and changes nothing, when it is not a live view of this front. */
  give(view: View): void {
    const bin = homeOf(view) as Bin | undefined;
    if (bin?.owner !== this || !isLive(view)) {
      this.#giveOther(view);
      return;
    }
    if (bin.count < bin.cap) {
      this.#frees[bin.cell]!++;
      link(view, bin.head);
      bin.head = view;
      bin.count++;
    } else {
      link(view, null);
      this.#giveSlow(bin, view);
    }
  }

  // --- Other ways to take -------------------------------------------------------------------------

  /** A Buffer at a multiple of `alignment`, a power of two up to 4096. */
  takeAligned(size: number, alignment: number, mark: number): Buffer {
    validateSize(size);
    if (this.#ended) throw this.refusal(undefined);
    if (size === 0 || size > CLASS_SIZE_MAX) return this.#takeSlow(size, mark);
    const { strides } = this.#options;
    const natural = this.#classIndexFor(size);
    let index = natural;
    while (strides[index]! % alignment !== 0) index++;
    if (index === natural) return this.take(size, mark);
    return this.#fresh(this.#foreignBin(size, index), bufferMaker, mark);
  }

  /** A typed array or DataView of `bytes` bytes, at a multiple of its element size. */
  takeView<V extends View>(maker: ViewMaker<V>, bytes: number, mark: number): V {
    if (this.#ended) throw this.refusal(undefined);
    if (bytes === 0) return this.#emptyView(maker, mark);
    if (bytes > CLASS_SIZE_MAX) return this.#takeLarge(maker, bytes, mark);
    const bin = this.#binIn(this.#tableOf(maker), bytes);
    const view = bin.head as V | null;
    if (view === null) return this.#fresh(bin, maker, mark);
    bin.head = unlink(view, mark);
    bin.count--;
    if (isDetached(view)) return this.#replaceDetached(bin, view, maker, mark);
    this.#allocs[bin.cell]!++;
    return view;
  }

  /** Whether the block of a live view suits `size` bytes: it fits, and not half of it is wasted. */
  canResize(view: View, size: number): boolean {
    if (custodyOf(view) !== undefined) return false;
    const bin = homeOf(view) as Bin;
    if (bin.kind === BinKind.Empty || size === 0) return false;
    if (bin.kind === BinKind.Large && size <= CLASS_SIZE_MAX) return false;
    const bytes = this.blockBytes(view);
    return size <= bytes && size > bytes / 2;
  }

  /** A new Buffer of `size` bytes on the block of a live view, which ends without its block. */
  resizeInPlace(view: View, size: number): Buffer {
    const bin = homeOf(view) as Bin;
    const ref = refOf(view);
    const next = this.#viewOn(this.#binLike(bin, size), ref, bufferMaker, markOf(view));
    this.#countFree(bin, ref);
    link(view, null);
    return next;
  }

  // --- Questions ----------------------------------------------------------------------------------

  /** Bytes of the block behind a live view. */
  blockBytes(view: View): number {
    const custody = custodyOf(view);
    if (custody !== undefined) return custody.bytes;
    const bin = homeOf(view) as Bin;
    if (bin.kind === BinKind.Empty) return 0;
    if (bin.kind === BinKind.Large) return this.#large.blockBytes(refOf(view));
    return this.#options.strides[bin.classIndex]!;
  }

  /** The slab of a live view that is not in custody; -1: it has none. */
  slabOf(view: View): number {
    const isEmpty = (homeOf(view) as Bin).kind === BinKind.Empty;
    return isEmpty ? -1 : refOf(view) >>> REF_INDEX_BITS;
  }

  /** true: a live view of this front whose memory is still there. */
  owns(view: unknown): view is View {
    if (this.markOf(view as View) === HELD) return false;
    return this.blockBytes(view as View) === 0 || !isDetached(view as View);
  }

  /** The mark of a live view of this front; HELD for anything else. */
  markOf(view: View): number {
    const custody = custodyOf(view);
    if (custody !== undefined) return custody.isOf(this) ? custody.mark : HELD;
    return homeOf(view)?.owner === this ? markOf(view) : HELD;
  }

  /** Gives a live view to another owner. */
  setMark(view: View, mark: number): void {
    const custody = custodyOf(view);
    if (custody === undefined) setMark(view, mark);
    else custody.mark = mark;
  }

  /** true: a live view of this front with this mark. */
  isMarked(view: View, mark: number): boolean {
    return this.markOf(view) === mark;
  }

  /** Why `view` is not accepted where a live view of this arena is needed. */
  refusal(view: unknown): Error {
    if (this.#ended) return new HakmemError('ERR_HAKMEM_ARENA_DESTROYED');
    if (!ArrayBuffer.isView(view)) {
      return invalidArgType('view', 'a Buffer, TypedArray or DataView of an arena', view);
    }
    const custody = custodyOf(view);
    if (custody?.isOf(this) === true && custody.isFreed) return custody.refusal();
    const owner = (homeOf(view) as Bin | undefined)?.owner as Keeper | undefined;
    if (owner?.core !== this.core) return new HakmemError('ERR_HAKMEM_NOT_OWNED');
    const free = owner === this && !isLive(view);
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
    for (const sizeClass of this.#classes) sizeClass?.releaseAll();
    this.#large.releaseAll();
    this.#slabs.retireAll();
  }

  /** Zeroes every slab but those listed. */
  scrub(except: Uint32Array | undefined): void {
    this.#slabs.scrub(except);
  }

  /**
   * Ends the front: it hands out nothing any more and refuses every view. Its counters are settled,
   * so that another front of the same core can go on with them.
   */
  end(): void {
    for (const sizeClass of this.#classes) sizeClass?.end();
    this.#classes.fill(undefined);
    this.#buffers.clear();
    this.#tables.clear();
    this.#ended = true;
  }

  // --- Slow ---------------------------------------------------------------------------------------

  #takeSlow(size: number, mark: number): Buffer {
    validateSize(size);
    if (this.#ended) throw this.refusal(undefined);
    if (size === 0) return this.#emptyView(bufferMaker, mark);
    if (size > CLASS_SIZE_MAX) return this.#takeLarge(bufferMaker, size, mark);
    const bin = this.#buffers.find(size) ?? this.#newBin(size);
    return this.#fresh(bin, bufferMaker, mark);
  }

  /** The bin's view is dead, its block is not. */
  #replaceDetached<V extends View>(bin: Bin, dead: View, maker: ViewMaker<V>, mark: number): V {
    link(dead, null);
    this.#classAt(bin.classIndex).giveBlock(refOf(dead));
    return this.#fresh(bin, maker, mark);
  }

  /** Takes back a view that is not, or not plainly, a live one of this front. */
  #giveOther(view: View): void {
    const custody = custodyOf(view);
    if (custody?.isOf(this) !== true) throw this.refusal(view);
    if (custody.isFreed) throw custody.refuseFree();
    custody.give(view);
  }

  #giveSlow(bin: Bin, view: View): void {
    if (bin.kind === BinKind.Empty) return;
    const ref = refOf(view);
    this.#countFree(bin, ref);
    if (bin.kind === BinKind.Large) {
      this.#large.giveBlock(ref);
      return;
    }
    const sizeClass = this.#classAt(bin.classIndex);
    if (bin.retired || !sizeClass.keepView(bin, view)) sizeClass.giveBlock(ref);
  }

  /** A new view on a free block of the bin's class. */
  #fresh<V extends View>(bin: Bin, maker: ViewMaker<V>, mark: number): V {
    const sizeClass = this.#classAt(bin.classIndex);
    let ref = sizeClass.takeBlock();
    if (ref < 0) {
      this.release();
      ref = sizeClass.takeBlock();
      if (ref < 0) throw this.#outOfMemory(ref, bin.length);
    }
    return this.#viewOn(bin, ref, maker, mark);
  }

  #takeLarge<V extends View>(maker: ViewMaker<V>, bytes: number, mark: number): V {
    let ref = this.#large.takeBlock(bytes);
    if (ref < 0) {
      this.release();
      ref = this.#large.takeBlock(bytes);
      if (ref < 0) throw this.#outOfMemory(ref, bytes);
    }
    return this.#viewOn(this.#large.binFor(bytes), ref, maker, mark);
  }

  /** Makes and counts the view; a block that cannot be shown goes back. */
  #viewOn<V extends View>(bin: Bin, ref: number, maker: ViewMaker<V>, mark: number): V {
    const buffer = this.#slabs.bufferOf(ref >>> REF_INDEX_BITS);
    if (buffer === undefined) {
      this.#giveBlock(bin, ref);
      throw this.#outOfMemory(OUT_OF_MEMORY_OS, bin.length);
    }
    const stride = bin.kind === BinKind.Large ? 0 : this.#options.strides[bin.classIndex]!;
    const view = maker.make(
      buffer,
      (ref & REF_INDEX_MASK) * stride,
      bin.length / maker.elementBytes,
    );
    this.#tallies.countAlloc(bin);
    if (bin.kind === BinKind.Large) this.#large.countBlock(bin, buffer.byteLength);
    return stamp(view, bin, ref, mark);
  }

  #emptyView<V extends View>(maker: ViewMaker<V>, mark: number): V {
    return stamp(maker.make(emptyBuffer, 0, 0), this.#empty, 0, mark);
  }

  #giveBlock(bin: Bin, ref: number): void {
    if (bin.kind === BinKind.Large) this.#large.giveBlock(ref);
    else this.#classAt(bin.classIndex).giveBlock(ref);
  }

  #countFree(bin: Bin, ref: number): void {
    this.#tallies.countFree(bin);
    if (bin.kind === BinKind.Large) this.#large.countBlock(bin, -this.#large.blockBytes(ref));
  }

  // --- Finding classes and bins -------------------------------------------------------------------

  #classAt(index: number): SizeClass {
    return (this.#classes[index] ??= new SizeClass(
      index,
      this.#options.strides[index]!,
      this.core.id,
      this.#slabs,
      this.#tallies,
    ));
  }

  /** The smallest class that holds `size` bytes (1 .. 64 KB). */
  #classIndexFor(size: number): number {
    const { strides } = this.#options;
    let low = 0;
    let high = strides.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (strides[middle]! < size) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #binIn(table: BinTable, size: number): Bin {
    return (
      table.find(size) ?? table.add(new Bin(this, BinKind.Class, size, this.#classIndexFor(size)))
    );
  }

  /**
   * A bin for a length that has none: to stay if the length repeats, else for one view only, because
   * lengths that never come back must not push out those that do.
   */
  #newBin(size: number): Bin {
    const classIndex = this.#classIndexFor(size);
    const bin = new Bin(this, BinKind.Class, size, classIndex);
    if (size <= EXACT_LENGTH_MAX || this.#classAt(classIndex).hasSeen(size)) {
      return this.#buffers.add(bin);
    }
    bin.retired = true;
    return bin;
  }

  /** A home for one view on a block that is not of the length's own class. */
  #foreignBin(size: number, classIndex: number): Bin {
    const bin = new Bin(this, BinKind.Class, size, classIndex);
    bin.foreign = bin.retired = true;
    return bin;
  }

  /** A home for a Buffer of `size` bytes on a block like those of `bin`. */
  #binLike(bin: Bin, size: number): Bin {
    if (bin.kind === BinKind.Large) return new Bin(this, BinKind.Large, size, bin.classIndex);
    return this.#classIndexFor(size) === bin.classIndex
      ? this.#binIn(this.#buffers, size)
      : this.#foreignBin(size, bin.classIndex);
  }

  #tableOf(maker: ViewMaker): BinTable {
    let table = this.#tables.get(maker);
    if (table === undefined) this.#tables.set(maker, (table = new BinTable(CLASS_SIZE_MAX)));
    return table;
  }

  #outOfMemory(result: number, requestedBytes: number): OutOfMemoryError {
    const { name, text } = statusOf(result);
    const reason = name.endsWith('LIMIT') ? 'limit' : name.endsWith('TABLE') ? 'table' : 'os';
    const usedBytes = usedBytesOf(this.core.id);
    const sizes = { requestedBytes, usedBytes, maxBytes: this.#options.maxBytes };
    if (reason === 'limit') publishLimit(this.core.id, sizes);
    return new OutOfMemoryError(reason, text, sizes);
  }
}

function isDetached(view: View): boolean {
  return view.buffer.byteLength === 0;
}

/**
 * View table: every view of one front by number.
 *
 * Owns:      a record of integers for each view; the views that were in a bucket once, because only those
 *            are ever looked for; the home that is stamped on every view.
 * Called by: the front, its fresh path and its slow path, and its size classes.
 *
 * The number of a view is the position of its record, a multiple of eight:
 *
 *   ints[id]                  live: its owner, negated. Free: the next free view of its bucket, or 0 at the
 *                             end. Number not in use: the next such number, or 0
 *   ints[id + BUCKET]         the bucket it was in; 0 until it was in one
 *   ints[id + REF]            its block
 *   ints[id + BYTES]          bytes requested, on a block of a class
 *   ints[id + INFO]           the class of its block, and what it is: see infoOf
 *   ints[id + TARGET_BUCKET]  the bucket it may be kept in, or 0
 *   ints[id + HOLDERS]        how many retain it; 0: nobody
 *
 * While somebody retains a view, ints[id] is its owner, not negated, or 0 once that has freed it. So the question
 * that the hot path asks anyway, "is it live?", leads away from there.
 */
import type { Records } from './records';
import { NO_OWNER, FastBuffer, type Home, type View, forgetId } from '../view/view';

/** Where views are at home from one reset to the next. */
export interface Epoch extends Home {
  /** What stays of views that were retained at its end, by number. */
  remnants: ReadonlyMap<number, object> | undefined;
}

/** What a view is made of. */
export const Kind = {
  /** A block of a size class. */
  Class: 0,
  /** A run or huge mapping. */
  Large: 1,
  /** Nothing: length 0. */
  Empty: 2,
} as const;

export type Kind = (typeof Kind)[keyof typeof Kind];

const BUCKET = 1;
const REF = 2;
const BYTES = 3;
const INFO = 4;
const TARGET_BUCKET = 5;
const HOLDERS = 6;

/** views[id >> VIEW_SHIFT] is the view of a number. */
const VIEW_SHIFT = 3;
const RECORD = 1 << VIEW_SHIFT;

const KIND_MASK = 3;
/** Its bucket counts it, not its class. */
const COUNTED = 4;
const VIEW_KIND_SHIFT = 3;
const VIEW_KIND_MASK = 15;
const CLASS_SHIFT = 7;
/** These bits are zero in the info of a Buffer on a block of a class. */
const OTHER_THAN_BUFFER = ((1 << CLASS_SHIFT) - 1) & ~COUNTED;

// Exported by name: see "What V8 asks of hot code" in docs/ARCHITECTURE.md.
export { BUCKET, BYTES, CLASS_SHIFT, COUNTED, INFO, OTHER_THAN_BUFFER, REF, TARGET_BUCKET };
export { HOLDERS, KIND_MASK, VIEW_SHIFT };

/** What a view is. `viewKind` is that of its maker. */
export function infoOf(kind: Kind, viewKind: number, classIndex: number): number {
  return (classIndex << CLASS_SHIFT) | (viewKind << VIEW_KIND_SHIFT) | kind;
}

/** Integers of the numbers that are made at a time. */
export const BATCH_INTEGERS = 64 * RECORD;

/** The array of a front that had more numbers is given up at a reset. */
const KEPT_LENGTH = 4096;

/** What views of no bytes are on. */
export const EMPTY = new ArrayBuffer(0);

/** Stands where no view is, so that the array holds views only. */
const NO_VIEW: View = new FastBuffer(EMPTY, 0, 0);

export class ViewTable {
  /** By number >> VIEW_SHIFT. Never replaced, so that hot code may keep it. */
  declare readonly views: View[];
  /**
   * Home of the views since the last {@link ViewTable.clear}. A view with another home is stale. It keeps the
   * arena of the core alive as long as the views live.
   */
  declare home: Epoch;
  /** The first number not in use; 0: there is none. */
  unused = 0;
  /** Views that somebody retains. */
  heldCount = 0;
  declare private readonly records: Records;

  /** `views`: an array without a view. */
  constructor(records: Records, core: object, views: View[]) {
    this.views = views;
    this.records = records;
    this.home = { core, remnants: undefined };
  }

  /** Makes a batch of numbers, for which the records have room. */
  addNumbers(): void {
    const first = this.records.take(BATCH_INTEGERS);
    const end = first + BATCH_INTEGERS;
    while (this.views.length < end >> VIEW_SHIFT) this.views.push(NO_VIEW);
    for (let id = first; id + RECORD < end; id += RECORD) this.records.ints[id] = id + RECORD;
    this.unused = first;
  }

  /** A number for a new live view; there is one. `bucket` is where it may be kept, or 0. */
  add(info: number, ref: number, bytes: number, bucket: number, owner: number): number {
    const id = this.unused;
    const { ints } = this.records;
    this.unused = ints[id]!;
    ints[id] = -owner;
    ints[id + REF] = ref;
    ints[id + BYTES] = bytes;
    ints[id + INFO] = info;
    ints[id + TARGET_BUCKET] = bucket;
    return id;
  }

  /** Enters a view that goes into its bucket for the first time, and is counted there from now on. */
  keep(id: number, view: View): void {
    const { ints } = this.records;
    ints[id + BUCKET] = ints[id + TARGET_BUCKET]!;
    ints[id + INFO]! |= COUNTED;
    this.views[id >> VIEW_SHIFT] = view;
  }

  /** Ends a view; returns its block, which is the caller's. */
  remove(id: number, view: View): number {
    const { ints } = this.records;
    forgetId(view);
    if (ints[id + BUCKET] !== 0) this.views[id >> VIEW_SHIFT] = NO_VIEW;
    ints[id] = this.unused;
    ints[id + BUCKET] = 0;
    this.unused = id;
    return ints[id + REF]!;
  }

  /** The same for a view that has just been taken out of its bucket. */
  removeKept(id: number): number {
    return this.remove(id, this.views[id >> VIEW_SHIFT]!);
  }

  /** Live views of some lengths are not kept when they are freed, and count by class. */
  forgetBuckets(isOne: (bytes: number) => boolean): void {
    const { ints, first, end } = this.records;
    for (let id = first; id < end; id += RECORD) {
      if (this.ownerOf(id) === NO_OWNER && !this.isHeld(id)) continue;
      if (this.targetOf(id) === 0 || this.kindOf(id) !== Kind.Class) continue;
      if (!isOne(this.bytesOf(id))) continue;
      if (ints[id + BUCKET] !== 0) this.views[id >> VIEW_SHIFT] = NO_VIEW;
      ints[id + BUCKET] = ints[id + TARGET_BUCKET] = 0;
      ints[id + INFO]! &= ~COUNTED;
    }
  }

  /** From here on no view is live and none is free: every way leads to the slow path. One step. */
  invalidate(): void {
    this.unused = 0;
    this.records.wipe();
  }

  /** Forgets all views and their numbers. All views are stale then. */
  clear(): void {
    const { records, views } = this;
    if (views.length > KEPT_LENGTH) views.length = 0;
    for (let i = records.first >> VIEW_SHIFT; i < views.length; i++) views[i] = NO_VIEW;
    this.unused = this.heldCount = 0;
    this.home = { core: this.home.core, remnants: undefined };
  }

  /** The owner of a live view, retained or not; NO_OWNER of any other. */
  ownerOf(id: number): number {
    const link = this.records.ints[id]!;
    if (link < 0) return -link;
    return this.isHeld(id) ? link : NO_OWNER;
  }

  /** Number 0 is no view, and stays not live. */
  setOwner(id: number, owner: number): void {
    if (id !== 0) this.records.ints[id] = this.isHeld(id) ? owner : -owner;
  }

  /** Whether somebody retains a view. */
  isHeld(id: number): boolean {
    return id !== 0 && this.records.ints[id + HOLDERS] !== 0;
  }

  /** Frees a view that is retained, on behalf of its owner. false: it is free, or nobody retains it. */
  disown(id: number): boolean {
    if (!this.isHeld(id) || this.records.ints[id] === NO_OWNER) return false;
    this.records.ints[id] = NO_OWNER;
    return true;
  }

  /** The numbers of views that somebody retains. */
  *held(): Generator<number> {
    if (this.heldCount === 0) return;
    const { ints, first, end } = this.records;
    for (let id = first; id < end; id += RECORD) {
      if (ints[id + HOLDERS] !== 0) yield id;
    }
  }

  refOf(id: number): number {
    return this.records.ints[id + REF]!;
  }

  /** Bytes requested of a view on a block of a class. */
  bytesOf(id: number): number {
    return this.records.ints[id + BYTES]!;
  }

  infoOf(id: number): number {
    return this.records.ints[id + INFO]!;
  }

  classOf(id: number): number {
    return this.infoOf(id) >> CLASS_SHIFT;
  }

  kindOf(id: number): Kind {
    return (this.infoOf(id) & KIND_MASK) as Kind;
  }

  viewKindOf(id: number): number {
    return (this.infoOf(id) >> VIEW_KIND_SHIFT) & VIEW_KIND_MASK;
  }

  isCounted(id: number): boolean {
    return (this.infoOf(id) & COUNTED) !== 0;
  }

  /** The bucket that a view may be kept in, or 0. */
  targetOf(id: number): number {
    return this.records.ints[id + TARGET_BUCKET]!;
  }
}

/**
 * View table: every view of one front by number, live ones and free ones.
 *
 * Owns:      a record of integers for each view; and the views that were in a bin once, because only those
 *            are ever looked for.
 * Called by: the front, its bins and its size classes.
 *
 * The number of a view is the position of its record in the front's space, a multiple of eight:
 *
 *   ints[id]          live: the negated mark, LIVE's or a scope's. Free: the next free view of its bin, or 0
 *                     at the end. Number not in use: the next such number
 *   ints[id + BIN]    its bin, once it was in it; 0 until then
 *   ints[id + REF]    its block
 *   ints[id + BYTES]  as requested, on a block of a class
 *   ints[id + INFO]   the class of its block, and what it is: see infoOf
 *   ints[id + HOPE]   the bin it may be kept in, or 0
 */
import type { Space } from './records';
import { FastBuffer, type View, forgetId } from '../view/view';

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

const BIN = 1;
const REF = 2;
const BYTES = 3;
const INFO = 4;
const HOPE = 5;

/** views[id >> VIEW_SHIFT] is the view of a number. */
const VIEW_SHIFT = 3;
const RECORD = 1 << VIEW_SHIFT;

const KIND_MASK = 3;
/** Its bin counts it, not its class. */
const COUNTED = 4;
const VIEW_KIND_SHIFT = 3;
const VIEW_KIND_MASK = 15;
const CLASS_SHIFT = 7;
/** Zero of what a view is: a Buffer on a block of a class. */
const OTHER_THAN_BUFFER = ((1 << CLASS_SHIFT) - 1) & ~COUNTED;

// See front-bins.ts for why they are not exported where they are declared.
export { BIN, BYTES, CLASS_SHIFT, COUNTED, HOPE, INFO, OTHER_THAN_BUFFER, REF, VIEW_SHIFT };

/** What a view is. `viewKind` is that of its maker. */
export function infoOf(kind: Kind, viewKind: number, classIndex: number): number {
  return (classIndex << CLASS_SHIFT) | (viewKind << VIEW_KIND_SHIFT) | kind;
}

/** Numbers taken from the space at a time. */
const BATCH = 64;

/** Stands where no view is, so that the array holds views only. */
const NO_VIEW: View = new FastBuffer(new ArrayBuffer(0), 0, 0);

export class ViewTable {
  /** By number >> VIEW_SHIFT. Never replaced, so hot code may keep it. */
  readonly views: View[] = [];
  readonly #space: Space;
  /** The first number not in use; 0: there is none. */
  unused = 0;

  constructor(space: Space) {
    this.#space = space;
  }

  /** A number for a new live view; `bin` is where it may be kept, or 0. */
  add(info: number, ref: number, bytes: number, bin: number, mark: number): number {
    if (this.unused === 0) this.#addNumbers();
    const id = this.unused;
    const { ints } = this.#space;
    this.unused = ints[id]!;
    ints[id] = -mark;
    ints[id + REF] = ref;
    ints[id + BYTES] = bytes;
    ints[id + INFO] = info;
    ints[id + HOPE] = bin;
    return id;
  }

  /** Enters a view that goes into its bin for the first time, and is counted there from now on. */
  keep(id: number, view: View): void {
    const { ints } = this.#space;
    ints[id + BIN] = ints[id + HOPE]!;
    ints[id + INFO]! |= COUNTED;
    this.views[id >> VIEW_SHIFT] = view;
  }

  /** Forgets a view; returns its block. */
  remove(id: number, view: View): number {
    const { ints } = this.#space;
    forgetId(view);
    if (ints[id + BIN] !== 0) this.views[id >> VIEW_SHIFT] = NO_VIEW;
    ints[id] = this.unused;
    ints[id + BIN] = 0;
    this.unused = id;
    return ints[id + REF]!;
  }

  /** Forgets all views, and their numbers. */
  clear(): void {
    this.views.length = 0;
    this.unused = 0;
  }

  /** The mark of a live view, or 0. */
  markOf(id: number): number {
    const link = this.#space.ints[id]!;
    return link < 0 ? -link : 0;
  }

  /** Number 0 is nobody's, and stays not live. */
  setMark(id: number, mark: number): void {
    if (id !== 0) this.#space.ints[id] = -mark;
  }

  refOf(id: number): number {
    return this.#space.ints[id + REF]!;
  }

  /** Requested bytes of a view on a block of a class. */
  bytesOf(id: number): number {
    return this.#space.ints[id + BYTES]!;
  }

  infoOf(id: number): number {
    return this.#space.ints[id + INFO]!;
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

  binOf(id: number): number {
    return this.#space.ints[id + HOPE]!;
  }

  #addNumbers(): void {
    const first = this.#space.take(RECORD * BATCH);
    const end = first + RECORD * BATCH;
    while (this.views.length < end >> VIEW_SHIFT) this.views.push(NO_VIEW);
    for (let id = first; id + RECORD < end; id += RECORD) this.#space.ints[id] = id + RECORD;
    this.unused = first;
  }
}

/**
 * View table: every view of one front by number, live ones and free ones.
 *
 * Owns:      two integers for each view, its link; facts, which only the slow path needs; and the views
 *            that were in a bin once, because only those are ever looked for.
 * Called by: the front, its bins and its size classes.
 *
 * The number of a view is the position of its link in the front's space, an even number:
 *
 *   ints[id]      live: the negated mark, LIVE's or a scope's. Free: the next free view of its bin, or 0
 *                 at the end. Number not in use: the next such number
 *   ints[id + 1]  its bin, once it was in it; 0 until then
 */
import type { Space } from './front-space';
import { FastBuffer, type View, forgetId } from './view';

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

const LINK = 2;

// Facts of a view: its block; requested bytes; its bin, or 0; and the rest in one integer:
const FACTS = 4;
const KIND_MASK = 3;
/** Its bin counts it, not its class. */
export const COUNTED = 4;
const VIEW_KIND_SHIFT = 3;
const VIEW_KIND_MASK = 15;
const CLASS_SHIFT = 7;

/** The last of its facts. `viewKind` is that of its maker. */
export function infoOf(kind: Kind, viewKind: number, classIndex: number): number {
  return (classIndex << CLASS_SHIFT) | (viewKind << VIEW_KIND_SHIFT) | kind;
}

/** Numbers taken from the space at a time. */
const BATCH = 64;

/** Stands where no view is, so that the array holds views only. */
const NO_VIEW: View = new FastBuffer(new ArrayBuffer(0), 0, 0);

export class ViewTable {
  /** By half the number. Never replaced, so hot code may keep it. */
  readonly views: View[] = [];
  readonly #space: Space;
  #facts = new Int32Array(FACTS * BATCH);
  #unused = 0;

  constructor(space: Space) {
    this.#space = space;
  }

  /** A number for a new live view; `bin` is where it may be kept, or 0. */
  add(info: number, ref: number, bytes: number, bin: number, mark: number): number {
    if (this.#unused === 0) this.#addNumbers();
    const id = this.#unused;
    const { ints } = this.#space;
    const facts = this.#facts;
    this.#unused = ints[id]!;
    ints[id] = -mark;
    const at = id << 1;
    facts[at] = ref;
    facts[at + 1] = bytes;
    facts[at + 2] = info;
    facts[at + 3] = bin;
    return id;
  }

  /** Enters a view that goes into its bin for the first time, and is counted there from now on. */
  keep(id: number, view: View): void {
    this.#space.ints[id + 1] = this.binOf(id);
    this.#facts[(id << 1) + 2]! |= COUNTED;
    this.views[id >> 1] = view;
  }

  /** Forgets a view; returns its block. */
  remove(id: number, view: View): number {
    const { ints } = this.#space;
    forgetId(view);
    if (ints[id + 1] !== 0) this.views[id >> 1] = NO_VIEW;
    ints[id] = this.#unused;
    ints[id + 1] = 0;
    this.#unused = id;
    return this.refOf(id);
  }

  /** Forgets all views, and their numbers. */
  clear(): void {
    this.views.length = 0;
    this.#unused = 0;
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
    return this.#facts[id << 1]!;
  }

  /** Requested bytes of a view on a block of a class. */
  bytesOf(id: number): number {
    return this.#facts[(id << 1) + 1]!;
  }

  infoOf(id: number): number {
    return this.#facts[(id << 1) + 2]!;
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
    return this.#facts[(id << 1) + 3]!;
  }

  #addNumbers(): void {
    const first = this.#space.take(LINK * BATCH);
    const end = first + LINK * BATCH;
    while (this.views.length < end >> 1) this.views.push(NO_VIEW);
    if (end << 1 > this.#facts.length) this.#growFacts(end << 1);
    for (let id = first; id + LINK < end; id += LINK) this.#space.ints[id] = id + LINK;
    this.#unused = first;
  }

  #growFacts(count: number): void {
    const facts = new Int32Array(Math.max(count, 2 * this.#facts.length));
    facts.set(this.#facts);
    this.#facts = facts;
  }
}

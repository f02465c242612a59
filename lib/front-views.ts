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
 *   ints[id + 1]  where its bin is, once it was in it; 0 until then
 */
import type { Space } from './front-space';
import { FastBuffer, type Home, type View, rehome } from './view';

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
const FACTS = 4;
const KIND_BITS = 2;
const KIND_MASK = (1 << KIND_BITS) - 1;

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

  /**
   * A number for a new live view. `bytes` as requested, of a class; `bin` is where it may be kept, or 0.
   */
  add(
    kind: Kind,
    classIndex: number,
    ref: number,
    bytes: number,
    bin: number,
    mark: number,
  ): number {
    if (this.#unused === 0) this.#addNumbers();
    const id = this.#unused;
    const { ints } = this.#space;
    this.#unused = ints[id]!;
    ints[id] = -mark;
    const at = id << 1;
    this.#facts[at] = ref;
    this.#facts[at + 1] = bytes;
    this.#facts[at + 2] = (classIndex << KIND_BITS) | kind;
    this.#facts[at + 3] = bin;
    return id;
  }

  /** Enters a view that goes into its bin for the first time. */
  keep(id: number, view: View): void {
    this.#space.ints[id + 1] = this.binOf(id);
    this.views[id >> 1] = view;
  }

  /** Forgets a view, whose home is another from now on; returns its block. */
  remove(id: number, view: View, home: Home): number {
    const { ints } = this.#space;
    rehome(view, home);
    if (this.views[id >> 1] !== NO_VIEW) this.views[id >> 1] = NO_VIEW;
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

  classOf(id: number): number {
    return this.#facts[(id << 1) + 2]! >> KIND_BITS;
  }

  kindOf(id: number): Kind {
    return (this.#facts[(id << 1) + 2]! & KIND_MASK) as Kind;
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

/**
 * View: real core Buffers that carry a private stamp.
 *
 * The stamp is three private fields put on an existing object by the return-override trick: a base
 * class whose constructor returns its argument makes the derived class add its fields to that object.
 * Nobody outside this file can see or change them, the prototype stays exactly Buffer.prototype, and
 * `subarray` results carry no stamp.
 *
 *   home   the bin the view belongs to; its `owner` is the front of the arena
 *   ref    the block: slab number x 8192 + block index
 *   mark   0: free. 1: live. Above: live, and owned by the scope with this number
 */

/** Anything an arena hands out. */
export type View = Uint8Array | ArrayBufferView;

/** What a stamp points home to. */
export interface Home {
  readonly owner: object;
}

/** Marks of a view. Scopes use numbers from {@link FIRST_SCOPE_MARK} on. */
export const FREE = 0;
export const LIVE = 1;
export const FIRST_SCOPE_MARK = 2;

/** Core's own Buffer class: `new FastBuffer(buffer, offset, length)` is the cheapest way to a Buffer. */
export const FastBuffer = (
  Buffer as unknown as Record<
    symbol,
    new (b: ArrayBuffer, offset: number, length: number) => Buffer
  >
)[Symbol.species]!;

class Returner {
  constructor(view: object) {
    return view;
  }
}

class Stamp extends Returner {
  readonly #home: Home;
  readonly #ref: number;
  #mark: number;

  constructor(view: object, home: Home, ref: number, mark: number) {
    super(view);
    this.#home = home;
    this.#ref = ref;
    this.#mark = mark;
  }

  /** The view's home, or undefined for anything without a stamp. */
  static homeOf(value: unknown): Home | undefined {
    if (typeof value !== 'object' || value === null || !(#home in value)) return undefined;
    return value.#home;
  }

  static refOf(view: View): number {
    return (view as unknown as Stamp).#ref;
  }

  static markOf(view: View): number {
    return (view as unknown as Stamp).#mark;
  }

  static setMark(view: View, mark: number): void {
    (view as unknown as Stamp).#mark = mark;
  }
}

/** Stamps a view as the block `ref` of `home`. */
export function stamp<V extends View>(view: V, home: Home, ref: number, mark: number): V {
  new Stamp(view, home, ref, mark);
  return view;
}

/** The following are hot: plain functions over the class's statics inline everywhere. */
export const { homeOf, refOf, markOf, setMark } = Stamp;

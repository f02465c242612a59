/**
 * View: real core Buffers that carry a private stamp.
 *
 * The stamp is three private fields put on an existing object by the return-override trick: a base
 * class whose constructor returns its argument makes the derived class add its fields to that object.
 * Nobody outside this file can see or change them, the prototype stays exactly Buffer.prototype, and
 * `subarray` results carry no stamp.
 *
 *   home   the bin the view belongs to; its `owner` is the front of the arena, or a custody (see there)
 *   ref    the block: slab number x 8192 + block index
 *   link   a number while the view is live: LIVE, the mark of the scope that owns it, or HELD. While it
 *          is free: the next free view of its bin, or null
 *
 * One field for mark and list, because a fourth field would make every stamp half as large again.
 */

/** Anything an arena hands out. */
export type View = Uint8Array | ArrayBufferView;

/** What a stamp points home to. */
export interface Home {
  readonly owner: object;
}

/**
 * Marks of live views. HELD: its owner has freed it, somebody else has retained it. Scopes use numbers
 * from {@link FIRST_SCOPE_MARK} on.
 */
export const HELD = 0;
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
  #home: Home;
  readonly #ref: number;
  #link: number | View | null;

  constructor(view: object, home: Home, ref: number, mark: number) {
    super(view);
    this.#home = home;
    this.#ref = ref;
    this.#link = mark;
  }

  /** The view's home, or undefined for anything without a stamp. */
  static homeOf(value: unknown): Home | undefined {
    if (typeof value !== 'object' || value === null || !(#home in value)) return undefined;
    return value.#home;
  }

  static refOf(view: View): number {
    return (view as unknown as Stamp).#ref;
  }

  /** The mark of a stamped view, or {@link HELD} when it is free. */
  static markOf(view: View): number {
    const link = (view as unknown as Stamp).#link;
    return typeof link === 'number' ? link : HELD;
  }

  static isLive(view: View): boolean {
    return typeof (view as unknown as Stamp).#link === 'number';
  }

  /** Moves a live view to another home. */
  static rehome(view: View, home: Home): void {
    (view as unknown as Stamp).#home = home;
  }

  /** Gives a live view to another owner. */
  static setMark(view: View, mark: number): void {
    (view as unknown as Stamp).#link = mark;
  }

  /** Makes a view free, before `next` in the list of its bin. */
  static link(view: View, next: View | null): void {
    (view as unknown as Stamp).#link = next;
  }

  /** Makes a free view live and returns the one behind it. */
  static unlink(view: View, mark: number): View | null {
    const next = (view as unknown as Stamp).#link;
    (view as unknown as Stamp).#link = mark;
    return next as View | null;
  }
}

/** Stamps a view as the block `ref` of `home`. */
export function stamp<V extends View>(view: V, home: Home, ref: number, mark: number): V {
  new Stamp(view, home, ref, mark);
  return view;
}

/** Plain functions over the class's statics: they inline everywhere. */
// eslint-disable-next-line @typescript-eslint/unbound-method -- statics that do not use `this`
export const { homeOf, refOf, markOf, isLive, rehome, setMark, link, unlink } = Stamp;

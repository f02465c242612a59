/**
 * View: real core Buffers that carry a private stamp.
 *
 * The stamp is two private fields put on an existing object by the return-override trick: a base class
 * whose constructor returns its argument makes the derived class add its fields to that object. Nobody
 * outside this file can see or change them, the prototype stays exactly Buffer.prototype, and
 * `subarray` results carry no stamp.
 *
 *   home   where the view belongs: its front since that was reset last; or a custody (see there)
 *   id     its number in the front's table of views, which has everything else about it; 0 once the front
 *          has dropped the view
 *
 * Whether a view is live stands in that table, which is made of integers, and not in the stamp: V8 pays a write
 * barrier for an object written into an object, and nothing for an integer.
 */
import { Returner } from '../base/returner';

/**
 * Anything an arena hands out: Buffers, typed arrays, DataViews.
 *
 * @example
 * const views: View[] = [arena.alloc(64), arena.allocTyped(Float64Array, 8)];
 * for (const view of views) arena.free(view);
 */
export type View = Uint8Array | ArrayBufferView;

/** What a stamp points home to. `core` is the same for all homes in one arena. */
export interface Home {
  readonly core: object;
}

/**
 * Whose a live view is: the arena's own, or that of a scope, from {@link FIRST_SCOPE} on. NO_OWNER: its owner has
 * freed it, and somebody else may still retain it.
 */
export const NO_OWNER = 0;
export const ARENA = 1;
export const FIRST_SCOPE = 2;

/** Core's own Buffer class: `new FastBuffer(buffer, offset, length)` is the cheapest way to a Buffer. */
export const FastBuffer = (
  Buffer as unknown as Record<
    symbol,
    new (b: ArrayBuffer, offset: number, length: number) => Buffer
  >
)[Symbol.species]!;

// eslint-disable-next-line @typescript-eslint/unbound-method -- it has no use for `this`
const { isView } = ArrayBuffer;

class Stamp extends Returner {
  #home: Home;
  /** The engine keeps a field that only ever held small integers as such, and need not look again. */
  #id = 0;

  constructor(view: object, home: Home, id: number) {
    super(view);
    this.#home = home;
    this.#id = id;
  }

  static idOf(value: unknown, home: Home): number {
    // Cheaper than to ask whether it is an object; and whatever is stamped is a view.
    if (!isView(value) || !(#home in value) || value.#home !== home) return 0;
    return value.#id;
  }

  static homeOf(value: unknown): Home | undefined {
    if (typeof value !== 'object' || value === null || !(#home in value)) return undefined;
    return value.#home;
  }

  static rehome(view: View, home: Home): void {
    (view as unknown as Stamp).#home = home;
  }

  static forgetId(view: View): void {
    (view as unknown as Stamp).#id = 0;
  }
}

/** Stamps a view as number `id` of `home`. */
export function stamp<V extends View>(view: V, home: Home, id: number): V {
  new Stamp(view, home, id);
  return view;
}

// Exported by declaration: see "What V8 asks of hot code" in docs/ARCHITECTURE.md.

/** The number of a view at its home, or 0 for anything that is not at home there. */
export function idOf(value: unknown, home: Home): number {
  return Stamp.idOf(value, home);
}

/** The view's home, or undefined for anything without a stamp. */
export function homeOf(value: unknown): Home | undefined {
  return Stamp.homeOf(value);
}

/** Moves a view to another home. */
export function rehome(view: View, home: Home): void {
  Stamp.rehome(view, home);
}

/** Ends a view's number: its front knows nothing of it any more. */
export function forgetId(view: View): void {
  Stamp.forgetId(view);
}

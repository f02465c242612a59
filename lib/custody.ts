/**
 * Custody: the home of a view that the hot path must leave alone, because freeing it means more than
 * putting it back: it is retained, guarded or watched.
 *
 * The front knows its views by the owner of their home. A view in custody has a home like its own whose
 * owner is the custody, so the check that every free makes anyway leads to the custody, and all other
 * views pay nothing.
 */
import { Bin } from './front-bin';
import { HELD, type View, homeOf, markOf, setHome } from './view';

/** What a custody needs of the front its view came from. */
export interface Keeper {
  /** The same for all fronts of an arena. */
  readonly core: object;
  give(view: View): void;
}

export abstract class Custody {
  readonly keeper: Keeper;
  /** The view's home before, and after. */
  readonly before: Bin;

  constructor(keeper: Keeper, view: View) {
    this.keeper = keeper;
    this.before = homeOf(view) as Bin;
  }

  /** Does what a free of the view means; `view` is live and not {@link HELD}. */
  abstract give(view: View): void;

  /** The memory behind the view is going to be handed to others: its arena is reset or destroyed. */
  abstract end(view: View): void;

  protected enter(view: View): void {
    const { kind, length, classIndex } = this.before;
    setHome(view, new Bin(this, kind, length, classIndex));
  }

  protected leave(view: View): void {
    setHome(view, this.before);
  }
}

/** The custody that a value is in, or undefined. */
export function custodyOf(value: unknown): Custody | undefined {
  const owner = (homeOf(value) as Bin | undefined)?.owner;
  return owner instanceof Custody ? owner : undefined;
}

/** The front that a value belongs to, whether in custody or not; undefined: nobody's. */
export function keeperOf(value: unknown): Keeper | undefined {
  const owner = (homeOf(value) as Bin | undefined)?.owner;
  return owner instanceof Custody ? owner.keeper : (owner as Keeper | undefined);
}

/** true: freed by its owner, whether or not somebody still holds it. */
export function isFreed(view: View): boolean {
  return markOf(view) === HELD;
}

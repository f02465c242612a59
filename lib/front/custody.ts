/**
 * Custody: the home of a view that the hot path must leave alone, because freeing it means more than
 * putting it back: it is retained, guarded, watched, or not to be recycled.
 *
 * The front asks of every view that is freed whether it is at home there. A view in custody is not, so
 * the question that is asked anyway leads to the custody, and all other views pay nothing.
 */
import type { NativeArena } from '../native/native';
import { HELD, type Home, type View, homeOf } from '../view/view';

/** What a custody needs of its front. */
export interface Keeper {
  /** The same for all fronts of an arena. */
  readonly core: NativeArena;
  /** Another object after each reset. */
  readonly epoch: object;
}

export abstract class Custody implements Home {
  readonly core: NativeArena;
  readonly epoch: object;
  /** Bytes of the block behind the view. */
  readonly bytes: number;
  /** LIVE, a scope's mark, or HELD once its owner has freed it. */
  mark: number;
  /** Another custody, which holds the view before this one. */
  holder: Custody | undefined = undefined;

  constructor(keeper: Keeper, bytes: number, mark: number) {
    this.core = keeper.core;
    this.epoch = keeper.epoch;
    this.bytes = bytes;
    this.mark = mark;
  }

  /** To the front, no custody is a bin of its own. */
  get owner(): object {
    return this;
  }

  /** What a free by the owner means. */
  abstract give(view: View): void;

  /** Why a second free is refused. */
  abstract refusal(): Error;

  /** The same when it is a free that is refused. */
  refuseFree(): Error {
    return this.refusal();
  }

  /** Names the allocation, if it is watched. */
  abstract set tag(tag: string);

  /** The slab that the view lies in, or -1. */
  abstract get slab(): number;

  /** Lets go of memory that is not the arena's, after a reset. */
  end(): void {
    this.mark = HELD;
  }

  /** The view is garbage: nobody can release or free it any more. */
  collected(): void {
    this.holder?.collected();
  }

  isOf(keeper: Keeper): boolean {
    return this.epoch === keeper.epoch;
  }

  get isFreed(): boolean {
    return this.mark === HELD;
  }
}

/** The custody that a value is in, or undefined. */
export function custodyOf(value: unknown): Custody | undefined {
  const home = homeOf(value);
  return home instanceof Custody ? home : undefined;
}

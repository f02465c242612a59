/**
 * Custody: the home of a view that the hot path must leave alone, because its free means more than to
 * recycle it: the view is retained, guarded, watched, or not to be used again.
 *
 * The front asks of every view that is freed whether it is at home there. A view in custody is not: the
 * question that is asked anyway leads to the custody, and all other views pay nothing.
 */
import type { NativeArena } from '../native/native';
import { NO_OWNER, type Home, type View, homeOf } from '../view/view';

/** Which front a view belongs to, and since which reset. */
export interface FrontIdentity {
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
  /** Whose the view is; NO_OWNER once its owner has freed it. */
  owner: number;
  /** A custody put on top of this one. */
  holder: Custody | undefined = undefined;

  constructor(front: FrontIdentity, bytes: number, owner: number) {
    this.core = front.core;
    this.epoch = front.epoch;
    this.bytes = bytes;
    this.owner = owner;
  }

  /** Does what a free by the owner means. */
  abstract free(view: View): void;

  /** Why a second free is refused. */
  abstract refusal(): Error;

  /** The same, and reports it. */
  refuseFree(): Error {
    return this.refusal();
  }

  /** Names the allocation, if it is watched. */
  abstract set tag(tag: string);

  /** The slab that the view lies in, or -1. */
  abstract get slab(): number;

  /** Ends the custody after a reset, and lets go of memory that is not the arena's. */
  end(): void {
    this.owner = NO_OWNER;
  }

  /** The view is garbage: nobody can release or free it any more. */
  collected(): void {
    this.holder?.collected();
  }

  isOf(front: FrontIdentity): boolean {
    return this.epoch === front.epoch;
  }

  get isFreed(): boolean {
    return this.owner === NO_OWNER;
  }
}

/** The custody that a value is in, or undefined. */
export function custodyOf(value: unknown): Custody | undefined {
  const home = homeOf(value);
  return home instanceof Custody ? home : undefined;
}

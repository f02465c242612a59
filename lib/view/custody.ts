/**
 * Custody: the home of a view that the hot path must leave alone, because its free means more than to
 * recycle it: the view is guarded, watched, or not to be used again.
 *
 * The front asks of every view that is freed whether it is at home there. A view in custody is not: the
 * question that is asked anyway leads to the custody, and all other views pay nothing.
 */
import { HakmemError } from '../errors';
import { ARENA, NO_OWNER, type Home, homeOf } from './view';

/** Which front a view belongs to, and since which reset. */
export interface FrontIdentity {
  /** The same for all fronts of an arena. */
  readonly core: object;
  /** Another object after each reset. */
  readonly epoch: object;
}

/** Something that is retained, and is not at home in a front. */
export interface Held {
  /** How many retain it. */
  holders: number;
  /** Bytes of the block behind it. */
  readonly bytes: number;
  /** Which front it is of, and since which reset. */
  readonly epoch: object;
}

/** Who is told that something retained is garbage. */
export interface HoldKeeper {
  forgetHeld(held: Held): void;
}

export abstract class Custody implements Home, Held {
  readonly core: object;
  readonly epoch: object;
  readonly bytes: number;
  /** Whose the view is; NO_OWNER once its owner has freed it. */
  owner: number;
  holders = 0;
  /** Set while somebody retains it. */
  keeper: HoldKeeper | undefined = undefined;

  constructor(front: FrontIdentity, bytes: number, owner: number) {
    this.core = front.core;
    this.epoch = front.epoch;
    this.bytes = bytes;
    this.owner = owner;
  }

  /** Does what a free by the owner means; it waits for the last release. */
  free(): void {
    if (this.holders > 0) this.owner = NO_OWNER;
    else this.recycle();
  }

  /** Gives the block back. */
  protected abstract recycle(): void;

  /** Why a second free is refused. */
  abstract refusal(): Error;

  /** The same, and reports it. */
  refuseFree(): Error {
    return this.refusal();
  }

  /** Names the allocation, if it is watched. */
  abstract set tag(tag: string);

  /** The slab that the view lies in, or -1. Asked before a reset. */
  abstract get slab(): number;

  /** Ends the custody after a reset, and lets go of memory that is not the arena's. */
  end(): void {
    this.owner = NO_OWNER;
  }

  /** The view is garbage: nobody can release or free it any more. */
  collected(): void {
    if (this.holders === 0) return;
    this.keeper?.forgetHeld(this);
    if (this.isFreed) this.owner = ARENA;
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

/** Refuses a second free. */
export function doubleFree(isHeld: boolean): HakmemError {
  return new HakmemError('ERR_HAKMEM_DOUBLE_FREE', isHeld ? 'somebody still retains it' : '');
}

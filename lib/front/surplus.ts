/**
 * Surplus: what the tables of a front keep goes to the core, all of it, class by class what nobody needed lately, or
 * what a policy does not want kept.
 *
 * Owns:      where it goes on, and the policy.
 * Called by: the slow path, when it needs room or a trim wants it; when the timer of decay has it called.
 * Calls:     the tables.
 */
import { nowMs } from '../base/clock';
import type { FreeBlocks } from './free-blocks';
import type { LargeBlocks } from './large/large-blocks';
import { setCorePolicy } from '../policy/core';
import { largeLimitsOf } from '../policy/large';
import { PROCESS_POLICY, type PolicyState } from '../policy/state';
import type { SizeClass } from './size-class';

export class Surplus {
  readonly #classes: readonly (SizeClass | undefined)[];
  readonly #blocks: FreeBlocks;
  readonly #large: LargeBlocks;
  readonly #arena: number;
  #policy: PolicyState;
  /** The class that comes next. */
  #next = 0;

  constructor(
    arena: number,
    classes: readonly (SizeClass | undefined)[],
    blocks: FreeBlocks,
    large: LargeBlocks,
    policy: PolicyState,
  ) {
    this.#arena = arena;
    this.#classes = classes;
    this.#blocks = blocks;
    this.#large = large;
    this.#policy = policy;
    if (policy !== PROCESS_POLICY) this.setPolicy(policy);
  }

  get policy(): PolicyState {
    return this.#policy;
  }

  /** Gives everything back that is not live. */
  giveAllBack(): void {
    for (const sizeClass of this.#classes) sizeClass?.dropAll();
    this.#blocks.flushAll();
    this.#large.flushAll();
  }

  /** Goes by another policy from now on, and so does the core. */
  setPolicy(policy: PolicyState): void {
    this.#policy = policy;
    setCorePolicy(this.#arena, policy);
    for (const sizeClass of this.#classes) sizeClass?.setPolicy(policy);
    this.#blocks.setPolicy(policy);
    this.#large.setLimits(largeLimitsOf(policy));
  }

  /** Gives a part back, until `untilMs` on the clock. false: nothing is left. */
  giveBack(untilMs: number): boolean {
    let isWaiting = this.#large.decay(untilMs);
    for (let i = 0; i < this.#classes.length; i++) {
      const index = this.#next;
      this.#next = (index + 1) % this.#classes.length;
      if (this.#classes[index]?.decay() === true) isWaiting = true;
      if (this.#blocks.decay(index)) isWaiting = true;
      if (nowMs() >= untilMs) return true;
    }
    return isWaiting;
  }
}

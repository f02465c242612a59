/**
 * Surplus: what the tables of a front keep goes to the core, all of it, or class by class what nobody needed lately.
 *
 * Owns:      where it goes on.
 * Called by: the slow path, when it needs room or a trim wants it; when the timer of decay has it called.
 * Calls:     the tables.
 */
import { nowMs } from '../base/clock';
import type { FreeBlocks } from './free-blocks';
import type { LargeBlocks } from './large/large-blocks';
import type { SizeClass } from './size-class';

export class Surplus {
  readonly #classes: readonly (SizeClass | undefined)[];
  readonly #blocks: FreeBlocks;
  readonly #large: LargeBlocks;
  /** The class that comes next. */
  #next = 0;

  constructor(classes: readonly (SizeClass | undefined)[], blocks: FreeBlocks, large: LargeBlocks) {
    this.#classes = classes;
    this.#blocks = blocks;
    this.#large = large;
  }

  /** Gives everything back that is not live. */
  giveAllBack(): void {
    for (const sizeClass of this.#classes) sizeClass?.dropAll();
    this.#blocks.flushAll();
    this.#large.flushAll();
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

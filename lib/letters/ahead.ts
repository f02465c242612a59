/**
 * Ahead: tickets that are adopted together, before anybody asks for their Buffers one by one.
 *
 * Owns:      what it has adopted, until somebody takes it.
 * Called by: a channel's inbox. The caller has made sure of the call stack.
 */
import { native } from '../native/native';
import type { ArenaBuffer } from '../types';
import { bufferOfLoan } from './adopted';

/** The native side adopts no more at once. */
export const AHEAD_MAX = 32;

export class Ahead {
  /** To be filled in before {@link Ahead.adopt}. */
  readonly tickets = new Float64Array(AHEAD_MAX);
  readonly #results: (ArrayBuffer | number)[] = new Array<number>(AHEAD_MAX).fill(0);
  #next = 0;
  #count = 0;

  /** How many wait to be taken. */
  get length(): number {
    return this.#count - this.#next;
  }

  /** Adopts the first so many tickets; each is refused, or not, when it is taken. There must be none left. */
  adopt(count: number): void {
    this.#count = this.#next = 0;
    native.adoptAll(this.tickets, count, this.#results);
    this.#count = count;
  }

  /** A Buffer for the next ticket. Throws as `adopt` does. */
  first(): ArenaBuffer {
    return bufferOfLoan(this.tickets[this.#next]!, this.#results[this.#next]!);
  }

  /** Goes on to the next one. The first is whoever's has taken its Buffer. */
  advance(): void {
    this.#results[this.#next++] = 0;
  }

  /** Gives back what nobody took. */
  giveBack(): void {
    while (this.length > 0) {
      if (typeof this.#results[this.#next] !== 'number') native.release(this.tickets[this.#next]!);
      this.advance();
    }
  }
}

/**
 * Random: xorshift32, the generator of the random_mixed bench, for runs that can be repeated.
 */

/** The next state: shifts 13, 17 and 5 on unsigned 32 bits. */
export function xorshift32(state: number): number {
  let r = state;
  r ^= r << 13;
  r ^= r >>> 17;
  r ^= r << 5;
  return r >>> 0;
}

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 32 bits. */
  next(): number {
    return (this.#state = xorshift32(this.#state));
  }

  /** 0 .. bound - 1. */
  below(bound: number): number {
    return this.next() % bound;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

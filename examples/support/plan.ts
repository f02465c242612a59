// What is run, for the examples that need no more than these numbers.

export interface Plan {
  /** Measured operations; those of the warm-up come on top, before them. */
  operations: number;
  warmup: number;
  /** Operations under way at once. */
  lanes: number;
  /** Spoil one byte on purpose, to see that it is noticed. */
  fault: boolean;
}

/** Spoils one byte in the middle of the measured part, if the plan says so. */
export class Spoiler {
  #left: number;

  constructor({ operations, warmup, fault }: Plan) {
    this.#left = fault ? warmup + (operations >>> 1) : Infinity;
  }

  /** Call with everything that is sent. */
  pass(bytes: Buffer): void {
    if (--this.#left > 0) return;
    if (bytes.length === 0) return;
    bytes[bytes.length >>> 1]! ^= 1;
    this.#left = Infinity;
  }
}

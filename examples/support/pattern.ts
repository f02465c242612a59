// The bytes that travel: random, different for every number, and known to both ends without being
// sent. Making them and comparing them are a copy and a compare, so that neither hides what is measured.

import { seededRandom } from './random';

/** Slices begin at one of so many places. */
const STARTS = 1 << 16;

export class Pattern {
  readonly #bytes: Buffer;

  /** @param maxBytes of one slice. */
  constructor(maxBytes: number) {
    const random = seededRandom(maxBytes);
    this.#bytes = Buffer.alloc(STARTS + maxBytes + 4);
    for (let at = 0; at + 4 <= this.#bytes.length; at += 4) {
      this.#bytes.writeUInt32LE(random() * 2 ** 32, at);
    }
  }

  /** Fills `target` from `at` on with the slice of this number. */
  fill(target: Buffer, number: number, at = 0): void {
    const start = startOf(number);
    this.#bytes.copy(target, at, start, start + target.length - at);
  }

  /** @returns the slice of this number: shared memory, not to be written to. */
  slice(number: number, bytes: number): Buffer {
    const start = startOf(number);
    return this.#bytes.subarray(start, start + bytes);
  }

  /** true: `chunk` from `at` on is what the slice of this number has from `from` on. */
  matches(chunk: Buffer, number: number, from = 0, at = 0, end = chunk.length): boolean {
    const start = startOf(number) + from;
    return chunk.compare(this.#bytes, start, start + end - at, at, end) === 0;
  }
}

/** Neighbouring numbers begin far apart. */
function startOf(number: number): number {
  return Math.imul(number, 0x9e3779b1) >>> 16;
}

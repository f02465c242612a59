// The last frames of a connection, kept as a service does that must be able to repeat or replay
// them. What is kept lives long enough to be in the collector's way, which is what real services do
// to it with their caches and queues.

import type { Memory } from '../support/memory';

export class History {
  readonly #memory: Memory;
  readonly #ring: (Buffer | undefined)[];
  #next = 0;

  /** @param frames how many to keep; 0: none. */
  constructor(memory: Memory, frames: number) {
    this.#memory = memory;
    this.#ring = new Array<Buffer | undefined>(frames).fill(undefined);
  }

  /** Takes over `frame`; what is too old now is released. */
  push(frame: Buffer): void {
    const ring = this.#ring;
    if (ring.length === 0) {
      this.#memory.free(frame);
      return;
    }
    const oldest = ring[this.#next];
    ring[this.#next] = frame;
    this.#next = this.#next + 1 === ring.length ? 0 : this.#next + 1;
    if (oldest !== undefined) this.#memory.free(oldest);
  }

  dispose(): void {
    for (const frame of this.#ring) {
      if (frame !== undefined) this.#memory.free(frame);
    }
    this.#ring.fill(undefined);
  }
}

// A queue in a ring that grows by doubling: no allocation per element, no shifting.

export class Fifo<T> {
  #ring: (T | undefined)[] = new Array<T | undefined>(64).fill(undefined);
  #head = 0;
  #count = 0;

  get length(): number {
    return this.#count;
  }

  push(item: T): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#count) & (this.#ring.length - 1)] = item;
    this.#count++;
  }

  /** @returns the oldest element, or undefined when there is none. */
  shift(): T | undefined {
    if (this.#count === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined; // the queue must not keep it alive
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#count--;
    return item;
  }

  /** Unrolls the full ring, oldest first, into one of twice the size. */
  #grow(): void {
    const ring = this.#ring;
    const unrolled = ring.slice(this.#head).concat(ring.slice(0, this.#head));
    this.#ring = unrolled.concat(new Array<undefined>(ring.length).fill(undefined));
    this.#head = 0;
  }
}

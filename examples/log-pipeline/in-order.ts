// Whose turn it is: numbers come in any order and go on in theirs.

export class InOrder {
  #now = 0;
  readonly #waiting = new Map<number, () => void>();

  /** Resolves when all below `number` have had theirs. */
  turnOf(number: number): Promise<void> {
    if (number === this.#now) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.set(number, resolve));
  }

  next(): void {
    const resolve = this.#waiting.get(++this.#now);
    this.#waiting.delete(this.#now);
    resolve?.();
  }
}

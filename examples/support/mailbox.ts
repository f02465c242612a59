// Messages as promises: whoever waits for a type gets the next message of it, even one that came
// before anybody waited.

export interface Typed {
  type: string;
}

export type OfType<M extends Typed, T extends M['type']> = Extract<M, { type: T }>;

export class Mailbox<M extends Typed> {
  readonly #arrived: M[] = [];
  #wanted: string | undefined;
  #deliver: ((message: M) => void) | undefined;

  put(message: M): void {
    if (message.type === this.#wanted) {
      this.#wanted = undefined;
      this.#deliver?.(message);
    } else {
      this.#arrived.push(message);
    }
  }

  /** Only one waiter at a time. */
  next<T extends M['type']>(type: T): Promise<OfType<M, T>> {
    const index = this.#arrived.findIndex((message) => message.type === type);
    const [message] = index < 0 ? [] : this.#arrived.splice(index, 1);
    if (message !== undefined) return Promise.resolve(message as OfType<M, T>);
    return new Promise((resolve) => {
      this.#wanted = type;
      this.#deliver = resolve as (message: M) => void;
    });
  }
}

// A child's end of the channel to main.

import { Mailbox, type OfType, type Typed } from './mailbox';
import type { Failed } from './messages';

export class ParentLink<In extends Typed, Out extends Typed> {
  readonly #inbox = new Mailbox<In>();
  #over = false;

  constructor() {
    process.on('message', (message) => this.#inbox.put(message as In));
    process.on('disconnect', this.#onDisconnect);
    // Ctrl-C reaches the whole group; main decides, and this process ends with it.
    process.on('SIGINT', () => undefined);
  }

  next<T extends In['type']>(type: T): Promise<OfType<In, T>> {
    return this.#inbox.next(type);
  }

  send(message: Out): void {
    if (!this.#over) process.send?.(message);
  }

  /** Says why, and ends this process with exit code 1. Later failures are consequences: not told. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const message = error instanceof Error ? error.message : String(error);
    const failed: Failed = { type: 'failed', message };
    process.send?.(failed, undefined, undefined, () => process.exit(1));
  }

  /** All is said. Without the channel, nothing keeps this process alive. */
  close(): void {
    this.#over = true;
    process.off('disconnect', this.#onDisconnect);
    process.disconnect();
  }

  /** Main is gone, however that came about. */
  readonly #onDisconnect = (): void => process.exit(1);
}

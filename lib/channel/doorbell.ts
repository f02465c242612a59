/**
 * Doorbell: wakes the other end, waits for it to ring, and tells when it is gone.
 *
 * Owns:      the port of one end, and what keeps its thread's event loop alive.
 * Called by: the end.
 */
import type { MessagePort } from 'node:worker_threads';

export class Doorbell {
  readonly #port: MessagePort;
  #isRefed = true;
  #isClosed: boolean;
  /** What everybody waits for who waits. */
  #ring: Promise<void> | undefined = undefined;
  #wake: (() => void) | undefined = undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    this.#isClosed = !isAlive(port);
  }

  /** true: it was closed, or its port is closed or went to another thread. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Calls `fn` once, in a later turn, when either side has closed it or the other thread has ended. */
  onClose(fn: () => void): void {
    if (this.#isClosed) {
      setImmediate(fn);
      return;
    }
    this.#port.on('message', this.#wakeAll);
    this.#port.once('close', fn);
  }

  /** Wakes whoever waits on the other side. */
  ring(): void {
    this.#port.postMessage(0);
  }

  /** Ends with the next ring, or when it is closed. */
  next(): Promise<void> {
    this.#ring ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    return this.#ring;
  }

  /** A turn of the event loop. An immediate that keeps no loop alive would not end a poll; a timer does. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isRefed) setImmediate(resolve);
      else setTimeout(resolve, 1).unref();
    });
  }

  ref(): void {
    this.#isRefed = true;
    this.#port.ref();
  }

  unref(): void {
    this.#isRefed = false;
    this.#port.unref();
  }

  close(): void {
    this.#isClosed = true;
    this.#port.close();
    this.#wakeAll();
  }

  readonly #wakeAll = (): void => {
    this.#wake?.();
    this.#ring = this.#wake = undefined;
  };
}

/** A port that is closed, or went to another thread, cannot keep a loop alive. Leaves it as it was. */
function isAlive(port: MessagePort): boolean {
  const wasRefed = hasRef(port);
  port.ref();
  const canRef = hasRef(port);
  if (!wasRefed) port.unref();
  return canRef;
}

function hasRef(port: MessagePort): boolean {
  return (port as MessagePort & { hasRef(): boolean | undefined }).hasRef() === true;
}

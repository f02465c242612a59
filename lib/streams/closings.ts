/**
 * Closings: one listener for each emitter, however many wait for its end. A keep-alive connection serves
 * thousands of requests.
 */
import { finished } from 'node:stream';

/**
 * An emitter that says 'close' when it is over: streams, sockets, requests, responses, sessions.
 *
 * @example
 * import { createServer } from 'node:http';
 * const closables: Closable[] = [socket, createServer()];
 */
export interface Closable {
  /** Calls `listener` at the end. */
  once(event: 'close', listener: () => void): unknown;
  /** true: it was over before. */
  readonly closed?: boolean;
}

export type Listener = () => void;

/** Takes a listener back. */
export type Cancel = () => void;

export function isClosable(value: unknown): value is Closable {
  return typeof (value as Partial<Closable> | null | undefined)?.once === 'function';
}

/** Listeners that wait, by target. */
const waiting = new WeakMap<object, Set<Listener>>();

/** Adds a listener that waits for a target; `subscribe` is called for the first one. */
export function wait(
  target: object,
  listener: Listener,
  subscribe: (over: Listener) => void,
): Cancel {
  let listeners = waiting.get(target);
  if (listeners === undefined) {
    const added = (listeners = new Set());
    waiting.set(target, added);
    subscribe(() => {
      // A socket may be connected again; later listeners wait for its next end.
      waiting.delete(target);
      for (const each of added) each();
    });
  }
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const nothing = (): void => undefined;

/** Calls `listener` once when an emitter has closed; at once if it had before. */
export function whenClosed(emitter: Closable, listener: Listener): Cancel {
  if (emitter.closed === true) {
    listener();
    return nothing;
  }
  return wait(emitter, listener, (over) => {
    emitter.once('close', over);
    if (isSilent(emitter)) finished(emitter as unknown as NodeJS.WritableStream, over);
  });
}

/** A stream that was told not to emit 'close'. */
function isSilent(emitter: object): boolean {
  type State = { readonly emitClose?: boolean } | undefined;
  const { _writableState: writable, _readableState: readable } = emitter as Record<string, State>;
  return writable?.emitClose === false || readable?.emitClose === false;
}

/**
 * Reports: what a test's arena says on a channel.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

export interface Listener<T> extends Disposable {
  readonly messages: T[];
}

/** Collects the messages about arenas of this name until it is disposed of. */
export function listen<T extends { readonly arena: string }>(
  channel: string,
  arena: string,
): Listener<T> {
  const messages: T[] = [];
  const listener = (message: unknown): void => {
    if ((message as T).arena === arena) messages.push(message as T);
  };
  subscribe(channel, listener);
  return {
    messages,
    [Symbol.dispose]() {
      unsubscribe(channel, listener);
    },
  };
}

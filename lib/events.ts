/**
 * Events: what is rare and worth knowing, on node:diagnostics_channel. Never one per allocation.
 *
 * A message is published in the thread whose arena it is about, right after the code that is running:
 * a subscriber may use the arena. Without subscribers nothing is made.
 */
import { channel } from 'node:diagnostics_channel';
import { readArena } from './snapshot';

/** Its messages are {@link LimitEvent}. */
export const LIMIT_CHANNEL = 'hakmem-arena:limit';

/**
 * Message on the channel `hakmem-arena:limit` of `node:diagnostics_channel`: an allocation was refused
 * because of `maxBytes`.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel';
 * subscribe('hakmem-arena:limit', (message) => {
 *   const { arena, requestedBytes, usedBytes, maxBytes } = message as LimitEvent;
 *   logger.warn(`${arena.name}: ${requestedBytes} bytes refused, ${usedBytes} of ${maxBytes} in use`);
 * });
 */
export interface LimitEvent {
  /** Whose limit it is. */
  readonly arena: {
    /** As {@link Arena.id}. */
    readonly id: number;
    /** As {@link Arena.name}. */
    readonly name: string;
  };
  /** Bytes of the request that was refused. */
  readonly requestedBytes: number;
  /** Bytes in use: what `maxBytes` limits. */
  readonly usedBytes: number;
  /** The limit, in bytes. */
  readonly maxBytes: number;
}

const limit = channel(LIMIT_CHANNEL);

function arenaOf(id: number): LimitEvent['arena'] {
  const { serial, name } = readArena(id).arenas[0]!.identity;
  return { id: serial, name };
}

/** `id` names the arena in native calls. */
export function publishLimit(id: number, sizes: Omit<LimitEvent, 'arena'>): void {
  if (!limit.hasSubscribers) return;
  const event: LimitEvent = { arena: arenaOf(id), ...sizes };
  queueMicrotask(() => limit.publish(event));
}

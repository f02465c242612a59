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

/** Of 'hakmem-arena:limit': an allocation was refused because of `maxBytes`. Sizes in bytes. */
export interface LimitEvent {
  readonly arena: { readonly id: number; readonly name: string };
  readonly requestedBytes: number;
  readonly usedBytes: number;
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

/**
 * Types: what programs see of a channel's ends.
 */
import type { ArenaBuffer } from '../types';

/**
 * What {@link ChannelEnd.receive} calls for each message.
 *
 * @example
 * const receiver: ChannelReceiver = (buffer, header, tag) => console.log(tag, header, buffer.length);
 */
export type ChannelReceiver = (
  buffer: ArenaBuffer,
  header: readonly number[],
  tag: string,
) => unknown;

/**
 * What a {@link ChannelEnd} emits.
 *
 * @example
 * const events: (keyof ChannelEvents)[] = ['close'];
 */
export interface ChannelEvents {
  /** Either end is closed, or the other's thread has ended. */
  close: [];
}

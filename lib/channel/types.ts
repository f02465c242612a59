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
 * What {@link ChannelEnd.stats} gives: counts since the end was opened.
 *
 * @example
 * const end = Channel.open(new Channel().ends[0], arena);
 * const { depth, copied, handedOver }: ChannelStats = end.stats();
 * end.close();
 */
export interface ChannelStats {
  /** Messages sent that the other end has not read, as of now. */
  readonly depth: number;
  /** Their bytes. */
  readonly bytesUnderWay: number;
  /** Messages that {@link ChannelEnd.send} has taken. */
  readonly sent: number;
  /** Of these, the ones whose bytes were copied. */
  readonly copied: number;
  /** And the ones whose memory was handed over. */
  readonly handedOver: number;
  /** Bytes of messages sent. */
  readonly bytesSent: number;
  /** Messages read. */
  readonly received: number;
  /** Bytes of messages read. */
  readonly bytesReceived: number;
  /**
   * Messages that were handed over and taken back, because nobody read them before the end. What the other end had
   * adopted ahead of its reader, up to 32 of them, it gives back itself, and is not counted.
   */
  readonly recalled: number;
  /**
   * Messages for this end whose memory the sender's arena took back before they were read: by a reset, or because its
   * thread ended without a `close`. What was sent after them, and copied, may still arrive.
   */
  readonly expired: number;
}

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

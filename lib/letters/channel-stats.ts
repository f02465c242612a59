/**
 * Channel stats: what the ends of channels of this thread count, together.
 *
 * Owns:      the list of what open ends count; the counts of those that are closed.
 * Called by: ends, which enter and leave; programs and metrics, which ask.
 */

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
  /** Times that the sender slept, because there was no room ({@link ChannelEnd.ready}). */
  readonly waits: number;
}

/**
 * What {@link channelStats} gives.
 *
 * @example
 * const isBehind = ({ depth, ends }: ChannelTotals) => depth > 100 * ends;
 */
export interface ChannelTotals extends Omit<ChannelStats, 'bytesUnderWay'> {
  /** Ends that are open now. */
  readonly ends: number;
}

type SentCount = 'sent' | 'copied' | 'handedOver' | 'bytesSent' | 'recalled' | 'waits';
type ReceivedCount = 'received' | 'bytesReceived' | 'expired';

/** What an end counts of what it sends. */
export type SentCounts = Record<SentCount, number>;
/** And of what it reads. */
export type ReceivedCounts = Record<ReceivedCount, number>;

export function noneSent(): SentCounts {
  return { sent: 0, copied: 0, handedOver: 0, bytesSent: 0, recalled: 0, waits: 0 };
}

export function noneReceived(): ReceivedCounts {
  return { received: 0, bytesReceived: 0, expired: 0 };
}

/** What an open end counts, and where the other side says how many messages it has read. */
export interface EndCounts {
  readonly sent: Readonly<SentCounts>;
  readonly received: Readonly<ReceivedCounts>;
  /** One word of shared memory. */
  readonly tail: Int32Array;
}

const open = new Set<EndCounts>();
const closed = { ...noneSent(), ...noneReceived() };

function add<Key extends string>(
  sum: Record<NoInfer<Key>, number>,
  more: Readonly<Record<Key, number>>,
): void {
  for (const key of Object.keys(more) as Key[]) sum[key] += more[key];
}

/** From here on the end counts. */
export function enterChannelEnd(end: EndCounts): void {
  open.add(end);
}

/** The end is closed, and counts no more; what it has counted stays. */
export function leaveChannelEnd(end: EndCounts): void {
  if (!open.delete(end)) return;
  add(closed, end.sent);
  add(closed, end.received);
}

/** Nobody is believed who says that more was read than was sent. */
function depthOf({ sent: { sent }, tail }: EndCounts): number {
  return Math.max(0, (sent - Atomics.load(tail, 0)) | 0);
}

/**
 * What all ends of channels have counted that were opened in this thread, closed ones included. The counts of other
 * threads' ends are theirs to ask for.
 *
 * @example
 * const { ends, depth, sent, received } = channelStats();
 * console.log(`${ends} ends, ${depth} messages under way, ${sent} sent, ${received} read`);
 */
export function channelStats(): ChannelTotals {
  const sum = { ends: open.size, depth: 0, ...closed };
  for (const end of open) {
    sum.depth += depthOf(end);
    add(sum, end.sent);
    add(sum, end.received);
  }
  return sum;
}

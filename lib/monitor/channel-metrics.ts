/**
 * Channel metrics: what monitoring systems are told about the channels of the thread that they ask.
 */
import type { Metric } from './metric';

/** In the order of the documentation. */
export const CHANNEL_METRICS: readonly Metric[] = [
  {
    name: 'channel_ends',
    otel: 'channel.ends',
    kind: 'amount',
    unit: '{end}',
    help: 'Open ends of channels in this thread; so of all metrics of channels.',
    labels: [],
    channels: ({ ends }, emit) => emit({}, ends),
  },
  {
    name: 'channel_depth',
    otel: 'channel.depth',
    kind: 'amount',
    unit: '{message}',
    help: 'Messages sent by this thread that the other one has not read.',
    labels: [],
    channels: ({ depth }, emit) => emit({}, depth),
  },
  {
    name: 'channel_sent_total',
    otel: 'channel.sent',
    kind: 'counter',
    unit: '{message}',
    help: 'Messages sent; path copied: their bytes; handed_over: their memory.',
    labels: ['path'],
    channels: ({ copied, handedOver }, emit) => {
      emit({ path: 'copied' }, copied);
      emit({ path: 'handed_over' }, handedOver);
    },
  },
  {
    name: 'channel_received_total',
    otel: 'channel.received',
    kind: 'counter',
    unit: '{message}',
    help: 'Messages read.',
    labels: [],
    channels: ({ received }, emit) => emit({}, received),
  },
  {
    name: 'channel_bytes_total',
    otel: 'channel.bytes',
    kind: 'counter',
    unit: 'By',
    help: 'Bytes of messages; event sent, received.',
    labels: ['event'],
    channels: ({ bytesSent, bytesReceived }, emit) => {
      emit({ event: 'sent' }, bytesSent);
      emit({ event: 'received' }, bytesReceived);
    },
  },
  {
    name: 'channel_unread_total',
    otel: 'channel.unread',
    kind: 'counter',
    unit: '{message}',
    help: 'Messages that were handed over and not read. Event recalled: their channel was closed; expired: the arena that they came from took them back.',
    labels: ['event'],
    channels: ({ recalled, expired }, emit) => {
      emit({ event: 'recalled' }, recalled);
      emit({ event: 'expired' }, expired);
    },
  },
  {
    name: 'channel_waits_total',
    otel: 'channel.waits',
    kind: 'counter',
    unit: '{wait}',
    help: 'Times that a sender slept because a channel had no room.',
    labels: [],
    channels: ({ waits }, emit) => emit({}, waits),
  },
];

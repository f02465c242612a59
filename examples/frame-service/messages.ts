// Everything that main and its two child processes say to each other. Children start silent: each
// waits for its first message.

import type { Rival } from './memory';
import type { MixName } from './mix';

/** Ways to break a run on purpose, to see that it is noticed. */
export type Fault = 'none' | 'digest' | 'crash' | 'hang';

export const FAULTS: readonly Fault[] = ['none', 'digest', 'crash', 'hang'];

/**
 * How the service gets at what its socket receives: in one Buffer of its own that the socket fills
 * again and again, or in a fresh Buffer of Node's for every 'data' event.
 */
export type Reads = 'buffer' | 'events';

export const READS: readonly Reads[] = ['buffer', 'events'];

/** What is run: the load, and what the service does with it. */
export interface Scenario {
  /** The input: a file or folder. */
  path: string;
  /** Of the input, at most so many bytes are used. */
  maxInputBytes: number;
  /** Measured frames; warm-up frames come on top. */
  frames: number;
  warmupFrames: number;
  /** Frames in flight per connection. */
  window: number;
  connections: number;
  /** Of each connection's latest requests, the service keeps so many. */
  keep: number;
  mix: MixName;
  minBytes: number;
  maxBytes: number;
  seed: number;
  reads: Reads;
  fault: Fault;
}

export type ToService =
  | { type: 'start'; rival: Rival; scenario: Scenario; port: number }
  | { type: 'mark' }
  | { type: 'report' };

export type FromService = { type: 'marked' } | { type: 'report'; report: ServiceReport } | Failed;

export type ToClient = { type: 'prepare'; scenario: Scenario } | { type: 'go' } | { type: 'close' };

export type FromClient =
  | { type: 'listening'; port: number }
  | { type: 'warm' }
  | { type: 'progress'; frames: number }
  | { type: 'done'; report: ClientReport }
  | Failed;

export interface Failed {
  type: 'failed';
  message: string;
}

/** From 'mark' to 'report', unless it says otherwise. */
export interface ServiceReport {
  /** All frames answered, those of the warm-up included. */
  framesServed: number;
  gcCount: number;
  gcMajorCount: number;
  gcMs: number;
  cpuMs: number;
  /** Since the process began. */
  rssPeakBytes: number;
  rssEndBytes: number;
  /** The arena's own statistics in text form; absent for the rival. */
  heapStats?: string;
}

/** Measured frames only. */
export interface ClientReport {
  frames: number;
  payloadBytes: number;
  echoBytes: number;
  elapsedMs: number;
  latencyUs: { p50: number; p99: number; p999: number; max: number };
}

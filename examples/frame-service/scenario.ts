// What a run consists of, as main tells both of its children.

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

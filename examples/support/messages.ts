// Everything that main and its child processes say to each other. Children start silent: each waits
// for its first message. `P` is the plan: what is run, in the example's own words.

import type { Costs } from './meter';
import type { Rival } from './memory';
import type { Percentiles } from './latency';

export type ToService<P> =
  /** `port` is the client's, for a service that dials in; 0 if it has none. */
  { type: 'start'; rival: Rival; plan: P; port: number } | { type: 'mark' } | { type: 'report' };

export type FromService =
  /** `port` is 0 if the service has none of its own. */
  | { type: 'listening'; port: number }
  | { type: 'marked' }
  | { type: 'report'; report: ServiceReport }
  | Failed;

export type ToClient<P> =
  | { type: 'prepare'; plan: P }
  | { type: 'connect'; port: number }
  | { type: 'go' }
  | { type: 'close' };

export type FromClient =
  | { type: 'listening'; port: number }
  | { type: 'warm' }
  | { type: 'progress'; operations: number }
  | { type: 'done'; report: ClientReport }
  | Failed;

/** A program that is its own client. */
export type FromProgram = { type: 'done'; client: ClientReport; service: ServiceReport } | Failed;

export interface Failed {
  type: 'failed';
  message: string;
}

/** Costs from 'mark' to 'report', unless they say otherwise. */
export interface ServiceReport extends Costs {
  /** All that was served, the warm-up included. */
  served: number;
  /** The arena's own statistics in text form; absent for the rival. */
  heapStats?: string;
}

/** Measured operations only. Every byte of theirs was compared. */
export interface ClientReport {
  operations: number;
  bytes: number;
  elapsedMs: number;
  latencyUs: Percentiles;
}

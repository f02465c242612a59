/**
 * Wire: what the monitor's server and its page say to each other. Types only, so that both sides can
 * import it.
 */
import type { HeapStats } from '../types';

/** `GET stats.json`. */
export interface StatsReply {
  /** Version of this structure. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly title: string;
  readonly process: ProcessInfo;
  readonly stats: HeapStats;
}

export interface ProcessInfo {
  readonly pid: number;
  /** As `process.version`. */
  readonly node: string;
  readonly uptimeSeconds: number;
  /** Resident memory of the whole process, in bytes. */
  readonly rssBytes: number;
}

/** A slab that is free and untouched, free with pages that may take up memory, lost, or of a run. */
export type SlabCode = 'untouched' | 'touched' | 'lost' | 'tail';

/**
 * One slab: an index into `codes`, or `[class, block size, blocks taken, blocks]`, where `class` is an
 * index into `classNames`, and the other three are 0 for a run or a huge mapping.
 */
export type SlabCell = number | readonly [number, number, number, number];

export interface SuperSlabCells {
  readonly index: number;
  readonly bytes: number;
  /** 32, or 1 of a huge mapping. */
  readonly slabs: readonly SlabCell[];
}

export interface ArenaCells {
  readonly id: number;
  readonly name: string;
  readonly superslabs: readonly SuperSlabCells[];
}

/** `GET map.json`. */
export interface MapReply {
  /** Version of this structure. */
  readonly version: number;
  readonly at: number;
  readonly codes: readonly SlabCode[];
  readonly classNames: readonly string[];
  readonly arenas: readonly ArenaCells[];
}

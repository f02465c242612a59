/**
 * Wire: what the monitor's server and its page say to each other. Types only, so that both sides can
 * import it.
 */
import type { LengthStats } from '../stats/flow-types';
import type { HeapStats, Tier } from '../stats/types';

/**
 * `GET stats.json`.
 *
 * @example
 * const { url } = await createMonitor().listen({ port: 0 });
 * const { process, stats } = (await (await fetch(`${url}stats.json`)).json()) as StatsReply;
 * console.log(process.rssBytes, stats.totals.bytes.live);
 */
export interface StatsReply {
  /** Version of this structure. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** As {@link MonitorOptions.title}. */
  readonly title: string;
  /** Of the process that answers. */
  readonly process: ProcessInfo;
  /** As `heapStats()` returns them. */
  readonly stats: HeapStats;
}

/**
 * The process that answers.
 *
 * @example
 * const line = ({ pid, node, rssBytes }: ProcessInfo) => `${pid} (${node}): ${rssBytes} bytes`;
 */
export interface ProcessInfo {
  /** Process id. */
  readonly pid: number;
  /** As `process.version`. */
  readonly node: string;
  /** Seconds since the process started. */
  readonly uptimeSeconds: number;
  /** Resident memory of the whole process, in bytes. */
  readonly rssBytes: number;
}

/**
 * A slab that is free and untouched, free with pages that may take up memory, lost, or of a run.
 *
 * @example
 * const free: SlabCode[] = ['untouched', 'touched'];
 */
export type SlabCode = 'untouched' | 'touched' | 'lost' | 'tail';

/**
 * One slab: an index into `codes`, or `[class, block size, blocks taken, blocks, blocks away]`, where `class` is an
 * index into `classNames`, and the next three are 0 for a run or a huge mapping.
 *
 * @example
 * const takenBytes = (cell: SlabCell) => (typeof cell === 'number' ? 0 : cell[1] * cell[2]);
 */
export type SlabCell = number | readonly [number, number, number, number, number];

/**
 * One SuperSlab, or a huge mapping.
 *
 * @example
 * const isHuge = ({ slabs }: SuperSlabCells) => slabs.length === 1;
 */
export interface SuperSlabCells {
  /** Number in its arena. */
  readonly index: number;
  /** Of address space. */
  readonly bytes: number;
  /** As `SuperSlabMap.tier`. */
  readonly tier: Tier;
  /** 32, or 1 of a huge mapping. */
  readonly slabs: readonly SlabCell[];
}

/**
 * The SuperSlabs of one arena.
 *
 * @example
 * const bytesOf = ({ superslabs }: ArenaCells) => superslabs.reduce((sum, { bytes }) => sum + bytes, 0);
 */
export interface ArenaCells {
  /** As `Arena.id`. */
  readonly id: number;
  /** As `Arena.name`. */
  readonly name: string;
  /** Lowest index first. */
  readonly superslabs: readonly SuperSlabCells[];
}

/**
 * `GET map.json`: what `heapMap()` returns, shorter.
 *
 * @example
 * const { url } = await createMonitor().listen({ port: 0 });
 * const map = (await (await fetch(`${url}map.json`)).json()) as MapReply;
 * console.log(map.arenas.map(({ name, superslabs }) => `${name}: ${superslabs.length}`));
 */
export interface MapReply {
  /** Version of this structure. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** What the numbers in `slabs` mean. */
  readonly codes: readonly SlabCode[];
  /** Names of the reporting classes. */
  readonly classNames: readonly string[];
  /** Oldest first. */
  readonly arenas: readonly ArenaCells[];
}

/**
 * `GET lengths.json`: what lengths were requested of each arena, for `npx hakmem-arena learn`.
 *
 * @example
 * const { url } = await createMonitor().listen({ port: 0 });
 * const { arenas } = (await (await fetch(`${url}lengths.json`)).json()) as LengthsReply;
 * console.log(arenas.map(({ name, lengths }) => `${name}: ${lengths.length} lengths`));
 */
export interface LengthsReply {
  /** Version of this structure. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Oldest first. */
  readonly arenas: readonly {
    /** As `Arena.id`. */
    readonly id: number;
    /** As `Arena.name`. */
    readonly name: string;
    /** Its block sizes. */
    readonly sizeClasses: readonly number[];
    /** As `arena.stats().lengths`. */
    readonly lengths: readonly LengthStats[];
  }[];
}

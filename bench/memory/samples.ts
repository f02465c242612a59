// Samples: the memory of a process over a day, and what is said of it in one line.

/** From one sample to the next. */
export const SAMPLE_TICKS = 10;

export interface Sample {
  readonly ms: number;
  /** Requested by what is live. */
  readonly liveBytes: number;
  readonly rssBytes: number;
  /** Nanoseconds of a step in the slowest tick since the last sample. */
  readonly slowestNs: number;
  /** Of the process so far; those in C do not say. */
  readonly minorFaults?: number;
}

/** A sample as a line of a file: milliseconds, MB live, MB resident beyond the start, nanoseconds. */
export type Point = readonly [ms: number, live: number, rss: number, slowestNs: number];

export interface DayRecord {
  readonly day: string;
  readonly rival: string;
  readonly points: readonly Point[];
  /** Minor page faults over the day, where they were counted. */
  readonly faults?: number;
}

const MIB = 2 ** 20;
const rounded = (value: number): number => Math.round(value * 10) / 10;

/** Beyond what the process had before the day: Node itself is nobody's merit. */
export function pointsOf(samples: readonly Sample[]): Point[] {
  const start = samples[0]!.rssBytes;
  return samples.map(({ ms, liveBytes, rssBytes, slowestNs }) => [
    ms,
    rounded(liveBytes / MIB),
    rounded((rssBytes - start) / MIB),
    slowestNs,
  ]);
}

export function faultsOf(samples: readonly Sample[]): Pick<DayRecord, 'faults'> {
  const [first, last] = [samples[0]!.minorFaults, samples.at(-1)!.minorFaults];
  return first === undefined || last === undefined ? {} : { faults: last - first };
}

export interface Summary {
  readonly peak: number;
  /** At the end of the day. */
  readonly end: number;
  /** Resident beyond what is live, over the whole day. */
  readonly idle: number;
}

/** In MB. */
export function summaryOf(points: readonly Point[]): Summary {
  const idle = points.reduce((sum, [, live, rss]) => sum + Math.max(0, rss - live), 0);
  return {
    peak: Math.max(...points.map(([, , rss]) => rss)),
    end: points.at(-1)![2],
    idle: idle / points.length,
  };
}

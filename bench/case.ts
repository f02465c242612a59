// Case: what is measured, on whom, and what we want to see. Cases are in cases/, one file for each kind.

/** What one run of one rival says: metrics by name. */
export type Figures = Readonly<Record<string, number>>;

export interface Metric {
  readonly name: string;
  readonly unit: 'ns' | 'us' | 'ms' | 's' | '/s' | 'MB' | '';
  readonly better?: 'lower' | 'higher';
}

/** What a release has to show: `metric` better than another rival's by a factor, or below a limit. */
export interface Target {
  readonly metric: string;
  readonly against?: string;
  readonly times?: number;
  readonly atMost?: number;
}

export interface Case {
  readonly name: string;
  readonly about: string;
  /** The first is the one that rivals are compared by. */
  readonly metrics: readonly Metric[];
  /** Ours first. Everybody is compared with the first. */
  readonly rivals: readonly string[];
  readonly targets: readonly Target[];
  /** One run in this process, which is its only one. `quick`: just to see that it runs. */
  readonly play: (rival: string, quick: boolean) => Promise<Figures>;
  /** Arguments with which bench/c plays the same in C (bench/c/main.c). */
  readonly inC?: (quick: boolean) => readonly [string, ...number[]];
}

export const NS_PER_STEP: Metric = { name: 'ns', unit: 'ns', better: 'lower' };
export const PEAK_RSS: Metric = { name: 'peak RSS', unit: 'MB' };

/** At least so many times as fast as each of these. */
export function faster(times: Readonly<Record<string, number>>): Target[] {
  return Object.entries(times).map(([against, factor]) => ({
    metric: NS_PER_STEP.name,
    against,
    times: factor,
  }));
}

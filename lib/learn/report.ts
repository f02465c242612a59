/**
 * Report: what the size classes of an arena waste on the lengths it sees, and what the best ones would.
 */
import { CLASS_COUNT_MAX, CLASS_SIZE_MAX } from '../native/geometry';
import { bestStrides } from './optimum';
import { type Cost, type Demand, costOf, wasteShare } from './waste';

/** What is read of a histogram: as `LengthStats`. */
export interface Length {
  readonly from: number;
  readonly to: number;
  readonly allocs: number;
  readonly live: number;
  /** Bytes requested for what is live; undefined: nobody knows. */
  readonly liveBytes?: number;
}

/**
 * What a table of size classes costs.
 *
 * @example
 * const percent = ({ wasteShare }: TableCost) => `${(100 * wasteShare).toFixed(1)} %`;
 */
export interface TableCost {
  /** Bytes that blocks take beyond what was requested: rounding, and what is left at the ends of slabs and spans. */
  readonly wasteBytes: number;
  /** Part of the bytes taken that is waste, 0 to 1. */
  readonly wasteShare: number;
}

/**
 * What another table of size classes would cost for the same allocations.
 *
 * @example
 * const { compared } = new Arena({ learn: 'observe' }).learned({ compare: [512, 1024, 4096] });
 * console.log(compared!.savedBytes); // 0
 */
export interface ComparedCost extends TableCost {
  /** Bytes that it takes less than the size classes that the arena has; below 0: those save so many. */
  readonly savedBytes: number;
}

/**
 * What {@link Arena.learned} returns.
 *
 * @example
 * const { best, sizeClasses }: LearnReport = new Arena({ learn: 'observe' }).learned();
 * if (best.wasteShare < 0.03) console.log(sizeClasses);
 */
export interface LearnReport {
  /** Allocations that were looked at: those of up to 64 KB. */
  readonly count: number;
  /** Bytes requested by them. */
  readonly requestedBytes: number;
  /** With the size classes that the arena has. */
  readonly today: TableCost;
  /** With the best ones. */
  readonly best: TableCost;
  /** The best ones: what to give to {@link ArenaOptions.sizeClasses}. Empty: nothing was allocated. */
  readonly sizeClasses: readonly number[];
  /** Bytes that they take less for the same allocations. */
  readonly savedBytes: number;
  /** With the size classes that were given to `compare`; undefined: none were. */
  readonly compared: ComparedCost | undefined;
  /** What a wrong guess costs: both tables, if every length were a sixteenth longer. */
  readonly ifLonger: {
    /** The size classes that the arena has. */
    readonly today: TableCost;
    /** The best ones for the lengths as they are. */
    readonly best: TableCost;
  };
}

/**
 * How allocations are looked at: those that are live now, or all so far.
 *
 * @example
 * const by: LearnBy = 'allocs';
 */
export type LearnBy = 'live' | 'allocs';

/** So much of a range is spread over all of it, whatever its mean says: none of its lengths is unheard of. */
const ANYWHERE = 0.25;

/** `count` lengths, spread evenly. */
function evenly(first: number, to: number, count: number): Demand[] {
  const steps = Math.max(1, Math.ceil((to - first + 1) / 16));
  return Array.from({ length: steps }, (_, i) => ({
    length: Math.min(to, first + 16 * (i + 1) - 1),
    count: count / steps,
  }));
}

/**
 * A range that was not counted length by length. Its bytes tell the mean of its lengths, which says where in it they
 * are: most are spread evenly over the widest part of it with that mean.
 */
function spread({ from, to, live, liveBytes }: Length, count: number): Demand[] {
  if (from === to) return [{ length: to, count }];
  const first = Math.max(from, 1);
  const middle = (first + to) / 2;
  const mean = liveBytes === undefined || live === 0 ? middle : liveBytes / live;
  const most = (mean - ANYWHERE * middle) / (1 - ANYWHERE);
  const low = Math.max(first, Math.min(to, Math.floor(2 * most - to)));
  const high = Math.min(to, Math.max(first, Math.ceil(2 * most - first)));
  return [...evenly(first, to, count * ANYWHERE), ...evenly(low, high, count * (1 - ANYWHERE))];
}

export function demandOf(lengths: readonly Length[], by: LearnBy): Demand[] {
  const served = lengths.filter((one) => one.to <= CLASS_SIZE_MAX && one[by] > 0);
  return served.flatMap((one) => spread(one, one[by]));
}

function tableCost(cost: Cost): TableCost {
  return { wasteBytes: cost.taken - cost.requested, wasteShare: wasteShare(cost) };
}

function longer(demand: readonly Demand[]): Demand[] {
  return demand.map(({ length, count }) => ({
    length: Math.min(CLASS_SIZE_MAX, Math.ceil((length * 17) / 16)),
    count,
  }));
}

/**
 * What {@link Arena.learned} takes.
 *
 * @example
 * const options: LearnOptions = { classes: 16, by: 'allocs' };
 */
export interface LearnOptions {
  /**
   * Most size classes, that of 64 KB included, which every arena has: 2 to 96. With fewer, less lies free in slabs.
   * @default 96
   */
  readonly classes?: number;
  /**
   * 'live': by the allocations that are live now; 'allocs': by all so far.
   * @default 'live'
   */
  readonly by?: LearnBy;
  /**
   * Size classes to compare those of the arena with, as {@link ArenaOptions.sizeClasses}, or 'built-in': what a table would
   * have saved, before it is adopted; and afterwards, given the old one, what it did.
   * @default none
   */
  readonly compare?: readonly number[] | 'built-in';
}

/** The same, checked: `compare` as a whole table. */
export interface LearnQuestion extends Omit<LearnOptions, 'compare'> {
  readonly compare?: readonly number[] | undefined;
}

/** Of at most `classes` size classes, that of 64 KB included, which every arena has. */
export function learnFrom(
  lengths: readonly Length[],
  sizeClasses: readonly number[],
  { classes = CLASS_COUNT_MAX, by = 'live', compare }: LearnQuestion = {},
): LearnReport {
  const demand = demandOf(lengths, by);
  const best = bestStrides(demand, Math.max(1, classes - 1));
  const costs = { today: costOf(demand, sizeClasses), best: costOf(demand, best) };
  const other = compare && costOf(demand, compare);
  const more = longer(demand);
  return {
    count: demand.reduce((sum, { count }) => sum + count, 0),
    requestedBytes: costs.today.requested,
    today: tableCost(costs.today),
    best: tableCost(costs.best),
    sizeClasses: best,
    savedBytes: costs.today.taken - costs.best.taken,
    compared: other && { ...tableCost(other), savedBytes: costs.today.taken - other.taken },
    ifLonger: { today: tableCost(costOf(more, sizeClasses)), best: tableCost(costOf(more, best)) },
  };
}

/**
 * Rates: what happened between two readings of statistics.
 */
import { invalidArgType, invalidArgValue } from '../errors';
import { ownOptions } from '../base/own-options';
import type { ActivityCounts, ArenaStats, ClassStats, HeapStats, HeapTotals } from './types';

/**
 * What happened in the time between: counts of it, rates per second, and bytes more or less.
 *
 * @example
 * const isIdle = ({ counts }: Activity) => counts.allocs + counts.frees === 0;
 */
export interface Activity {
  /** Since the first reading. */
  readonly counts: ActivityCounts;
  /** Per second. */
  readonly rates: ActivityCounts;
  /** Change of the bytes requested by live allocations; negative: fewer. */
  readonly liveBytesChange: number;
}

/**
 * What happened in one reporting class.
 *
 * @example
 * const busiest = (classes: readonly ClassActivity[]) =>
 *   [...classes].sort((a, b) => b.rates.allocs - a.rates.allocs)[0]?.name;
 */
export interface ClassActivity extends Activity {
  /** As in {@link ClassStats}. */
  readonly name: string;
}

/**
 * What happened in one arena.
 *
 * @example
 * const grows = ({ liveBytesChange }: ArenaActivity) => liveBytesChange > 0;
 */
export interface ArenaActivity extends Activity {
  /** As {@link Arena.id}. */
  readonly id: number;
  /** As {@link Arena.name}. */
  readonly name: string;
  /** One row per reporting class. */
  readonly classes: readonly ClassActivity[];
  /** Change of the address space held, in bytes. */
  readonly committedBytesChange: number;
}

/**
 * What {@link heapRates} returns.
 *
 * @example
 * const busy = ({ arenas }: HeapRates) => arenas.filter(({ counts }) => counts.allocs > 0);
 */
export interface HeapRates {
  /** Version of this structure. */
  readonly version: number;
  /** Between the two readings. */
  readonly seconds: number;
  /** Arenas of the second reading; those that are new since the first one began with nothing. */
  readonly arenas: readonly ArenaActivity[];
  /** The sum over these arenas. What an arena did that ended in between is not known. */
  readonly totals: Activity & {
    /** One row per reporting class. */
    readonly classes: readonly ClassActivity[];
  };
}

type Counted = Pick<ClassStats, keyof ActivityCounts | 'liveBytes'>;

const COUNT_NAMES = [
  'allocs',
  'fast',
  'slow',
  'refills',
  'flushes',
  'frees',
  'local',
  'remote',
] as const satisfies readonly (keyof ActivityCounts)[];

function countsOf(read: (name: keyof ActivityCounts) => number): ActivityCounts {
  const entries = COUNT_NAMES.map((name) => [name, read(name)] as const);
  return Object.fromEntries(entries) as Record<keyof ActivityCounts, number>;
}

/** Between two readings of busy arenas `fast` may seem to go back by one. */
function activity(before: Counted | undefined, after: Counted, seconds: number): Activity {
  const counts = countsOf((name) => Math.max(0, after[name] - (before?.[name] ?? 0)));
  return {
    counts,
    rates: countsOf((name) => counts[name] / seconds),
    liveBytesChange: after.liveBytes - (before?.liveBytes ?? 0),
  };
}

function sum(activities: readonly Activity[]): Activity {
  const over = (read: (one: Activity) => number): number =>
    activities.reduce((total, one) => total + read(one), 0);
  return {
    counts: countsOf((name) => over(({ counts }) => counts[name])),
    rates: countsOf((name) => over(({ rates }) => rates[name])),
    liveBytesChange: over(({ liveBytesChange }) => liveBytesChange),
  };
}

function arenaActivity(
  before: ArenaStats | undefined,
  after: ArenaStats,
  seconds: number,
): ArenaActivity {
  const classes = after.classes.map((row, i) => ({
    name: row.name,
    ...activity(before?.classes[i], row, seconds),
  }));
  return {
    id: after.id,
    name: after.name,
    ...sum(classes),
    committedBytesChange: after.bytes.committed - (before?.bytes.committed ?? 0),
    classes,
  };
}

function totalsOf(arenas: readonly ArenaActivity[], { classes }: HeapTotals): HeapRates['totals'] {
  const rows = classes.map(({ name }, i) => ({
    name,
    ...sum(arenas.map((arena) => arena.classes[i]!)),
  }));
  return { ...sum(rows), classes: rows };
}

function assertHeapStats(value: unknown, name: string): asserts value is HeapStats {
  const isObject = typeof value === 'object' && value !== null;
  const { arenas, atMs } = ownOptions(isObject ? value : {}) as Partial<HeapStats>;
  if (!Array.isArray(arenas) || typeof atMs !== 'number') {
    throw invalidArgType(name, 'the result of heapStats()', value);
  }
}

/**
 * What every arena of the process did between two readings, as counts and per second.
 *
 * @param before - an earlier result of {@link heapStats}.
 * @param after - a later one, of the same process.
 * @throws {ERR_INVALID_ARG_TYPE} one of them is something else.
 * @throws {ERR_INVALID_ARG_VALUE} `after` was not read after `before`.
 *
 * @example
 * import { setTimeout } from 'node:timers/promises';
 * const before = heapStats();
 * await setTimeout(100);
 * console.log(heapRates(before, heapStats()).totals.rates.allocs);
 */
export function heapRates(before: HeapStats, after: HeapStats): HeapRates {
  assertHeapStats(before, 'before');
  assertHeapStats(after, 'after');
  const seconds = (after.atMs - before.atMs) / 1000;
  if (!(seconds > 0)) throw invalidArgValue('after', 'must be later than `before`', after.atMs);
  const earlier = new Map(before.arenas.map((arena) => [arena.id, arena]));
  const arenas = after.arenas.map((arena) => arenaActivity(earlier.get(arena.id), arena, seconds));
  return { version: 1, seconds, arenas, totals: totalsOf(arenas, after.totals) };
}

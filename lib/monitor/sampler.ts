/**
 * Sampler: turns statistics into series, with a bound on how many there can be.
 *
 * Arenas come and go; series must not. Arenas with the same label share their series; counters keep
 * what ended arenas had counted and never go down.
 */
import { invalidArgType, outOfRange } from '../errors';
import { type ChannelTotals, channelStats } from '../letters/channel-stats';
import { heapStats } from '../stats/stats';
import type { ArenaStats, HeapStats } from '../stats/types';
import { ownOptions } from '../base/own-options';
import { type ArenaLabel, ArenaLabels } from './arena-labels';
import type { Emit, Labels, Metric } from './metric';
import { METRICS } from './metrics';

/**
 * What all exporters of metrics take.
 *
 * @example
 * const options: HeapMetricsOptions = { arenaLabel: ({ name }) => name.replace(/-\d+$/, '') };
 */
export interface HeapMetricsOptions {
  /**
   * Most values of the label `arena` in the life of the process; further arenas share `other`.
   * @default 100
   */
  readonly maxArenas?: number;
  /**
   * The label of an arena. Arenas with the same one are added up: give those that come and go by the
   * thousand one label.
   * @default the arena's name; `name#2` and so on while several of that name live
   */
  readonly arenaLabel?: ArenaLabel;
}

/** One number of one metric. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Everything that there is to say, as of one moment. */
interface Snapshot extends HeapStats {
  readonly channels: ChannelTotals;
}

interface Series {
  readonly labels: Labels;
  value: number;
}

type SeriesByKey = Map<string, Series>;

/** The same for the same labels of one metric, and for no others: no arena's name has a NUL. */
export function keyOf(labels: Labels): string {
  return Object.values(labels).join('\0');
}

/**
 * The number of these labels; 0 when they are new. Only then do they become an object, one without a prototype:
 * exporters take every property they can see for a label.
 */
function numberOf(series: SeriesByKey, labels: Labels, arena?: string): { value: number } {
  const key = arena === undefined ? keyOf(labels) : `${arena}\0${keyOf(labels)}`;
  let known = series.get(key);
  if (known === undefined) {
    known = { labels: ownOptions(arena === undefined ? labels : { arena, ...labels }), value: 0 };
    series.set(key, known);
  }
  return known;
}

function add(series: SeriesByKey, value: number, labels: Labels, arena?: string): void {
  numberOf(series, labels, arena).value += value;
}

/** Fast and slow are read one after the other, so their difference may seem to go back by one. */
function raise(series: SeriesByKey, value: number, labels: Labels, arena?: string): void {
  const known = numberOf(series, labels, arena);
  known.value = Math.max(known.value, value);
}

function addAll(target: SeriesByKey, source: SeriesByKey): void {
  for (const { labels, value } of source.values()) add(target, value, labels);
}

/** The counters of one metric: of the process, of each living arena, and of all that have ended. */
class CounterSeries {
  readonly #process: SeriesByKey = new Map();
  readonly #byArena = new Map<number, SeriesByKey>();
  readonly #ended: SeriesByKey = new Map();

  update(metric: Metric, stats: Snapshot, labelOf: (arena: ArenaStats) => string): void {
    const emit: Emit = (labels, value) => raise(this.#process, value, labels);
    metric.heap?.(stats.totals, emit);
    metric.channels?.(stats.channels, emit);
    const alive = new Set<number>();
    for (const arena of stats.arenas) {
      alive.add(arena.id);
      this.#updateArena(metric, arena, labelOf(arena));
    }
    for (const [id, series] of this.#byArena) {
      if (alive.has(id)) continue;
      this.#byArena.delete(id);
      addAll(this.#ended, series);
    }
  }

  samples(): Sample[] {
    const sum: SeriesByKey = new Map();
    const parts = [this.#process, this.#ended, ...this.#byArena.values()];
    for (const part of parts) addAll(sum, part);
    return [...sum.values()];
  }

  #updateArena(metric: Metric, arena: ArenaStats, label: string): void {
    if (metric.arena === undefined) return;
    const series: SeriesByKey = this.#byArena.get(arena.id) ?? new Map<string, Series>();
    this.#byArena.set(arena.id, series);
    metric.arena(arena, (labels, value) => raise(series, value, labels, label));
  }
}

function presentSamples(
  metric: Metric,
  stats: Snapshot,
  labelOf: (arena: ArenaStats) => string,
): Sample[] {
  const series: SeriesByKey = new Map();
  const emit: Emit = (labels, value) => add(series, value, labels);
  metric.heap?.(stats.totals, emit);
  metric.channels?.(stats.channels, emit);
  for (const arena of stats.arenas) {
    const label = labelOf(arena);
    metric.arena?.(arena, (labels, value) => add(series, value, labels, label));
  }
  return [...series.values()];
}

/** Samples of every metric, from one snapshot at a time. */
export class Sampler {
  readonly #labels: ArenaLabels;
  readonly #counters = new Map<Metric, CounterSeries>();
  #current: Map<Metric, Sample[]> | undefined;

  /**
   * @throws {ERR_INVALID_ARG_TYPE} an option, or `options`, has the wrong type.
   * @throws {ERR_OUT_OF_RANGE} `maxArenas` is not a whole number from 1 on.
   */
  constructor(options: HeapMetricsOptions = {}) {
    if (typeof options !== 'object' || (options as unknown) === null) {
      throw invalidArgType('options', 'of type object', options);
    }
    const { maxArenas = 100, arenaLabel } = ownOptions(options);
    if (typeof maxArenas !== 'number') {
      throw invalidArgType('options.maxArenas', 'of type number', maxArenas);
    }
    if (!Number.isSafeInteger(maxArenas) || maxArenas < 1) {
      throw outOfRange('options.maxArenas', 'an integer >= 1', maxArenas);
    }
    if (arenaLabel !== undefined && typeof arenaLabel !== 'function') {
      throw invalidArgType('options.arenaLabel', 'of type function', arenaLabel);
    }
    this.#labels = new ArenaLabels(maxArenas, arenaLabel);
  }

  /**
   * Samples of one metric. Metrics asked for in one go, without giving way to other code, come from the
   * same snapshot.
   */
  samplesOf(metric: Metric): readonly Sample[] {
    if (this.#current === undefined) {
      this.#current = this.#read();
      queueMicrotask(() => (this.#current = undefined));
    }
    return this.#current.get(metric) ?? [];
  }

  #read(): Map<Metric, Sample[]> {
    const stats = { ...heapStats(), channels: channelStats() };
    this.#labels.update(stats.arenas);
    const labelOf = (arena: ArenaStats): string => this.#labels.of(arena);
    return new Map(METRICS.map((metric) => [metric, this.#sample(metric, stats, labelOf)]));
  }

  #sample(metric: Metric, stats: Snapshot, labelOf: (arena: ArenaStats) => string): Sample[] {
    if (metric.kind !== 'counter') return presentSamples(metric, stats, labelOf);
    const counters = this.#counters.get(metric) ?? new CounterSeries();
    this.#counters.set(metric, counters);
    counters.update(metric, stats, labelOf);
    return counters.samples();
  }
}

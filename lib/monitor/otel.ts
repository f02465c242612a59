/**
 * OpenTelemetry: the metrics of all arenas over `@opentelemetry/api`, an optional peer.
 *
 * @module hakmem-arena/otel
 */
import {
  type Attributes,
  type BatchObservableCallback,
  type Meter,
  type MeterProvider,
  type MetricOptions,
  type Observable,
  metrics,
} from '@opentelemetry/api';
import { invalidArgType } from '../errors';
import { ownOptions } from '../base/own-options';
import { VERSION } from '../base/version';
import type { Labels, Metric } from './metric';
import { METRICS } from './metrics';
import { type HeapMetricsOptions, keyOf, type Sample, Sampler } from './sampler';

export type { HeapMetricsOptions } from './sampler';

/**
 * What {@link observeHeapStats} takes.
 *
 * @example
 * import { MeterProvider } from '@opentelemetry/sdk-metrics';
 * const options: OpenTelemetryOptions = { meterProvider: new MeterProvider(), maxArenas: 20 };
 */
export interface OpenTelemetryOptions extends HeapMetricsOptions {
  /**
   * Where the meter comes from.
   * @default the global MeterProvider
   */
  readonly meterProvider?: MeterProvider;
}

const PREFIX = 'hakmem.arena.';

/** Attributes have the prefix too, but for the arena itself: `hakmem.arena.name`. */
function attributesOf(labels: Labels): Attributes {
  const attributes = Object.create(null) as Attributes;
  for (const [name, value] of Object.entries(labels)) {
    attributes[PREFIX + (name === 'arena' ? 'name' : name)] = value;
  }
  return attributes;
}

function createInstrument(meter: Meter, metric: Metric, name: string): Observable {
  const options: MetricOptions = ownOptions({ description: metric.help, unit: metric.unit });
  if (metric.kind === 'counter') return meter.createObservableCounter(PREFIX + name, options);
  if (metric.kind === 'amount') return meter.createObservableUpDownCounter(PREFIX + name, options);
  return meter.createObservableGauge(PREFIX + name, options);
}

/**
 * One metric's samples, and 0 for every amount that was told before and is gone: the SDK goes on telling the
 * last value of what is no longer observed, so that the memory of an ended arena would never go.
 */
class Told {
  readonly #seen = new Map<string, Labels>();

  samplesOf(metric: Metric, sampler: Sampler): readonly Sample[] {
    const samples = sampler.samplesOf(metric);
    if (metric.kind !== 'amount') return samples;
    const present = new Set(samples.map(({ labels }) => keyOf(labels)));
    const gone = [...this.#seen].filter(([key]) => !present.has(key));
    for (const { labels } of samples) this.#seen.set(keyOf(labels), labels);
    return [...samples, ...gone.map(([, labels]) => ({ labels, value: 0 }))];
  }
}

/**
 * Reports the metrics of every arena of the process, in all threads, whenever the SDK collects: one
 * callback, one snapshot. Call it once per process. The meter is called 'hakmem-arena' and has the
 * version of the package.
 *
 * @returns a function that stops it.
 * @throws {ERR_INVALID_ARG_TYPE} an option has the wrong type.
 * @throws {ERR_OUT_OF_RANGE} `maxArenas` is not a whole number from 1 on.
 *
 * @example
 * import { observeHeapStats } from 'hakmem-arena/otel';
 * const stop = observeHeapStats();
 */
export function observeHeapStats(options: OpenTelemetryOptions = {}): () => void {
  const sampler = new Sampler(options);
  const { meterProvider = metrics } = ownOptions(options);
  if (typeof (meterProvider as Partial<MeterProvider> | null)?.getMeter !== 'function') {
    throw invalidArgType('options.meterProvider', 'a MeterProvider', meterProvider);
  }
  const meter = meterProvider.getMeter('hakmem-arena', VERSION);
  const instruments = new Map<Metric, Observable>();
  const told = new Map(METRICS.map((metric) => [metric, new Told()]));
  for (const metric of METRICS) {
    if (metric.otel !== undefined)
      instruments.set(metric, createInstrument(meter, metric, metric.otel));
  }
  const observe: BatchObservableCallback = (result) => {
    for (const [metric, instrument] of instruments) {
      for (const { labels, value } of told.get(metric)!.samplesOf(metric, sampler)) {
        result.observe(instrument, value, attributesOf(labels));
      }
    }
  };
  const observed = [...instruments.values()];
  meter.addBatchObservableCallback(observe, observed);
  return () => meter.removeBatchObservableCallback(observe, observed);
}

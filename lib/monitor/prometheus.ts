/**
 * Prometheus: the metrics of all arenas in a registry of prom-client, an optional peer.
 *
 * @module hakmem-arena/prometheus
 */
import {
  Counter,
  type CounterConfiguration,
  Gauge,
  type Registry as AnyRegistry,
  type RegistryContentType,
  register,
} from 'prom-client';
import { invalidArgType, invalidArgValue } from '../errors';
import { ownOptions } from '../base/own-options';
import { METRICS, type Metric } from './metrics';
import { type HeapMetricsOptions, Sampler } from './sampler';

export type { HeapMetricsOptions } from './sampler';

/**
 * What {@link collectHeapStats} takes.
 *
 * @example
 * const options: PrometheusOptions = { prefix: 'orders_arena_', maxArenas: 20 };
 */
export interface PrometheusOptions extends HeapMetricsOptions {
  /**
   * In front of every metric's name.
   * @default 'hakmem_arena_'
   */
  readonly prefix?: string;
}

/**
 * Of either content type.
 *
 * @inline
 */
type Registry = AnyRegistry<RegistryContentType>;

/** How the processes of a cluster are put together: a version and a switch cannot be added up. */
const AGGREGATOR = { counter: 'sum', amount: 'sum', level: 'max' } as const;

function registerMetric(
  registry: Registry,
  metric: Metric,
  prefix: string,
  sampler: Sampler,
): void {
  const shared = {
    name: prefix + metric.name,
    help: metric.help,
    labelNames: [...metric.labels],
    registers: [registry],
    aggregator: AGGREGATOR[metric.kind],
  } satisfies CounterConfiguration<string>;
  if (metric.kind === 'counter') {
    new Counter({
      ...shared,
      collect() {
        this.reset();
        for (const { labels, value } of sampler.samplesOf(metric)) this.inc(labels, value);
      },
    });
  } else {
    new Gauge({
      ...shared,
      collect() {
        this.reset();
        for (const { labels, value } of sampler.samplesOf(metric)) this.set(labels, value);
      },
    });
  }
}

/**
 * Adds the metrics of every arena of the process, in all threads, to a registry. They are read when the
 * registry is: call this once per process, in the thread that is scraped. A registry that has them
 * already is left as it is.
 *
 * @param registry - of prom-client; its own global one by default.
 * @throws {ERR_INVALID_ARG_TYPE} `registry` is not a registry, or an option has the wrong type.
 * @throws {ERR_INVALID_ARG_VALUE} `prefix` cannot begin a metric's name.
 * @throws {ERR_OUT_OF_RANGE} `maxArenas` is not a whole number from 1 on.
 *
 * @example
 * import { register } from 'prom-client';
 * import { collectHeapStats } from 'hakmem-arena/prometheus';
 * collectHeapStats(register);
 */
export function collectHeapStats(
  registry: Registry = register,
  options: PrometheusOptions = {},
): void {
  if (typeof (registry as Partial<Registry> | null)?.registerMetric !== 'function') {
    throw invalidArgType('registry', 'a Registry of prom-client', registry);
  }
  const sampler = new Sampler(options);
  const { prefix = 'hakmem_arena_' } = ownOptions(options);
  if (typeof prefix !== 'string') throw invalidArgType('options.prefix', 'of type string', prefix);
  if (!/^([A-Za-z_:][\w:]*)?$/.test(prefix)) {
    throw invalidArgValue('options.prefix', 'must be letters, digits and underscores', prefix);
  }
  for (const metric of METRICS) {
    if (registry.getSingleMetric(prefix + metric.name) !== undefined) continue;
    registerMetric(registry, metric, prefix, sampler);
  }
}

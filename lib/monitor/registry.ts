/**
 * Prometheus registry: the metrics of all arenas in a registry of prom-client, which the caller loads. It is an
 * optional peer: what bundlers reach without it must not import it.
 */
import type {
  Counter,
  CounterConfiguration,
  Gauge,
  Registry as AnyRegistry,
  RegistryContentType,
} from 'prom-client';
import { invalidArgType, invalidArgValue } from '../errors';
import { ownOptions } from '../base/own-options';
import type { Metric } from './metric';
import { METRICS } from './metrics';
import { type HeapMetricsOptions, Sampler } from './sampler';

/** Of either content type. */
export type Registry = AnyRegistry<RegistryContentType>;

/** What is needed of prom-client. */
export interface PromClient {
  readonly Counter: typeof Counter;
  readonly Gauge: typeof Gauge;
}

export interface RegistryOptions extends HeapMetricsOptions {
  readonly prefix?: string;
}

/** How the processes of a cluster are put together: a version and a switch cannot be added up. */
const AGGREGATOR = { counter: 'sum', amount: 'sum', level: 'max' } as const;

function registerMetric(
  client: PromClient,
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
    new client.Counter({
      ...shared,
      collect() {
        this.reset();
        for (const { labels, value } of sampler.samplesOf(metric)) this.inc(labels, value);
      },
    });
  } else {
    new client.Gauge({
      ...shared,
      collect() {
        this.reset();
        for (const { labels, value } of sampler.samplesOf(metric)) this.set(labels, value);
      },
    });
  }
}

/** As `collectHeapStats` of hakmem-arena/prometheus, with a prom-client that the caller has loaded. */
export function collectInto(
  client: PromClient,
  registry: Registry,
  options: RegistryOptions = {},
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
    registerMetric(client, registry, metric, prefix, sampler);
  }
}

/**
 * Prometheus: the metrics of all arenas in a registry of prom-client, an optional peer.
 *
 * @module hakmem-arena/prometheus
 */
import {
  Counter,
  Gauge,
  type Registry as AnyRegistry,
  type RegistryContentType,
  register,
} from 'prom-client';
import { collectInto } from './registry';
import type { HeapMetricsOptions } from './sampler';

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
  collectInto({ Counter, Gauge }, registry, options);
}

// Telemetry: everything a service needs to show its arenas, those of all its threads.

import type { IncomingMessage } from 'node:http';
import { InMemoryMetricExporter, MeterProvider } from '@opentelemetry/sdk-metrics';
import { AggregationTemporality, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { createMonitor, type MonitorHandler } from 'hakmem-arena/monitor';
import { observeHeapStats } from 'hakmem-arena/otel';
import { collectHeapStats } from 'hakmem-arena/prometheus';
import { collectDefaultMetrics, Registry } from 'prom-client';

const BASE_PATH = '/ops';

export class Telemetry {
  readonly handler: MonitorHandler;
  // A service would export to its collector over OTLP; this one keeps what would be sent.
  readonly #exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #provider: MeterProvider;

  constructor() {
    // Prometheus: the service's own registry, arenas included, at /ops/metrics.
    const register = new Registry();
    collectDefaultMetrics({ register });
    collectHeapStats(register);

    // OpenTelemetry.
    const reader = new PeriodicExportingMetricReader({ exporter: this.#exporter });
    this.#provider = new MeterProvider({ readers: [reader] });
    observeHeapStats({ meterProvider: this.#provider });

    // The live page, inside the service: give it a path that the outside cannot reach.
    this.handler = createMonitor({
      title: 'monitored service',
      basePath: BASE_PATH,
      register,
    }).handler;
  }

  handles({ url = '' }: IncomingMessage): boolean {
    return url === BASE_PATH || url.startsWith(`${BASE_PATH}/`);
  }

  /** The sum of a counter, as it would be exported now. */
  async exportedSum(name: string): Promise<number> {
    this.#exporter.reset();
    await this.#provider.forceFlush();
    const metrics = this.#exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const points = metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
    return points.reduce((sum, { value }) => sum + (value as number), 0);
  }

  stop(): Promise<void> {
    return this.#provider.shutdown();
  }
}

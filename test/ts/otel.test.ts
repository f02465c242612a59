/**
 * OpenTelemetry in this process: what the SDK collects, and that it stops.
 */
import { afterEach, expect, test } from '@jest/globals';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Arena } from '../../lib/index';
import { observeHeapStats } from '../../lib/monitor/otel';
import { expectCode } from './support/codes';

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
const provider = new MeterProvider({ readers: [reader] });

afterEach(() => exporter.reset());

async function collectedNames(arena: string): Promise<string[]> {
  await reader.forceFlush();
  const metrics = exporter
    .getMetrics()
    .flatMap((one) => one.scopeMetrics.flatMap((s) => s.metrics));
  return metrics
    .filter(({ dataPoints }) =>
      dataPoints.some(({ attributes }) => attributes['hakmem.arena.name'] === arena),
    )
    .map(({ descriptor }) => descriptor.name);
}

test('metrics of an arena are collected until they are stopped', async () => {
  const arena = new Arena({ name: 'observed' });
  arena.alloc(100);
  const stop = observeHeapStats({ meterProvider: provider });
  const names = await collectedNames('observed');
  expect(names.length).toBeGreaterThan(3);
  expect(names.every((name) => name.startsWith('hakmem.arena.'))).toBe(true);
  stop();
  const later = new Arena({ name: 'later' });
  expect(await collectedNames('later')).toEqual([]);
  arena.destroy();
  later.destroy();
});

test('what is no provider is refused', () => {
  expectCode(() => observeHeapStats({ meterProvider: {} as never }), 'ERR_INVALID_ARG_TYPE');
  expectCode(() => observeHeapStats({ maxArenas: 0 }), 'ERR_OUT_OF_RANGE');
});

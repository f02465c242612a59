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
import { Arena } from '../../../lib/index';
import { observeHeapStats } from '../../../lib/monitor/otel';
import { expectCode } from '../support/codes';

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
const provider = new MeterProvider({ readers: [reader] });

afterEach(() => exporter.reset());

interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: unknown;
}

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

test('what an ended arena held is 0, as the SDK would tell its last value for ever', async () => {
  const arena = new Arena({ name: 'ended' });
  arena.alloc(100);
  const stop = observeHeapStats({ meterProvider: provider });
  const amounts = async (): Promise<unknown[]> => {
    exporter.reset();
    await reader.forceFlush();
    const metrics = exporter
      .getMetrics()
      .flatMap((one) => one.scopeMetrics.flatMap((s) => s.metrics));
    const used = ['in_use', 'used'].map((name) => `hakmem.arena.memory.${name}`);
    return metrics
      .filter(({ descriptor }) => used.includes(descriptor.name))
      .flatMap(({ dataPoints }): readonly Point[] => dataPoints)
      .filter(({ attributes }) => attributes['hakmem.arena.name'] === 'ended')
      .map(({ value }) => value);
  };
  expect(await amounts()).toEqual([100, 65_536]);
  arena.destroy();
  expect(await amounts()).toEqual([0, 0]);
  expect(await amounts()).toEqual([0, 0]);
  stop();
});

test('what is no provider is refused', () => {
  expectCode(() => observeHeapStats({ meterProvider: {} as never }), 'ERR_INVALID_ARG_TYPE');
  expectCode(() => observeHeapStats({ maxArenas: 0 }), 'ERR_OUT_OF_RANGE');
});

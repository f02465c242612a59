import { describe, expect } from '@jest/globals';
import { onlyNative } from '../unit/support/backend';
import { resultOf } from '../unit/support/child';

/** A main thread that tells what the arenas of its workers do, to Prometheus and OpenTelemetry alike. */
const TELEMETRY = `
  const { once } = require('node:events');
  const { Worker } = require('node:worker_threads');
  const { Registry } = require('prom-client');
  const sdk = require('@opentelemetry/sdk-metrics');
  const { collectHeapStats } = require('hakmem-arena/prometheus');
  const { observeHeapStats } = require('hakmem-arena/otel');

  const register = new Registry();
  collectHeapStats(register);
  const exporter = new sdk.InMemoryMetricExporter(sdk.AggregationTemporality.CUMULATIVE);
  const reader = new sdk.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e6 });
  const meterProvider = new sdk.MeterProvider({ readers: [reader] });
  observeHeapStats({ meterProvider });`;

/** Four workers, each with an arena of its own, that count what they do themselves. */
const SERVICE = `
  ${TELEMETRY}
  const source = \`
    const { parentPort, workerData } = require('node:worker_threads');
    const { Arena } = require('hakmem-arena');
    const arena = new Arena({ name: workerData.name });
    const stop = new Int32Array(workerData.stop);
    const lengths = [24, 100, 256, 1316, 1500, 4096, 5000, 9000, 40000, 100000];
    const slots = new Array(200);
    const own = { allocs: 0, frees: 0, liveBytes: 0 };
    let random = workerData.seed;
    parentPort.postMessage('running');
    do {
      for (let i = 0; i < 2000; i++) {
        random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
        const slot = (random >>> 8) % slots.length;
        if (slots[slot] !== undefined) {
          own.frees++;
          own.liveBytes -= slots[slot].length;
          arena.free(slots[slot]);
          slots[slot] = undefined;
        } else {
          // Lengths of the first kind repeat; those of the second borrow counters and give them back.
          const odd = (random >>> 20) % 3 === 0;
          const length = odd ? 1100 + ((random >>> 5) % 3000) : lengths[(random >>> 16) % lengths.length];
          slots[slot] = arena.allocUnsafe(length);
          own.allocs++;
          own.liveBytes += length;
        }
      }
    } while (Atomics.load(stop, 0) === 0);
    parentPort.postMessage(own);
    parentPort.once('message', () => {});
  \`;

  /** { 'name{label=value,...}': number } */
  async function scrape() {
    const series = {};
    for (const metric of await register.getMetricsAsJSON()) {
      for (const { labels, value } of metric.values) {
        const text = Object.entries(labels).map(([name, it]) => name + '=' + it).join();
        series[metric.name + '{' + text + '}'] = value;
      }
    }
    return series;
  }

  async function exported() {
    await reader.forceFlush();
    const last = exporter.getMetrics().at(-1);
    exporter.reset();
    const points = [];
    for (const { metrics } of last.scopeMetrics) {
      for (const { descriptor, dataPoints } of metrics) {
        for (const { attributes, value } of dataPoints) {
          points.push({ name: descriptor.name, unit: descriptor.unit, attributes, value });
        }
      }
    }
    return points;
  }

  const wrong = [];
  function check(before, after) {
    for (const [name, value] of Object.entries(after)) {
      if (!(value >= 0)) wrong.push(name + ' is ' + value);
      if (name.includes('_total{') && value < (before[name] ?? 0)) {
        wrong.push(name + ' went from ' + before[name] + ' to ' + value);
      }
    }
  }

  (async () => {
    const stop = new SharedArrayBuffer(4);
    const workers = ['a', 'b', 'c', 'd'].map((name, seed) =>
      new Worker(source, { eval: true, workerData: { name, seed: seed + 1, stop } }));
    await Promise.all(workers.map((it) => once(it, 'message')));
    let before = {};
    let exports = 0;
    let points = [];
    for (let i = 0; i < 200; i++) {
      const after = await scrape();
      check(before, after);
      before = after;
      if (i % 10 === 0) {
        const now = await exported();
        for (const { name, value } of now) if (!(value >= 0)) wrong.push(name + ' is ' + value);
        points = now;
        exports++;
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const quiet = workers.map((it) => once(it, 'message'));
    Atomics.store(new Int32Array(stop), 0, 1);
    const counted = (await Promise.all(quiet)).map(([own]) => own);
    const series = await scrape();
    check(before, series);
    points = await exported();
    const ended = workers.map((it) => once(it, 'exit'));
    for (const worker of workers) worker.postMessage('end');
    await Promise.all(ended);
    const afterwards = await scrape();
    check(series, afterwards);
    console.log(JSON.stringify({ counted, series, points, wrong, exports, afterwards }));
    await meterProvider.shutdown();
  })();`;

interface Point {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Report {
  readonly counted: readonly { allocs: number; frees: number; liveBytes: number }[];
  readonly series: Readonly<Record<string, number>>;
  readonly points: readonly Point[];
  readonly wrong: readonly string[];
  readonly exports: number;
  readonly afterwards: Readonly<Record<string, number>>;
}

const add = (sum: number, value: number): number => sum + value;

function seriesSum(series: Report['series'], metric: string, arena: string): number {
  return Object.entries(series)
    .filter(([key]) => key.startsWith(`hakmem_arena_${metric}{`) && key.includes(`arena=${arena},`))
    .map(([, value]) => value)
    .reduce(add, 0);
}

function pointSum(points: readonly Point[], metric: string, arena: string): number {
  return points
    .filter(({ name }) => name === `hakmem.arena.${metric}`)
    .filter(({ attributes }) => attributes['hakmem.arena.name'] === arena)
    .map(({ value }) => value)
    .reduce(add, 0);
}

describe('a service with four workers, scraped from the main thread', () => {
  onlyNative('it knows of no other thread')(
    'is told to the unit when quiet, and plausibly while it runs',
    async () => {
      const report = await resultOf<Report>(SERVICE);
      expect(report.wrong).toEqual([]);
      expect(report.exports).toBe(20);
      for (const [i, arena] of ['a', 'b', 'c', 'd'].entries()) {
        const own = report.counted[i]!;
        expect(own.allocs).toBeGreaterThan(1000);
        expect({
          allocs: seriesSum(report.series, 'allocations_total', arena),
          frees: seriesSum(report.series, 'frees_total', arena),
          liveBytes: seriesSum(report.series, 'in_use_bytes', arena),
        }).toEqual(own);
        expect({
          allocs: pointSum(report.points, 'allocations', arena),
          frees: pointSum(report.points, 'frees', arena),
          liveBytes: pointSum(report.points, 'memory.in_use', arena),
        }).toEqual(own);
        // What an arena counted outlives it; what it held does not.
        expect(seriesSum(report.afterwards, 'allocations_total', arena)).toBe(own.allocs);
        expect(seriesSum(report.afterwards, 'in_use_bytes', arena)).toBe(0);
      }
      const units = new Map(report.points.map(({ name, unit }) => [name, unit]));
      expect(units.get('hakmem.arena.memory.in_use')).toBe('By');
      expect(units.get('hakmem.arena.allocations')).toBe('{allocation}');
    },
  );
});

/** A worker drops what it has not freed; the main thread tells, until the worker resets its arena. */
const LEAKING_WORKER = `
  ${TELEMETRY}
  const source = \`
    const { parentPort } = require('node:worker_threads');
    const { Arena } = require('hakmem-arena');
    const arena = new Arena({ name: 'leaky', leaks: 'all', maxBytes: 5_000_000 });
    process.removeAllListeners('warning');
    process.on('warning', () => {});
    let leaks = 0;
    require('node:diagnostics_channel').subscribe('hakmem-arena:leak', () => leaks++);
    (function drop() { for (let i = 0; i < 7; i++) arena.alloc(100); })();
    (async () => {
      for (let i = 0; i < 40 && leaks < 7; i++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      parentPort.postMessage(leaks);
      parentPort.on('message', () => {
        arena.reset();
        parentPort.postMessage('reset');
      });
    })();
  \`;

  async function read(prometheus, otel) {
    const [series] = (await register.getSingleMetric('hakmem_arena_' + prometheus).get()).values;
    exporter.reset();
    await meterProvider.forceFlush();
    const metrics = exporter.getMetrics()[0].scopeMetrics[0].metrics;
    const [point] = metrics.find((it) => it.descriptor.name === 'hakmem.arena.' + otel).dataPoints;
    return [series.labels.arena, series.value, point.attributes['hakmem.arena.name'], point.value];
  }

  (async () => {
    const worker = new Worker(source, { eval: true });
    const [leaks] = await once(worker, 'message');
    const leaked = await read('leaked_blocks', 'leaked_blocks');
    const limit = await read('limit_bytes', 'memory.limit');
    worker.postMessage('reset');
    await once(worker, 'message');
    const afterwards = await read('leaked_blocks', 'leaked_blocks');
    console.log(JSON.stringify({ leaks, leaked, limit, afterwards }));
    await worker.terminate();
    await meterProvider.shutdown();
  })();`;

describe('leaked blocks', () => {
  onlyNative('it knows of no other thread')(
    'of a worker are told until its arena is reset, and so is its limit',
    async () => {
      const report = await resultOf(LEAKING_WORKER, { nodeArguments: ['--expose-gc'] });
      expect(report).toEqual({
        leaks: 7,
        leaked: ['leaky', 7, 'leaky', 7],
        limit: ['leaky', 5_000_000, 'leaky', 5_000_000],
        afterwards: ['leaky', 0, 'leaky', 0],
      });
    },
  );
});

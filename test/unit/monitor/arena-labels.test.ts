/**
 * Arena labels: no two arenas become one by accident, in real prom-client and the SDK of OpenTelemetry.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';
import { Arena, heapStats } from '../../../lib/index';
import { observeHeapStats } from '../../../lib/monitor/otel';
import { collectHeapStats } from '../../../lib/monitor/prometheus';
import type { HeapMetricsOptions } from '../../../lib/monitor/sampler';

const arenas: Arena[] = [];
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const arena of arenas.splice(0)) if (!arena.destroyed) arena.destroy();
  for (const end of ends.splice(0)) await end();
});

/** An arena with `bytes` in use. */
function arenaOf(name: string, bytes: number): Arena {
  const arena = new Arena({ name });
  arena.allocUnsafe(bytes);
  arenas.push(arena);
  return arena;
}

/** Bytes in use by label. Throws when a series is there twice. */
type Read = () => Promise<Map<string, number>>;

const ESCAPES: Readonly<Record<string, string>> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

/** Reads the text as Prometheus does. */
function prometheusReader(options: HeapMetricsOptions): Read {
  const registry = new Registry();
  collectHeapStats(registry, options);
  return async () => {
    const bytes = new Map<string, number>();
    const seen = new Set<string>();
    for (const line of (await registry.metrics()).split('\n')) {
      const found = /^hakmem_arena_in_use_bytes\{arena="((?:[^"\\]|\\.)*)",[^}]*\} (\d+)$/.exec(
        line,
      );
      if (found === null) continue;
      const series = line.slice(0, line.lastIndexOf(' '));
      if (seen.has(series)) throw new Error(`twice: ${series}`);
      seen.add(series);
      const label = found[1]!.replaceAll(/\\./g, (escape) => ESCAPES[escape]!);
      bytes.set(label, (bytes.get(label) ?? 0) + Number(found[2]));
    }
    return bytes;
  };
}

function otelReader(options: HeapMetricsOptions): Read {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  ends.push(observeHeapStats({ ...options, meterProvider }), () => meterProvider.shutdown());
  return async () => {
    exporter.reset();
    await reader.forceFlush();
    const metrics = exporter
      .getMetrics()
      .flatMap((one) => one.scopeMetrics.flatMap((s) => s.metrics));
    const metric = metrics.find(
      ({ descriptor }) => descriptor.name === 'hakmem.arena.memory.in_use',
    );
    const bytes = new Map<string, number>();
    for (const { attributes, value } of metric?.dataPoints ?? []) {
      const label = String(attributes['hakmem.arena.name']);
      bytes.set(label, (bytes.get(label) ?? 0) + Number(value));
    }
    return bytes;
  };
}

describe.each([
  ['Prometheus', prometheusReader],
  ['OpenTelemetry', otelReader],
])('in %s', (_system, readerOf) => {
  /** What is read of arenas whose names begin with `prefix`. */
  async function labelled(read: Read, prefix: string): Promise<Record<string, number>> {
    const all = [...(await read())].filter(([label]) => label.startsWith(prefix));
    return Object.fromEntries(all);
  }

  /** A reader with room for `own` labels beside those of arenas that other suites left in this process. */
  async function readerFor(own: number): Promise<Read> {
    const read = readerOf({ maxArenas: heapStats().arenas.length + own });
    await read();
    return read;
  }

  test('arenas of the same name are told apart while they live', async () => {
    const read = readerOf({});
    for (const bytes of [100, 200, 400]) arenaOf('same', bytes);
    const three = { same: 100, 'same#2': 200, 'same#3': 400 };
    expect(await labelled(read, 'same')).toEqual(three);
    expect(await labelled(read, 'same')).toEqual(three);
  });

  test('the label of an ended arena goes to the next of its name, and no other changes', async () => {
    const read = readerOf({});
    const first = arenaOf('next', 100);
    arenaOf('next', 200);
    expect(await labelled(read, 'next')).toEqual({ next: 100, 'next#2': 200 });
    first.destroy();
    arenaOf('next', 400);
    expect(await labelled(read, 'next')).toEqual({ next: 400, 'next#2': 200 });
  });

  test('a name that looks like such a label has one of its own, also when it comes later', async () => {
    const read = readerOf({});
    arenaOf('like#2', 100);
    arenaOf('like', 200);
    const second = arenaOf('like', 400);
    expect(await labelled(read, 'like')).toEqual({ 'like#2': 100, like: 200, 'like#3': 400 });
    second.destroy();
    arenaOf('like#3', 800);
    expect(await labelled(read, 'like')).toMatchObject({ 'like#3#2': 800 });
  });

  test('names that differ only in what is escaped, or cannot be written, stay different', async () => {
    const read = readerOf({});
    const names = [
      '',
      '\n',
      '\\n',
      '\\\n',
      '"',
      '\\"',
      '\\',
      '\\\\',
      '\r',
      '\t',
      '\u001b',
      '\\x1b',
      ' ',
    ];
    const more = [
      '\u202e',
      '\u2028',
      '\u0000'.repeat(0),
      ',',
      '}',
      '{',
      '=',
      ':',
      ',size_class:C0',
    ];
    const unique = [...new Set([...names, ...more])];
    unique.forEach((end, i) => arenaOf(`esc${end}`, i + 1));
    const expected = Object.fromEntries(unique.map((end, i) => [`esc${end}`, i + 1]));
    expect(await labelled(read, 'esc')).toEqual(expected);
    arenaOf('half\ud800', 100);
    arenaOf('half\udfff', 200);
    expect(await labelled(read, 'half')).toEqual({ 'half\ufffd': 100, 'half\ufffd#2': 200 });
  });

  test('an arena called other is not one of the others', async () => {
    const read = await readerFor(3);
    ['other', 'o1', 'o2', 'o3', 'o4'].forEach((name, i) => arenaOf(name, 100 * 2 ** i));
    const read1 = await labelled(read, 'o');
    expect(read1).toEqual({ 'other#2': 100, o1: 200, o2: 400, other: 800 + 1600 });
  });

  test('hundreds of one name have no more labels than maxArenas', async () => {
    const read = await readerFor(10);
    const before = await read();
    for (let i = 0; i < 300; i++) arenaOf('crowd', 100);
    const own = [...(await read())].filter(([label]) => label === 'other' || !before.has(label));
    expect(own).toHaveLength(11);
    expect(own.reduce((sum, [, bytes]) => sum + bytes, 0)).toBe(30_000);
  });

  test('arenaLabel may put arenas together, also under a label that cannot be written', async () => {
    const read = readerOf({ arenaLabel: ({ name }) => name.slice(0, 5) });
    arenaOf('join-1', 100);
    arenaOf('join-2', 200);
    expect(await labelled(read, 'join-')).toEqual({ 'join-': 300 });
    const unwritable = readerOf({
      arenaLabel: ({ name }) => name.replace('join-1', 'x\ud800').replace('join-2', 'x\ud801'),
    });
    expect(await labelled(unwritable, 'x')).toEqual({ 'x\ufffd': 300 });
  });
});

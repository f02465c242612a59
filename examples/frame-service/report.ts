// From runs to text: a table of both rivals side by side, the arena's statistics, or JSON.

import { cpus } from 'node:os';
import type { Options } from './cli';
import type { Input } from './input';
import type { Rival } from './memory';
import type { Reads } from './messages';
import type { Run } from './run';

export const LABELS: Record<Rival, string> = { arena: 'arena', buffer: 'Buffer.allocUnsafe' };

const READS_TEXT: Record<Reads, string> = {
  buffer: 'one buffer of its own',
  events: "'data' events",
};

const MB = 1e6;

interface Row {
  label: string;
  value: (run: Run) => number;
  digits: number;
  better: 'more' | 'less';
}

const ROWS: readonly Row[] = [
  { label: 'frames/s', value: framesPerSecond, digits: 0, better: 'more' },
  { label: 'payload MB/s', value: payloadRate, digits: 1, better: 'more' },
  { label: 'latency p50, us', value: (run) => run.client.latencyUs.p50, digits: 0, better: 'less' },
  { label: 'latency p99, us', value: (run) => run.client.latencyUs.p99, digits: 0, better: 'less' },
  {
    label: 'latency p99.9, us',
    value: (run) => run.client.latencyUs.p999,
    digits: 0,
    better: 'less',
  },
  { label: 'service CPU us/frame', value: cpuPerFrame, digits: 2, better: 'less' },
  { label: 'service GC runs', value: (run) => run.service.gcCount, digits: 0, better: 'less' },
  {
    label: '  of these major',
    value: (run) => run.service.gcMajorCount,
    digits: 0,
    better: 'less',
  },
  { label: 'service GC time, ms', value: (run) => run.service.gcMs, digits: 1, better: 'less' },
  {
    label: 'service RSS peak, MB',
    value: (run) => run.service.rssPeakBytes / MB,
    digits: 1,
    better: 'less',
  },
  {
    label: 'service RSS end, MB',
    value: (run) => run.service.rssEndBytes / MB,
    digits: 1,
    better: 'less',
  },
];

function framesPerSecond(run: Run): number {
  return run.client.frames / (run.client.elapsedMs / 1000);
}

function payloadRate(run: Run): number {
  return run.client.payloadBytes / MB / (run.client.elapsedMs / 1000);
}

function cpuPerFrame(run: Run): number {
  return (run.service.cpuMs * 1000) / run.client.frames;
}

/** @returns what is about to be run, in a few lines. */
export function formatHeading(options: Options, input: Input): string {
  const { scenario } = options;
  const used = Math.min(input.bytes, scenario.maxInputBytes);
  const first = used < input.bytes ? `the first ${megabytes(used)} of ` : '';
  const files = input.files.length === 1 ? '' : ` in ${input.files.length} files`;
  const sizes = `mix '${scenario.mix}', ${scenario.minBytes}..${scenario.maxBytes} bytes`;
  const kept = scenario.keep === 0 ? 'no frames' : `the latest ${count(scenario.keep)} frames`;
  return [
    `input    ${first}${scenario.path} (${megabytes(input.bytes)}${files})`,
    `frames   ${count(scenario.frames)}, ${sizes}, seed ${scenario.seed}`,
    `traffic  connections: ${scenario.connections}, frames in flight on each: ${scenario.window}`,
    `service  reads from ${READS_TEXT[scenario.reads]}, keeps ${kept}`,
  ].join('\n');
}

/** @returns the table, and below it the arena's statistics if it took part. */
export function formatRuns(runs: readonly Run[]): string {
  const header = ['', ...runs.map((run) => LABELS[run.rival])];
  const body = ROWS.map((row) => [
    row.label,
    ...runs.map((run) => count(row.value(run), row.digits)),
    ...compare(row, runs),
  ]);
  const lines = alignColumns([header, ...body]);
  const heapStats = runs.find((run) => run.service.heapStats)?.service.heapStats;
  if (heapStats !== undefined) {
    lines.push('', 'arena statistics after the last frame:', heapStats.trimEnd());
  }
  return lines.join('\n');
}

/** @returns the whole result as JSON; fields are only ever added. */
export function formatJson(options: Options, input: Input, runs: readonly Run[]): string {
  const machine = {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
  };
  const scenario = { ...options.scenario, inputFiles: input.files.length, inputBytes: input.bytes };
  return JSON.stringify({ version: 1, ok: true, machine, scenario, runs }, null, 2);
}

/** @returns how the arena, the first run, stands against the other; nothing if it ran alone. */
function compare({ value, better }: Row, [arena, buffer]: readonly Run[]): string[] {
  if (arena === undefined || buffer === undefined) return [];
  const [ours, theirs] = [value(arena), value(buffer)];
  if (theirs === 0) return [ours === 0 ? 'same' : ''];
  const percent = (ours / theirs - 1) * 100;
  if (Math.abs(percent) < 0.05) return ['same'];
  const verdict = percent > 0 === (better === 'more') ? 'better' : 'worse';
  return [`${percent > 0 ? '+' : ''}${percent.toFixed(1)} % ${verdict}`];
}

/** First column flush left, the others flush right. */
function alignColumns(table: readonly string[][]): string[] {
  const width = (column: number) => Math.max(...table.map((row) => row[column]?.length ?? 0));
  const widths = Array.from({ length: 4 }, (_, column) => width(column));
  return table.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!),
      )
      .join('   ')
      .trimEnd(),
  );
}

function count(value: number, digits = 0): string {
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function megabytes(bytes: number): string {
  return bytes < MB ? `${count(bytes)} bytes` : `${count(bytes / MB, 1)} MB`;
}

// From runs to text: both rivals side by side, and the arena's statistics; or JSON.

import { cpus } from 'node:os';
import { LABELS, RIVALS, type Rival } from './memory';
import type { ClientReport, ServiceReport } from './messages';
import { alignColumns, count } from './table';

/** One rival's turn. */
export interface Run {
  rival: Rival;
  client: ClientReport;
  service: ServiceReport;
}

interface Row {
  label: string;
  value: (run: Run) => number;
  digits: number;
  better: 'more' | 'less';
}

const MB = 1e6;

/** @param unit of what is counted, in the singular. */
function rows(unit: string): readonly Row[] {
  const more = (label: string, digits: number, value: Row['value']): Row => {
    return { label, digits, value, better: 'more' };
  };
  const less = (label: string, digits: number, value: Row['value']): Row => {
    return { label, digits, value, better: 'less' };
  };
  return [
    more(`${unit}s/s`, 0, ({ client }) => client.operations / (client.elapsedMs / 1000)),
    more('MB/s', 1, ({ client }) => client.bytes / MB / (client.elapsedMs / 1000)),
    less('latency p50, us', 1, ({ client }) => client.latencyUs.p50),
    less('latency p99, us', 1, ({ client }) => client.latencyUs.p99),
    less('latency p99.9, us', 1, ({ client }) => client.latencyUs.p999),
    less(`CPU us/${unit}`, 2, ({ client, service }) => (service.cpuMs * 1000) / client.operations),
    less('GC runs', 0, ({ service }) => service.gcCount),
    less('  of these major', 0, ({ service }) => service.gcMajorCount),
    less('GC time, ms', 1, ({ service }) => service.gcMs),
    less('RSS peak, MB', 1, ({ service }) => service.rssPeakBytes / MB),
    less('RSS end, MB', 1, ({ service }) => service.rssEndBytes / MB),
  ];
}

/** @returns the table, of medians where a rival ran more than once, and the arena's statistics. */
export function formatRuns(runs: readonly Run[], unit: string): string {
  const rivals = RIVALS.filter((rival) => runs.some((run) => run.rival === rival));
  const body = rows(unit).map((row) => {
    const values = rivals.map((rival) => medianOf(row, runs, rival));
    const cells = values.map((value) => count(value, row.digits));
    return [row.label, ...cells, ...compare(row, values)];
  });
  const lines = alignColumns([['', ...rivals.map((rival) => LABELS[rival])], ...body]);
  const heapStats = runs.find((run) => run.service.heapStats)?.service.heapStats;
  if (heapStats !== undefined) {
    lines.push('', 'arena statistics after the last of them:', heapStats.trimEnd());
  }
  return lines.join('\n');
}

/** The machine, for a result that is to be compared with another. */
export function aboutMachine(): Record<string, string | number> {
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
  };
}

function medianOf({ value }: Row, runs: readonly Run[], rival: Rival): number {
  const sorted = runs.filter((run) => run.rival === rival).map(value);
  sorted.sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** @returns how the arena, the first value, stands against the other; nothing if it ran alone. */
function compare({ better }: Row, [ours, theirs]: readonly number[]): string[] {
  if (ours === undefined || theirs === undefined) return [];
  if (theirs === 0) return [ours === 0 ? 'same' : ''];
  const percent = (ours / theirs - 1) * 100;
  if (Math.abs(percent) < 0.05) return ['same'];
  const verdict = percent > 0 === (better === 'more') ? 'better' : 'worse';
  return [`${percent > 0 ? '+' : ''}${percent.toFixed(1)} % ${verdict}`];
}

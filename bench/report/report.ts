// Report: a case as a table for the terminal.

import type { Metric, Target } from '../case';
import { type About, type CaseRecord, medianOf, ratio, summarize } from './record';

export function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

const titleOf = ({ name, unit }: Metric): string =>
  name === unit || unit === '' ? name : `${name} ${unit}`;

/** Header, and a row for each rival: main metric with its spread and ratio, then the other metrics. */
export function tableOf({ metrics, results }: CaseRecord): string[][] {
  const [main, ...others] = metrics as [Metric, ...Metric[]];
  const ours = summarize(results[0]!.runs, main.name)!.median;
  const cell = (value: number | undefined): string =>
    value === undefined ? '' : formatNumber(value);
  const rows = results.map(({ rival, runs }) => {
    const found = summarize(runs, main.name);
    if (!found) return [rival, 'cannot'];
    return [
      rival,
      formatNumber(found.median),
      `${formatNumber(found.lowest)}..${formatNumber(found.highest)}`,
      `${ratio(main, ours, found.median).toFixed(2)}x`,
      ...others.map(({ name }) => cell(summarize(runs, name)?.median)),
    ];
  });
  return [['', titleOf(main), 'spread', 'ours is', ...others.map(titleOf)], ...rows];
}

export interface Verdict {
  /** The figure that was compared with what is wanted. */
  readonly shown: string;
  readonly wanted: string;
  readonly met: boolean;
}

/** Whether a target is met; undefined when the rival did not run here. */
export function judge(one: CaseRecord, target: Target): Verdict | undefined {
  const { against, atMost, times } = target;
  const metric = one.metrics.find(({ name }) => name === target.metric)!;
  const ours = medianOf(one, one.results[0]!.rival, metric.name);
  if (ours === undefined) return undefined;
  if (atMost !== undefined) {
    const shown = `${formatNumber(ours)} ${metric.unit}`;
    return { shown, wanted: `at most ${atMost}`, met: ours <= atMost };
  }
  const theirs = medianOf(one, against!, metric.name);
  if (theirs === undefined) return undefined;
  const reached = ratio(metric, ours, theirs);
  const shown = `${reached.toFixed(2)}x`;
  return { shown, wanted: `${times!.toFixed(2)}x ${against!}`, met: reached >= times! };
}

export function printAbout(about: About): void {
  const facts = Object.entries(about).map(([name, value]) => `${name}: ${String(value)}`);
  process.stdout.write(`${facts.join('\n')}\n`);
}

export function printCase(one: CaseRecord): void {
  const table = tableOf(one);
  const widths = table[0]!.map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  process.stdout.write(`\n${one.name}: ${one.about}\n`);
  for (const row of table) {
    const cells = row.map((text, i) =>
      i === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[i]!),
    );
    process.stdout.write(`  ${cells.join('  ')}\n`);
  }
  for (const target of one.targets) {
    const verdict = judge(one, target);
    if (!verdict) continue;
    const { shown, wanted, met } = verdict;
    process.stdout.write(`  ${met ? 'met   ' : 'MISSED'} ${target.metric} ${shown}: ${wanted}\n`);
  }
}

/** Of a quick run: its figures mean nothing. */
export function printPlayed({ name, results }: CaseRecord): void {
  process.stdout.write(`${name}: ${results.map(({ rival }) => rival).join(', ')} ran\n`);
}

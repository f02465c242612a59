// Markdown: recorded runs as tables for docs/BENCHMARKS.md.

import type { Figures, Metric, Target } from '../case';
import {
  type About,
  type CaseRecord,
  medianOf,
  ratio,
  type RunRecord,
  type Summary,
  summarize,
} from './record';
import { formatNumber, judge, tableOf } from './report';

export type Row = readonly string[];

export function table(header: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

export const versionOf = ({ about }: RunRecord): string => `Node ${about.node.slice(1)}`;

/** A case as each run has it; undefined where the run left it out. */
function perRun(runs: readonly RunRecord[], name: string): (CaseRecord | undefined)[] {
  return runs.map(({ cases }) => cases.find((one) => one.name === name));
}

/** Every case of any run, as the first run that has it describes it. */
function allCases(runs: readonly RunRecord[]): CaseRecord[] {
  const byName = new Map<string, CaseRecord>();
  for (const one of runs.flatMap(({ cases }) => cases)) {
    if (!byName.has(one.name)) byName.set(one.name, one);
  }
  return [...byName.values()];
}

function aboutTable(runs: readonly RunRecord[]): string {
  const facts: readonly (keyof About)[] = [
    'machine',
    'memory',
    'system',
    'v8',
    'commit',
    'command',
    'date',
    'runs',
  ];
  const rows = facts.map((fact) => [fact, ...runs.map(({ about }) => String(about[fact]))]);
  return table(['', ...runs.map(versionOf)], rows);
}

function targetName({ name }: CaseRecord, { metric, against, times, atMost }: Target): Row {
  const wanted = atMost === undefined ? `${formatNumber(times!)}x` : `at most ${atMost}`;
  return [name, metric, against ?? '', wanted];
}

/** What a release has to show, and what the runs show. */
function targetTable(runs: readonly RunRecord[]): string {
  const rows = allCases(runs).flatMap((one) =>
    one.targets.map((target) => [
      ...targetName(one, target),
      ...perRun(runs, one.name).map((found) => {
        const verdict = found && judge(found, target);
        return verdict ? `${verdict.shown}${verdict.met ? '' : ' **missed**'}` : '';
      }),
    ]),
  );
  return table(['case', 'figure', 'against', 'wanted', ...runs.map(versionOf)], rows);
}

/** Who beats us, where, and by how much. */
function lossTable(runs: readonly RunRecord[]): string {
  const rows = allCases(runs).flatMap((one) => {
    const rivals = one.results.slice(1).map(({ rival }) => rival);
    return rivals.flatMap((rival) => {
      const ratios = perRun(runs, one.name).map((found) => found && ratioTo(found, rival));
      if (!ratios.some((value) => value !== undefined && value < 1)) return [];
      return [[one.name, rival, ...ratios.map((value) => (value ? `${value.toFixed(2)}x` : ''))]];
    });
  });
  return table(['case', 'rival', ...runs.map(versionOf)], rows);
}

/** How many times as good as a rival ours is, by the case's main metric. */
export function ratioTo(one: CaseRecord, rival: string): number | undefined {
  const metric = one.metrics[0]!;
  const ours = medianOf(one, one.results[0]!.rival, metric.name);
  const theirs = medianOf(one, rival, metric.name);
  return ours === undefined || theirs === undefined ? undefined : ratio(metric, ours, theirs);
}

const withSpread = ({ median, lowest, highest }: Summary): string =>
  `${formatNumber(median)} (${formatNumber(lowest)}..${formatNumber(highest)})`;

/** Cases that say one thing only: a table with a column for each run. */
function narrowCase(one: CaseRecord, runs: readonly RunRecord[]): string {
  const metric = one.metrics[0]!;
  const found = perRun(runs, one.name);
  const rows = one.results.map(({ rival }) => [
    rival,
    ...found.flatMap((record) => {
      const theirs = record?.results.find((result) => result.rival === rival)?.runs ?? [];
      const summary = summarize(theirs, metric.name);
      const times = record && ratioTo(record, rival);
      return [summary ? withSpread(summary) : '', times ? `${times.toFixed(2)}x` : ''];
    }),
  ]);
  const header = runs.flatMap((run) => [`${versionOf(run)}, ${metric.unit}`, 'ours is']);
  return table(['', ...header], rows);
}

/** Cases that say more: a table for each run. */
function wideCase(name: string, runs: readonly RunRecord[]): string {
  const tables = perRun(runs, name).map((record, i) => {
    if (!record) return '';
    const [header, ...rows] = tableOf(record);
    return `${versionOf(runs[i]!)}:\n\n${table(header!, rows)}`;
  });
  return tables.filter((text) => text !== '').join('\n\n');
}

const isNarrow = ({ metrics }: CaseRecord): boolean =>
  metrics.filter(({ better }: Metric) => better !== undefined).length === 1;

function caseSection(one: CaseRecord, runs: readonly RunRecord[]): string {
  const figures = isNarrow(one) ? narrowCase(one, runs) : wideCase(one.name, runs);
  return `### ${one.name}\n\n${one.about}.\n\n${figures}`;
}

/** Cases of the front on and off have a page of their own. */
export const isAb = ({ name }: CaseRecord): boolean => name.startsWith('ab-');

/** The mean of a metric, with its coefficient of variation. */
function varied(runs: readonly Figures[], metric: string): string {
  const values = runs.map((figures) => figures[metric]).filter((value) => value !== undefined);
  if (values.length === 0) return '';
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  const percent = mean === 0 ? 0 : (100 * spread) / mean;
  return `${mean < 100 ? mean.toFixed(1) : Math.round(mean)} (${percent.toFixed(1)} %)`;
}

function abTable(run: RunRecord): string {
  const cases = run.cases.filter(isAb);
  const rivals = cases[0]!.results.map(({ rival }) => rival);
  const header = ['', ...rivals.flatMap((rival) => [`${rival}, ns`, 'system calls'])];
  const rows = cases.map(({ name, results }) => [
    name.slice('ab-'.length),
    ...results.flatMap((one) => [varied(one.runs, 'ns'), varied(one.runs, 'system calls')]),
  ]);
  const { machine, commit, date, runs } = run.about;
  const about = `${machine}, commit ${commit}, ${date}: mean and coefficient of variation of ${runs} runs`;
  return `${versionOf(run)} on ${about}.\n\n${table(header, rows)}`;
}

/** What docs/TINY_HEAP_V2_EVALUATION.md says about recorded runs; undefined: none has these cases. */
export function abPage(runs: readonly RunRecord[]): string | undefined {
  const tables = runs.filter(({ cases }) => cases.some(isAb)).map(abTable);
  return tables.length === 0 ? undefined : tables.join('\n\n');
}

/** Everything that docs/BENCHMARKS.md says about recorded runs. */
export function benchmarksPage(runs: readonly RunRecord[]): string {
  const sections = allCases(runs)
    .filter((one) => !isAb(one))
    .map((one) => caseSection(one, runs));
  return [
    aboutTable(runs),
    'Medians, with the lowest and the highest run in brackets; "ours is" says how many times as good as the ' +
      'rival the first line is. `Buffer.alloc` and `new Uint8Array` zero their bytes, which most cases do not ' +
      'ask for. `typedarray-pool` rounds every length up to a power of two. `@thi.ng/malloc` and `malloc` serve ' +
      'from one ArrayBuffer whose size has to be chosen beforehand. None of the three checks what is freed.',
    '![Latency of requests](charts/latency.svg)',
    '### What a release has to show',
    targetTable(runs),
    '### Where others are faster',
    lossTable(runs),
    ...sections,
  ].join('\n\n');
}

// Markdown: one recorded run as the short tables of README.md.

import { type Row, ratioTo, table, versionOf } from './markdown';
import { type CaseRecord, medianOf, type RunRecord } from './record';
import { formatNumber } from './report';

/** By case. */
const LENGTHS: Readonly<Record<string, string>> = {
  'service-mix': "a service's mix of 8, 64 B to 4 KB",
  uniform: 'uniform 16 to 1024 B',
  'uniform-mid': 'uniform 1 to 31 KB',
  'fixed-256': 'always 256 B',
  'fixed-8192': 'always 8 KB',
};
const RIVALS = ['Buffer.allocUnsafe', 'Buffer.alloc', 'glibc malloc in C', 'mimalloc in C'];

const REQUEST_RIVALS = ['arena', 'Buffer.allocUnsafe', 'Buffer.alloc'];
/** By metric of the churn case. */
const REQUEST_FIGURES: Readonly<Record<string, string>> = {
  requests: 'requests per second',
  'p99.9': 'p99.9 of a request, us',
  'GC time': 'garbage collection, ms in all',
  RSS: 'RSS at the end, MB',
};

const findCase = (run: RunRecord, name: string): CaseRecord | undefined =>
  run.cases.find((one) => one.name === name);

const median = (one: CaseRecord, rival: string, metric: string): string => {
  const value = medianOf(one, rival, metric);
  return value === undefined ? '' : formatNumber(value);
};

function stepCell(one: CaseRecord, rival: string): string {
  const times = ratioTo(one, rival);
  const ns = median(one, rival, 'ns');
  return ns === '' ? '' : `${ns} (${times!.toFixed(1)}x)`;
}

function stepTable(run: RunRecord): string {
  const rows = Object.entries(LENGTHS).flatMap(([name, title]): Row[] => {
    const one = findCase(run, name);
    if (!one) return [];
    return [[title, median(one, 'arena', 'ns'), ...RIVALS.map((rival) => stepCell(one, rival))]];
  });
  return table(['lengths', 'arena', ...RIVALS.map((name) => `\`${name}\``)], rows);
}

function requestTable(one: CaseRecord): string {
  const rows = Object.entries(REQUEST_FIGURES).map(([metric, title]) => [
    title,
    ...REQUEST_RIVALS.map((rival) => median(one, rival, metric)),
  ]);
  return table(['', ...REQUEST_RIVALS.map((name) => `\`${name}\``)], rows);
}

/** The figures of README.md, from one run. */
export function readmeFigures(run: RunRecord): string {
  const { about } = run;
  const churn = findCase(run, 'churn');
  return [
    `Nanoseconds per step of a trace that fills and frees 400 slots, and how many times that is the arena's: ` +
      `${versionOf(run)} on ${about.machine}, median of ${about.runs} runs ([how, and where we ` +
      `lose](docs/BENCHMARKS.md)):`,
    stepTable(run),
    '![Time per step](docs/charts/throughput.svg)',
    ...(churn ? [`A service with ${churn.about}:`, requestTable(churn)] : []),
    ...(churn ? ['![Latency of requests](docs/charts/latency.svg)'] : []),
  ].join('\n\n');
}

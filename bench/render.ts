// Render: writes the figures of recorded runs into docs/BENCHMARKS.md and README.md, and the charts.
//
//   npm run bench:render [-- FOLDER]      reads every FOLDER/*.json, bench/results when none is given
//
// Only what stands between the two marks of a page is replaced.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { latencyChart, throughputChart, toSvg } from './charts';
import { ROOT } from './in-c';
import { benchmarksPage, readmeTable } from './markdown';
import type { RunRecord } from './record';

const BEGIN = '<!-- figures: written by `npm run bench:render` -->';
const END = '<!-- end of figures -->';

/** Recorded runs, oldest Node first. */
function readRuns(folder: string): RunRecord[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  if (files.length === 0) throw new Error(`no recorded run in ${folder}`);
  const runs = files.map(
    (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as RunRecord,
  );
  const major = ({ about }: RunRecord): number => Number.parseInt(about.node.slice(1), 10);
  return runs.sort((a, b) => major(a) - major(b));
}

function replaceFigures(page: string, figures: string): void {
  const path = join(ROOT, page);
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${page} has no marks around its figures`);
  const [before, after] = [text.slice(0, begin + BEGIN.length), text.slice(end)];
  writeFileSync(path, `${before}\n\n${figures}\n\n${after}`);
}

async function main(): Promise<void> {
  const runs = readRuns(process.argv[2] ?? join(ROOT, 'bench', 'results'));
  // README.md shows one: that of the Node in the middle.
  const shown = runs[runs.length >> 1]!;
  replaceFigures('docs/BENCHMARKS.md', benchmarksPage(runs));
  replaceFigures('README.md', readmeTable(shown));

  const charts = join(ROOT, 'docs', 'charts');
  mkdirSync(charts, { recursive: true });
  writeFileSync(join(charts, 'throughput.svg'), await toSvg(throughputChart(shown)));
  const latency = latencyChart(shown);
  if (latency) writeFileSync(join(charts, 'latency.svg'), await toSvg(latency));
}

main().catch((error: unknown) => {
  process.stderr.write(`bench:render: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

// Render: writes the figures of recorded runs into docs/BENCHMARKS.md and README.md, and the charts.
//
//   npm run bench -- --render [FOLDER]      reads every FOLDER/*.json, bench/results when none is given
//
// Only what stands between the two marks of a page is replaced.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { latencyChart, throughputChart, toSvg } from './charts';
import { memoryChart } from '../memory/report';
import { figuresOf, readMemory, readRuns, shownOf, withFigures } from './figures';
import { ROOT } from '../in-c';

async function main(): Promise<void> {
  const runs = readRuns(process.argv[2] ?? join(ROOT, 'bench', 'results'));
  for (const [page, figures] of figuresOf(runs)) {
    const path = join(ROOT, page);
    writeFileSync(path, withFigures(page, readFileSync(path, 'utf8'), figures));
  }

  const charts = join(ROOT, 'docs', 'charts');
  mkdirSync(charts, { recursive: true });
  const memory = readMemory();
  if (memory) writeFileSync(join(charts, 'memory.svg'), await toSvg(memoryChart(memory)));

  const shown = shownOf(runs);
  if (!shown) return;
  writeFileSync(join(charts, 'throughput.svg'), await toSvg(throughputChart(shown)));
  const latency = latencyChart(shown);
  if (latency) writeFileSync(join(charts, 'latency.svg'), await toSvg(latency));
}

main().catch((error: unknown) => {
  process.stderr.write(
    `bench --render: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exitCode = 1;
});

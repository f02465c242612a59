// Figures: the parts of pages that recorded runs write, so that no figure is typed by hand.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../in-c';
import { channelPage } from '../channel/report';
import { callsPage } from './calls';
import { memoryPage, type MemoryRecord } from '../memory/report';
import { abPage, benchmarksPage, isAb } from './markdown';
import { readmeFigures } from './markdown-readme';
import type { About, RunRecord } from './record';

const BEGIN = '<!-- figures: written by `npm run bench -- --render` -->';
const END = '<!-- end of figures -->';

const memoryChart = (folder: string): string =>
  `![Resident memory over a night and a day](${folder}/memory.svg)`;

const NOTHING_RECORDED =
  'None is recorded yet. `npm run bench -- --json bench/results/node20.json` records a run, ' +
  '`npm run bench -- --render` writes it here.';

const NO_AB_RECORDED =
  'None is recorded yet. `npm run bench -- ab --runs 10 --json bench/results/node20-ab.json` records a run, ' +
  '`npm run bench -- --render` writes it here.';

/** What the files of a folder say, oldest Node first. */
function readAll<Kind extends { readonly about: About }>(folder: string): Kind[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  const runs = files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Kind);
  const major = ({ about }: Kind): number => Number.parseInt(about.node.slice(1), 10);
  return runs.sort((a, b) => major(a) - major(b));
}

/** Recorded runs, oldest Node first. */
export const readRuns = (folder: string): RunRecord[] => readAll(folder);

/** The run that README.md and the charts show: the one that measured most. */
export function shownOf(runs: readonly RunRecord[]): RunRecord | undefined {
  const sizeOf = (run: RunRecord): number =>
    run.cases.reduce((sum, { results }) => sum + results.length, 0);
  return runs.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0];
}

/** The recorded days of memory; undefined: none are. */
export function readMemory(): MemoryRecord | undefined {
  const file = join(ROOT, 'bench', 'results', 'memory', 'days.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as MemoryRecord) : undefined;
}

function memoryFigures(): string {
  const record = readMemory();
  return record
    ? `\n\n## Memory over time\n\n${memoryPage(record)}\n\n${memoryChart('charts')}`
    : '';
}

/** The same for README.md, where one day of the arena is enough. */
function memoryShown(): string {
  const memory = readMemory();
  if (!memory) return '';
  const about =
    'Resident memory while load comes and goes, each allocator with its defaults and nobody calling anything ' +
    '([more days](docs/BENCHMARKS.md#memory-over-time)):';
  return `\n\n${about}\n\n${memoryChart('docs/charts')}`;
}

/** Recorded runs of Buffers between two threads. */
function channelFigures(): string {
  return `\n\n${channelPage(readAll(join(ROOT, 'bench', 'results', 'channel')))}`;
}

/** Recorded runs of what services call beside alloc and free. */
function callsFigures(): string {
  return `\n\n${callsPage(readAll(join(ROOT, 'bench', 'results', 'calls')))}`;
}

/** What each page says about the runs. */
export function figuresOf(runs: readonly RunRecord[]): ReadonlyMap<string, string> {
  const usual = runs.filter(({ cases }) => !cases.every(isAb));
  const shown = shownOf(usual);
  return new Map([
    ['README.md', (shown ? readmeFigures(shown) : NOTHING_RECORDED) + memoryShown()],
    [
      'docs/BENCHMARKS.md',
      (shown ? benchmarksPage(usual) : NOTHING_RECORDED) +
        memoryFigures() +
        channelFigures() +
        callsFigures(),
    ],
    ['docs/TINY_HEAP_V2_EVALUATION.md', abPage(runs) ?? NO_AB_RECORDED],
  ]);
}

/** A page with the figures between its two marks replaced. */
export function withFigures(page: string, text: string, figures: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${page} has no marks around its figures`);
  const [before, after] = [text.slice(0, begin + BEGIN.length), text.slice(end)];
  return `${before}\n\n${figures}\n\n${after}`;
}

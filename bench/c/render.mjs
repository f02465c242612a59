// Render: writes recordings of the core into docs/BENCHMARKS.md, between two marks and nowhere else.
//
//   npm run bench:c -- --record bench/results/c/NAME.json     records a run
//   npm run bench:c -- --render                               writes all that are recorded, a column for each

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CASES } from './cases.mjs';
import { curveTableOf } from './curve.mjs';
import { readRecords } from './record.mjs';
import { figuresOf, geometricMeanOf, isOurs } from './report.mjs';

const BEGIN = '<!-- figures of the core: written by `npm run bench:c -- --render` -->';
const END = '<!-- end of figures of the core -->';
const MIB = 2 ** 20;

const CURVE = CASES.find(({ isCurve }) => isCurve).name;

const line = (cells) => `| ${cells.join(' | ')} |`;
const table = ([header, ...rows]) =>
  [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
const times = (value) => `${value.toFixed(2)}x`;

/** How ours stands to the best rivals of a case: by speed, and by processor time. */
function standingOf(rivals) {
  const figures = Object.entries(rivals).map(([name, result]) => ({ name, ...figuresOf(result) }));
  const others = figures.filter(({ name }) => !isOurs(name));
  const fastest = others.reduce((a, b) => (b.speed > a.speed ? b : a));
  const thriftiest = others.reduce((a, b) => (b.cpu < a.cpu ? b : a));
  const of = (ours) =>
    ours && { speed: ours.speed / fastest.speed, cpu: thriftiest.cpu / ours.cpu, ours };
  const named = (name) => of(figures.find((figure) => figure.name === name));
  return { fastest, hakmem: named('hakmem'), linked: named('hakmem-linked') };
}

/** Where a case was played, in each recording. */
function rowOf({ name }, recordings) {
  const standings = recordings
    .filter(({ results }) => name in results)
    .map(({ results }) => standingOf(results[name]));
  if (standings.length === 0) return [];
  const each = (text) => standings.map(text).join(', ');
  const { hakmem, fastest } = standings.at(-1);
  const resident = ({ median }) => (median('rssPeak') / MIB).toFixed(1);
  return [
    [
      name,
      each((one) => one.hakmem.ours.speed.toPrecision(3)),
      each((one) => times(one.hakmem.speed)),
      each((one) => times(one.hakmem.cpu)),
      each((one) => (one.linked ? times(one.linked.speed) : '')),
      each((one) => one.fastest.name),
      `${resident(hakmem.ours)}, ${resident(fastest)}`,
    ],
  ];
}

const HEAD = ['', 'M/s', 'to best', 'to best, cpu', 'linked, to best', 'best', 'peak RSS, its, MB'];

function aboutOf({ about }) {
  const { machine, kernel, compiler, commit, runs, date } = about;
  return `- ${date} UTC, commit ${commit}, medians of ${runs} runs; ${machine}, ${kernel}, ${compiler}`;
}

function meanOf(recordings, name) {
  return recordings
    .map(({ results }) => {
      const played = CASES.filter((one) => one.name in results);
      return times(geometricMeanOf(played, results, name).mean);
    })
    .join(', ');
}

function curveOf(records) {
  const recorded = records.filter(({ results }) => CURVE in results).at(-1);
  if (recorded === undefined) return [];
  const about = `**curve**: nanoseconds of a pair by length, the dearest of each doubling; commit ${recorded.about.commit}, medians of ${recorded.about.runs} runs`;
  return [about, table(curveTableOf(recorded.results[CURVE]))];
}

function pageOf(records) {
  const recordings = records.filter(({ results }) => Object.keys(results).some((n) => n !== CURVE));
  const cases = CASES.filter(({ isCurve }) => !isCurve);
  const rows = cases.flatMap((one) => rowOf(one, recordings));
  const means = `Geometric means over the cases that rivals play: hakmem ${meanOf(recordings, 'hakmem')}, linked ${meanOf(recordings, 'hakmem-linked')} the best rival of each.`;
  return [recordings.map(aboutOf).join('\n'), table([HEAD, ...rows]), means, ...curveOf(records)]
    .join('\n\n')
    .concat('\n');
}

/** `root`: of the repository. */
export function render(root) {
  const page = join(root, 'docs', 'BENCHMARKS.md');
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${page} has no marks around the core's figures`);
  const figures = pageOf(readRecords(join(root, 'bench', 'results', 'c')));
  const before = text.slice(0, begin + BEGIN.length);
  writeFileSync(page, `${before}\n\n${figures}\n${text.slice(end)}`);
}

// Records: what is kept of a recording. Times of every run; of all other figures the medians.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { medianOf } from './median.mjs';

const EVERY_RUN = ['ns', 'cpuNs'];

const isFigure = ([name, value]) => typeof value === 'number' && !EVERY_RUN.includes(name);

function compactResult({ runs, traced }) {
  const names = Object.entries(runs[0])
    .filter(isFigure)
    .map(([name]) => name);
  const medians = names.map((name) => [name, medianOf(runs.map((run) => run[name]))]);
  const times = EVERY_RUN.map((name) => [name, runs.map((run) => run[name])]);
  return { medians: Object.fromEntries(medians), ...Object.fromEntries(times), traced };
}

/** As bench/c/report.mjs takes it. */
function expandResult({ medians, ns, cpuNs, traced }) {
  return { runs: ns.map((_, i) => ({ ...medians, ns: ns[i], cpuNs: cpuNs[i] })), traced };
}

const mapValues = (object, map) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value)]));

/** `results`: by case and rival. */
export function writeRecord(file, about, results) {
  const compact = mapValues(results, (rivals) => mapValues(rivals, compactResult));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ about, results: compact })}\n`);
}

/** All recordings of a folder, oldest first. */
export function readRecords(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .map(({ about, results }) => ({
      about,
      results: mapValues(results, (rivals) => mapValues(rivals, expandResult)),
    }))
    .sort((a, b) => a.about.date.localeCompare(b.about.date));
}

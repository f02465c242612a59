// Tables: a row for each rival, for the terminal.

import { curveTableOf } from './curve.mjs';
import { medianOf } from './median.mjs';

const MIB = 2 ** 20;

export const isOurs = (name) => name.startsWith('hakmem');
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MB`;

/** Figures of a rival: medians over its runs. */
export function figuresOf({ runs, traced }) {
  const median = (field) => medianOf(runs.map((run) => run[field]));
  const speeds = runs.map(({ operations, ns }) => (operations * 1e3) / ns);
  return {
    median,
    speed: medianOf(speeds),
    slowest: Math.min(...speeds),
    fastest: Math.max(...speeds),
    cpu: Math.min(...runs.map(({ operations, cpuNs }) => cpuNs / operations)),
    calls: traced && (traced.systemCalls * 1e6) / traced.operations,
    slow: median('allocs') > 0 ? median('slow') / median('allocs') : undefined,
  };
}

/**
 * Header and rows of a case, as text. `to best`: speed as a multiple of the fastest rival's, and the
 * same of the least processor time per operation of any run.
 */
export function tableOf(one, results) {
  if (one.isCurve) return curveTableOf(results);
  const figures = Object.entries(results).map(([name, result]) => [name, figuresOf(result)]);
  const rivals = figures.filter(([name]) => !isOurs(name)).map(([, figure]) => figure);
  const best = Math.max(...rivals.map(({ speed }) => speed));
  const bestCpu = Math.min(...rivals.map(({ cpu }) => cpu));
  const columns = Object.entries(one.columns ?? {});
  const rows = figures.map(([name, { median, speed, slowest, fastest, cpu, calls, slow }]) => [
    name,
    speed.toPrecision(4),
    `${slowest.toPrecision(4)}..${fastest.toPrecision(4)}`,
    rivals.length > 0 ? `${(speed / best).toFixed(2)}x` : '',
    cpu.toPrecision(4),
    rivals.length > 0 ? `${(bestCpu / cpu).toFixed(2)}x` : '',
    mib(median('rssPeak')),
    calls === undefined ? '?' : calls.toFixed(1),
    slow === undefined ? '' : `${(slow * 100).toFixed(3)} %`,
    ...columns.map(([, field]) => mib(median(field))),
  ]);
  const header = [
    '',
    'M/s',
    'spread',
    'to best',
    'cpu ns',
    'to best cpu',
    'peak RSS',
    'calls/M',
    'slow',
  ];
  return [[...header, ...columns.map(([title]) => title)], ...rows];
}

export function printCase(one, results) {
  const table = tableOf(one, results);
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  console.log(`\n${one.name}: ${one.about}`);
  for (const row of table) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
    );
    console.log(`  ${cells.join('  ')}`);
  }
}

/**
 * How our speed stands to the fastest rival's over all cases: the geometric mean, and how many it is of. A curve
 * has no speed, and a case that no rival plays says nothing.
 */
export function geometricMeanOf(cases, results, name) {
  const logs = cases
    .filter((one) => !one.isCurve && one.only === undefined)
    .flatMap((one) => {
      const speeds = Object.entries(results[one.name]).map(([rival, { runs }]) => ({
        rival,
        speed: medianOf(runs.map(({ operations, ns }) => operations / ns)),
      }));
      const ours = speeds.find(({ rival }) => rival === name);
      const others = speeds.filter(({ rival }) => !isOurs(rival)).map(({ speed }) => speed);
      return ours && others.length > 0 ? [Math.log(ours.speed / Math.max(...others))] : [];
    });
  const sum = logs.reduce((a, b) => a + b, 0);
  return { mean: Math.exp(sum / logs.length), of: logs.length };
}

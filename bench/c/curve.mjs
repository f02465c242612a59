// The table of a curve: what a pair of alloc and free costs by length, and its greatest step.

import { medianOf } from './median.mjs';

const KIB = 2 ** 10;
const PREFIX = 'ps ';

/** Of a rival: [bytes, nanoseconds], medians over its runs, shortest first. */
function curveOf({ runs }) {
  const lengths = Object.keys(runs[0]).filter((field) => field.startsWith(PREFIX));
  return lengths
    .map((field) => [
      Number(field.slice(PREFIX.length)),
      medianOf(runs.map((run) => run[field])) / 1e3,
    ])
    .sort(([a], [b]) => a - b);
}

/** How much dearer a length is than the one an eighth of a doubling below, at most. */
function greatestStep(curve) {
  const steps = curve.slice(1).map(([, ns], i) => ns / curve[i][1]);
  return steps.length === 0 ? 1 : Math.max(...steps);
}

function lengthOf(bytes) {
  return bytes < KIB ** 2 ? `${bytes / KIB} KB` : `${bytes / KIB ** 2} MB`;
}

/** Header and rows as text: for each rival the dearest length of every doubling in ns, and the greatest step. */
export function curveTableOf(results) {
  const curves = Object.entries(results).map(([name, result]) => [name, curveOf(result)]);
  const doublings = [...new Set(curves[0][1].map(([bytes]) => 2 ** Math.floor(Math.log2(bytes))))];
  const dearest = (curve, from) =>
    Math.max(...curve.filter(([b]) => b >= from && b < 2 * from).map(([, ns]) => ns));
  const header = ['', ...doublings.map(lengthOf), 'greatest step'];
  const rows = curves.map(([name, curve]) => [
    name,
    ...doublings.map((from) => dearest(curve, from).toPrecision(3)),
    `${greatestStep(curve).toFixed(2)}x`,
  ]);
  return [header, ...rows];
}

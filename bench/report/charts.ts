// Charts: a recorded run as SVG.

import type { TopLevelSpec } from 'vega-lite' with { 'resolution-mode': 'import' };
import { medianOf, type RunRecord } from './record';

const OURS = 'arena';
const RIVALS = [OURS, 'Buffer.allocUnsafe', 'Buffer.alloc', 'glibc malloc in C', 'mimalloc in C'];
const COLORS = ['#2a78d6', '#eb6834', '#e8b298', '#7a7a75', '#b4b4ae'];
/** `Buffer.alloc` zeroes, which the others are not asked to do, and would flatten all other bars. */
const UNZEROED = RIVALS.filter((rival) => rival !== 'Buffer.alloc');
const CASES = ['service-mix', 'uniform', 'uniform-mid', 'fixed-256', 'fixed-8192', 'fixed-32768'];
const PERCENTILES = ['p50', 'p99', 'p99.9', 'p99.99'];

const CONFIG = {
  background: '#ffffff',
  font: 'system-ui, sans-serif',
  axis: { grid: false, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal' },
  header: { labelFontSize: 13 },
  view: { stroke: null },
} as const;

const rivalColor = {
  field: 'rival',
  type: 'nominal',
  scale: { domain: RIVALS, range: COLORS },
} as const;

/** Nanoseconds per step: a panel for each case, each with a scale of its own, all from 0. */
export function throughputChart(run: RunRecord): TopLevelSpec {
  const values = CASES.flatMap((name) => {
    const one = run.cases.find((candidate) => candidate.name === name);
    if (!one) return [];
    return UNZEROED.map((rival) => ({ case: name, rival, ns: medianOf(one, rival, 'ns') })).filter(
      ({ ns }) => ns !== undefined,
    );
  });
  return {
    title: `Nanoseconds per step, Node ${run.about.node.slice(1)}: less is better`,
    data: { values },
    facet: { field: 'case', type: 'nominal', title: null, sort: CASES },
    columns: 3,
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 210,
      height: 110,
      encoding: {
        y: { field: 'rival', type: 'nominal', sort: UNZEROED, title: null },
        x: { field: 'ns', type: 'quantitative', title: null, axis: { tickCount: 4 } },
      },
      layer: [
        { mark: 'bar', encoding: { color: { ...rivalColor, legend: null } } },
        {
          mark: { type: 'text', align: 'left', dx: 3 },
          encoding: { text: { field: 'ns', type: 'quantitative', format: '.3~s' } },
        },
      ],
    },
    config: CONFIG,
  };
}

/** Percentiles of the churn case, on a logarithmic scale. */
export function latencyChart(run: RunRecord): TopLevelSpec | undefined {
  const churn = run.cases.find(({ name }) => name === 'churn');
  if (!churn) return undefined;
  const rivals = churn.results.map(({ rival }) => rival).filter((rival) => RIVALS.includes(rival));
  const values = rivals.flatMap((rival) =>
    PERCENTILES.map((part) => ({ rival, part, us: medianOf(churn, rival, part) })),
  );
  return {
    title: `Microseconds of a request at percentiles, Node ${run.about.node.slice(1)}`,
    data: { values },
    width: 480,
    height: 260,
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'part',
        type: 'ordinal',
        sort: PERCENTILES,
        title: null,
        axis: { labelAngle: 0 },
      },
      y: { field: 'us', type: 'quantitative', scale: { type: 'log' }, title: 'microseconds' },
      color: {
        ...rivalColor,
        title: null,
        scale: { domain: rivals, range: rivals.map((rival) => COLORS[RIVALS.indexOf(rival)]!) },
      },
    },
    config: CONFIG,
  };
}

export async function toSvg(chart: TopLevelSpec): Promise<string> {
  // Both are ES modules.
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  return await new vega.View(vega.parse(compile(chart).spec), { renderer: 'none' }).toSVG();
}

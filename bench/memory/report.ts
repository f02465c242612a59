// Report: the days as a table of a page, and as a chart.

import type { TopLevelSpec } from 'vega-lite' with { 'resolution-mode': 'import' };
import type { About } from '../report/record';
import { DAYS } from './days';
import { type DayRecord, type Summary, summaryOf } from './samples';

export interface MemoryRecord {
  readonly about: About;
  readonly records: readonly DayRecord[];
}

const mb = (value: number): string => value.toFixed(0);
const cell = ({ peak, end, idle }: Summary, faults?: number): string => {
  const sizes = `${mb(peak)} / ${mb(end)} / ${mb(idle)}`;
  return faults === undefined ? sizes : `${sizes}, ${(faults / 1000).toFixed(1)} k faults`;
};

/**
 * A row for each rival: MB at the peak, at the end, and beyond what is live over the whole day; and minor page faults,
 * where they were counted.
 */
export function memoryPage({ about, records }: MemoryRecord): string {
  const days = DAYS.filter(({ name }) => records.some(({ day }) => day === name));
  const rivals = [...new Set(records.map(({ rival }) => rival))];
  const rows = rivals.map((rival) => {
    const cells = days.map(({ name }) => {
      const found = records.find((one) => one.day === name && one.rival === rival);
      return found === undefined ? '' : cell(summaryOf(found.points), found.faults);
    });
    return `| ${[rival, ...cells].join(' | ')} |`;
  });
  return [
    `MB of resident memory beyond the start of the process: peak / end / mean beyond what is live. ` +
      `${about.machine}, Node ${about.node.slice(1)}, commit ${about.commit}, ${about.date}, one run; ` +
      `\`${about.command}\`.`,
    '',
    `| | ${days.map(({ name }) => name).join(' | ')} |`,
    `|---|${days.map(() => '---').join('|')}|`,
    ...rows,
    '',
    ...days.map(({ name, about: what }) => `- **${name}**: ${what}`),
  ].join('\n');
}

const DAY_SHOWN = DAYS[0]!.name;
const LIVE = 'live';

/** The core once more, linked another way: its line would lie on the other. */
const TWIN = 'hakmem-linked in C';

/** The first day over time: what is live, and what each rival holds for it. */
export function memoryChart({ about, records }: MemoryRecord): TopLevelSpec {
  const shown = records.filter(({ day, rival }) => day === DAY_SHOWN && rival !== TWIN);
  const held = shown.flatMap(({ rival, points }) =>
    points.map(([ms, , rss]) => ({ rival, seconds: ms / 1000, mb: rss })),
  );
  const live = (shown[0]?.points ?? []).map(([ms, mbLive]) => ({
    rival: LIVE,
    seconds: ms / 1000,
    mb: mbLive,
  }));
  return {
    title: `Resident memory over ${DAY_SHOWN}, Node ${about.node.slice(1)}`,
    data: { values: [...live, ...held] },
    width: 560,
    height: 280,
    mark: { type: 'line' },
    encoding: {
      x: { field: 'seconds', type: 'quantitative', title: 'seconds' },
      y: { field: 'mb', type: 'quantitative', title: 'MB' },
      color: { field: 'rival', type: 'nominal', title: null, sort: null },
      strokeDash: {
        condition: { test: `datum.rival === '${LIVE}'`, value: [4, 3] },
        value: [1, 0],
      },
    },
    config: { background: '#ffffff', font: 'system-ui, sans-serif', axis: { grid: false } },
  };
}

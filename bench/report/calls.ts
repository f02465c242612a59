// Calls: recorded runs of what services call beside alloc and free, as the section of a page. Every call stands against
// the plain ways to the same.

import type { Target } from '../case';
import { table, versionOf } from './markdown';
import { type CaseRecord, medianOf, type RunRecord } from './record';
import { formatNumber } from './report';

const HEADING = '## What services call';

const EXPLAINED =
  'Nanoseconds of a call and of the plain way to the same, and how many times as long the call takes; "at most" is what a ' +
  'release has to show, and in bold is what does not.';

const NOTHING_RECORDED =
  'None is recorded yet. `npm run bench -- --no-c --only retain ... --json bench/results/calls/node20.json` records a run, ' +
  '`npm run bench -- --render` writes it here.';

const METRIC = 'ns';

function mostOf({ times }: Target): number {
  return 1 / times!;
}

function cellOf(one: CaseRecord, rival: string, target: Target | undefined): string {
  const ours = medianOf(one, one.results[0]!.rival, METRIC);
  const theirs = medianOf(one, rival, METRIC);
  if (ours === undefined || theirs === undefined) return '';
  const times = `${(ours / theirs).toFixed(2)}x`;
  const isMissed = target !== undefined && ours / theirs > mostOf(target);
  return `${formatNumber(ours)}, ${formatNumber(theirs)}: ${isMissed ? `**${times}**` : times}`;
}

function rowsOf(one: CaseRecord, runs: readonly RunRecord[]): string[][] {
  return one.results.slice(1).map(({ rival }) => {
    const target = one.targets.find(
      ({ against, metric }) => against === rival && metric === METRIC,
    );
    const cells = runs.map(({ cases }) => {
      const found = cases.find(({ name }) => name === one.name);
      return found === undefined ? '' : cellOf(found, rival, target);
    });
    const most = target === undefined ? '' : `${mostOf(target).toFixed(2)}x`;
    return [one.name, rival, most, ...cells];
  });
}

function aboutOf({ about }: RunRecord): string {
  const { machine, commit, date, runs, command } = about;
  return `- Node ${about.node.slice(1)}: ${machine}, commit ${commit}, ${date}, medians of ${runs} runs; \`${command}\``;
}

/** The section about recorded runs, oldest Node first; how to record one where there is none. */
export function callsPage(runs: readonly RunRecord[]): string {
  if (runs.length === 0) return [HEADING, NOTHING_RECORDED].join('\n\n');
  const header = ['', 'against', 'at most', ...runs.map(versionOf)];
  const rows = runs[0]!.cases.flatMap((one) => rowsOf(one, runs));
  return [HEADING, EXPLAINED, runs.map(aboutOf).join('\n'), table(header, rows)].join('\n\n');
}

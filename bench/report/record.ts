// Record: what a run has measured, and where; the form of the files in bench/results.

import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import type { Figures, Metric, Target } from '../case';

export interface RivalRecord {
  readonly rival: string;
  readonly runs: readonly Figures[];
}

export interface CaseRecord {
  readonly name: string;
  readonly about: string;
  readonly metrics: readonly Metric[];
  readonly targets: readonly Target[];
  readonly results: readonly RivalRecord[];
}

export interface About {
  readonly machine: string;
  readonly memory: string;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
  readonly commit: string;
  readonly command: string;
  readonly date: string;
  readonly runs: number;
}

export interface RunRecord {
  readonly about: About;
  readonly cases: readonly CaseRecord[];
}

function git(...args: string[]): string {
  return execFileSync('git', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

function commit(): string {
  try {
    const measured = ['--', '.', ':!bench/results', ':!docs', ':!*.md'];
    const changed = git('status', '--porcelain', '--untracked-files=no', ...measured) !== '';
    return git('rev-parse', '--short', 'HEAD') + (changed ? ' with changes' : '');
  } catch {
    return 'unknown';
  }
}

export function aboutRun(runs: number): About {
  return {
    machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${process.platform} ${process.arch} ${release()}`,
    node: process.version,
    v8: process.versions.v8,
    commit: commit(),
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    date: new Date().toISOString().slice(0, 10),
    runs,
  };
}

export interface Summary {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Median and spread of a metric over runs; undefined where the rival does not say. */
export function summarize(runs: readonly Figures[], metric: string): Summary | undefined {
  const sorted = runs
    .map((figures) => figures[metric])
    .filter((value) => value !== undefined)
    .sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  const median = sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
  return { median, lowest: sorted[0]!, highest: sorted.at(-1)! };
}

/** Median of a rival's metric, if there is one. */
export function medianOf(one: CaseRecord, rival: string, metric: string): number | undefined {
  const result = one.results.find((candidate) => candidate.rival === rival);
  return result && summarize(result.runs, metric)?.median;
}

/** How many times as good ours is as theirs. */
export function ratio(metric: Metric, ours: number, theirs: number): number {
  return metric.better === 'higher' ? ours / theirs : theirs / ours;
}

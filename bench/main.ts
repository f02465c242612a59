// Bench: every case on every rival. Each measurement is a process of its own; rivals take turns, so
// that a machine that slows down slows all of them down. Prints medians, spread and ratios.
//
//   npm run bench -- [--quick] [--runs N] [--case NAME] [--json]

import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES, type Case } from './cases';
import { RIVALS } from './rivals';

interface Settings {
  readonly runs: number;
  readonly steps: number;
  readonly rounds: number;
}

const FULL: Settings = { runs: 10, steps: 1_000_000, rounds: 3 };
const QUICK: Settings = { runs: 3, steps: 50_000, rounds: 2 };

interface Result {
  readonly case: string;
  readonly rival: string;
  /** Nanoseconds per step, one for each run, ascending. */
  readonly ns: readonly number[];
}

function measureOnce(caseName: string, rival: string, { steps, rounds }: Settings): number {
  const args = [join(__dirname, 'measure.js'), caseName, rival, String(steps), String(rounds)];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

function measureCase(one: Case, settings: Settings): Result[] {
  const rivals = Object.keys(RIVALS);
  const ns = rivals.map((): number[] => []);
  for (let run = 0; run < settings.runs; run++) {
    rivals.forEach((rival, i) => ns[i]!.push(measureOnce(one.name, rival, settings)));
  }
  return rivals.map((rival, i) => ({
    case: one.name,
    rival,
    ns: ns[i]!.sort((a, b) => a - b),
  }));
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function printCase(one: Case, results: readonly Result[]): void {
  process.stdout.write(`\n${one.name}: ${one.description}, ${one.slots} slots\n`);
  const arena = medianOf(results[0]!.ns);
  for (const { rival, ns } of results) {
    const median = medianOf(ns);
    const spread = `${ns[0]!.toFixed(1)}..${ns.at(-1)!.toFixed(1)}`;
    process.stdout.write(
      `  ${rival.padEnd(20)} ${median.toFixed(1).padStart(8)} ns/step  ${spread.padStart(16)}` +
        `  ${(median / arena).toFixed(2).padStart(6)}x the arena's time\n`,
    );
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function selectCases(name: string | undefined): readonly Case[] {
  if (name === undefined) return CASES;
  const cases = CASES.filter((one) => one.name === name);
  if (cases.length > 0) return cases;
  throw new Error(`no case "${name}"; there are ${CASES.map((one) => one.name).join(', ')}`);
}

function main(): void {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      case: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const base = values.quick ? QUICK : FULL;
  const settings = { ...base, runs: values.runs === undefined ? base.runs : Number(values.runs) };
  const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`;
  const about = { machine, node: process.version, commit: commit(), ...settings };
  if (!values.json) process.stdout.write(`${Object.entries(about).flat().join(' ')}\n`);
  const all: Result[] = [];
  for (const one of selectCases(values.case)) {
    const results = measureCase(one, settings);
    all.push(...results);
    if (!values.json) printCase(one, results);
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ about, results: all }, null, 2)}\n`);
}

try {
  main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}

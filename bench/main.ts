// Bench: every case on every rival. Each measurement is a process of its own; rivals take turns, so
// that a machine that slows down slows all of them down. Prints medians, spread and ratios.
//
//   npm run bench -- [--quick] [--only CASE]... [--rival NAME]... [--runs N] [--json FILE] [--no-c]
//   npm run bench -- ab [...]              the front on and off: cases/ab.ts
//   npm run bench -- --render [FOLDER]     figures and charts of recorded runs: report/render.ts
//   npm run bench -- --memory [--quick]    resident memory over time: memory/main.ts
//   npm run bench -- --learn [--quick]     bytes with learned size classes: learn/main.ts
//   npm run bench -- --scrape [--quick]    what scraping costs: scrape.mjs
//   npm run bench -- --channel [--sweep] [--quick]    Buffers between two threads: channel/main.mjs
//
// --only and --rival match from the start of a name; ours always plays. --quick plays every case on
// small inputs once, and says only whether it ran.

import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Case, Figures } from './case';
import { CASES } from './cases/index';
import { buildCRivals, type CRivals, playInC, ROOT } from './in-c';
import { aboutRun, type CaseRecord, type RunRecord } from './report/record';
import { printAbout, printCase, printPlayed } from './report/report';

interface Settings {
  readonly runs: number;
  readonly quick: boolean;
  readonly rivals: readonly string[];
}

/** What one run of a rival says; nothing when it cannot play this case. */
function playOnce(one: Case, rival: string, inC: CRivals, quick: boolean): Figures {
  const program = inC[rival];
  if (program && one.inC) return playInC(program, one.inC(quick));
  const args = [join(__dirname, 'child.js'), one.name, rival, quick ? 'quick' : 'full'];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Figures;
}

/** Ours, and those that were asked for. */
function rivalsOf(one: Case, inC: CRivals, wanted: readonly string[]): string[] {
  const [ours, ...others] = [...one.rivals, ...(one.inC ? Object.keys(inC) : [])];
  return [ours!, ...others.filter((name) => wanted.some((start) => name.startsWith(start)))];
}

function playCase(one: Case, inC: CRivals, settings: Settings): CaseRecord {
  const { name, about, metrics, targets } = one;
  const results = rivalsOf(one, inC, settings.rivals).map((rival) => ({
    rival,
    runs: [] as Figures[],
  }));
  for (let run = 0; run < settings.runs; run++) {
    for (const { rival, runs } of results) runs.push(playOnce(one, rival, inC, settings.quick));
  }
  return { name, about, metrics, targets, results };
}

/** Figures keep five digits in a file: more nobody has measured. */
function shortened(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value;
}

function casesNamed(starts: readonly string[]): Case[] {
  const names = CASES.map(({ name }) => name);
  for (const start of starts) {
    if (!names.some((name) => name.startsWith(start)))
      throw new Error(`no case "${start}"; there are ${names.join(', ')}`);
  }
  return CASES.filter(({ name }) => starts.some((start) => name.startsWith(start)));
}

function runsOf(text: string | undefined, quick: boolean): number {
  if (text === undefined) return quick ? 1 : 10;
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs takes a whole number from 1');
  return runs;
}

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: args[0] === 'ab' ? ['--only', 'ab-', '--no-c', ...args.slice(1)] : [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [''] },
      rival: { type: 'string', multiple: true, default: [''] },
      runs: { type: 'string' },
      json: { type: 'string' },
      'no-c': { type: 'boolean', default: false },
    },
  });
  const { quick, rival: rivals, json } = values;
  const settings: Settings = { quick, rivals, runs: runsOf(values.runs, quick) };
  const chosen = casesNamed(values.only);
  const about = aboutRun(settings.runs);
  if (!quick) printAbout(about);
  const inC = values['no-c'] ? {} : await buildCRivals();

  const cases: CaseRecord[] = [];
  for (const one of chosen) {
    const record = playCase(one, inC, settings);
    cases.push(record);
    if (quick) printPlayed(record);
    else printCase(record);
    const run: RunRecord = { about, cases };
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(run, shortened)}\n`);
  }
}

/** What else this program does, when its first argument says so. */
const OTHERS: ReadonlyMap<string | undefined, string> = new Map([
  ['--render', join(__dirname, 'report', 'render.js')],
  ['--memory', join(__dirname, 'memory', 'main.js')],
  ['--learn', join(__dirname, 'learn', 'main.js')],
  ['--scrape', join(ROOT, 'bench', 'scrape.mjs')],
  ['--channel', join(ROOT, 'bench', 'channel', 'main.mjs')],
]);

const [first, ...rest] = process.argv.slice(2);
const other = OTHERS.get(first);
if (other !== undefined) {
  process.exitCode =
    spawnSync(process.execPath, [other, ...rest], { stdio: 'inherit' }).status ?? 1;
} else {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  });
}

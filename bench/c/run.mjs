// Benches of the core against other allocators. Every run is a process of its own, and rivals take
// turns, so that a machine that slows down slows all of them down.
//
//   npm run bench:c -- [--runs N] [--only CASE] [--rival NAME] [--rival-source DIR] [--quick] [--json]
//                      [--record FILE]
//   npm run bench:c -- --render
//
// --only and --rival may be given more than once and match from the start of a name. --rival-source, more than
// once too, names a folder with the sources of mimalloc, snmalloc or rpmalloc, which are built and play along.
// --record keeps what render.mjs writes into docs/BENCHMARKS.md. --quick plays small inputs once, installs nothing, and
// says only whether every case ran.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildRivals, compilerVersion } from './build.mjs';
import { CASES } from './cases.mjs';
import { writeRecord } from './record.mjs';
import { render } from './render.mjs';
import { geometricMeanOf, printCase } from './report.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Where a change is none to what is measured. */
const NOT_MEASURED = [':!bench/results', ':!docs', ':!*.md'];

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    only: { type: 'string', multiple: true, default: [''] },
    rival: { type: 'string', multiple: true, default: [''] },
    'rival-source': { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    record: { type: 'string' },
    render: { type: 'boolean', default: false },
  },
});

function environmentOf({ preload }) {
  return preload === undefined ? {} : { LD_PRELOAD: preload };
}

/** Plays a case once; what the program says. */
function play(rival, args) {
  const env = { ...process.env, ...environmentOf(rival) };
  const output = execFileSync(rival.program, args.map(String), { encoding: 'utf8', env });
  return JSON.parse(output);
}

/**
 * System calls of the timed part, counted by strace in a run of its own: those between the two marks
 * of harness.c, without the yields of a thread that waits for another. Undefined without strace.
 */
function trace(rival, args) {
  const log = join(tmpdir(), `bench-c-${process.pid}.strace`);
  const preload = Object.entries(environmentOf(rival)).flatMap(([k, v]) => ['-E', `${k}=${v}`]);
  const command = ['-f', '-o', log, ...preload, rival.program, ...args.map(String)];
  const { status, stdout } = spawnSync('strace', command, { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const lines = readFileSync(log, 'utf8').split('\n');
  rmSync(log);
  const marks = lines.flatMap((line, i) => (line.includes('getppid(') ? [i] : []));
  const calls = lines.slice(marks[0] + 1, marks[1]).filter((line) => /^\d+ +\w+\(/.test(line));
  const systemCalls = calls.filter((line) => !line.includes(' sched_yield(')).length;
  return { operations: JSON.parse(stdout).operations, systemCalls };
}

function chosen(names, patterns) {
  const found = names.filter((name) => patterns.some((pattern) => name.startsWith(pattern)));
  if (found.length === 0) throw new Error(`${patterns.join(', ')}: there are ${names.join(', ')}`);
  return found;
}

/** All runs of one case: for each rival what every run said, and its system calls. */
function measure(one, rivals, runs) {
  const names = Object.keys(rivals).filter((name) => one.only?.includes(name) ?? true);
  const results = Object.fromEntries(names.map((name) => [name, { runs: [] }]));
  for (let run = 0; run < runs; run++) {
    for (const name of names) results[name].runs.push(play(rivals[name], one.full));
  }
  for (const name of names) results[name].traced = trace(rivals[name], one.traced ?? one.full);
  return results;
}

/** Plays every case once on small inputs, and checks what is known to the unit. */
function smokeTest(cases, rivals) {
  for (const one of cases) {
    const names = Object.keys(rivals).filter((name) => one.only?.includes(name) ?? true);
    for (const name of names) {
      const { operations, rows } = play(rivals[name], one.quick);
      if (!(operations > 0)) throw new Error(`${one.name}: ${name} did nothing`);
      if (one.quickRows && rows && `${rows}` !== `${one.quickRows}`) {
        throw new Error(`${one.name}: ${name} counts ${rows} allocations, not ${one.quickRows}`);
      }
    }
    console.log(`${one.name}: ${names.join(', ')} ran`);
  }
}

function commit() {
  const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', '.', ...NOT_MEASURED) ? ' and changes' : '')
    );
  } catch {
    return 'unknown';
  }
}

function about(runs) {
  return {
    machine: `${cpus().length} x ${cpus()[0].model.trim()}`,
    kernel: `Linux ${release()}`,
    compiler: compilerVersion(),
    node: process.version,
    commit: commit(),
    runs,
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
  };
}

function textOf(facts) {
  return Object.entries(facts)
    .map((pair) => pair.join(' '))
    .join(', ');
}

/** A line for each build of ours. */
function printMeans(cases, results, rivals) {
  for (const name of rivals.filter((rival) => rival.startsWith('hakmem'))) {
    const { mean, of } = geometricMeanOf(cases, results, name);
    if (of > 0)
      console.log(`\n${name}: ${mean.toFixed(2)}x the best rival, geometric mean of ${of} cases`);
  }
}

function main() {
  if (options.render) {
    render(ROOT);
    return;
  }
  if (process.platform !== 'linux') {
    console.log('bench:c: not run, it needs Linux');
    return;
  }
  const runs = Number(options.runs);
  if (!(Number.isInteger(runs) && runs > 0)) throw new Error('--runs takes a whole number from 1');
  const { rivals: all, missing } = buildRivals({
    mayInstall: !options.quick,
    sources: options['rival-source'].map((folder) => resolve(startedIn, folder)),
  });
  const rivals = Object.fromEntries(
    chosen(Object.keys(all), options.rival).map((name) => [name, all[name]]),
  );
  const names = chosen(
    CASES.map(({ name }) => name),
    options.only,
  );
  const cases = CASES.filter(({ name }) => names.includes(name));
  if (missing.length > 0) console.error(`not to be had here: ${missing.join(', ')}`);
  if (options.quick) {
    smokeTest(cases, rivals);
    return;
  }

  const facts = about(runs);
  if (!options.json) console.log(textOf(facts));
  const results = {};
  for (const one of cases) {
    results[one.name] = measure(one, rivals, runs);
    if (!options.json) printCase(one, results[one.name]);
  }
  if (options.record !== undefined) {
    writeRecord(resolve(startedIn, options.record), facts, results);
  }
  if (!options.json) printMeans(cases, results, Object.keys(rivals));
  if (options.json) console.log(JSON.stringify({ about: facts, missing, results }, null, 2));
}

const startedIn = process.env.INIT_CWD ?? process.cwd();
process.chdir(ROOT);
try {
  main();
} catch (error) {
  console.error(`bench:c: ${error.message}`);
  process.exitCode = 1;
}

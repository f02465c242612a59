// Line and branch coverage, by folder, and of all of it: lib/ under jest, csrc/ under the C tests and under
// what test/hostile does with the addon.
//
//   npm run coverage -- [--only lib|csrc]
//
// Not measured: lib/monitor/page, which runs in a browser (test/browser), and lib/cli, which runs in child
// processes (test/unit/cli/cli.test.ts). Of a line or branch that exists twice, in the C tests and in the addon,
// being run in one is enough. Exits with 1 when one of the four sums is not above 90 %.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FLAVOURS } from '../build/recipe.mjs';
import { buildAddon } from '../build/special.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const OUT = join(ROOT, 'coverage');
const WANTED_PERCENT = 90;

const { values: options } = parseArgs({ options: { only: { type: 'string' } } });

function run(command, args, { env = {}, cwd = ROOT, stdio = 'inherit' } = {}) {
  return spawnSync(command, args, {
    cwd,
    stdio,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
}

/** Counts by folder: { lines: [covered, all], branches: [covered, all] }. */
class Table {
  #rows = new Map();

  add(folder, lines, branches) {
    for (const name of [folder, 'all']) {
      const row = this.#rows.get(name) ?? { lines: [0, 0], branches: [0, 0] };
      for (const i of [0, 1]) {
        row.lines[i] += lines[i];
        row.branches[i] += branches[i];
      }
      this.#rows.set(name, row);
    }
  }

  /** Prints it; false: the sum is too low. */
  print(title) {
    const percent = ([covered, all]) => (all === 0 ? 100 : (100 * covered) / all);
    console.log(`\n${title.padEnd(24)}${'lines'.padStart(10)}${'branches'.padStart(10)}`);
    const rows = [...this.#rows].sort(
      ([a], [b]) => (a === 'all') - (b === 'all') || (a < b ? -1 : 1),
    );
    for (const [name, { lines, branches }] of rows) {
      const cells = [lines, branches].map((it) => `${percent(it).toFixed(1)} %`.padStart(10));
      console.log(`${name.padEnd(24)}${cells.join('')}`);
    }
    const { lines, branches } = this.#rows.get('all') ?? { lines: [0, 1], branches: [0, 1] };
    return percent(lines) > WANTED_PERCENT && percent(branches) > WANTED_PERCENT;
  }
}

// --- lib/ -------------------------------------------------------------------------------------------

function coverLib() {
  const jest = [
    'jest',
    '--coverage',
    '--coverageReporters=json-summary',
    `--coverageDirectory=${OUT}/lib`,
  ];
  const from = ['lib/**/*.ts', '!lib/monitor/page/**', '!lib/cli/**'];
  const args = [...jest, ...from.map((glob) => `--collectCoverageFrom=${glob}`)];
  const { status } = run('npx', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) console.log('lib: some tests failed');
  const summary = JSON.parse(readFileSync(join(OUT, 'lib/coverage-summary.json'), 'utf8'));
  const table = new Table();
  for (const [file, { lines, branches }] of Object.entries(summary)) {
    if (file === 'total') continue;
    const folder = dirname(relative(ROOT, file));
    table.add(folder, [lines.covered, lines.total], [branches.covered, branches.total]);
  }
  return table.print('lib/') && status === 0;
}

// --- csrc/ ------------------------------------------------------------------------------------------

/** What the addon is made to do, beside the C tests. */
const PLAYS = [
  ['everything.mjs', '3'],
  ['racing-sizes.mjs'],
  ['hostile-api.mjs', '{}'],
  ['scribbler.mjs', '1', '20000', '{}'],
  ...['createArena', 'destroyArena', 'resetArena', 'refill', 'flush', 'largeAlloc', 'largeFree', 'expose', 'retire', 'unpin', 'detach', 'arenaStats', 'heapStats', 'arenaInfo', 'heapMap'].map((entry) => ['hostile-binding.mjs', entry]), // prettier-ignore
];

const filesIn = (folder, end) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(end))
    .map((name) => join(folder, name));

/** Adds what gcov says of the objects of a folder: by file, how often each line and branch was run. */
function addCounts(folder, counts) {
  const data = filesIn(folder, '.gcda');
  const { stdout } = run('gcov', ['--json-format', '--stdout', '--branch-probabilities', ...data], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for (const line of stdout.split('\n').filter((text) => text.startsWith('{'))) {
    for (const { file, lines } of JSON.parse(line).files) {
      const path = relative(ROOT, join(ROOT, file));
      if (!path.startsWith('csrc/') || !/\.(c|cc)$/.test(path)) continue;
      const known = counts.get(path) ?? { lines: new Map(), branches: new Map() };
      counts.set(path, known);
      const add = (map, key, count) => map.set(key, (map.get(key) ?? 0) + count);
      for (const { line_number: number, count, branches } of lines) {
        add(known.lines, number, count);
        branches.forEach((branch, i) => {
          if (!branch.throw) add(known.branches, `${number}:${i}`, branch.count);
        });
      }
    }
  }
}

function coverCsrc() {
  const objects = join(ROOT, '.build/c/coverage');
  const addon = join(ROOT, '.build/coverage');
  for (const folder of [objects, addon]) {
    mkdirSync(folder, { recursive: true });
    for (const file of filesIn(folder, '.gcda')) rmSync(file);
  }
  if (run('gcov', ['--version'], { stdio: 'ignore' }).status !== 0) {
    console.log('csrc: there is no gcov here, not measured');
    return true;
  }
  const tests = run('node', ['tools/test/c.mjs', '--flavour', 'coverage']);
  const reason = buildAddon(addon, FLAVOURS.coverage);
  if (reason !== undefined) console.log(`csrc/binding: ${reason}`);
  for (const [file, ...args] of reason === undefined ? PLAYS : []) {
    run('node', ['--expose-gc', join('test/hostile', file), ...args], {
      env: { HAKMEM_ARENA_PREBUILD: addon },
      stdio: 'ignore',
    });
  }
  const counts = new Map();
  addCounts(objects, counts);
  addCounts(addon, counts);
  const table = new Table();
  for (const [file, { lines, branches }] of counts) {
    const covered = (map) => [[...map.values()].filter((count) => count > 0).length, map.size];
    table.add(dirname(file), covered(lines), covered(branches));
    if (process.env.COVERAGE_LINES) {
      const missed = [...lines].filter(([, count]) => count === 0).map(([number]) => number);
      if (missed.length > 0) console.log(`${file}: ${missed.sort((a, b) => a - b).join(' ')}`);
    }
  }
  return table.print('csrc/') && tests.status === 0;
}

const parts = { lib: coverLib, csrc: coverCsrc };
const chosen = options.only === undefined ? Object.values(parts) : [parts[options.only]];
// All of them, also behind one that failed.
const results = chosen.map((part) => part());
process.exitCode = results.every(Boolean) ? 0 : 1;

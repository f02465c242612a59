// Line and branch coverage of csrc/, by gcovr: what the C tests and the plays of test/hostile run of it. A line
// that is in both, in the C tests and in the addon, is covered when either runs it.
//
// Of lib/, jest measures it: jest.config.cjs has its thresholds. `npm run coverage` does both.
//
// Exits with 1 below the thresholds; says so and measures nothing where there is no gcovr.

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FLAVOURS } from '../build/recipe.mjs';
import { buildAddon } from '../build/special.mjs';
import { HOSTILE_API, RACING_SIZES, entryPlays, everything, scribbler } from './hostile-plays.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const C_TESTS = '.build/c/coverage';
const ADDON = '.build/coverage';

/** A little below what is covered: 97.5 % of the lines, 91.2 % of the branches. */
const THRESHOLDS = ['--fail-under-line=96', '--fail-under-branch=90'];

const GCOVR = [
  '--filter=csrc/',
  // Branches that only an exception takes: the binding is compiled without exceptions.
  '--exclude-throw-branches',
  '--print-summary',
  ...THRESHOLDS,
];

function run(command, args, { env = {}, stdio = 'inherit' } = {}) {
  return spawnSync(command, args, { cwd: ROOT, stdio, env: { ...process.env, ...env } }).status;
}

function playOnAddon() {
  const reason = buildAddon(join(ROOT, ADDON), FLAVOURS.coverage);
  if (reason !== undefined) {
    console.log(`csrc/binding: ${reason}`);
    return;
  }
  const plays = [everything(3), RACING_SIZES, HOSTILE_API, scribbler(1, 20_000, {})];
  for (const [file, ...args] of [...plays, ...entryPlays()]) {
    run('node', ['--expose-gc', join('test/hostile', file), ...args], {
      env: { HAKMEM_ARENA_PREBUILD: join(ROOT, ADDON) },
      stdio: 'ignore',
    });
  }
}

if (run('gcovr', ['--version'], { stdio: 'ignore' }) !== 0) {
  console.log('csrc: not measured, there is no gcovr (Debian: gcovr; or pipx install gcovr)');
} else {
  // Counts of earlier runs would be added to, and files that are gone reported.
  for (const folder of [C_TESTS, ADDON])
    rmSync(join(ROOT, folder), { recursive: true, force: true });
  const tests = run('node', ['tools/test/c.mjs', '--flavour', 'coverage']);
  playOnAddon();
  const counts = run('gcovr', [...GCOVR, C_TESTS, ADDON]);
  process.exitCode = tests === 0 && counts === 0 ? 0 : 1;
}

// Drives the addon from JavaScript in builds that watch every access to memory: AddressSanitizer with
// UndefinedBehaviorSanitizer, and ThreadSanitizer. Node itself is the stock one; the runtime is preloaded.
//
//   npm run test:c -- --sanitize [--flavour asan|tsan] [--full]
//
// Builds go to .build/sanitized/<flavour>/. Where a runtime does not work, its flavour is skipped and says
// so. --full also plays what takes minutes. Ends with `N passed, N failed`.

import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FLAVOURS } from '../build/recipe.mjs';
import { buildAddon } from '../build/special.mjs';
import { HOSTILE_API, RACING_SIZES, entryPlays, everything, scribbler } from './hostile-plays.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CC = process.env.CC || 'cc';
const RUN_TIMEOUT_MS = 600_000;

const RUNTIMES = {
  asan: {
    library: 'libasan.so',
    env: {
      // Node frees little at its end; V8 reserves more address space than a redzone can have.
      ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
  tsan: {
    library: 'libtsan.so',
    // Node was built without it: only what the addon does is judged.
    env: { TSAN_OPTIONS: 'ignore_noninstrumented_modules=1:halt_on_error=1:exitcode=66' },
  },
};

const { values: options } = parseArgs({
  options: { flavour: { type: 'string' }, full: { type: 'boolean', default: false } },
});

function run(command, args, extra = {}) {
  const env = { ...process.env, ...extra };
  return spawnSync(command, args, { cwd: ROOT, env, encoding: 'utf8', timeout: RUN_TIMEOUT_MS });
}

/** How node runs with the runtime: a command and its environment; undefined: it does not. */
function launcherOf({ library, env }) {
  const path = run(CC, [`-print-file-name=${library}`]).stdout.trim();
  if (!path.startsWith('/')) return undefined;
  const all = { ...env, LD_PRELOAD: realpathSync(path) };
  // Older runtimes fail where the kernel randomises addresses over too wide a range.
  for (const before of [[], ['setarch', '-R']]) {
    const [command, ...args] = [...before, process.execPath];
    const { status } = run(command, [...args, '-e', '0'], all);
    if (status === 0) return { command, args, env: all };
  }
  return undefined;
}

/** What each flavour plays; half of the addon's entries unless --full. */
function playsOf(flavour) {
  const { full } = options;
  const all = everything(full ? 20 : 2);
  if (flavour === 'tsan') return [all, RACING_SIZES];
  const modes = full ? [{}, { views: 'fresh', zero: 'free' }] : [{}];
  return [
    all,
    ...entryPlays().filter((_, i) => full || i % 2 === 0),
    ...modes.map((mode) => scribbler(3, full ? 40_000 : 5000, mode)),
    ...(full ? [HOSTILE_API, RACING_SIZES] : []),
  ];
}

function play(flavour, launcher, folder, [file, ...args]) {
  const name = `${flavour} ${file} ${args.join(' ')}`.trim();
  const { command, env } = launcher;
  const path = join('test/hostile', file);
  const node = [...launcher.args, '--expose-gc', path, ...args];
  const { status, signal, stdout, stderr } = run(command, node, {
    ...env,
    HAKMEM_ARENA_PREBUILD: folder,
  });
  const report = /^\{.*"problems":\[(.*)\]\}$/m.exec(stdout);
  const isGood = status === 0 && report !== null && report[1] === '';
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${name}`);
  if (!isGood) console.log(`ended by ${signal ?? status}\n${stdout.slice(-3000)}\n${stderr.slice(-8000)}`); // prettier-ignore
  return isGood;
}

const total = { passed: 0, failed: 0 };
const chosen = options.flavour === undefined ? Object.keys(RUNTIMES) : [options.flavour];
for (const flavour of chosen) {
  const launcher = process.platform === 'linux' ? launcherOf(RUNTIMES[flavour]) : undefined;
  if (launcher === undefined) {
    console.log(`skip ${flavour}: its runtime does not work here`);
    continue;
  }
  const folder = join(ROOT, '.build/sanitized', flavour);
  const reason = buildAddon(folder, FLAVOURS[flavour]);
  if (reason !== undefined) {
    console.log(`skip ${flavour}: ${reason}`);
    continue;
  }
  for (const one of playsOf(flavour)) {
    if (play(flavour, launcher, folder, one)) total.passed++;
    else total.failed++;
  }
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

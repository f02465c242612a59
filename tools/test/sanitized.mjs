// Drives the addon from JavaScript in builds that watch every access to memory: AddressSanitizer with
// UndefinedBehaviorSanitizer, and ThreadSanitizer. Node itself is the stock one; the runtime is preloaded.
//
//   node tools/test/sanitized.mjs [--flavour asan|tsan] [--full]
//
// Builds go to .build/sanitized/<flavour>/. Where a runtime does not work, its flavour is skipped and says
// so. --full also plays what takes minutes. Ends with `N passed, N failed`.

import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildAddon } from '../build/special.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CC = process.env.CC || 'cc';
const RUN_TIMEOUT_MS = 600_000;

/** Checks of our own on as well. */
const DEBUG = ['-O1', '-fno-omit-frame-pointer', '-DHK_DEBUG=1'];

const FLAVOURS = {
  asan: {
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
    runtime: 'libasan.so',
    env: {
      // Node frees little at its end; V8 reserves more address space than a redzone can have.
      ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
  tsan: {
    flags: ['-fsanitize=thread'],
    runtime: 'libtsan.so',
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
function launcherOf({ runtime, env }) {
  const library = run(CC, [`-print-file-name=${runtime}`]).stdout.trim();
  if (!library.startsWith('/')) return undefined;
  const all = { ...env, LD_PRELOAD: realpathSync(library) };
  // Older runtimes fail where the kernel randomises addresses over too wide a range.
  for (const before of [[], ['setarch', '-R']]) {
    const [command, ...args] = [...before, process.execPath];
    const { status } = run(command, [...args, '-e', '0'], all);
    if (status === 0) return { command, args, env: all };
  }
  return undefined;
}

const ENTRIES = ['createArena', 'destroyArena', 'resetArena', 'trimArena', 'refill', 'flush', 'largeAlloc', 'largeFree', 'expose', 'nextRetirable', 'retire', 'unpin', 'detach', 'arenaStats', 'heapStats', 'arenaInfo', 'heapMap']; // prettier-ignore

/** What each flavour plays: files of test/hostile with arguments. */
function playsOf(flavour) {
  const everything = [['everything.mjs', options.full ? '20' : '2']];
  if (flavour === 'tsan') return [...everything, ['racing-sizes.mjs']];
  const entries = ENTRIES.map((entry) => ['hostile-binding.mjs', entry]);
  const modes = options.full ? ['{}', '{"views":"fresh","zero":"free"}'] : ['{}'];
  return [
    ...everything,
    ...entries.filter((_, i) => options.full || i % 2 === 0),
    ...modes.map((mode) => ['scribbler.mjs', '3', options.full ? '40000' : '5000', mode]),
    ...(options.full ? [['hostile-api.mjs', '{}'], ['racing-sizes.mjs']] : []),
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
const chosen = options.flavour === undefined ? Object.keys(FLAVOURS) : [options.flavour];
for (const flavour of chosen) {
  const launcher = process.platform === 'linux' ? launcherOf(FLAVOURS[flavour]) : undefined;
  if (launcher === undefined) {
    console.log(`skip ${flavour}: its runtime does not work here`);
    continue;
  }
  const folder = join(ROOT, '.build/sanitized', flavour);
  const reason = buildAddon(folder, [...DEBUG, ...FLAVOURS[flavour].flags]);
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

// Builds and runs the C tests: every test/c/*_test.c, linked with the whole core.
//
//   node tools/test-c.mjs [--flavour asan|tsan|release|plain] [--filter TEXT] [--test TEXT]
//                         [--werror] [--verbose]
//
// Without --flavour every test runs under asan, and those with `threads` in their name under tsan as
// well. --filter selects files, --test selects tests in them. Objects are kept in .build/c/, where
// node-gyp does not clean them away. Ends with `N passed, N failed`.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { coreSources, filesUnder } from './native-sources.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CC = process.env.CC || 'cc';
const RUN_TIMEOUT_MS = 300_000;

const DEBUG = ['-DHK_DEBUG=1', '-O1', '-g', '-fno-omit-frame-pointer'];
const FLAVOURS = {
  asan: [...DEBUG, '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
  tsan: [...DEBUG, '-fsanitize=thread'],
  plain: DEBUG,
  release: ['-O3', '-DNDEBUG'],
};
const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Wstrict-prototypes'];
const COMMON = ['-std=gnu11', '-pthread', '-Icsrc', '-Icsrc/include', '-Itest/c'];
const SANITIZER_ENV = {
  ASAN_OPTIONS: 'detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1',
};

const { values: options } = parseArgs({
  options: {
    flavour: { type: 'string' },
    filter: { type: 'string', default: '' },
    test: { type: 'string', default: '' },
    werror: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

let warnings = 0;

/** Runs a program; resolves to its exit code and everything it printed. */
function run(command, args, { timeout = 0, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, timeout, env: { ...process.env, ...env } });
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    child.on('error', (error) => resolve({ code: 1, output: `${error.message}\n` }));
    child.on('close', (code, signal) => {
      if (signal) output += `ended by ${signal}\n`;
      resolve({ code: code ?? 1, output });
    });
  });
}

async function compile(args) {
  const { code, output } = await run(CC, args);
  process.stderr.write(output);
  warnings += (output.match(/ warning: /g) ?? []).length;
  if (code !== 0) throw new Error(`${CC} failed: ${args.at(-1)}`);
}

/** Does `work` on all items, as many at once as there are cores. */
async function inParallel(items, work) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

function isOlder(file, than) {
  return (
    !existsSync(file) || than.some((input) => statSync(input).mtimeMs > statSync(file).mtimeMs)
  );
}

/**
 * How programs of this flavour run here: a command to put before them, usually none. Undefined when
 * they do not run at all, as with a C library that has no sanitizers.
 */
function launcherOf(flavour, folder) {
  const [source, program] = [join(folder, 'probe.c'), join(folder, 'probe')];
  writeFileSync(source, 'int main(void) { return 0; }\n');
  if (spawnSync(CC, [...FLAVOURS[flavour], '-o', program, source]).status !== 0) return undefined;
  // Older thread sanitizers fail where the kernel randomises addresses over too wide a range.
  const launchers = [[], ['setarch', '-R']];
  return launchers.find((launcher) => {
    const [command, ...args] = [...launcher, program];
    return spawnSync(command, args).status === 0;
  });
}

/** Compiles what is stale and returns the objects of the core. */
async function buildCore(flags, folder) {
  // Other flags or another compiler make every object stale, as any newer header does.
  const stamp = join(folder, 'flags');
  const wanted = [CC, ...flags].join(' ');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) writeFileSync(stamp, wanted);

  const headers = [...filesUnder('csrc'), ...filesUnder('test/c')].filter((f) => f.endsWith('.h'));
  const shared = [stamp, ...headers];
  const objects = coreSources().map((source) => [source, objectOf(source, folder)]);

  await inParallel(objects, async ([source, object]) => {
    if (!isOlder(object, [source, ...shared])) return;
    mkdirSync(dirname(object), { recursive: true });
    await compile([...flags, '-c', '-o', object, source]);
  });
  return objects.map(([, object]) => object);
}

function objectOf(source, folder) {
  return join(folder, source.replace(/\.c$/, '.o'));
}

/** Builds and runs the tests of one flavour; returns how many passed and failed. */
async function testFlavour(flavour, tests) {
  const folder = join('.build/c', flavour);
  mkdirSync(folder, { recursive: true });
  const launcher = launcherOf(flavour, folder);
  if (launcher === undefined) {
    console.log(`${flavour}: does not work with ${CC} on this machine`);
    return flavour === 'asan' ? testFlavour('plain', tests) : { passed: 0, failed: 0 };
  }

  const werror = options.werror ? ['-Werror'] : [];
  const flags = [...COMMON, ...WARNINGS, ...werror, ...FLAVOURS[flavour]];
  const objects = await buildCore(flags, folder);
  const headers = filesUnder('test/c').filter((file) => file.endsWith('.h'));
  const total = { passed: 0, failed: 0 };

  await inParallel(tests, async (test) => {
    const program = objectOf(test, folder).replace(/\.o$/, '');
    mkdirSync(dirname(program), { recursive: true });
    if (isOlder(program, [test, ...headers, ...objects])) {
      await compile([...flags, '-o', program, test, ...objects, '-lm']);
    }
  });
  for (const test of tests) {
    const [command, ...args] = [...launcher, objectOf(test, folder).replace(/\.o$/, '')];
    const { code, output } = await run(command, [...args, options.test], {
      timeout: RUN_TIMEOUT_MS,
      env: SANITIZER_ENV,
    });
    const counts = countsIn(output, code);
    total.passed += counts.passed;
    total.failed += counts.failed;
    if (options.verbose || counts.failed > 0) process.stdout.write(output);
    const name = basename(test, '.c');
    console.log(`${flavour} ${name}: ${counts.passed} passed, ${counts.failed} failed`);
  }
  return total;
}

/** Counts printed by a test program. One that ends badly all the same has failed once more. */
function countsIn(output, code) {
  const summary = /^(\d+) passed, (\d+) failed$/m.exec(output);
  if (!summary) {
    return { passed: (output.match(/^ok /gm) ?? []).length, failed: 1 };
  }
  const [passed, failed] = [Number(summary[1]), Number(summary[2])];
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

async function main() {
  if (process.platform === 'win32') {
    console.log('C tests need a Unix: not run');
    return { passed: 0, failed: 0 };
  }
  if (options.flavour !== undefined && !Object.hasOwn(FLAVOURS, options.flavour)) {
    throw new Error(`--flavour is one of ${Object.keys(FLAVOURS).join(', ')}`);
  }
  const tests = filesUnder('test/c').filter(
    (file) => file.endsWith('_test.c') && basename(file).includes(options.filter),
  );
  const withThreads = tests.filter((file) => basename(file).includes('threads'));
  const plan = options.flavour ? { [options.flavour]: tests } : { asan: tests, tsan: withThreads };

  const total = { passed: 0, failed: 0 };
  for (const [flavour, chosen] of Object.entries(plan)) {
    if (chosen.length === 0) continue;
    const { passed, failed } = await testFlavour(flavour, chosen);
    total.passed += passed;
    total.failed += failed;
  }
  return total;
}

process.chdir(ROOT);
const { passed, failed } = await main().catch((error) => {
  console.error(error.message);
  return { passed: 0, failed: 1 };
});
if (warnings > 0) console.log(`${warnings} compiler warnings`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

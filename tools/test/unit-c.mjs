// Builds and runs the C tests: every test/c/*_test.c, and the programs of bench/c, linked with the core.
//
//   npm run test:c -- [--flavour asan|tsan|release|plain|coverage] [--filter TEXT] [--test TEXT]
//                     [--werror] [--verbose]
//
// Without --flavour every test runs under asan, and those with `threads` in their name under tsan as
// well. --filter selects files (or `programs`), --test selects tests in them. Ends with `N passed, N failed`.

import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Build, inParallel } from '../build/c.mjs';
import { FLAVOURS, filesUnder } from '../build/recipe.mjs';
import { testPrograms } from './programs-c.mjs';

const RUN_TIMEOUT_MS = 300_000;

const { values: options } = parseArgs({
  options: {
    flavour: { type: 'string' },
    filter: { type: 'string', default: '' },
    test: { type: 'string', default: '' },
    werror: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

/** Builds and runs the tests of one flavour; returns how many passed and failed. */
async function testFlavour(flavour, tests, withPrograms) {
  const build = new Build(flavour, { werror: options.werror });
  if (build.launcher === undefined) {
    console.log(`${flavour}: does not work with this compiler on this machine`);
    return flavour === 'asan'
      ? testFlavour('plain', tests, withPrograms)
      : { passed: 0, failed: 0 };
  }
  const objects = await build.core();
  const programs = new Map();
  await inParallel(tests, async (test) => {
    programs.set(test, await build.program([test], objects));
  });

  const total = { passed: 0, failed: 0 };
  const count = (name, { passed, failed }) => {
    total.passed += passed;
    total.failed += failed;
    console.log(`${flavour} ${name}: ${passed} passed, ${failed} failed`);
  };
  for (const test of tests) {
    const args = [options.test];
    const { code, output } = await build.run(programs.get(test), args, { timeout: RUN_TIMEOUT_MS });
    const counts = countsIn(output, code);
    if (options.verbose || counts.failed > 0) process.stdout.write(output);
    count(basename(test, '.c'), counts);
  }
  if (withPrograms) {
    const chosen = { ...options, timeout: RUN_TIMEOUT_MS };
    count('programs', await testPrograms(flavour, build, objects, chosen));
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
  const withPrograms = process.platform === 'linux' && 'programs'.includes(options.filter);
  for (const [flavour, chosen] of Object.entries(plan)) {
    if (chosen.length === 0 && !withPrograms) continue;
    const { passed, failed } = await testFlavour(flavour, chosen, withPrograms);
    total.passed += passed;
    total.failed += failed;
  }
  return total;
}

process.chdir(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const { passed, failed } = await main().catch((error) => {
  console.error(error.message);
  return { passed: 0, failed: 1 };
});
if (Build.warnings > 0) console.log(`${Build.warnings} compiler warnings`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

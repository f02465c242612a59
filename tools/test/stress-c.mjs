// Builds test/c/stress.c with the whole core and runs it.
//
//   npm run test:c -- --stress [--ops N] [--seconds N] [--threads T] [--seed S]
//                              [--flavour release|asan|tsan|plain]
//
// A run ends after N operations or N seconds, whichever comes first. With neither, every flavour that
// works here runs for a few seconds; with either, release runs alone unless another is named. Ends with
// `N passed, N failed`.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Build } from '../build/c.mjs';
import { FLAVOURS, filesUnder } from '../build/recipe.mjs';

/** What `npm test` runs. A slow machine stops at the seconds and has tested less. */
const SHORT = {
  release: { ops: '4000000', seconds: '5' },
  asan: { ops: '400000', seconds: '5' },
  tsan: { ops: '400000', seconds: '5' },
};

const { values: options } = parseArgs({
  options: {
    flavour: { type: 'string' },
    ops: { type: 'string' },
    seconds: { type: 'string' },
    threads: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
  },
});

/** Runs one flavour; whether all was well, or undefined where the flavour does not work. */
async function stress(flavour, { ops, seconds }) {
  const build = new Build(flavour);
  if (build.launcher === undefined) {
    console.log(`${flavour}: does not work with this compiler on this machine`);
    return undefined;
  }
  const objects = await build.core();
  const sources = filesUnder('test/c').filter((file) => /\/stress\w*\.c$/.test(file));
  const program = await build.program(sources, objects);
  const limits = Object.entries({ ops, seconds }).filter(([, value]) => value !== undefined);
  const named = [...limits, ['threads', options.threads], ['seed', options.seed]];
  const args = named.flatMap(([name, value]) => [`--${name}`, value]);
  console.log(`${flavour}:`);
  const onOutput = (text) => process.stdout.write(text);
  const { code } = await build.run(program, args, { onOutput });
  return code === 0;
}

async function main() {
  if (process.platform === 'win32') {
    console.log('the stress test needs a Unix: not run');
    return [];
  }
  const { flavour, ops, seconds } = options;
  if (flavour !== undefined && !Object.hasOwn(FLAVOURS, flavour)) {
    throw new Error(`--flavour is one of ${Object.keys(FLAVOURS).join(', ')}`);
  }
  const limits = ops === undefined && seconds === undefined ? undefined : { ops, seconds };
  const names = flavour ?? (limits === undefined ? Object.keys(SHORT) : 'release');
  const results = [];
  for (const name of [names].flat()) {
    results.push(await stress(name, limits ?? SHORT[name] ?? SHORT.release));
  }
  return results;
}

process.chdir(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const results = await main().catch((error) => {
  console.error(error.message);
  return [false];
});
const [passed, failed] = [true, false].map((wanted) => results.filter((r) => r === wanted).length);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

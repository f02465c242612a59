// Plays at full scale what `npm test` plays for seconds: workers that are terminated, a torture of streams, a
// state machine of lifetimes, Buffers and channels between threads that end, larson, the model of the whole API, a
// scribbler over all memory, real input and output under churn. One after the other, ten minutes and what the ten million
// hand-overs take.
//
//   npm run test:full -- [--minutes N] [--workers N] [--endings N] [--messages N] [--handovers N]
//
// By the Node that runs this file: see tools/test/nodes-suite.mjs for the others. Ends with `N passed, N failed`.

import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    workers: { type: 'string', default: '1000' },
    endings: { type: 'string', default: '3000' },
    messages: { type: 'string', default: '200000' },
    handovers: { type: 'string', default: '10000000' },
  },
});

const total = { passed: 0, failed: 0 };

/** Runs a file with this Node; returns what it printed, or undefined and shows it all when it failed. */
function run(args, env, isGood = () => true) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status === 0 && isGood(stdout)) return `${stdout}${stderr}`;
  console.log(`FAIL ${args.join(' ')}: ended by ${signal ?? status}\n${stdout}\n${stderr}`);
  return undefined;
}

/** Ends when `minutes` are over, but has played at least once. */
function repeat(name, minutes, play) {
  const until = performance.now() + minutes * 60_000;
  let runs = 0;
  let failed = 0;
  do if (play(++runs) === undefined) failed++;
  while (performance.now() < until);
  total.passed += runs - failed;
  total.failed += failed;
  console.log(`${name}: ${runs - failed} runs passed, ${failed} failed`);
}

const jest = (file, env) => run(['node_modules/jest/bin/jest.js', '--runInBand', file], env);

console.log(`Node ${process.version}`);

repeat(`${options.workers} workers terminated`, 0, () =>
  jest('test/process/workers-terminated.test.ts', { TERMINATED_WORKERS: options.workers }),
);

repeat(`${options.handovers} hand-overs, ${options.workers} threads that are terminated`, 0, () =>
  jest('test/process/letters.test.ts', {
    LETTERS_HAND_OVERS: options.handovers,
    LETTERS_WORKERS: options.workers,
  }),
);

repeat('larson, two chains of 100 threads', 0, () =>
  jest('test/process/larson.test.ts', { LARSON_THREADS: '100', LARSON_STEPS: '100000' }),
);

// The minutes are those of what follows.
const end = performance.now() + Number(options.minutes) * 60_000;
const minutesLeft = () => Math.max(0, (end - performance.now()) / 60_000);

repeat(`${options.messages} messages, ${options.workers} threads that end`, 0, (seed) =>
  jest('test/process/channel.test.ts', {
    CHANNEL_MESSAGES: options.messages,
    CHANNEL_WORKERS: options.workers,
    CHANNEL_SEED: String(seed),
  }),
);

repeat(`${options.endings} endings of streams`, 0, () => {
  const args = ['test/hostile/torture/main.mjs', '--endings', options.endings];
  const output = run([...args, '--parallel', '24'], {});
  if (output !== undefined) {
    const { endings, bytes, foreign } = JSON.parse(output);
    console.log(`${endings} endings, ${(bytes / 1e9).toFixed(1)} GB compared, ${foreign} foreign`);
  }
  return output;
});

repeat('lifetimes', minutesLeft() / 5, (seed) => {
  const args = [
    'test/hostile/lifetimes/main.mjs',
    '--seconds',
    '30',
    '--seed',
    String(seed),
    '--overflow',
  ];
  return run(['--expose-gc', ...args], {});
});

repeat('model', 0, () => {
  const output = jest('test/unit/arena/model.test.ts', {
    MODEL_MINUTES: String(minutesLeft() / 2),
  });
  if (output !== undefined) console.log(/^\d+ steps$/m.exec(output)?.[0]);
  return output;
});

const SCRIBBLER_MODES = [{}, { views: 'fresh', zero: 'free' }, { sizeClasses: [16, 512, 4096] }];
repeat('scribbler, 40,000 calls each', minutesLeft() / 2, (seed) => {
  const mode = JSON.stringify(SCRIBBLER_MODES[seed % SCRIBBLER_MODES.length]);
  const args = ['test/hostile/scribbler.mjs', String(seed), '40000', mode];
  return run(args, {}, (stdout) => JSON.parse(stdout).problems.length === 0);
});

repeat('input and output under churn', minutesLeft(), () => jest('test/process/real-io.test.ts'));

console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

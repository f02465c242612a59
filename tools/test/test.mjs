// `npm test`: brings what is stale up to date, runs every kind of test, and ends with
// `N passed, N failed`. A stage that fails does not keep the later ones from running. A stage that
// has no tests of its own, like linting, counts as one.
//
//   npm test -- [STAGE]...     only these stages, by the names of STAGES

import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const REPO_TESTS = ['repo', 'bench', 'unit/front'].map((folder) => `test/${folder}/*.test.mjs`);

/** How a program says how many of its tests passed and failed. */
const NODE_TEST = { passed: /^(?:#|ℹ) pass (\d+)$/gm, failed: /^(?:#|ℹ) fail (\d+)$/gm };
const OURS = { passed: /^(\d+) passed, \d+ failed$/gm, failed: /, (\d+) failed$/gm };
const JEST = { passed: /^Tests: .*?(\d+) passed/gm, failed: /^Tests: .*?(\d+) failed/gm };

/** In order: shell commands, with the way their output counts tests. */
const STAGES = {
  build: { command: 'npm run -s build:stale', needed: true },
  lint: { command: 'npm run -s lint' },
  types: { command: 'npm run -s typecheck' },
  layers: { command: 'npm run -s check:layers' },
  repo: {
    command: `npm run -s build:dev && node --test --test-reporter=spec ${REPO_TESTS.join(' ')}`,
    ...NODE_TEST,
  },
  c: { command: 'npm run -s test:c', ...OURS },
  stress: { command: 'npm run -s test:c -- --stress', ...OURS },
  sanitize: { command: 'npm run -s test:c -- --sanitize', ...OURS },
  ts: { command: 'npx jest', ...JEST },
  wasm: {
    command: 'npx jest "test/(unit|process|hostile)/"',
    env: { HAKMEM_BACKEND: 'wasm' },
    ...JEST,
  },
};

/** Runs a command and shows what it prints; resolves to its exit code and its output. */
function runCommand(command, env) {
  return new Promise((resolve) => {
    const child = spawn(command, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: true,
    });
    let output = '';
    const pass = (stream) => (text) => {
      output += text;
      stream.write(text);
    };
    child.stdout.setEncoding('utf8').on('data', pass(process.stdout));
    child.stderr.setEncoding('utf8').on('data', pass(process.stderr));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** The exit code has the last word: a suite that did not even load reports no failed test. */
async function runStage(name, stage) {
  console.log(`\n== ${name}: ${stage.command}`);
  const { code, output } = await runCommand(stage.command, stage.env);
  const last = (pattern) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const passed = stage.passed ? last(stage.passed) : Number(code === 0);
  const failed = stage.failed ? last(stage.failed) : 0;
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

const names = Object.keys(STAGES);
const chosen = process.argv.length > 2 ? process.argv.slice(2) : names;
if (!chosen.every((name) => Object.hasOwn(STAGES, name))) {
  console.error(`npm test -- [STAGE]...; stages are ${names.join(', ')}`);
  process.exit(2);
}
const total = { passed: 0, failed: 0 };
const rows = [];
for (const name of chosen) {
  const { passed, failed } = await runStage(name, STAGES[name]);
  total.passed += passed;
  total.failed += failed;
  rows.push(`${name.padEnd(10)}${String(passed).padStart(5)} passed, ${failed} failed`);
  if (STAGES[name].needed && failed > 0) break;
}
console.log(`\n${rows.join('\n')}\n\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

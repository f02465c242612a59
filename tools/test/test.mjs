// `npm test`: brings what is stale up to date, runs every kind of test, and ends with
// `N passed, N failed`. A stage that fails does not keep the later ones from running. A stage that
// has no tests of its own, like linting, counts as one.

import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** In order: npm scripts, each with the way its output says how many tests passed and failed. */
const STAGES = [
  { script: 'build:stale', needed: true },
  { script: 'lint' },
  { script: 'typecheck' },
  { script: 'check:layers' },
  { script: 'test:tools', passed: /^(?:#|ℹ) pass (\d+)$/gm, failed: /^(?:#|ℹ) fail (\d+)$/gm },
  { script: 'test:c', passed: /^(\d+) passed, \d+ failed$/gm, failed: /, (\d+) failed$/gm },
  { script: 'stress:c', passed: /^(\d+) passed, \d+ failed$/gm, failed: /, (\d+) failed$/gm },
  { script: 'test:sanitized', passed: /^(\d+) passed, \d+ failed$/gm, failed: /, (\d+) failed$/gm },
  { script: 'test:ts', passed: /^Tests: .*?(\d+) passed/gm, failed: /^Tests: .*?(\d+) failed/gm },
];

/** Runs a script and shows what it prints; resolves to its exit code and its output. */
function runScript(script) {
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', script], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
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
async function runStage(stage) {
  console.log(`\n== ${stage.script}`);
  const { code, output } = await runScript(stage.script);
  const last = (pattern) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const passed = stage.passed ? last(stage.passed) : Number(code === 0);
  const failed = stage.failed ? last(stage.failed) : 0;
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

const total = { passed: 0, failed: 0 };
const rows = [];
for (const stage of STAGES) {
  const { passed, failed } = await runStage(stage);
  total.passed += passed;
  total.failed += failed;
  rows.push(`${stage.script.padEnd(14)}${String(passed).padStart(5)} passed, ${failed} failed`);
  if (stage.needed && failed > 0) break;
}
console.log(`\n${rows.join('\n')}\n\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

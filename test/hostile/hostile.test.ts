/**
 * Hostile input: every function with every kind of wrong value ends in a coded error or the right result,
 * and harms nothing. In child processes, so that a crash is a failure that names the call.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { native } from '../../lib/native/native';
import { run, runFile } from '../unit/support/child';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostile-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function expectNoProblem(file: string, args: string[], callsMin: number): Promise<void> {
  const lastCall = join(folder, 'last-call');
  const result = await runFile(`test/hostile/${file}`, args, {
    env: { LAST_CALL_FILE: lastCall },
    nodeArguments: ['--expose-gc'],
  });
  const { exitCode, signal, stdout, stderr } = result;
  if (exitCode !== 0) {
    const call = readFileSync(lastCall, 'utf8').trim();
    throw new Error(`ended by ${String(signal ?? exitCode)} in the call "${call}":\n${stderr}`);
  }
  const { calls, problems } = JSON.parse(stdout) as { calls: number; problems: string[] };
  expect(problems).toEqual([]);
  expect(calls).toBeGreaterThan(callsMin);
}

describe('wrong values for every method of arenas and scopes', () => {
  test.each([
    '{}',
    '{"views":"fresh"}',
    '{"guard":{"sampleRate":1}}',
    '{"leaks":"all","zero":"free","guard":{"sampleRate":2}}',
  ])('of an arena with %s', (options) => expectNoProblem('hostile-api.mjs', [options], 15_000));
});

describe('wrong values for every entry of the addon', () => {
  const entries = Object.entries(native)
    // `isBroken` is none of the addon's.
    .filter(([name, value]) => typeof value === 'function' && name !== 'isBroken')
    .map(([name]) => name);

  test('are tried on all of them', () => expect(entries.length).toBeGreaterThanOrEqual(17));

  test.each(entries)('%s', (entry) => expectNoProblem('hostile-binding.mjs', [entry], 1));

  test('sizes of classes that change while they are read', async () => {
    await expectNoProblem('racing-sizes.mjs', [], 1000);
  });
});

test('wrong values for the monitor and the exporters', async () => {
  await expectNoProblem('hostile-monitor.mjs', [], 2000);
});

test('views that were tampered with, globals that were replaced', async () => {
  await expectNoProblem('hostile-world.mjs', [], 300);
});

test.each(['{}', '{"guard":{"sampleRate":2},"leaks":"all","zero":"free"}'])(
  'methods of the language that throw at any moment, in an arena with %s',
  (options) => expectNoProblem('hostile-moments.mjs', [options], 500),
);

describe('the command line', () => {
  const program = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

  test.each([
    ['', 2],
    ['__proto__', 2],
    ['constructor', 2],
    ['demo --port', 2],
    ['demo --port -1', 2],
    ['demo --port 65536', 2],
    ['demo --port NaN', 2],
    ['demo --seconds Infinity', 2],
    ['demo --seconds -1', 2],
    ['bench --case x --rival arena', 2],
    ['bench --case __proto__ --rival __proto__', 2],
    ['bench --rounds NaN', 2],
    ['bench --rounds 1e99', 2],
    ['top --url nowhere', 2],
    ['top --url http://127.0.0.1:1/ --count 1', 1],
    ['top --interval 0', 2],
    ['top --count x', 2],
    ['top extra', 2],
    ['doctor --verbose', 2],
  ])('%s', async (line, code) => {
    const args = line === '' ? [''] : line.split(' ');
    const { exitCode, stdout, stderr } = await run(process.execPath, [program, ...args]);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
    expect(stderr).toMatch(/^hakmem-arena: /);
    expect(stderr).not.toContain('    at ');
  });
});

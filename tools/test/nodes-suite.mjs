// Runs the tests of the library on every line of Node that the package supports, one after the other.
//
//   npm run test:nodes -- [--only 22,24] [--backend wasm] [--full [--minutes N]]
//
// --full: tools/test/full.mjs instead, a quarter of an hour on each. Nodes are programs of the npm registry. Ends with
// a line for each Node.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MAJORS, nodeOf } from './nodes.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    backend: { type: 'string', default: '' },
    full: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '10' },
  },
});

const env = { ...process.env, HAKMEM_BACKEND: options.backend };
const majors = options.only === undefined ? MAJORS : options.only.split(',').map(Number);
const args = options.full
  ? ['tools/test/full.mjs', '--minutes', options.minutes]
  : ['node_modules/jest/bin/jest.js', 'test/(unit|process|hostile)/'];

const rows = majors.map((major) => {
  const node = nodeOf(major);
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n== ${version}`);
  const { status, signal } = spawnSync(node, args, { cwd: ROOT, env, stdio: 'inherit' });
  return { version, isGood: status === 0, how: signal ?? status };
});

console.log('');
for (const { version, isGood, how } of rows) {
  console.log(`${version.padEnd(10)} ${isGood ? 'passed' : `failed: ended by ${how}`}`);
}
process.exitCode = rows.every(({ isGood }) => isGood) ? 0 : 1;

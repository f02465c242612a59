import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';

/** Longest function that V8 inlines: `--max-inlined-bytecode-size`. */
const INLINED = 460;

const PROGRAM = `
  const { Arena } = require('hakmem-arena');
  new Arena().from('é'.repeat(100), 'latin1');`;

it('encodes a text in a function too long to be inlined into a `try`', () => {
  const flags = ['--print-bytecode', '--print-bytecode-filter=encode'];
  const child = spawnSync(process.execPath, [...flags, '-e', PROGRAM], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(child.status, 0, child.stderr);
  const [, length] = /function: encode \(.*\nBytecode length: (\d+)/.exec(child.stdout) ?? [];
  assert.ok(Number(length) > INLINED, `${length} bytes of bytecode`);
});

// The committed WebAssembly module: it is of the sources as they are, and as small and as harmless as it should be.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WASM_MODULE, compileWasm, missingTools, wasmFault } from '../../tools/build/wasm.mjs';
import { identityLine } from '../../tools/build/native-identity.cjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const [, text] = /WASM = *\n? *'([^']+)'/.exec(readFileSync(join(ROOT, WASM_MODULE), 'utf8'));
const bytes = Buffer.from(text, 'base64');

test('it says that it is of the sources as they are', () => {
  assert.match(readFileSync(join(ROOT, WASM_MODULE), 'utf8'), new RegExp(identityLine(ROOT)));
  assert.ok(bytes.includes(identityLine(ROOT)));
});

test('it is what they make, byte for byte', { skip: missingTools() }, () => {
  assert.equal(wasmFault(ROOT), undefined);
  assert.ok(compileWasm(ROOT).equals(bytes));
});

test('it is under 64 KB', () => {
  assert.ok(bytes.length < 64 * 1024, `${bytes.length} bytes`);
});

test('it asks its host for a clock, the environment, and to forget slabs, and for nothing else', () => {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
  const names = imports.map(({ module, name }) => `${module}.${name}`).sort();
  assert.deepEqual(names, ['env.memory', 'host.env', 'host.fail', 'host.forget', 'host.now']);
});

test('nothing in it names a folder of the machine it was made on', () => {
  assert.doesNotMatch(bytes.toString('latin1'), /\/(?:tmp|home|root|work|usr)\//);
});

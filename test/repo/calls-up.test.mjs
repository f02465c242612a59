import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkCallsUp } from '../../tools/check/calls-up.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Blocks know a host by what they need of it; the front is not one. */
const CLEAN = {
  'lib/front/blocks.ts': `
    export interface Host { drop(id: number): number }
    export class Blocks {
      readonly #host: Host;
      constructor(host: Host) { this.#host = host; }
      free(id: number): number { return this.#host.drop(id); }
    }
  `,
  'lib/front/table.ts': 'export class Table { drop(id: number): number { return id; } }\n',
  'lib/front/front.ts': `
    import { Blocks } from './blocks';
    import { Table } from './table';
    export class Front { readonly blocks = new Blocks(new Table()); }
  `,
};

const SELF = `
  import { Blocks } from './blocks';
  export class Front {
    readonly blocks = new Blocks(this);
    drop(id: number): number { return id + 1; }
  }
`;

function violationsWith(changes) {
  const root = mkdtempSync(join(tmpdir(), 'calls-up-'));
  try {
    for (const [file, text] of Object.entries({ ...CLEAN, ...changes })) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return checkCallsUp(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('no call of lib/ runs up', () => assert.deepEqual(checkCallsUp(ROOT), []));

test('an interface that is given what stands beside is no call up', () => {
  assert.deepEqual(violationsWith({}), []);
});

test('a class that hands itself down is called up into, with the line of the call', () => {
  const violations = violationsWith({ 'lib/front/front.ts': SELF });
  assert.deepEqual(violations, [
    'lib/front/blocks.ts:6: Host.drop runs up into class Front of lib/front/front.ts',
  ]);
});

test('a class far above counts as well, and so does one that says implements', () => {
  const far = SELF.replace('./blocks', '../front/front').replace(
    'Front {',
    'Arena implements Host {',
  );
  const violations = violationsWith({
    'lib/front/front.ts': "export { Blocks, type Host } from './blocks';\n",
    'lib/arena/arena.ts': far.replace('{ Blocks }', '{ Blocks, type Host }'),
  });
  assert.deepEqual(violations, [
    'lib/front/blocks.ts:6: Host.drop runs up into class Arena of lib/arena/arena.ts',
  ]);
});

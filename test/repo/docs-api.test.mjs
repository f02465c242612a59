import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readApi, symbolsOf, tagsOf } from '../../tools/docs/api.mjs';
import {
  compileExamples,
  examplesOfApi,
  examplesOfPages,
  promisedOutput,
} from '../../tools/docs/examples.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const EXAMPLES = join(ROOT, '.build', 'doc-examples');
const HAVE_EXAMPLES = new Set([
  'Class',
  'Constructor',
  'Function',
  'Method',
  'Accessor',
  'Interface',
  'TypeAlias',
]);

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** typedoc fails on anything that is not documented, and on every other warning. */
let api;
before(() => (api = readApi(ROOT)));

describe('the API documentation', () => {
  it('covers every entry of the package', () => {
    const { name, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const entries = Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => name + path.slice(1));
    assert.deepEqual([...new Set(symbolsOf(api).map(({ entry }) => entry))].sort(), entries.sort());
  });

  it('has an example of every symbol and every call', () => {
    // The example of an interface shows its members.
    const without = symbolsOf(api)
      .filter(({ kind, owner }) => HAVE_EXAMPLES.has(kind) && owner !== 'Interface')
      .filter((symbol) => tagsOf(symbol, '@example').length === 0)
      .map(({ entry, name }) => `${entry} ${name}`);
    assert.deepEqual(without, []);
  });

  it('names only codes that there are', () => {
    const { HAKMEM_ERRORS } = require(join(ROOT, 'dist', 'errors.js'));
    const source = readFileSync(join(ROOT, 'lib', 'errors.ts'), 'utf8');
    const nodes = source.match(/'ERR_(?!HAKMEM)\w+'/g).map((code) => code.slice(1, -1));
    const known = new Set([...Object.keys(HAKMEM_ERRORS), ...nodes]);
    for (const symbol of symbolsOf(api)) {
      for (const text of tagsOf(symbol, '@throws')) {
        for (const [code] of text.matchAll(/ERR_\w+/g)) {
          assert.ok(known.has(code), `${symbol.name} is said to throw ${code}`);
        }
      }
    }
  });
});

describe('examples', () => {
  let programs;
  before(() => {
    const examples = [...examplesOfApi(api), ...examplesOfPages(ROOT)];
    programs = compileExamples(ROOT, EXAMPLES, examples, api);
  });

  it('run, and print what they say', async () => {
    assert.ok(programs.length > 80, `${programs.length} examples`);
    const failures = [];
    const queue = [...programs];
    const work = async () => {
      for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
        const failure = await failureOf(one);
        if (failure) failures.push(`${one.name}: ${failure}`);
      }
    };
    await Promise.all([work(), work()]);
    assert.deepEqual(failures, []);
  });
});

/** Runs one example in a process of its own. */
async function failureOf({ file, code }) {
  try {
    const { stdout } = await run(process.execPath, [file], { cwd: EXAMPLES });
    const lines = stdout.split('\n');
    const missing = promisedOutput(code).filter((line) => !lines.includes(line));
    return missing.length === 0 ? undefined : `printed ${stdout}instead of ${missing.join('\n')}`;
  } catch (error) {
    return error.stderr || String(error);
  }
}

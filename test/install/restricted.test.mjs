// The installed package where the program is denied something: reading, addons, the environment. What cannot load the
// addon runs on WebAssembly; the reason names what has to be allowed, and with that allowed the addon loads.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MAJORS, install, nodeOf, note, pinnedTools, versionOf } from './support.mjs';

const skip =
  (process.platform !== 'linux' || process.arch !== 'x64') && 'no Deno or Nodes for this machine';

const PROGRAM = `
  try {
    const { Arena } = require('hakmem-arena');
    const arena = new Arena();
    const { backend } = arena.stats();
    console.log(JSON.stringify({ length: arena.alloc(100).length, backend }));
  } catch ({ code, message }) {
    console.log(JSON.stringify({ code, message }));
  }`;

let project;

before(() => {
  if (skip) return;
  project = realpathSync(mkdtempSync(join(tmpdir(), 'project-')));
  const manifest = { name: 'service', dependencies: { 'hakmem-arena': '0.1.0' } };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(project, 'program.cjs'), PROGRAM);
  install(project);
});
after(() => rmSync(project ?? '', { recursive: true, force: true }));

function run(program, args) {
  const { stdout, stderr } = spawnSync(program, [...args, 'program.cjs'], {
    cwd: project,
    env: { ...process.env, DENO_DIR: join(project, '.deno'), NO_COLOR: '1' },
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.match(stdout, /^\{/, stderr);
  return JSON.parse(stdout);
}

/** Flags that the error asks for. */
const flagsIn = (message) => [...new Set(message.match(/--allow-[\w-]+(=[^\s,]+)?/g))];

/** Adds what the error, or the warning, names until the addon loads; returns all that it named. */
function allowStepwise(program, given) {
  const named = [];
  for (let step = 0; step < 4; step++) {
    const { code, message = '', length, backend } = run(program, [...given, ...named]);
    if (backend?.name === 'native') return named;
    // Without the addon it works on WebAssembly, where it may be read at all.
    if (backend === undefined) assert.equal(code, 'ERR_HAKMEM_NATIVE_LOAD');
    else assert.equal(length, 100);
    const text = backend?.reason ?? message;
    const flags = flagsIn(text).filter((flag) => !named.includes(flag));
    assert.ok(flags.length > 0, `names nothing new: ${text}`);
    named.push(...flags);
  }
  assert.fail(`still denied with ${named.join(' ')}`);
}

for (const major of MAJORS) {
  const permission = major === 20 ? '--experimental-permission' : '--permission';
  const reads = (...paths) => paths.map((path) => `--allow-fs-read=${join(project, path)}`);
  const modules = (...paths) => reads(...paths.map((path) => join('node_modules', path)));

  test(`Node ${major} --permission: the project and addons are enough`, { skip }, () => {
    const flags = [permission, ...reads('*'), '--allow-addons'];
    const { length, backend } = run(nodeOf(major), flags);
    assert.deepEqual([length, backend.name], [100, 'native']);
  });

  test(`Node ${major} --permission without addons: names the flag`, { skip }, () => {
    const named = allowStepwise(nodeOf(major), [permission, ...reads('*')]);
    assert.deepEqual(named, ['--allow-addons']);
  });

  test(`Node ${major} --permission without the binaries: names their folder`, { skip }, () => {
    const seen = modules('hakmem-arena/dist', 'hakmem-arena/package.json', 'node-gyp-build');
    const given = [permission, ...reads('program.cjs', 'package.json'), ...seen];
    const named = allowStepwise(nodeOf(major), given);
    assert.deepEqual(named, [...modules('hakmem-arena'), '--allow-addons']);
  });
}

const DENO = ['--allow-read', '--allow-env', '--allow-ffi'];

for (const given of [DENO, [], DENO.slice(0, 1), DENO.slice(1), DENO.slice(0, 2)]) {
  test(`Deno with ${given.join(' ') || 'nothing'}: names what is missing`, { skip }, () => {
    const deno = join(pinnedTools(), '@deno/linux-x64-glibc/deno');
    const named = allowStepwise(deno, ['run', '--no-prompt', ...given]);
    assert.deepEqual([...given, ...named].sort(), [...DENO].sort());
    note('platforms', 'linux-x64-glibc', 'Deno', versionOf('deno'));
  });
}

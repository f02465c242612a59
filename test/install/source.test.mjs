// The packed tarball, built from source where there is a compiler and no prebuilt binary for it.

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { failure, inProject, install, installed, missing, npm, result } from './support.mjs';

const prefix = dirname(dirname(realpathSync(process.execPath)));
const headers = [process.env.npm_config_nodedir, prefix].some(
  (folder) => folder && existsSync(join(folder, 'include/node/node_api.h')),
);
const skip = missing('g++', 'make', 'python3') || (!headers && 'there are no headers of Node here');

function assertBuilt(project) {
  const { addon, live } = result(project, [process.execPath, 'use.cjs']);
  assert.match(addon, /build.Release.hakmem_arena\.node$/);
  assert.equal(live, 0);
  assert.deepEqual(result(project, [process.execPath, 'use.mjs']), { text: 'by import' });
}

/** `npx hakmem-arena build`, and what it says. */
function build(project, ...options) {
  return npm(project, ['exec', 'hakmem-arena', '--', 'build', ...options]);
}

test('without a prebuilt binary, the command that the error names compiles one', { skip }, () => {
  inProject((project) => {
    install(project);
    rmSync(join(installed(project), 'prebuilds'), { recursive: true });
    const [, command] = /`npx ([^`]+)`/.exec(failure(project).message);
    npm(project, ['exec', ...command.split(' ')]);
    assertBuilt(project);
    assert.deepEqual(readdirSync(join(installed(project), 'build')), ['Release']);
    assert.deepEqual(readdirSync(join(installed(project), 'build/Release')), ['hakmem_arena.node']);
    assert.match(build(project), /There is a binary that loads/);
  });
});

test('with one, build --force compiles all the same', { skip }, () => {
  inProject((project) => {
    install(project);
    assert.match(build(project), /There is a binary that loads/);
    build(project, '--force');
    assertBuilt(project);
    // Sources that change afterwards make it a stale build: refused, and what the error says cures it.
    appendFileSync(join(installed(project), 'csrc/os/os.c'), '/* patched */\n');
    const { code, message } = failure(project);
    assert.equal(code, 'ERR_HAKMEM_NATIVE_LOAD');
    assert.match(message, /built from other sources/);
    const [, command] = /`npx ([^`]+)`/.exec(message);
    npm(project, ['exec', ...command.split(' ')]);
    assertBuilt(project);
  });
});

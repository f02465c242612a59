// The published package, added by name to a fresh project by every package manager, where there is no compiler:
// it exits with 0, warns of nothing, has nothing to run, and the program allocates.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { barePath, inProject, npmProgram, pinnedTools, registry, result } from './support.mjs';

const skip =
  (process.platform !== 'linux' || process.arch !== 'x64') &&
  'no package managers for this machine';

const TIMEOUT_MS = 120_000;

const node = process.execPath;
const tool = (path) => join(pinnedTools(), path);

/** How to add a package, and how to run a file. */
const MANAGERS = {
  npm: { add: () => [node, npmProgram(), 'install'] },
  pnpm: { add: () => [tool('@pnpm/exe.linux-x64/pnpm'), 'add'] },
  'yarn 1': { add: () => [node, tool('yarn/bin/yarn.js'), 'add'] },
  "yarn 4, Plug'n'Play": {
    add: () => [node, tool('@yarnpkg/cli-dist/bin/yarn.js'), 'add'],
    run: () => [node, '-r', './.pnp.cjs'],
    // Without it yarn looks for the project in the folders above.
    lock: 'yarn.lock',
  },
  bun: {
    add: () => [tool('@oven/bun-linux-x64/bin/bun'), 'add'],
    run: () => [tool('@oven/bun-linux-x64/bin/bun')],
  },
};

/** Settings of a fresh project: the registry, which all but yarn 4 read from .npmrc. */
function configure(project, { lock }) {
  const url = registry();
  writeFileSync(join(project, '.npmrc'), `registry=${url}/\naudit=false\nfund=false\n`);
  const yarn = [`npmRegistryServer: "${url}"`, 'unsafeHttpWhitelist: ["127.0.0.1"]'];
  writeFileSync(join(project, '.yarnrc.yml'), [...yarn, 'enableTelemetry: false'].join('\n'));
  if (lock !== undefined) writeFileSync(join(project, lock), '');
}

/** Each manager's stores and caches, empty, below the project. */
function environment(project, path) {
  const folder = (name) => join(project, '.caches', name);
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm|yarn|bun)_/i.test(name));
  return {
    ...Object.fromEntries(kept),
    PATH: path,
    HOME: folder('home'),
    XDG_DATA_HOME: folder('data'),
    XDG_CACHE_HOME: folder('cache'),
    XDG_STATE_HOME: folder('state'),
    YARN_CACHE_FOLDER: folder('yarn'),
    YARN_GLOBAL_FOLDER: folder('berry'),
    BUN_INSTALL_CACHE_DIR: folder('bun'),
    npm_config_cache: folder('npm'),
    CI: '',
  };
}

function add(project, manager, path) {
  configure(project, manager);
  const [program, ...args] = manager.add();
  const { status, stdout, stderr } = spawnSync(program, [...args, 'hakmem-arena'], {
    cwd: project,
    env: environment(project, path),
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  const output = `${stdout}\n${stderr}`;
  assert.equal(status, 0, output);
  // pnpm: ERR_PNPM_IGNORED_BUILDS; yarn 4: YN0004, YN0005, YN0007; bun: "Blocked 1 postinstall".
  assert.doesNotMatch(output, /warn|ignored|blocked|ERR_|YN000[457]|node-gyp rebuild/i);
}

for (const [name, manager] of Object.entries(MANAGERS)) {
  test(`${name}, no compiler: adds it without a word of warning, and it works`, { skip }, () => {
    inProject((project) => {
      const path = barePath(node);
      add(project, manager, path);
      rmSync(path, { recursive: true });
      const run = manager.run?.() ?? [node];
      const used = result(project, [...run, 'use.cjs', '--thread']);
      assert.equal(used.live, 0);
      assert.match(used.addon, /prebuilds.linux-x64.hakmem-arena\.glibc\.node$/);
      assert.equal(existsSync(join(realpathSync(used.addon), '../../../build')), false);
    });
  });
}

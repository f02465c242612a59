// Builds one target in a folder of its own, so that the local build/ stays as it is. Linux by
// prebuildify; Windows by mingw directly, because node-gyp can only build for Windows on Windows.
//
// The same sources, headers and compilers give the same bytes, in whatever folder, at whatever time, in
// whatever environment.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { includeDirectory } from '../../build/napi-include.mjs';
import { buildWithMingw } from './mingw.mjs';
import { fileOf } from './targets.mjs';

const require = createRequire(import.meta.url);
const INPUTS = ['binding.gyp', 'csrc', 'package.json', 'tools'];

/** Variables that compilers and make read, and what is set in their place. */
const UNSET = ['CPATH', 'C_INCLUDE_PATH', 'CPLUS_INCLUDE_PATH', 'LIBRARY_PATH', 'COMPILER_PATH'];
UNSET.push('CPPFLAGS', 'GCC_EXEC_PREFIX', 'GYP_DEFINES', 'MAKEFLAGS', 'V');
const SET = { LC_ALL: 'C', TZ: 'UTC', SOURCE_DATE_EPOCH: '0' };

function environment(extra) {
  const kept = Object.entries(process.env).filter(([name]) => !UNSET.includes(name));
  return { ...Object.fromEntries(kept), ...SET, ...extra };
}

/** Headers that came with this Node: the addon uses Node-API 9 alone, so any Node's will do. */
export function nodeDirectory() {
  const given = process.env.npm_config_nodedir;
  if (given) return given;
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined;
}

/** Builds `target` from the sources at `root` in `folder`; returns the path of the stripped addon. */
export function build(target, root, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const input of INPUTS) cpSync(join(root, input), join(folder, input), { recursive: true });
  cpSync(includeDirectory(root), join(folder, 'vendor/node-addon-api'), { recursive: true });
  const output = join('prebuilds', fileOf(target));
  if (target.platform === 'win32') {
    buildWithMingw(folder, output, nodeDirectory(), environment({}));
  } else {
    withPrebuildify(target, folder, root);
  }
  return join(folder, output);
}

function withPrebuildify(target, folder, root) {
  const nodedir = nodeDirectory();
  // Where the compiler writes down a path, it is one below the package.
  const map = `-ffile-prefix-map=${folder}=.`;
  const env = environment({
    ...target.env,
    CFLAGS: `${target.env.CFLAGS} ${map}`,
    CXXFLAGS: `${target.env.CXXFLAGS} ${map}`,
    JOBS: String(availableParallelism()),
    ...(nodedir && { npm_config_nodedir: nodedir }),
    npm_config_loglevel: 'error',
    PREBUILD_NODE_GYP: join(root, 'node_modules/.bin/node-gyp'),
    PREBUILD_STRIP_BIN: target.strip,
    PREBUILD_LIBC: target.libc,
  });
  const options = ['--napi', '--strip', '--tag-libc', `--arch=${target.arch}`];
  // Without a target, prebuildify asks for the headers of the newest Node there is.
  options.push(`--target=${process.versions.node}`, `--platform=${target.platform}`, '--quiet');
  execFileSync(process.execPath, [require.resolve('prebuildify/bin.js'), ...options], {
    cwd: folder,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

// Builds one target in a folder of its own, so that the local build/ stays as it is. Linux by
// prebuildify; Windows by mingw directly, because node-gyp can only build for Windows on Windows.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { addonSources } from '../native-sources.mjs';
import { includeDirectory } from '../napi-include.mjs';
import { fileOf } from './targets.mjs';

const require = createRequire(import.meta.url);
const INPUTS = ['binding.gyp', 'csrc', 'package.json', 'tools'];

/** Headers that came with this Node: the addon uses Node-API 9 alone, so any Node's will do. */
function nodeDirectory() {
  const given = process.env.npm_config_nodedir;
  if (given) return given;
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined;
}

/** Builds `target` from the sources at `root`; returns the path of the stripped addon. */
export function build(target, root) {
  const folder = join(root, '.build/prebuild', target.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const input of INPUTS) cpSync(join(root, input), join(folder, input), { recursive: true });
  cpSync(includeDirectory(root), join(folder, 'vendor/node-addon-api'), { recursive: true });
  const make = target.platform === 'win32' ? withMingw : withPrebuildify;
  make(target, folder, root);
  return join(folder, 'prebuilds', fileOf(target));
}

function withPrebuildify(target, folder, root) {
  const nodedir = nodeDirectory();
  const env = {
    ...process.env,
    ...target.env,
    JOBS: String(availableParallelism()),
    ...(nodedir && { npm_config_nodedir: nodedir }),
    npm_config_loglevel: 'error',
    PREBUILD_NODE_GYP: join(root, 'node_modules/.bin/node-gyp'),
    PREBUILD_STRIP_BIN: target.strip,
    PREBUILD_LIBC: target.libc,
  };
  const options = ['--napi', '--strip', '--tag-libc', `--arch=${target.arch}`];
  // Without a target, prebuildify asks for the headers of the newest Node there is.
  options.push(`--target=${process.versions.node}`, `--platform=${target.platform}`, '--quiet');
  execFileSync(process.execPath, [require.resolve('prebuildify/bin.js'), ...options], {
    cwd: folder,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

const MINGW_C = ['-std=gnu11', '-Wall', '-Wextra', '-Wconversion', '-Wshadow'];
const MINGW_CXX = ['-std=gnu++17', '-Wall', '-Wextra', '-fno-exceptions', '-fno-rtti'];
const DEFINES = [
  'NAPI_VERSION=9',
  'NAPI_DISABLE_CPP_EXCEPTIONS',
  'NODE_ADDON_API_DISABLE_DEPRECATED',
];
DEFINES.push('NODE_GYP_MODULE_NAME=hakmem_arena', 'BUILDING_NODE_EXTENSION', 'NDEBUG');

// Node's own settings give Linux the like. What is not used is left out.
const SMALL = ['-O2', '-ffunction-sections', '-fdata-sections'];

function withMingw(target, folder) {
  const run = (tool, args) =>
    execFileSync(`x86_64-w64-mingw32-${tool}`, args, {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const nodedir = nodeDirectory();
  if (nodedir === undefined) throw new Error('no Node headers: set npm_config_nodedir');
  const includes = ['-Icsrc', '-Icsrc/include', '-isystem', 'vendor/node-addon-api'];
  includes.push('-isystem', join(nodedir, 'include/node'));

  const objects = [];
  for (const source of [...addonSources(folder, 'win32'), 'tools/prebuild/delay_load.c']) {
    const [compiler, flags] = source.endsWith('.cc')
      ? ['g++-posix', MINGW_CXX]
      : ['gcc-posix', MINGW_C];
    const object = `${source.replaceAll('/', '_')}.o`;
    run(compiler, [
      ...flags,
      ...SMALL,
      ...DEFINES.map((name) => `-D${name}`),
      ...includes,
      '-c',
      source,
      '-o',
      object,
    ]);
    objects.push(object);
  }

  // An import library with just what is used of Node.
  const used = run('nm', ['--undefined-only', '--no-sort', ...objects]).match(
    /(?<=__imp_|\s)napi_\w+/g,
  );
  const names = [...new Set(used)].sort();
  writeFileSync(join(folder, 'node.def'), `LIBRARY node.exe\nEXPORTS\n${names.join('\n')}\n`);
  run('dlltool', ['--input-def', 'node.def', '--output-delaylib', 'libnode.a']);

  const output = join('prebuilds', fileOf(target));
  mkdirSync(join(folder, dirname(output)), { recursive: true });
  const reproducible = ['-Wl,--no-insert-timestamp', '-Wl,--gc-sections'];
  run('g++-posix', [
    '-shared',
    '-s',
    '-static',
    ...reproducible,
    '-o',
    output,
    ...objects,
    '-L.',
    '-lnode',
  ]);
}

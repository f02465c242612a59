// Builds the addon for Windows with Debian's mingw-w64.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeHeader } from '../../build/native-identity.cjs';
import * as recipe from '../../build/recipe.mjs';

const C = [recipe.C_STANDARD, ...recipe.WARNINGS];
// The stack protector as on Linux, in the binding only; stack_guard.c has what it needs.
const CXX = [
  recipe.CXX_STANDARD,
  '-Wall',
  '-Wextra',
  ...recipe.CXX_RUNTIME,
  recipe.STACK_PROTECTOR,
  // What node-addon-api inlines into every call is a third of the binding; hot loops are in C.
  '-Os',
];

const DEFINES = [
  ...recipe.ADDON_DEFINES,
  'NODE_GYP_MODULE_NAME=hakmem_arena',
  'BUILDING_NODE_EXTENSION',
  'NDEBUG',
];

// Node's own settings give Linux the like. What is not used is left out.
const SMALL = ['-O2', '-ffunction-sections', '-fdata-sections'];

const OURS = ['tools/release/prebuild/delay_load.c', 'tools/release/prebuild/stack_guard.c'];

const LINK = ['-shared', '-s', '-static', '-Wl,--gc-sections', '-Wl,--no-insert-timestamp'];
LINK.push('-Wl,--nxcompat', '-Wl,--dynamicbase', '-Wl,--high-entropy-va');

/** Builds what is in `folder` to the file `output` in it, with Node's headers below `nodedir`. */
export function buildWithMingw(folder, output, nodedir, env) {
  if (nodedir === undefined) throw new Error('no Node headers: set npm_config_nodedir');
  const run = (tool, args) =>
    execFileSync(`x86_64-w64-mingw32-${tool}`, args, {
      cwd: folder,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const flags = [`-ffile-prefix-map=${folder}=.`, ...SMALL, ...DEFINES.map((name) => `-D${name}`)];
  flags.push(
    '-I.',
    ...recipe.INCLUDES.map((path) => `-I${path}`),
    '-isystem',
    'vendor/node-addon-api',
  );
  flags.push('-isystem', join(nodedir, 'include/node'));

  writeHeader(join(folder, 'hk_identity.h'), folder);
  const objects = [...recipe.addonSources(folder, 'win32'), ...OURS].map((source) => {
    const object = `${source.replaceAll('/', '_')}.o`;
    const [compiler, own] = source.endsWith('.cc') ? ['g++-posix', CXX] : ['gcc-posix', C];
    run(compiler, [...flags, ...own, '-c', source, '-o', object]);
    return object;
  });

  // An import library with just what is used of Node.
  const symbols = run('nm', ['--undefined-only', '--no-sort', ...objects]);
  const names = [...new Set(symbols.match(/(?<=__imp_|\s)napi_\w+/g))].sort();
  writeFileSync(join(folder, 'node.def'), `LIBRARY node.exe\nEXPORTS\n${names.join('\n')}\n`);
  run('dlltool', ['--input-def', 'node.def', '--output-delaylib', 'libnode.a']);

  mkdirSync(join(folder, dirname(output)), { recursive: true });
  run('g++-posix', [...LINK, '-o', output, ...objects, '-L.', '-lnode']);
}

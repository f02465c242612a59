// Builds the addon once more, with other flags, in a folder of its own: for sanitizers and for coverage.
// HAKMEM_ARENA_PREBUILD=<folder> makes the package load it.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identityIn, identityLine, writeHeader } from './native-identity.cjs';
import { addonSources } from './native-sources.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CC = process.env.CC || 'cc';
const CXX = process.env.CXX || 'c++';

function run(command, args) {
  return spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
}

/** Headers of this Node: those that came with it, or those that node-gyp has fetched. */
function nodeHeaders() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const config = join(ROOT, 'build/config.gypi');
  const fetched = existsSync(config)
    ? /"nodedir": "([^"]+)"/.exec(readFileSync(config, 'utf8'))?.[1]
    : undefined;
  const places = [join(prefix, 'include/node'), fetched && join(fetched, 'include/node')];
  return places.find((place) => place && existsSync(join(place, 'node_api.h')));
}

const isOfThisTree = (addon) =>
  existsSync(addon) && identityIn(readFileSync(addon))?.line === identityLine(ROOT);

/**
 * Builds it, unless it is of the sources as they are. Throws when something does not compile.
 *
 * @returns why it cannot be built here; undefined: it is there.
 */
export function buildAddon(folder, special) {
  const headers = nodeHeaders();
  if (headers === undefined) return 'there are no headers of Node';
  const addon = join(folder, 'build/Release/hakmem_arena.node');
  if (isOfThisTree(addon)) return undefined;
  mkdirSync(dirname(addon), { recursive: true });
  writeHeader(join(folder, 'hk_identity.h'));
  const napi = createRequire(import.meta.url)('node-addon-api').include_dir;
  const includes = ['-Icsrc', '-Icsrc/include', `-I${folder}`, `-I${headers}`, `-isystem${napi}`];
  const defines = [
    'NAPI_VERSION=9',
    'NAPI_DISABLE_CPP_EXCEPTIONS',
    'NODE_GYP_MODULE_NAME=hakmem_arena',
  ];
  const flags = [
    '-fPIC',
    '-pthread',
    '-g',
    ...includes,
    ...defines.map((it) => `-D${it}`),
    ...special,
  ];
  const objects = addonSources(ROOT).map((source) => compile(source, folder, flags));
  const { status, stderr } = run(CXX, ['-shared', '-pthread', ...special, ...objects, '-o', addon]);
  return status === 0 ? undefined : `the addon does not link: ${stderr.trim().split('\n').pop()}`;
}

function compile(source, folder, flags) {
  const object = join(folder, `${source.replaceAll('/', '_')}.o`);
  const isC = source.endsWith('.c');
  const language = isC ? ['-std=gnu11'] : ['-std=c++17', '-fno-exceptions', '-fno-rtti'];
  // Virtual functions, which one check of UBSan is about, need the type information that is left out.
  if (!isC && flags.some((flag) => flag.includes('undefined'))) language.push('-fno-sanitize=vptr');
  const args = [...flags, ...language, '-c', source, '-o', object];
  const { status, stderr } = run(isC ? CC : CXX, args);
  if (status !== 0) throw new Error(`${source} does not compile:\n${stderr}`);
  return object;
}

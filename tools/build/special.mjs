// Builds the addon once more, with other flags, in a folder of its own: for sanitizers and for coverage.
// HAKMEM_ARENA_PREBUILD=<folder> makes the package load it.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identityIn, identityLine, writeHeader } from './native-identity.cjs';
import { includeDirectory } from './napi-include.mjs';
import * as recipe from './recipe.mjs';

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
  const folders = [...recipe.INCLUDES, folder, headers].map((path) => `-I${path}`);
  const defines = [...recipe.ADDON_DEFINES, 'NODE_GYP_MODULE_NAME=hakmem_arena'];
  const flags = ['-fPIC', '-pthread', '-g', ...folders, `-isystem${includeDirectory(ROOT)}`];
  flags.push(...defines.map((macro) => `-D${macro}`), ...special);
  const objects = recipe.addonSources(ROOT).map((source) => compile(source, folder, flags));
  const { status, stderr } = run(CXX, ['-shared', '-pthread', ...special, ...objects, '-o', addon]);
  return status === 0 ? undefined : `the addon does not link: ${stderr.trim().split('\n').pop()}`;
}

function compile(source, folder, flags) {
  const object = join(folder, `${source.replaceAll('/', '_')}.o`);
  const isC = source.endsWith('.c');
  const language = isC ? [recipe.C_STANDARD] : [recipe.CXX_STANDARD, ...recipe.CXX_RUNTIME];
  // Virtual functions, which one check of UBSan is about, need the type information that is left out.
  if (!isC && flags.some((flag) => flag.includes('undefined'))) language.push('-fno-sanitize=vptr');
  const args = [...flags, ...language, '-c', source, '-o', object];
  const { status, stderr } = run(isC ? CC : CXX, args);
  if (status !== 0) throw new Error(`${source} does not compile:\n${stderr}`);
  return object;
}

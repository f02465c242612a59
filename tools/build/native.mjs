// Builds the addon when it is missing or was not built from the sources as they are, compiling only what
// changed. Otherwise does nothing.
//
//   --rebuild       compiles everything in any case
//   --if-missing    nothing either where the package loads, by a prebuilt addon for instance; needs dist/

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identityIn, identityLine } from './native-identity.cjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const ADDON = join(ROOT, 'build/Release/hakmem_arena.node');
const GENERATORS = ['napi-include.mjs', 'native-identity.cjs', 'recipe.mjs'];

const isOfThisTree = () =>
  existsSync(ADDON) && identityIn(readFileSync(ADDON))?.line === identityLine();

function isStale() {
  if (!isOfThisTree()) return true;
  const built = statSync(ADDON).mtimeMs;
  return GENERATORS.some((file) => statSync(join(ROOT, 'tools/build', file)).mtimeMs > built);
}

/** Headers that came with this Node save a download and match it exactly. */
function headersOption() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const shipped = existsSync(join(prefix, 'include/node/node_api.h'));
  return shipped && !process.env.npm_config_nodedir ? [`--nodedir=${prefix}`] : [];
}

function nodeGyp(...commands) {
  const program = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const options = ['--release', '--jobs=max', '--loglevel=error', ...headersOption()];
  const { status } = spawnSync(process.execPath, [program, ...commands, ...options], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether the package as it is, with whatever addon it finds, loads. */
function loads() {
  const { status } = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', ROOT], {
    stdio: 'ignore',
  });
  return status === 0;
}

function bringUpToDate() {
  nodeGyp('configure', 'build');
  // make goes by the time of files, and a source that was put back may be older than what it changes.
  if (!isOfThisTree()) nodeGyp('rebuild');
  // When a generator was touched but not changed, make leaves the addon as it is.
  utimesSync(ADDON, new Date(), new Date());
}

const option = process.argv[2];
if (option === '--rebuild') nodeGyp('rebuild');
else if (option === '--if-missing' && loads()) console.log('The package has an addon that loads.');
else if (isStale()) bringUpToDate();

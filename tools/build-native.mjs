// Builds the addon when it is missing or older than what it is made of. Otherwise does nothing.
// Unlike `node-gyp rebuild` this compiles only what changed.

import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesUnder } from './native-sources.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const ADDON = join(ROOT, 'build/Release/hakmem_arena.node');
const GENERATORS = ['binding.gyp', 'tools/native-sources.mjs'];

function isStale() {
  if (!existsSync(ADDON)) return true;
  const built = statSync(ADDON).mtimeMs;
  // A deleted file leaves its folder newer; a source that came or went changes the build itself.
  const sources = filesUnder('csrc').filter((file) => /\.(c|cc|h)$/.test(file));
  const folders = new Set(sources.map((file) => dirname(file)));
  const inputs = [...sources, ...folders, ...GENERATORS];
  return inputs.some((file) => statSync(join(ROOT, file)).mtimeMs > built);
}

/** Headers that came with this Node save a download and match it exactly. */
function headersOption() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const shipped = existsSync(join(prefix, 'include/node/node_api.h'));
  return shipped && !process.env.npm_config_nodedir ? [`--nodedir=${prefix}`] : [];
}

if (isStale()) {
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const options = ['--release', '--jobs=max', '--loglevel=error', ...headersOption()];
  const built = spawnSync(process.execPath, [nodeGyp, 'configure', 'build', ...options], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (built.status !== 0) process.exit(built.status ?? 1);
  // When an input was touched but not changed, make leaves the addon as it is.
  utimesSync(ADDON, new Date(), new Date());
}

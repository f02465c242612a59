// Where the C++ headers of node-addon-api are: prints it for binding.gyp. A published package brings
// its own copy along (tools/release/vendor.mjs), so that it depends on no package for building.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isProgram } from './recipe.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export function includeDirectory(root = ROOT) {
  const vendored = join(root, 'vendor/node-addon-api');
  if (existsSync(join(vendored, 'napi.h'))) return vendored;
  const require = createRequire(join(root, 'package.json'));
  return dirname(require.resolve('node-addon-api/package.json'));
}

if (isProgram(import.meta.url)) {
  console.log(relative('.', includeDirectory()).replaceAll('\\', '/'));
}

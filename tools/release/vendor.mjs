// Before packing: puts into vendor/ what building the package from source takes beside its own files: the
// headers of node-addon-api with their licence, and binding.gyp. That one must not lie at the root of a published
// package: package managers take it there for an install script. After packing (--remove): removes the folder.

import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const VENDOR = join(ROOT, 'vendor');
const HEADERS = ['napi.h', 'napi-inl.h', 'LICENSE.md'];

rmSync(VENDOR, { recursive: true, force: true });
if (!process.argv.includes('--remove')) {
  const from = dirname(createRequire(import.meta.url).resolve('node-addon-api/package.json'));
  mkdirSync(join(VENDOR, 'node-addon-api'), { recursive: true });
  for (const file of HEADERS) cpSync(join(from, file), join(VENDOR, 'node-addon-api', file));
  cpSync(join(ROOT, 'binding.gyp'), join(VENDOR, 'binding.gyp'));
}

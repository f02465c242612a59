// Before packing: copies the headers of node-addon-api and their licence to vendor/, so that the
// package can be built from source where only its own files are. After packing (--remove): removes them.

import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VENDOR = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'vendor');
const FILES = ['napi.h', 'napi-inl.h', 'LICENSE.md'];

rmSync(VENDOR, { recursive: true, force: true });
if (!process.argv.includes('--remove')) {
  const from = dirname(createRequire(import.meta.url).resolve('node-addon-api/package.json'));
  mkdirSync(join(VENDOR, 'node-addon-api'), { recursive: true });
  for (const file of FILES) cpSync(join(from, file), join(VENDOR, 'node-addon-api', file));
}

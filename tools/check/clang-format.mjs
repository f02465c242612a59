// Checks the C and C++ sources against .clang-format; with --fix, formats them. Uses the binary
// that an npm package brings along, because every version of clang-format formats differently.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesUnder } from '../build/recipe.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const FOLDERS = ['csrc', 'test/c', 'bench/c'];

/** Path of the binary, or undefined on a platform the package has none for. */
function findBinary() {
  try {
    return createRequire(import.meta.url)('clang-format-node').clangFormatPath;
  } catch {
    return undefined;
  }
}

const files = FOLDERS.filter((folder) => existsSync(join(ROOT, folder)))
  .flatMap((folder) => filesUnder(folder))
  .filter((file) => /\.(c|cc|h)$/.test(file));
const binary = findBinary();

if (binary === undefined) {
  console.warn(`clang-format: no binary for ${process.platform}-${process.arch}, not checked`);
} else if (files.length > 0) {
  const mode = process.argv.includes('--fix') ? ['-i'] : ['--dry-run', '-Werror'];
  const { status, error } = spawnSync(binary, ['--style=file', ...mode, ...files], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (error) throw error;
  process.exitCode = status ?? 1;
}

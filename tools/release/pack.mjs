// Packs what is built, as `npm publish` would, without building anything.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Writes the tarball into `folder`; returns its path, size in bytes, and the files in it. */
export function pack(folder) {
  const vendor = (...options) =>
    execFileSync(process.execPath, ['tools/release/vendor.mjs', ...options], { cwd: ROOT });
  vendor();
  try {
    const options = ['--ignore-scripts', '--json', '--loglevel=error'];
    const output = execFileSync('npm', ['pack', ...options, '--pack-destination', folder], {
      cwd: ROOT,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    const report = JSON.parse(output);
    const [packed] = Array.isArray(report) ? report : Object.values(report);
    const files = packed.files.map((file) => file.path).sort();
    return { path: join(folder, packed.filename), bytes: packed.size, files };
  } finally {
    vendor('--remove');
  }
}

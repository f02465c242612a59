// Removes everything that a build makes. Installed packages and prebuilds stay.

import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
for (const folder of ['.build', 'build', 'coverage', 'dist', 'vendor']) {
  rmSync(join(ROOT, folder), { recursive: true, force: true });
}

// Copies what needs no compiling of the monitor's page to dist/.

import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

for (const name of ['index.html', 'style']) {
  const [from, to] = ['lib', 'dist'].map((folder) => join(ROOT, folder, 'monitor/page', name));
  cpSync(from, to, { recursive: true });
}

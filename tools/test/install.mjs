// Packs the package as it would be published, and runs test/install/ on the tarball: it installs and
// works, with and without a compiler, on every line of Node and on the platforms that run here.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, '.build/tarball');

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
execFileSync('npm', ['pack', '--loglevel=error', '--pack-destination', FOLDER], {
  cwd: ROOT,
  stdio: ['ignore', 'ignore', 'inherit'],
});
const [name] = readdirSync(FOLDER);

const tests = readdirSync(join(ROOT, 'test/install')).filter((file) => file.endsWith('.test.mjs'));
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    '--test-concurrency=1',
    '--test-reporter=spec',
    ...tests.map((file) => `test/install/${file}`),
  ],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, HAKMEM_TARBALL: join(FOLDER, name) } },
);
process.exitCode = status ?? 1;

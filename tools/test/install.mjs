// Publishes the package to a registry of its own on this machine, and runs test/install/ on what arrives
// there: it installs and works, with and without a compiler, by every package manager, in every bundle, on every
// line of Node and on the platforms that run here.
//
//   npm run test:install -- [NAME]...     only the files of test/install/ with these names

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, '.build/tarball');

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });

const registry = spawn(process.execPath, ['test/install/registry.mjs', FOLDER], {
  cwd: ROOT,
  stdio: ['pipe', 'pipe', 'inherit'],
});
const [address] = await once(createInterface(registry.stdout), 'line');
const options = ['--registry', address, `--//${new URL(address).host}/:_authToken=none`];
execFileSync('npm', ['publish', '--loglevel=error', '--tag=latest', ...options], {
  cwd: ROOT,
  stdio: ['ignore', 'ignore', 'inherit'],
});
const name = readdirSync(FOLDER).find((file) => file.startsWith('hakmem-arena-'));

const chosen = process.argv.slice(2);
const tests = readdirSync(join(ROOT, 'test/install'))
  .filter((file) => file.endsWith('.test.mjs'))
  .filter((file) => chosen.length === 0 || chosen.includes(file.slice(0, -'.test.mjs'.length)));
const args = ['--test', '--test-concurrency=1', '--test-reporter=spec'];
const child = spawn(process.execPath, [...args, ...tests.map((file) => `test/install/${file}`)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, HAKMEM_TARBALL: join(FOLDER, name), HAKMEM_REGISTRY: address },
});
const [status] = await once(child, 'exit');
registry.stdin.end();
process.exitCode = status ?? 1;

// `npm run example NAME -- ARGS`: runs one of the examples, which must have been built.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILT = join(dirname(dirname(fileURLToPath(import.meta.url))), '.build', 'examples');

const [name = '', ...args] = process.argv.slice(2);
const main = join(BUILT, name, 'main.js');
if (/^[\w-]+$/.test(name) && existsSync(main)) {
  process.exitCode = spawnSync(process.execPath, [main, ...args], { stdio: 'inherit' }).status ?? 1;
} else {
  const names = readdirSync(BUILT).filter((folder) => existsSync(join(BUILT, folder, 'main.js')));
  console.error(`usage: npm run example NAME -- [options]; NAME is one of ${names.join(', ')}`);
  process.exitCode = 2;
}

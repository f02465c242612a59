// Puts all files of the monitor's page, its compiled scripts among them, into one module of dist/: a bundle has
// modules, and no files beside them.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesUnder } from './recipe.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MODULE = join(ROOT, 'dist/monitor/http/page-files.js');

/** Where `tsc -p tsconfig.page.json` writes to. */
const COMPILED = '.build/page';
const OTHERS = 'lib/monitor/page';

const files = [`${COMPILED}/monitor/page`, OTHERS]
  .flatMap((folder) => filesUnder(folder, ROOT))
  .filter((file) => ['.js', '.html', '.css'].includes(extname(file)));

/** By the path that a browser asks for. */
const texts = files.map((file) => {
  const name = basename(file);
  return [name === 'index.html' ? '/' : `/${name}`, readFileSync(join(ROOT, file), 'utf8')];
});

mkdirSync(dirname(MODULE), { recursive: true });
writeFileSync(
  MODULE,
  `'use strict';\nexports.PAGE_FILES = ${JSON.stringify(Object.fromEntries(texts), undefined, 2)};\n`,
);
rmSync(join(ROOT, COMPILED), { recursive: true });

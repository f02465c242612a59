// Removes from dist/ what no source of lib/ makes any more: what is there is what gets published.

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesUnder, isProgram } from './recipe.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Files of dist/ that are not made from a file of lib/. */
export function strayFiles(root = ROOT) {
  if (!existsSync(join(root, 'dist'))) return [];
  return filesUnder('dist', root).filter((file) => {
    const ending = /(\.d\.ts|\.d\.mts|\.js|\.mjs|\.map|\.html|\.css)$/.exec(file)?.[0];
    if (ending === undefined) return false; // a folder
    const stem = file.slice('dist/'.length, -ending.length);
    const sources = [`lib/${stem}.ts`, `lib/${stem}.d.ts`];
    const isMade = stem.startsWith('monitor/page/') // which is all in one module
      ? false
      : sources.some((source) => existsSync(join(root, source)));
    return ending === '.map' || !isMade;
  });
}

if (isProgram(import.meta.url)) {
  for (const file of strayFiles()) rmSync(join(ROOT, file));
}

// Writes dist/index.mjs and dist/index.d.mts from the names that dist/index.js exports, so that
// `import` and `require` see the same classes. The names are read, not run: no addon is needed.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');

/** Names that a CommonJS file written by tsc exports. */
function exportedNames(source) {
  if (/__exportStar\(/.test(source)) {
    throw new Error('lib/index.ts must export by name: `export *` hides what the facade lists');
  }
  const assigned = source.matchAll(/\bexports\.([A-Za-z_$][\w$]*)\s*=/g);
  const defined = source.matchAll(/\bObject\.defineProperty\(exports, "([\w$]+)"/g);
  const names = new Set([...assigned, ...defined].map((match) => match[1]));
  names.delete('__esModule');
  return [...names].sort();
}

const names = exportedNames(readFileSync(join(DIST, 'index.js'), 'utf8'));
if (names.length === 0) throw new Error('dist/index.js exports nothing');

writeFileSync(
  join(DIST, 'index.mjs'),
  `export {\n${names.map((name) => `  ${name},\n`).join('')}} from './index.js';\n`,
);
writeFileSync(join(DIST, 'index.d.mts'), `export * from './index.js';\n`);

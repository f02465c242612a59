// Writes the `import` side of every entry in package.json's "exports": for ./dist/x.mjs, a facade and
// its types over ./dist/x.js, so that `import` and `require` see the same classes. The names are
// read, not run: no addon is needed.

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Names that a CommonJS file written by tsc exports. */
function exportedNames(file) {
  const source = readFileSync(file, 'utf8');
  if (/__exportStar\(/.test(source)) {
    throw new Error(`${file} must export by name: \`export *\` hides what the facade lists`);
  }
  const assigned = source.matchAll(/\bexports\.([A-Za-z_$][\w$]*)\s*=/g);
  const defined = source.matchAll(/\bObject\.defineProperty\(exports, "([\w$]+)"/g);
  const names = new Set([...assigned, ...defined].map((match) => match[1]));
  names.delete('__esModule');
  if (names.size === 0) throw new Error(`${file} exports nothing`);
  return [...names].sort();
}

function writeFacade(facade) {
  const stem = facade.slice(0, -'.mjs'.length);
  const names = exportedNames(`${stem}.js`).map((name) => `  ${name},\n`);
  const source = `./${basename(stem)}.js`;
  writeFileSync(facade, `export {\n${names.join('')}} from '${source}';\n`);
  writeFileSync(`${stem}.d.mts`, `export * from '${source}';\n`);
}

const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
for (const entry of Object.values(exports)) {
  if (typeof entry === 'object') writeFacade(join(ROOT, entry.import.default));
}

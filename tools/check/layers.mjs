// Proves that the architecture is what it says it is:
//
//   - C includes point down the order of c-order.mjs, TypeScript imports down the table below, never up,
//     and in no circle (calls in C: symbols.mjs, calls in TypeScript through interfaces: calls-up.mjs);
//   - what depends on the operating system stands in csrc/os/ and nowhere else;
//   - every file has a place in the tables, and no file and no folder is too large (sizes.mjs).
//
// Prints `file:line: what is wrong` and exits with 1, or one line when all is well.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { filesUnder, isProgram } from '../build/recipe.mjs';
import { C_ROOMS, mayUse, placeProblem } from './c-order.mjs';
import { checkCallsUp } from './calls-up.mjs';
import { circles } from './circles.mjs';
import { checkSizes } from './sizes.mjs';

/** Rooms that do not see all that is below them. `include` holds the public header, for anyone. */
const C_MAY_ONLY_INCLUDE = { binding: ['binding', 'include'], include: ['include', 'base'] };

/** Headers from elsewhere that only the binding may see. */
const NODE_HEADERS = /^(napi|node_api|js_native_api|node|uv|v8)[\w-]*\.h$/;

/**
 * Rooms of lib/, highest row first: `name/` is a folder, another name a file without its extension. A file may
 * import its own room and those of the rows further down; rooms of one row know nothing of each other. So rooms
 * are in no circle.
 */
const TS_LAYERS = [
  ['cli/'],
  ['index'],
  ['channel/'],
  ['arena/'],
  ['modes/', 'roles/'],
  ['monitor/', 'front/'],
  ['stats/'],
  ['events/', 'options', 'letters/'],
  ['learn/'],
  ['policy/'],
  ['native/', 'view/', 'streams/'],
  ['errors', 'types'],
  ['base/'],
];

/** Packages that lib/ may import, beside `node:` modules. The optional peers are for monitor/ only. */
const TS_PACKAGES = ['node-gyp-build', 'prom-client', '@opentelemetry/api'];

const OS_MACRO =
  /\b(_WIN32|_WIN64|__MINGW\w*|__CYGWIN__|__linux__|__gnu_linux__|__ANDROID__|__APPLE__|__MACH__|__FreeBSD__|__unix__|__wasm__)\b/;

/** Violations of the tree at `root`, each a line of text, and how many files were looked at. */
export function checkLayers(root) {
  const c = checkC(root);
  const lib = checkTypeScript(root);
  return { violations: [...c.violations, ...lib.violations], files: c.files + lib.files };
}

function checkC(root) {
  const files = listed('csrc', root).filter((file) => /\.(c|cc|h)$/.test(file));
  const known = new Set(files);
  const edges = [];
  const violations = [];

  for (const file of files) {
    const layer = file.split('/')[1];
    if (placeProblem(file) !== undefined) {
      violations.push(`${file}:1: ${placeProblem(file)}`);
      continue;
    }
    const lines = withoutComments(readFileSync(join(root, file), 'utf8')).split('\n');

    lines.forEach((text, index) => {
      const report = (problem) => violations.push(`${file}:${index + 1}: ${problem}`);

      if (layer !== 'os' && /^\s*#\s*(if|elif)/.test(text) && OS_MACRO.test(text)) {
        report(`${OS_MACRO.exec(text)[0]} outside csrc/os/`);
      }
      const include = /^\s*#\s*include\s*(["<])([^">]+)[">]/.exec(text);
      if (!include) return;
      const [, quote, name] = include;
      const target = [`csrc/${name}`, `csrc/include/${name}`].find((path) => known.has(path));

      if (target !== undefined) {
        if (!mayInclude(file, target)) report(`${layer} must not include ${name}`);
        edges.push({ from: file, to: target, line: index + 1 });
      } else if (NODE_HEADERS.test(name)) {
        if (layer !== 'binding') report(`only binding knows Node, not ${layer}: ${name}`);
      } else if (quote === '"') {
        report(`no such file relative to csrc/: ${name}`);
      }
    });
  }
  return { violations: [...violations, ...circles(edges)], files: files.length };
}

function mayInclude(from, to) {
  const [room, other] = [from, to].map((file) => file.split('/')[1]);
  const only = C_MAY_ONLY_INCLUDE[room];
  if (only !== undefined) return only.includes(other);
  return other === 'include' || mayUse(from, to);
}

function checkTypeScript(root) {
  const files = listed('lib', root).filter((file) => file.endsWith('.ts'));
  const known = new Set(files);
  const edges = [];
  const violations = [];

  for (const file of files) {
    if (tsPlace(file).row === -1) {
      violations.push(`${file}:1: not in TS_LAYERS of tools/check/layers.mjs: give it a place`);
      continue;
    }
    const source = readFileSync(join(root, file), 'utf8');

    for (const { fileName: name, pos } of ts.preProcessFile(source, true, true).importedFiles) {
      const line = source.slice(0, pos).split('\n').length;
      const report = (problem) => violations.push(`${file}:${line}: ${problem}`);

      if (!name.startsWith('.')) {
        if (!name.startsWith('node:') && !TS_PACKAGES.includes(name)) {
          report(`lib/ imports only node: modules and ${TS_PACKAGES.join(', ')}, not ${name}`);
        }
        continue;
      }
      const path = posix.join(posix.dirname(file), name).replace(/\.js$/, '');
      const target = ['.ts', '/index.ts', '.d.ts']
        .map((ending) => `${path}${ending}`)
        .find((candidate) => known.has(candidate));
      if (target === undefined) {
        report(`no such file in lib/: ${name}`);
        continue;
      }
      if (!mayImport(file, target)) {
        report(`${target} stands no lower than ${file}: imports point down only`);
      }
      edges.push({ from: file, to: target, line });
    }
  }
  return { violations: [...violations, ...circles(edges)], files: files.length };
}

/** Where a file of lib/ stands: its row of TS_LAYERS, or -1, and its room. */
function tsPlace(file) {
  const name = file.slice('lib/'.length, -'.ts'.length);
  const isHome = (room) => (room.endsWith('/') ? name.startsWith(room) : name === room);
  const row = TS_LAYERS.findIndex((rooms) => rooms.some(isHome));
  return { row, room: TS_LAYERS[row]?.find(isHome) };
}

/** A file without a place is told of elsewhere. */
function mayImport(from, to) {
  const [importer, imported] = [tsPlace(from), tsPlace(to)];
  return importer.room === imported.room || importer.row < imported.row || imported.row === -1;
}

/** C text with comments blanked out, line for line. */
function withoutComments(text) {
  const tokens = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(tokens, (token) => (token[0] === '/' ? token.replace(/[^\n]/g, ' ') : token));
}

function listed(folder, root) {
  return existsSync(join(root, folder)) ? filesUnder(folder, root) : [];
}

if (isProgram(import.meta.url)) {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const { violations, files } = checkLayers(root);
  violations.push(...checkCallsUp(root), ...checkSizes(root));
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) process.exit(1);
  console.log(`csrc: ${C_ROOMS.map((row) => row.join(', ')).join(' > ')}`);
  console.log(`lib:  ${TS_LAYERS.map((row) => row.join(', ')).join(' > ')}`);
  console.log(`layers: ${files} files, all includes, imports and calls point down, in no circle`);
}

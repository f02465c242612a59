// Proves that calls in csrc/ point down the order of c-order.mjs and in no circle. Includes do not show that:
// a public function is declared in hakmem.h, for whoever defines it and whoever calls it.
//
// The linker's names tell. C files are compiled here, with the compiler `cc` (or $CC) and with all checks of a
// debug build, into a temporary folder. Files of the binding need the headers of Node: of those the objects that
// node-gyp has left in build/ are read, where they are newer than their sources.
//
//   node tools/check/symbols.mjs     prints `file:line: what is wrong` and exits with 1, or one line

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { C_STANDARD, INCLUDES, coreSources, filesUnder, isProgram } from '../build/recipe.mjs';
import { mayUse, placeProblem } from './c-order.mjs';
import { circles } from './circles.mjs';

const CC = process.env.CC || 'cc';
const FOLDERS = INCLUDES.map((folder) => `-I${folder}`);
const FLAGS = [C_STANDARD, '-DHK_DEBUG=1', '-O0', '-w', ...FOLDERS, '-c'];
const NODE_GYP_OBJECTS = 'build/Release/obj.target/hakmem_arena';

/** Types of nm that define a name for other files; weak ones, which every file has that uses them, do not. */
const DEFINES = /^[TDBRCSG]$/;

/** Violations of the tree at `root`, each a line of text; none on Windows, which has no nm. */
export function checkCalls(root) {
  return check(root).violations;
}

function check(root) {
  if (process.platform === 'win32') return { violations: [], files: 0 };
  const objects = mkdtempSync(join(tmpdir(), 'symbols-'));
  try {
    const files = [...compiled(root, objects), ...builtByNodeGyp(root)];
    const edges = callsBetween(files);
    const homeless = files.map(({ source }) => source).filter(placeProblem);
    const placed = edges.filter(
      ({ from, to }) => !homeless.includes(from) && !homeless.includes(to),
    );
    const violations = [
      ...homeless.map((file) => `${file}:1: ${placeProblem(file)}`),
      ...placed.filter(({ from, to }) => !mayUse(from, to)).map((edge) => wrongCall(edge, root)),
      ...circles(edges),
    ];
    return { violations, files: files.length };
  } finally {
    rmSync(objects, { recursive: true });
  }
}

function compiled(root, objects) {
  return coreSources(root).map((source, index) => {
    const object = join(objects, `${index}.o`);
    runTool(CC, [...FLAGS, '-o', object, source], root);
    return { source, ...namesIn(object) };
  });
}

function builtByNodeGyp(root) {
  const folder = 'csrc/binding';
  if (!existsSync(join(root, folder))) return [];
  return filesUnder(folder, root).flatMap((source) => {
    const object = join(root, NODE_GYP_OBJECTS, source.replace(/\.cc$/, '.o'));
    if (!source.endsWith('.cc') || !existsSync(object)) return [];
    if (statSync(object).mtimeMs < statSync(join(root, source)).mtimeMs) return [];
    return [{ source, ...namesIn(object) }];
  });
}

/** Names that an object defines, and names that it needs. */
function namesIn(object) {
  const symbols = runTool('nm', ['-g', '-P', object])
    .split('\n')
    .map((line) => line.split(' '));
  const named = (wanted) => symbols.filter(([, type]) => wanted.test(type)).map(([name]) => name);
  return { defined: named(DEFINES), needed: named(/^U$/) };
}

function runTool(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.at(-1)}: ${error?.message ?? stderr}`);
  return stdout;
}

/** { from, to, name, line } for each name that one file needs of another. */
function callsBetween(files) {
  const home = new Map(
    files.flatMap(({ source, defined }) => defined.map((name) => [name, source])),
  );
  return files.flatMap(({ source, needed }) =>
    needed
      .filter((name) => home.has(name))
      .map((name) => ({ from: source, to: home.get(name), name, line: 1 })),
  );
}

function wrongCall({ from, to, name }, root) {
  const plain = name.replace(/^_(?=hk_)/, ''); // macOS
  return `${from}:${lineWith(plain, from, root)}: ${plain} is in ${to}, which stands no lower`;
}

/** Line of the first mention of a name; 1 when an inline function of a header calls it. */
function lineWith(name, file, root) {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return lines.findIndex((line) => new RegExp(`\\b${name}\\b`).test(line)) + 1 || 1;
}

if (isProgram(import.meta.url)) {
  const { violations, files } = check(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) process.exit(1);
  console.log(`calls: ${files} objects, all calls point down`);
}

// Builds the core as WebAssembly into lib/native/wasm/module.ts: text, so that every bundler takes it along. The
// same sources and compiler give the same bytes, wherever the folder lies.
//
//   (no option)    writes the file
//   --check        builds it again, in memory, and exits with 1 when the file is another
//
// Takes clang 14 and its linker, as Debian 12 has them: apt-get install clang-14 lld-14. Without them it makes nothing, and
// exits with 3 if the file is of other sources, and checks only of which sources the file says that it is.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identityLine, writeHeader } from './native-identity.cjs';
import * as recipe from './recipe.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const WASM_MODULE = 'lib/native/wasm/module.ts';
const TOOLS = { compiler: 'clang-14', linker: 'wasm-ld-14' };
const VERSION = /version 14\.0\.6|LLD 14\.0\.6/;

/** Why the module cannot be built here; undefined: it can. */
export function missingTools() {
  for (const tool of Object.values(TOOLS)) {
    let version;
    try {
      version = execFileSync(tool, ['--version'], { encoding: 'utf8' });
    } catch {
      return `no ${tool} on this machine (Debian: apt-get install clang-14 lld-14)`;
    }
    if (!VERSION.test(version)) return `${tool} is not of version 14.0.6, which makes these bytes`;
  }
  return undefined;
}

/** The bytes of the module, of the sources at `root`. */
export function compileWasm(root = ROOT) {
  const folder = mkdtempSync(join(tmpdir(), 'hakmem-wasm-'));
  try {
    writeHeader(join(folder, 'hk_identity.h'), root);
    const includes = recipe.INCLUDES.map((include) => `-I${include}`);
    const flags = [
      ...recipe.WASM_COMPILE,
      recipe.C_STANDARD,
      ...recipe.WASM_WARNINGS,
      ...includes,
      `-I${folder}`,
      '-isystem',
      recipe.WASM_INCLUDE,
    ];
    // From the root, so that __FILE__ is the same in every folder.
    const run = (tool, args) => execFileSync(tool, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }); // prettier-ignore
    const objects = recipe.wasmSources(root).map((source, i) => {
      const object = join(folder, `${i}.o`);
      run(TOOLS.compiler, [...flags, '-c', source, '-o', object]);
      return object;
    });
    const output = join(folder, 'hakmem.wasm');
    run(TOOLS.linker, [...recipe.WASM_LINK, ...objects, '-o', output]);
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The TypeScript file that carries the module. */
export function moduleText(bytes, root = ROOT) {
  const text = bytes.toString('base64');
  const heading =
    `// Written by tools/build/wasm.mjs: the core as WebAssembly, ${bytes.length} bytes, in base64.\n` +
    `// ${identityLine(root)}\n`;
  return `${heading}export const WASM = '${text}' as string;\n`; // without its type, the declaration would repeat it
}

/** Writes the module of the sources as they are. Returns its bytes. */
export function makeWasm(root = ROOT) {
  const bytes = compileWasm(root);
  writeFileSync(join(root, WASM_MODULE), moduleText(bytes, root));
  return bytes.length;
}

/**
 * What is wrong with the committed module; undefined: nothing. Without the tools only what it says of itself is
 * looked at.
 */
export function wasmFault(root = ROOT) {
  const file = join(root, WASM_MODULE);
  const remedy = 'npm run make:wasm';
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (!text.includes(`// ${identityLine(root)}\n`)) return `it is of other sources: ${remedy}`;
  const isSame = missingTools() !== undefined || text === moduleText(compileWasm(root), root);
  return isSame ? undefined : `it is another file than the sources make: ${remedy}`;
}

function main(option) {
  const missing = missingTools();
  if (option === '--check') {
    const fault = wasmFault();
    const words = missing === undefined ? 'the same, byte for byte' : `not rebuilt: ${missing}`;
    console[fault === undefined ? 'log' : 'error'](`${WASM_MODULE}: ${fault ?? words}`);
    if (fault !== undefined) process.exitCode = 1;
  } else if (missing !== undefined) {
    const isNeeded = wasmFault() !== undefined;
    console[isNeeded ? 'error' : 'log'](`${WASM_MODULE}: not rebuilt: ${missing}`);
    if (isNeeded) process.exitCode = 3;
  } else {
    console.log(`${WASM_MODULE}: ${makeWasm()} bytes`);
  }
}

if (recipe.isProgram(import.meta.url)) main(process.argv[2]);

// Builds the core as WebAssembly into lib/native/wasm/module.ts: text, so that every bundler takes it along. The
// same sources and compiler give the same bytes, wherever the folder lies.
//
//   (no option)    writes the file
//   --check        builds it again, in memory; exits with 1 when the file is another
//
// Takes clang 14 and its linker, as Debian 12 has them: apt-get install clang-14 lld-14. Exits with 3 without them.

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
  return `${heading}export const WASM = '${text}';\n`;
}

function main(option) {
  const missing = missingTools();
  if (missing !== undefined) {
    console.error(`wasm.mjs: ${missing}`);
    process.exit(3);
  }
  const file = join(ROOT, WASM_MODULE);
  const bytes = compileWasm();
  const text = moduleText(bytes);
  if (option !== '--check') {
    writeFileSync(file, text);
    console.log(`${WASM_MODULE}: ${bytes.length} bytes`);
  } else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error(`${WASM_MODULE} is not of the sources as they are: npm run make:wasm`);
    process.exit(1);
  } else {
    console.log(`${WASM_MODULE} is of the sources as they are, byte for byte`);
  }
}

if (recipe.isProgram(import.meta.url)) main(process.argv[2]);

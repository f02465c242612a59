// The recipe: which files the core and the addon are made of, and the flags they are compiled with. All that
// compiles them takes both from here: binding.gyp, the prebuilt addons, tests, stress, fuzzing, sanitizers,
// coverage and bench/c.
//
// The hash of the sources (native-identity.cjs) covers this file: another flag is another addon.
//
//   node tools/build/recipe.mjs LIST [OS [ARCH]]     prints a list of LISTS, for binding.gyp; names as gyp has them

import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { filesUnder } from './native-identity.cjs';

export { filesUnder };

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The system that a file of csrc/os/ is for. */
const OS_FILE = /^csrc\/os\/os_(unix|windows|wasm)\.c$/;

/** The allocator itself, C only, without the files of other systems; `platform` is Node's name, or 'wasm'. */
export function coreSources(root = ROOT, platform = process.platform) {
  const system = { win32: 'windows', wasm: 'wasm' }[platform] ?? 'unix';
  const isCore = (file) => file.endsWith('.c') && !/^csrc\/(binding|wasm)\//.test(file);
  return filesUnder('csrc', root).filter(
    (file) => isCore(file) && (OS_FILE.exec(file)?.[1] ?? system) === system,
  );
}

/** Everything that goes into the WebAssembly module: the core but for what C callers use alone. */
export function wasmSources(root = ROOT) {
  const exports = filesUnder('csrc/wasm', root).filter((file) => file.endsWith('.c'));
  const isNeeded = (file) => file !== 'csrc/base/assert.c';
  return [...coreSources(root, 'wasm').filter(isNeeded), ...exports];
}

/** Everything that goes into the addon. */
export function addonSources(root = ROOT, platform = process.platform) {
  const binding = filesUnder('csrc/binding', root).filter((file) => /\.(c|cc)$/.test(file));
  return [...coreSources(root, platform), ...binding];
}

export const INCLUDES = ['csrc', 'csrc/include'];
export const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Wshadow'];
export const HIDDEN = '-fvisibility=hidden';

/** C files, and C++ files: the language and what belongs to it. */
export const C_STANDARD = '-std=gnu11';
export const C_WARNINGS = ['-Wstrict-prototypes'];
export const CXX_STANDARD = '-std=gnu++17';
export const CXX_RUNTIME = ['-fno-exceptions', '-fno-rtti'];

/** Macros of the binding. */
export const ADDON_DEFINES = [
  'NAPI_VERSION=9',
  'NAPI_DISABLE_CPP_EXCEPTIONS',
  'NODE_ADDON_API_DISABLE_DEPRECATED',
  // Calls in a worker that is being terminated fail without an exception.
  'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  // An error of node-addon-api has a std::string. With its checks, GNU's headers compile what it needs and
  // do not ask libstdc++ for it.
  '_GLIBCXX_ASSERTIONS',
];

/** Protects the binding only: the core's hot calls take a few ns. */
export const STACK_PROTECTOR = '-fstack-protector-strong';

const FORTIFY = ['-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'];
const LINUX_LINK = ['-Wl,--as-needed,-z,relro,-z,now,-z,noexecstack'];

/**
 * Compiling and linking for WebAssembly; os_wasm.c says why the memory is shared, and how long it may be. The module
 * travels as text in every bundle: link-time optimization and short relocations make it 11 % smaller.
 */
export const WASM_COMPILE = [
  '--target=wasm32',
  '-mcpu=generic',
  '-matomics',
  '-mbulk-memory',
  '-ffreestanding',
  '-Oz',
  '-flto',
  '-DNDEBUG',
  '-DHK_FRONT_IN_C=0',
];
export const WASM_INCLUDE = 'csrc/wasm/include';
/** Without -Wconversion, which is about what fits 64 bits; what does not fit 32 is told. */
export const WASM_WARNINGS = ['-Wall', '-Wextra', '-Wshadow', '-Wshorten-64-to-32', '-Werror'];
const WASM_MEMORY_BYTES = 256 * 1024 * 1024;
export const WASM_LINK = [
  '--no-entry',
  '--gc-sections',
  '--compress-relocations',
  '--strip-all',
  '--stack-first',
  '-z',
  'stack-size=131072',
  '--import-memory',
  '--shared-memory',
  `--max-memory=${WASM_MEMORY_BYTES}`,
];

const DEBUG = ['-DHK_DEBUG=1', '-O1', '-g', '-fno-omit-frame-pointer'];
const SANITIZED = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** What differs from one way of building to another. */
export const FLAVOURS = {
  release: ['-O3', '-DNDEBUG'],
  plain: DEBUG,
  asan: [...DEBUG, ...SANITIZED],
  tsan: [...DEBUG, '-fsanitize=thread'],
  coverage: ['-O0', '-g', '--coverage', '-DNDEBUG'],
  fuzz: [...DEBUG, '-fsanitize=fuzzer-no-link,address,undefined', '-fno-sanitize-recover=all'],
};

const isMacro = (flag) => flag.startsWith('-D');

/** Lists for binding.gyp, of a system and a processor as gyp calls them. */
const LISTS = {
  sources: () => addonSources(),
  defines: () => ADDON_DEFINES,
  release_defines: () => FLAVOURS.release.filter(isMacro).map((flag) => flag.slice('-D'.length)),
  cflags: (os, arch) => [
    ...WARNINGS,
    HIDDEN,
    ...(os === 'linux' && arch === 'x64' ? ['-fcf-protection'] : []),
  ],
  cflags_c: () => [C_STANDARD, ...C_WARNINGS],
  cflags_cc: (os) => [
    ...CXX_RUNTIME,
    '-fvisibility-inlines-hidden',
    ...(os === 'linux' ? [STACK_PROTECTOR] : []),
  ],
  release_cflags: (os) => [
    ...FLAVOURS.release.filter((flag) => !isMacro(flag)),
    ...(os === 'linux' ? FORTIFY : []),
  ],
  // With -O3 the error paths that node-addon-api inlines into every call are three times the code.
  release_cflags_cc: () => ['-O2'],
  ldflags: (os) => (os === 'linux' ? LINUX_LINK : []),
};

/** Whether the module at `url` is what node was started with, through whatever links. */
export function isProgram(url) {
  const started = process.argv[1];
  return started !== undefined && url === pathToFileURL(realpathSync(started)).href;
}

if (isProgram(import.meta.url)) {
  const [list, ...target] = process.argv.slice(2);
  console.log(LISTS[list](...target).join('\n'));
}

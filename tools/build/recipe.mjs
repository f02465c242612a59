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

/** The allocator itself, C only, without the files of the other operating system. */
export function coreSources(root = ROOT, platform = process.platform) {
  const otherOs = platform === 'win32' ? '_unix.c' : '_windows.c';
  return filesUnder('csrc', root).filter(
    (file) => file.endsWith('.c') && !file.endsWith(otherOs) && !file.startsWith('csrc/binding/'),
  );
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

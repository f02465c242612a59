// Builds the cases once for each implementation of allocator.h, and finds the libraries that rivals are
// preloaded from. Everybody gets the flags that binding.gyp gives the addon in a release.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { coreSources, filesUnder } from '../../tools/native-sources.mjs';

const CC = process.env.CC || 'cc';
const FOLDER = '.build/bench-c';
const FLAGS = ['-std=gnu11', '-O3', '-DNDEBUG', '-pthread', '-fvisibility=hidden'];
const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Wstrict-prototypes'];
const LIBRARY_FOLDERS = ['/usr/lib', '/usr/lib64', '/usr/lib/x86_64-linux-gnu'].concat(
  '/usr/lib/aarch64-linux-gnu',
  '/usr/local/lib',
);

/** Programs: own source files and flags of each. */
const PROGRAMS = {
  hakmem: () => [
    '-DALLOCATOR=1',
    '-Icsrc',
    '-Icsrc/include',
    'bench/c/allocator_hakmem.c',
    ...coreSources(),
  ],
  malloc: () => ['-DALLOCATOR=2', 'bench/c/allocator_malloc.c', '-ldl'],
  mimalloc: () => ['-DALLOCATOR=3', 'bench/c/allocator_mimalloc_heap.c', '-lmimalloc'],
};

/** Debian's packages, and what the shared library in each is called. */
const PRELOADED = {
  mimalloc: { library: /^libmimalloc\.so/, packages: ['libmimalloc3', 'libmimalloc2.0'] },
  jemalloc: { library: /^libjemalloc\.so/, packages: ['libjemalloc2'] },
  tcmalloc: {
    library: /^libtcmalloc_minimal\.so/,
    packages: ['libtcmalloc-minimal4t64', 'libtcmalloc-minimal4'],
  },
};
const HEADERS_PACKAGE = 'libmimalloc-dev';

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function findLibrary(pattern) {
  for (const folder of LIBRARY_FOLDERS.filter((path) => existsSync(path))) {
    const name = readdirSync(folder).find((entry) => pattern.test(entry));
    if (name !== undefined) return join(folder, name);
  }
  return undefined;
}

/** Installs the first of `packages` that there is, where we may. */
function install(packages) {
  if (process.getuid?.() !== 0 || !succeeds('apt-get', ['--version'])) return;
  const apt = (...args) => succeeds('apt-get', ['-y', '-qq', ...args]);
  const installed = () => packages.some((name) => apt('install', '--no-install-recommends', name));
  if (!installed() && apt('update')) installed();
}

/** Path of the program, or undefined when it cannot be compiled here. */
function buildProgram(name) {
  const program = join(FOLDER, name);
  const sources = filesUnder('bench/c').filter(
    (file) => file.endsWith('.c') && !file.includes('/allocator_'),
  );
  const args = [...FLAGS, ...WARNINGS, '-o', program, ...sources, ...PROGRAMS[name]()];
  const { status, stderr } = spawnSync(CC, args, { encoding: 'utf8' });
  if (status === 0) return program;
  if (name !== 'mimalloc') throw new Error(`${CC} failed:\n${stderr}`);
  return undefined;
}

/**
 * Rivals by name, hakmem first: the program of each and what to preload. `missing` are those that are
 * not to be had here. With `mayInstall`, Debian packages are installed for them first.
 */
export function buildRivals({ mayInstall }) {
  mkdirSync(FOLDER, { recursive: true });
  const rivals = { hakmem: { program: buildProgram('hakmem') } };
  const missing = [];
  const malloc = buildProgram('malloc');
  rivals.glibc = { program: malloc };

  for (const [name, { library, packages }] of Object.entries(PRELOADED)) {
    if (mayInstall && findLibrary(library) === undefined) install(packages);
    const preload = findLibrary(library);
    if (preload === undefined) missing.push(name);
    else rivals[name] = { program: malloc, preload };
  }

  if (mayInstall && !existsSync('/usr/include/mimalloc.h')) install([HEADERS_PACKAGE]);
  const mimalloc = buildProgram('mimalloc');
  if (mimalloc === undefined) missing.push('mimalloc-heap');
  else rivals['mimalloc-heap'] = { program: mimalloc };
  return { rivals, missing };
}

export function compilerVersion() {
  return spawnSync(CC, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0];
}

// Builds the cases once for each implementation of allocator.h, and finds the libraries that rivals are
// preloaded from. Everybody gets the flags that the addon has in a release.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { C_STANDARD, C_WARNINGS, FLAVOURS, HIDDEN } from '../../tools/build/recipe.mjs';
import { INCLUDES, WARNINGS, coreSources, filesUnder } from '../../tools/build/recipe.mjs';
import { buildSourceRivals } from './source-rivals.mjs';

const CC = process.env.CC || 'cc';
const FOLDER = '.build/bench-c';
const FLAGS = [C_STANDARD, ...FLAVOURS.release, '-pthread', HIDDEN, ...WARNINGS, ...C_WARNINGS];
const INCLUDED = INCLUDES.map((folder) => `-I${folder}`);
const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/lib',
];

const HAKMEM = ['-DALLOCATOR=1', ...INCLUDED, 'bench/c/allocator_hakmem.c'];
const HAKMEM_LIBRARY = 'libhakmem.so';

/** Programs: own source files and flags of each. */
const PROGRAMS = {
  hakmem: [...HAKMEM, join(FOLDER, HAKMEM_LIBRARY), '-Wl,-rpath,$ORIGIN'],
  'hakmem-linked': [...HAKMEM, ...coreSources()],
  malloc: ['-DALLOCATOR=2', 'bench/c/allocator_malloc.c', '-ldl'],
  'mimalloc-heap': ['-DALLOCATOR=3', 'bench/c/allocator_mimalloc_heap.c', '-lmimalloc'],
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
const MIMALLOC_HEADER = '/usr/include/mimalloc.h';
const MIMALLOC_HEADER_PACKAGE = 'libmimalloc-dev';

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

function compile(output, args) {
  const { status, stderr } = spawnSync(CC, [...FLAGS, '-o', output, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${CC} failed:\n${stderr}`);
  return output;
}

function buildProgram(name) {
  const cases = filesUnder('bench/c').filter(
    (file) => file.endsWith('.c') && !file.includes('/allocator_'),
  );
  return compile(join(FOLDER, name), [...cases, ...PROGRAMS[name]]);
}

/** Us twice: in a shared library, as the rivals are, and linked into the program. */
function buildOurs() {
  const shared = ['-fPIC', '-shared', '-fvisibility=protected', ...INCLUDED];
  compile(join(FOLDER, HAKMEM_LIBRARY), [...shared, ...coreSources()]);
  return {
    hakmem: { program: buildProgram('hakmem') },
    'hakmem-linked': { program: buildProgram('hakmem-linked') },
  };
}

/** Whether the loader takes it: what it cannot preload it leaves out, and glibc would run instead. */
function isPreloaded(program, preload) {
  const env = { ...process.env, LD_PRELOAD: preload };
  const { status, stderr } = spawnSync(program, ['burst', '4096'], { encoding: 'utf8', env });
  return status === 0 && stderr === '';
}

/**
 * Rivals by name, ours first: the program of each and what to preload. `missing` are those that are not
 * to be had here. With `mayInstall`, Debian packages are installed for them first; `sources` are folders with
 * the sources of more.
 */
export function buildRivals({ mayInstall, sources }) {
  mkdirSync(FOLDER, { recursive: true });
  const malloc = buildProgram('malloc');
  const rivals = { ...buildOurs(), glibc: { program: malloc } };
  const missing = [];

  for (const [name, { library, packages }] of Object.entries(PRELOADED)) {
    if (mayInstall && findLibrary(library) === undefined) install(packages);
    const preload = findLibrary(library);
    if (preload !== undefined && isPreloaded(malloc, preload)) {
      rivals[name] = { program: malloc, preload };
    } else {
      missing.push(name);
    }
  }

  if (mayInstall && !existsSync(MIMALLOC_HEADER)) install([MIMALLOC_HEADER_PACKAGE]);
  if (!existsSync(MIMALLOC_HEADER)) missing.push('mimalloc-heap');
  else rivals['mimalloc-heap'] = { program: buildProgram('mimalloc-heap') };
  Object.assign(rivals, buildSourceRivals(sources, resolve(FOLDER), malloc));
  return { rivals, missing };
}

export function compilerVersion() {
  return spawnSync(CC, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0];
}

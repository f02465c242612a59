// Rivals whose sources somebody has: `--rival-source DIR` builds each as a shared library to preload, as their
// own build files do where that matters. Nothing of theirs is in the repository.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FLAVOURS } from '../../tools/build/recipe.mjs';

const CC = process.env.CC || 'cc';
const CXX = process.env.CXX || 'c++';
/** A preloaded library is there from the start, so that its thread-locals may be, too. */
const SHARED = [...FLAVOURS.release, '-fPIC', '-shared', '-pthread', '-ftls-model=initial-exec'];
const WIDE_SWAP = process.arch === 'x64' ? ['-mcx16'] : [];
const ERROR_LINES = 6;

/** `30403` is 3.4.3, and `315`, of older ones, 3.1.5. */
function mimallocVersion(folder) {
  const header = readFileSync(join(folder, 'include/mimalloc.h'), 'utf8');
  const number = Number(/^#define MI_MALLOC_VERSION\s+(\d+)/m.exec(header)?.[1] ?? NaN);
  if (Number.isNaN(number)) return undefined;
  const base = number >= 10_000 ? 100 : 10;
  return [Math.floor(number / base ** 2), Math.floor(number / base) % base, number % base];
}

/** How each is known by its files, and built. */
const KINDS = [
  {
    marker: 'include/mimalloc.h with MI_MALLOC_VERSION',
    nameOf(folder) {
      if (!existsSync(join(folder, 'include/mimalloc.h'))) return undefined;
      const version = mimallocVersion(folder);
      return version && `mimalloc-${version.join('.')}`;
    },
    command: (folder) => [
      CC,
      ...['-DMI_MALLOC_OVERRIDE', '-DMI_SHARED_LIB', '-DMI_SHARED_LIB_EXPORT'],
      ...['-fvisibility=hidden', `-I${join(folder, 'include')}`, join(folder, 'src/static.c')],
    ],
  },
  {
    marker: 'src/snmalloc/snmalloc.h',
    nameOf: (folder) => existsSync(join(folder, 'src/snmalloc/snmalloc.h')) && 'snmalloc',
    command: (folder) => [
      CXX,
      ...['-std=c++20', '-fno-exceptions', '-fno-rtti', '-DSNMALLOC_USE_WAIT_ON_ADDRESS=1'],
      ...[...WIDE_SWAP, `-I${join(folder, 'src')}`],
      join(folder, 'src/snmalloc/override/malloc.cc'),
    ],
  },
  {
    marker: 'rpmalloc/rpmalloc.c',
    nameOf: (folder) => existsSync(join(folder, 'rpmalloc/rpmalloc.c')) && 'rpmalloc',
    command: (folder) => [
      CC,
      ...['-D_GNU_SOURCE', '-DENABLE_OVERRIDE=1', '-DENABLE_PRELOAD=1'],
      ...[`-I${join(folder, 'rpmalloc')}`, join(folder, 'rpmalloc/rpmalloc.c')],
    ],
  },
];

/** Which rival a folder has the sources of. @throws if it is none of them. */
function kindOf(folder) {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new Error(`--rival-source ${folder}: there is no such folder`);
  }
  for (const kind of KINDS) {
    const name = kind.nameOf(folder);
    if (name) return { name, command: kind.command(folder) };
  }
  const markers = KINDS.map(({ marker }) => marker).join(', ');
  throw new Error(`--rival-source ${folder}: it has none of ${markers}`);
}

function build(folder, name, [compiler, ...args], library) {
  const { status, stderr, error } = spawnSync(compiler, [...SHARED, ...args, '-o', library], {
    encoding: 'utf8',
  });
  if (status === 0) return;
  const lines = error?.message ?? stderr.split('\n').filter((line) => /error|undefined/.test(line));
  const why = [lines].flat().slice(0, ERROR_LINES).join('\n');
  throw new Error(`--rival-source ${folder}: ${name} does not build with ${compiler}\n${why}`);
}

/** @throws unless `malloc` of a program is the library's: otherwise glibc's would be measured. */
function checkPreloads(folder, program, library) {
  const env = { ...process.env, LD_PRELOAD: library, LD_DEBUG: 'bindings' };
  const { status, stderr } = spawnSync(program, ['burst', '4096'], {
    encoding: 'utf8',
    env,
    maxBuffer: 2 ** 26,
  });
  const isBound = stderr.includes(`to ${library} [0]: normal symbol \`malloc'`);
  if (status === 0 && isBound) return;
  throw new Error(`--rival-source ${folder}: it builds, but does not serve malloc when preloaded`);
}

/**
 * Builds a rival from each folder of sources.
 *
 * @param output - folder, absolute, for the libraries.
 * @param program - the one that calls malloc.
 * @returns rivals by name, with the program of each and what to preload.
 */
export function buildSourceRivals(folders, output, program) {
  const rivals = {};
  for (const folder of folders) {
    const { name, command } = kindOf(folder);
    if (name in rivals) throw new Error(`--rival-source ${folder}: ${name} was given before`);
    const library = join(output, `${name}.so`);
    build(folder, name, command, library);
    checkPreloads(folder, program, library);
    rivals[name] = { program, preload: library };
  }
  return rivals;
}

// Programs from the npm registry, Node of other lines above all: installed once, into .build/programs/.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAMS = fileURLToPath(new URL('../../.build/programs', import.meta.url));

/** Options of npm that keep it to the point. */
export const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];

/** Lines of Node that the package supports and that are tested. */
export const MAJORS = [20, 22, 24, 26];

/** Installs a package that is a program, once; returns the program's path. */
export function program(name, range, file) {
  const folder = join(PROGRAMS, `${name.replaceAll('/', '+')}@${range}`);
  const path = join(folder, 'node_modules', name, file);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{}');
    // By force: the program may be for another machine.
    const options = ['--force', '--ignore-scripts', '--no-save', ...QUIET];
    execFileSync('npm', ['install', `${name}@${range}`, ...options], { cwd: folder });
    chmodSync(path, 0o755);
  }
  return path;
}

/** Node of a line, for this machine. */
export function nodeOf(major) {
  const isWindows = process.platform === 'win32';
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
  return program(name, major, isWindows ? 'bin/node.exe' : 'bin/node');
}

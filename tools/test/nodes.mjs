// Programs from the npm registry, Node of other lines above all: installed once, into .build/programs/.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = join(ROOT, '.build/programs');

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

/** The package managers and bundlers that test/install/tools/ pins: the folder node_modules with them. */
export function pinnedTools() {
  const from = join(ROOT, 'test/install/tools');
  const lock = readFileSync(join(from, 'package-lock.json'));
  const hash = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  const folder = join(PROGRAMS, `tools@${hash}`);
  const modules = join(folder, 'node_modules');
  // npm writes this file last. `npm ci` does not take what npm itself leaves out of the lock file of pnpm.
  if (!existsSync(join(modules, '.package-lock.json'))) {
    mkdirSync(folder, { recursive: true });
    for (const file of ['package.json', 'package-lock.json']) {
      cpSync(join(from, file), join(folder, file));
    }
    execFileSync('npm', ['install', '--ignore-scripts', ...QUIET], { cwd: folder });
  }
  return modules;
}

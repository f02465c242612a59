// What a compiled addon asks of the machine it is loaded on, as objdump tells.

import { execFileSync } from 'node:child_process';
import { GLIBC_FLOOR } from './targets.mjs';

const isNewer = (a, b) => a.localeCompare(b, 'en', { numeric: true }) > 0;

/** Shared libraries that the file names, and the newest glibc whose symbols it uses. */
export function needsOf(file) {
  const headers = execFileSync('objdump', ['-p', file], { encoding: 'utf8' });
  const found = (pattern) => [...headers.matchAll(pattern)].map((match) => match[1]);
  const versions = found(/\bGLIBC_([0-9.]+)/g);
  return {
    libraries: found(/^\s*(?:NEEDED|DLL Name:)\s+(\S+)/gm),
    glibc: versions.reduce((newest, version) => (isNewer(version, newest) ? version : newest), '0'),
    // Versioned symbols of the C++ and compiler runtimes.
    runtimes: found(/\b((?:GLIBCXX|CXXABI|GCC)_[0-9.]+)/g),
  };
}

/** Everything about the file that would keep it from loading on machines of the target. */
export function problemsOf(file, target) {
  const { libraries, glibc, runtimes } = needsOf(file);
  const problems = libraries
    .filter((library) => !target.mayNeed.test(library))
    .map((library) => `needs the library ${library}`);
  if (isNewer(glibc, GLIBC_FLOOR)) problems.push(`needs glibc ${glibc}, not ${GLIBC_FLOOR}`);
  if (target.libc !== 'glibc' && glibc !== '0') problems.push('needs glibc');
  return [...problems, ...runtimes.map((version) => `needs ${version}`)];
}

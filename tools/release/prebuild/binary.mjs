// What a compiled addon asks of the machine it is loaded on, and how it is protected against being
// abused there, as objdump and readelf tell.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { identityIn, identityLine } from '../../build/native-identity.cjs';
import { GLIBC_FLOOR } from './targets.mjs';

const isNewer = (a, b) => a.localeCompare(b, 'en', { numeric: true }) > 0;
const told = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' });

/** Shared libraries that the file names, and the newest glibc whose symbols it uses. */
export function needsOf(file) {
  const headers = told('objdump', '-p', file);
  const found = (pattern) => [...headers.matchAll(pattern)].map((match) => match[1]);
  const versions = found(/\bGLIBC_([0-9.]+)/g);
  return {
    libraries: found(/^\s*(?:NEEDED|DLL Name:)\s+(\S+)/gm),
    glibc: versions.reduce((newest, version) => (isNewer(version, newest) ? version : newest), '0'),
    // Versioned symbols of the C++ and compiler runtimes.
    runtimes: found(/\b((?:GLIBCXX|CXXABI|GCC)_[0-9.]+)/g),
  };
}

/** The instruction that the addon's entry begins with, in the order of its bytes. */
function firstInstruction(file, headers) {
  const entry = /: (\w+)\s+\d+ FUNC .* napi_register_module_v1$/m.exec(headers);
  const address = Number.parseInt(entry?.[1] ?? '0', 16);
  const segments = [...headers.matchAll(/^ +LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+)/gm)].map((match) =>
    match.slice(1).map((number) => Number.parseInt(number, 16)),
  );
  const segment = segments.find(([, start, size]) => address >= start && address < start + size);
  if (segment === undefined) return undefined;
  const at = segment[0] + address - segment[1];
  return readFileSync(file)
    .subarray(at, at + 4)
    .toString('hex');
}

const ENDBR64 = 'f30f1efa';
const PACIASP = '3f2303d5';

function elfProtections(file) {
  const headers = told('readelf', '-W', '--segments', '--dynamic', '--dyn-syms', file);
  const first = firstInstruction(file, headers);
  return {
    'relocations read-only': /GNU_RELRO/.test(headers),
    'bound at once': /\(FLAGS\) .*BIND_NOW/.test(headers) && /\(FLAGS_1\) .*NOW/.test(headers),
    'no executable stack': /GNU_STACK .* RW /.test(headers),
    'no memory both writable and executable': !/^ +LOAD .* RWE /m.test(headers),
    'stack protector': /UND __stack_chk_fail\b/.test(headers),
    'checked library calls': /UND __(?!stack)\w+_chk\b/.test(headers),
    'indirect branches marked': first === ENDBR64,
    'return addresses signed': first === PACIASP,
  };
}

// mov ecx, 2; int 0x29: how tools/release/prebuild/stack_guard.c ends the process. It is linked only if called.
const FAST_FAIL = Buffer.from('b902000000cd29', 'hex');

function peProtections(file) {
  const headers = told('objdump', '-p', file);
  return {
    'no executable data': /\bNX_COMPAT\b/.test(headers),
    'random address': /\bDYNAMIC_BASE\b/.test(headers),
    'random address of 64 bits': /\bHIGH_ENTROPY_VA\b/.test(headers),
    'stack protector': readFileSync(file).includes(FAST_FAIL),
  };
}

/** Protections by name, each true where the file has it. */
function protectionsOf(file) {
  const isElf = readFileSync(file).subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'));
  return isElf ? elfProtections(file) : peProtections(file);
}

/** Protections that addons of a target have none of, and why. */
function impossible({ platform, arch, libc }) {
  if (platform === 'win32') return [];
  // Each is an instruction of one kind of processor; musl has no checked calls.
  const other = arch === 'x64' ? 'return addresses signed' : 'indirect branches marked';
  return libc === 'musl' ? [other, 'checked library calls'] : [other];
}

/** The protections that an addon of the target should have and this one lacks. */
export function weaknessesOf(file, target) {
  const without = impossible(target);
  const protections = Object.entries(protectionsOf(file));
  return protections.filter(([name, is]) => !is && !without.includes(name)).map(([name]) => name);
}

/** Everything about the file that would keep it from loading, or being safe, on machines of the target. */
export function problemsOf(file, target) {
  const { libraries, glibc, runtimes } = needsOf(file);
  const problems = libraries
    .filter((library) => !target.mayNeed.test(library))
    .map((library) => `needs the library ${library}`);
  if (isNewer(glibc, GLIBC_FLOOR)) problems.push(`needs glibc ${glibc}, not ${GLIBC_FLOOR}`);
  if (target.libc !== 'glibc' && glibc !== '0') problems.push('needs glibc');
  return [...problems, ...runtimes.map((version) => `needs ${version}`)];
}

/** What is wrong with an addon that was just built from the sources at `root`. */
export function flawsOf(file, target, root) {
  const weak = weaknessesOf(file, target).map((name) => `lacks: ${name}`);
  const line = identityIn(readFileSync(file))?.line;
  const wrong = line === identityLine(root) ? [] : [`says that it is "${line}"`];
  return [...problemsOf(file, target), ...weak, ...wrong];
}

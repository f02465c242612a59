// The platforms that get a prebuilt addon, and how each is made on one x64 Debian machine.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));

// Whatever of the C++ and compiler runtimes is used is put into the addon, and shown to nobody.
const STATIC_RUNTIME = '-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL -Wl,--gc-sections';

// Debian has musl for C only. Its own C++ headers are written for glibc; with these flags and a few
// lines in front they compile against musl's headers, and what is linked from libstdc++ calls only
// malloc and free.
const MUSL_SPECS = '/usr/lib/x86_64-linux-musl/musl-gcc.specs';
const MUSL_CXX = [
  'g++',
  `-specs ${MUSL_SPECS}`,
  '-isystem /usr/include/c++/12',
  '-isystem /usr/include/x86_64-linux-gnu/c++/12',
  `-include ${join(HERE, 'musl_cxx.h')}`,
].join(' ');

// Sections of their own for functions, so that the linker leaves out what is not used.
const SECTIONS = '-ffunction-sections -fdata-sections';

// One level more than binding.gyp asks for: GNU's headers have it since glibc 2.34.
const FORTIFY = '-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3';

// Return addresses are signed where the processor can; like the stack protector, in the binding only.
const ARM64_RETURNS = '-mbranch-protection=standard';

/** Of the official binaries of Node 20 and later. */
export const GLIBC_FLOOR = '2.28';

const GLIBC = { libc: 'glibc', mayNeed: /^(libc|libm|libpthread|ld-linux-.*)\.so\.\d+$/ };

/**
 * `compiler` must be found in PATH, and comes with `debian`. `packages` are those of which something gets
 * into the addon. `mayNeed` are the shared libraries that every machine of the platform has. `tested` says
 * what runs on the committed binary, no more.
 */
export const TARGETS = [
  {
    ...GLIBC,
    name: 'linux-x64-glibc',
    platform: 'linux',
    arch: 'x64',
    compiler: 'g++',
    debian: ['g++'],
    packages: ['g++-12', 'binutils', 'libc6-dev'],
    strip: 'strip',
    env: {
      CC: 'gcc',
      CXX: 'g++',
      CFLAGS: `${SECTIONS} ${FORTIFY}`,
      CXXFLAGS: `${SECTIONS} ${FORTIFY}`,
      LDFLAGS: STATIC_RUNTIME,
    },
    tested: 'installed and run on Node 20, 22, 24 and 26',
  },
  {
    ...GLIBC,
    name: 'linux-arm64-glibc',
    platform: 'linux',
    arch: 'arm64',
    compiler: 'aarch64-linux-gnu-g++',
    debian: ['g++-aarch64-linux-gnu'],
    packages: ['g++-12-aarch64-linux-gnu', 'binutils-aarch64-linux-gnu', 'libc6-dev-arm64-cross'],
    strip: 'aarch64-linux-gnu-strip',
    env: {
      CC: 'aarch64-linux-gnu-gcc',
      CXX: 'aarch64-linux-gnu-g++',
      CFLAGS: `${SECTIONS} ${FORTIFY}`,
      CXXFLAGS: `${SECTIONS} ${FORTIFY} ${ARM64_RETURNS}`,
      LDFLAGS: STATIC_RUNTIME,
    },
    tested: 'installed and run on Node 20, 22, 24 and 26 under qemu, not on a real machine',
  },
  {
    name: 'linux-x64-musl',
    platform: 'linux',
    arch: 'x64',
    libc: 'musl',
    mayNeed: /^libc\.so$/,
    compiler: 'musl-gcc',
    debian: ['g++', 'musl-tools'],
    packages: ['g++-12', 'binutils', 'musl-dev'],
    strip: 'strip',
    env: {
      CC: 'musl-gcc',
      CXX: MUSL_CXX,
      CFLAGS: SECTIONS,
      CXXFLAGS: SECTIONS,
      LDFLAGS: STATIC_RUNTIME,
    },
    tested: 'run in Bun, built for musl, on Debian; not on Alpine, not in Node',
  },
  {
    name: 'win32-x64',
    platform: 'win32',
    arch: 'x64',
    mayNeed: /^(KERNEL32|msvcrt)\.dll$/,
    compiler: 'x86_64-w64-mingw32-g++-posix',
    debian: ['g++-mingw-w64-x86-64-posix'],
    packages: ['g++-mingw-w64-x86-64-posix', 'binutils-mingw-w64-x86-64', 'mingw-w64-x86-64-dev'],
    tested: 'run on Node 20 for Windows under Wine, not on Windows',
  },
];

/** Where a target's addon stands under prebuilds/; node-gyp-build looks for these names. */
export function fileOf(target) {
  const tag = target.libc === undefined ? '' : `.${target.libc}`;
  return `${target.platform}-${target.arch}/hakmem-arena${tag}.node`;
}

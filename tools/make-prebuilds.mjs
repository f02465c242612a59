// Makes prebuilds/<platform>-<arch>/ for this machine and checks what came out: it loads in a fresh
// process, and on glibc it runs wherever the oldest supported Node runs.

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const GLIBC_FLOOR = '2.28'; // of the official binaries of Node 20 and later

const require = createRequire(import.meta.url);
const node = (args, options) => execFileSync(process.execPath, args, { cwd: ROOT, ...options });

/** Version symbols of one library that the addon asks for, oldest first. */
function versionsNeeded(addon, library) {
  const table = execFileSync('objdump', ['-T', addon], { encoding: 'utf8' });
  const found = [...table.matchAll(new RegExp(`\\b${library}_([0-9.]+)`, 'g'))].map((m) => m[1]);
  return [...new Set(found)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

// Without a target, prebuildify asks for the headers of the newest Node there is.
const target = `--target=${process.versions.node}`;
node([require.resolve('prebuildify/bin.js'), '--napi', '--strip', '--tag-libc', target], {
  stdio: 'inherit',
});

process.env.PREBUILDS_ONLY = '1';
const addon = require('node-gyp-build').resolve(ROOT);
node(['-e', 'require(process.argv[1])', addon], { stdio: 'inherit' });

if (process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime) {
  const newest = versionsNeeded(addon, 'GLIBC').at(-1) ?? '0';
  if (newest.localeCompare(GLIBC_FLOOR, 'en', { numeric: true }) > 0) {
    console.error(`${addon}: needs glibc ${newest}, the floor is ${GLIBC_FLOOR}`);
    process.exit(1);
  }
}
console.log(addon.slice(ROOT.length + 1));

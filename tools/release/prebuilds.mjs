// Makes the addons under prebuilds/ and the manifest that says what they were made from.
//
//   node tools/release/prebuilds.mjs [--only NAME[,NAME]] [--check | --record]
//
// All of them on one x64 Debian machine, with cross compilers; on another platform the one of that
// machine, which --record enters in the manifest of the machine that publishes.
//
// The same sources and tools give the same bytes. --check proves it of the committed addons: builds them
// again in another folder, compares, and changes nothing. Where the tools are others than those that the
// manifest names, other bytes are no fault; then the sources are compared, by their hash.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { filesUnder, identityIn, identityLine } from '../build/native-identity.cjs';
import { flawsOf } from './prebuild/binary.mjs';
import { build } from './prebuild/build.mjs';
import { entryOf, readManifest, sha256, writeManifest } from './prebuild/manifest.mjs';
import { TARGETS, fileOf } from './prebuild/targets.mjs';
import { compilerOf, toolchainOf } from './prebuild/toolchain.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const CROSS = process.platform === 'linux' && process.arch === 'x64';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    check: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});

function chosenTargets() {
  const only = options.only?.split(',') ?? TARGETS.map((target) => target.name);
  const unknown = only.filter((name) => !TARGETS.some((target) => target.name === name));
  if (unknown.length > 0) throw new Error(`no such target: ${unknown.join(', ')}`);
  return TARGETS.filter((target) => only.includes(target.name));
}

function built(target, folder) {
  const file = build(target, ROOT, folder);
  const flaws = flawsOf(file, target, ROOT);
  if (flaws.length > 0) throw new Error(`${target.name}: ${flaws.join('; ')}`);
  return file;
}

/** What is wrong with a committed addon as it is, without building it again; undefined: nothing. */
function faultOf(data, entry) {
  if (entry === undefined) return 'the manifest does not name it';
  if (sha256(data) !== entry.sha256) return 'it is not the file that the manifest describes';
  const line = identityIn(data)?.line;
  return line === identityLine(ROOT) ? undefined : 'it is of other sources: npm run make:prebuilds';
}

/** Builds one again in a folder of another name, and says how it compares: [is as it should be, words]. */
function compared(target, data, entry) {
  const fault = faultOf(data, entry);
  if (fault !== undefined) return [false, fault];
  const sources = `${entry.sha256.slice(0, 12)} is of the sources ${entry.source.slice(0, 12)} here`;
  if (compilerOf(target) === undefined) {
    return [true, `not rebuilt, there is no ${target.compiler}; ${sources}`];
  }
  const folder = mkdtempSync(join(tmpdir(), 'hakmem-arena-built-again-'));
  try {
    if (readFileSync(built(target, folder)).equals(data)) return [true, 'the same, byte for byte'];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const others = toolchainOf(target, ROOT).filter((line) => !entry.toolchain.includes(line));
  if (others.length === 0) return [false, 'another file than the committed one, by the same tools'];
  return [true, `other bytes, by other tools (${others.join(', ')}); ${sources}`];
}

function checkAll() {
  const { files } = readManifest(ROOT);
  for (const target of chosenTargets()) {
    const file = fileOf(target);
    const data = readFileSync(join(ROOT, 'prebuilds', file));
    const [isGood, words] = compared(target, data, files[file]);
    console[isGood ? 'log' : 'error'](`${target.name}: ${words}`);
    if (!isGood) process.exitCode = 1;
  }
}

/** Replaces what the manifest says of these files. */
async function record(made) {
  const previous = existsSync(join(ROOT, 'prebuilds/manifest.json'))
    ? readManifest(ROOT).files
    : {};
  const files = { ...previous, ...made };
  const known = TARGETS.map(fileOf).filter((file) => file in files);
  const others = Object.keys(files).filter((file) => !known.includes(file));
  const order = [...known, ...others.sort()];
  await writeManifest(ROOT, {
    files: Object.fromEntries(order.map((file) => [file, files[file]])),
  });
}

async function makeAll() {
  const targets = chosenTargets();
  const missing = targets.filter((target) => compilerOf(target) === undefined);
  if (missing.length > 0) {
    const packages = [...new Set(missing.flatMap((target) => target.debian))].join(' ');
    throw new Error(
      `missing: ${missing.map((t) => t.compiler).join(', ')}; apt-get install ${packages}`,
    );
  }
  const made = {};
  for (const target of targets) {
    const path = join('prebuilds', fileOf(target));
    mkdirSync(join(ROOT, dirname(path)), { recursive: true });
    copyFileSync(built(target, join(ROOT, '.build/prebuild', target.name)), join(ROOT, path));
    const data = readFileSync(join(ROOT, path));
    made[fileOf(target)] = entryOf(data, toolchainOf(target, ROOT), target.tested);
    console.log(`${path}: ${data.length} bytes, sha256 ${sha256(data)}`);
  }
  await record(made);
}

/** Enters what other machines have made. */
async function recordOthers() {
  const known = TARGETS.map((target) => `prebuilds/${fileOf(target)}`);
  const isOther = (file) => file.endsWith('.node') && !known.includes(file);
  const others = filesUnder('prebuilds', ROOT).filter(isOther);
  const entries = others.map((file) => {
    const data = readFileSync(join(ROOT, file));
    if (identityIn(data)?.line !== identityLine(ROOT)) throw new Error(`${file}: of other sources`);
    return [file.slice('prebuilds/'.length), entryOf(data, [], 'where it was built')];
  });
  await record(Object.fromEntries(entries));
}

/** The one of this machine, on a platform without cross compilers. */
function makeNative() {
  const require = createRequire(import.meta.url);
  const target = `--target=${process.versions.node}`;
  const prebuildify = [
    require.resolve('prebuildify/bin.js'),
    '--napi',
    '--strip',
    '--tag-libc',
    target,
  ];
  execFileSync(process.execPath, prebuildify, { cwd: ROOT, stdio: 'inherit' });
  process.env.PREBUILDS_ONLY = '1';
  const addon = require('node-gyp-build').resolve(ROOT);
  execFileSync(process.execPath, ['-e', 'require(process.argv[1])', addon], { stdio: 'inherit' });
  console.log(addon.slice(ROOT.length + 1));
}

if (options.record) await recordOthers();
else if (!CROSS && options.check) console.log('not rebuilt: that takes an x64 Debian machine');
else if (!CROSS) makeNative();
else if (options.check) checkAll();
else await makeAll();

// Makes the addons under prebuilds/ and the manifest that says what they were made from.
//
//   node tools/make-prebuilds.mjs [--only NAME[,NAME]] [--check]
//
// All of them on one x64 Debian machine, with cross compilers; on another platform the one of that
// machine. A target whose sources and compiler are those of the manifest gives the same bytes again:
// --check proves it of the committed ones, changes nothing, and passes over targets whose compiler is
// another or missing.

import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { problemsOf } from './prebuild/binary.mjs';
import { build } from './prebuild/build.mjs';
import { readManifest, sha256, sourceHash, writeManifest } from './prebuild/manifest.mjs';
import { TARGETS, fileOf } from './prebuild/targets.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CROSS = process.platform === 'linux' && process.arch === 'x64';

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, check: { type: 'boolean', default: false } },
});

/** First line of the compiler's version, or undefined where it is missing. */
function compilerOf(target) {
  const { status, stdout } = spawnSync(target.compiler, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

function chosenTargets() {
  const only = options.only?.split(',') ?? TARGETS.map((target) => target.name);
  const unknown = only.filter((name) => !TARGETS.some((target) => target.name === name));
  if (unknown.length > 0) throw new Error(`no such target: ${unknown.join(', ')}`);
  return TARGETS.filter((target) => only.includes(target.name));
}

function built(target) {
  const file = build(target, ROOT);
  const problems = problemsOf(file, target);
  if (problems.length > 0) throw new Error(`${target.name}: ${problems.join('; ')}`);
  return file;
}

/** Rebuilds what the compilers here can, and compares with what is committed. */
function checkAll() {
  const manifest = readManifest(ROOT);
  let different = 0;
  for (const target of chosenTargets()) {
    const entry = manifest.files[fileOf(target)];
    const compiler = compilerOf(target);
    if (compiler !== entry.compiler) {
      console.log(`${target.name}: not rebuilt, it takes ${entry.compiler}`);
    } else if (sha256(readFileSync(built(target))) === entry.sha256) {
      console.log(`${target.name}: the same, byte for byte`);
    } else {
      console.error(`${target.name}: another file than the committed one`);
      different++;
    }
  }
  process.exitCode = different > 0 ? 1 : 0;
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
  const previous = existsSync(join(ROOT, 'prebuilds/manifest.json'))
    ? readManifest(ROOT).files
    : {};
  const source = sourceHash(ROOT);
  const made = {};
  for (const target of targets) {
    const path = join('prebuilds', fileOf(target));
    mkdirSync(join(ROOT, dirname(path)), { recursive: true });
    copyFileSync(built(target), join(ROOT, path));
    const data = readFileSync(join(ROOT, path));
    const { tested } = target;
    made[fileOf(target)] = {
      source,
      bytes: data.length,
      sha256: sha256(data),
      compiler: compilerOf(target),
      tested,
    };
    console.log(`${path}: ${data.length} bytes`);
  }
  const files = { ...previous, ...made };
  const order = TARGETS.map(fileOf).filter((file) => file in files);
  await writeManifest(ROOT, {
    files: Object.fromEntries(order.map((file) => [file, files[file]])),
  });
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

if (!CROSS && options.check) console.log('not rebuilt: that takes an x64 Debian machine');
else if (!CROSS) makeNative();
else if (options.check) checkAll();
else await makeAll();

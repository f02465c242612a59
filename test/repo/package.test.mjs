import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { filesUnder } from '../../tools/build/recipe.mjs';
import { pack } from '../../tools/release/pack.mjs';
import { TARGETS, fileOf } from '../../tools/release/prebuild/targets.mjs';
import { strayFiles } from '../../tools/build/prune-dist.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Four binaries of 232 to 308 KB are most of it; the core as WebAssembly is 40 KB. */
const MAX_BYTES = 1_085_000;

const folder = mkdtempSync(join(tmpdir(), 'package-'));
after(() => rmSync(folder, { recursive: true }));

const tarball = pack(folder);
const readJson = (file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
const manifest = readJson('package.json');

/** Everything that may be published. dist/ is compared with lib/ on its own. */
const WANTED = [
  /^(CHANGELOG|LICENSE|README)(\.md)?$/,
  /^package\.json$/,
  /^csrc\/[\w/]+\.(c|cc|h)$/,
  /^dist\//,
  /^docs\/[A-Z][A-Z0-9_]*\.md$/,
  /^grafana\//,
  /^prebuilds\/(README\.md|manifest\.json|[\w-]+\/hakmem-arena(\.\w+)?\.node)$/,
  /^tools\/build\/(napi-include|recipe)\.mjs$/, // which vendor/binding.gyp runs
  /^tools\/build\/native-identity\.cjs$/, // and the loader, where the sources may have changed
  /^vendor\/(binding\.gyp|node-addon-api\/(napi(-inl)?\.h|LICENSE\.md))$/,
];

test('holds nothing superfluous', () => {
  const superfluous = tarball.files.filter((file) => !WANTED.some((wanted) => wanted.test(file)));
  assert.deepEqual(superfluous, []);
  assert.deepEqual(strayFiles(), []);
});

test('holds everything that loading, building and reading it takes', () => {
  const sources = filesUnder('csrc').filter((file) => /\.(c|cc|h)$/.test(file));
  const modules = filesUnder('lib')
    // The page is one module.
    .filter((file) => file.endsWith('.ts') && !file.startsWith('lib/monitor/page/'))
    .map((file) => file.replace(/^lib\/(.*?)(\.d)?\.ts$/, 'dist/$1.js'));
  const addons = TARGETS.map((target) => `prebuilds/${fileOf(target)}`);
  const vendored = ['vendor/binding.gyp', 'vendor/node-addon-api/napi.h'];
  const others = [...addons, 'README.md', 'LICENSE', ...vendored];
  const missing = [...sources, ...modules, ...others].filter(
    (file) => !tarball.files.includes(file),
  );
  assert.deepEqual(missing, []);
});

test('says its version to bundles, which have no package.json of ours', () => {
  const { VERSION } = createRequire(import.meta.url)('../../dist/base/version.js');
  assert.equal(VERSION, manifest.version);
});

test('gives package managers nothing to run and nothing to build', () => {
  // npm publishes an install script for a binding.gyp at the root unless it is told otherwise.
  assert.equal(manifest.gypfile, false);
  assert.deepEqual(
    tarball.files.filter((file) => /^(binding\.gyp|\.hooks\/.*)$/.test(file)),
    [],
  );
  const run = ['preinstall', 'install', 'postinstall'].filter((name) => manifest.scripts[name]);
  assert.deepEqual(run, []);
  // yarn 4 adds node-gyp, and 60 packages with it, to a package that names it in any script.
  assert.doesNotMatch(Object.values(manifest.scripts).join('\n'), /node-gyp|prebuild-install/);
  // Plug'n'Play keeps packages zipped, and a zipped addon cannot be loaded.
  assert.equal(manifest.preferUnplugged, true);
});

test(`is smaller than ${MAX_BYTES} bytes`, () => {
  assert.ok(tarball.bytes < MAX_BYTES, `${tarball.bytes} bytes`);
});

test('publint has nothing to say, not even a suggestion', async () => {
  const data = readFileSync(tarball.path);
  const archive = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
  const { messages } = await publint({ pack: { tarball: archive }, level: 'suggestion' });
  assert.deepEqual(messages, []);
});

test('types are right for every entry in every way of resolving modules', async () => {
  const data = new Uint8Array(readFileSync(tarball.path));
  const { problems, entrypoints } = await checkPackage(createPackageFromTarballData(data));
  assert.deepEqual(problems, []);
  assert.deepEqual(Object.keys(entrypoints), Object.keys(manifest.exports));
});

test('every entry has types of its own for import and for require', () => {
  const { './package.json': self, ...entries } = manifest.exports;
  assert.equal(self, './package.json');
  for (const [name, entry] of Object.entries(entries)) {
    for (const way of ['import', 'require']) {
      assert.deepEqual(Object.keys(entry[way]), ['types', 'default'], `${name} by ${way}`);
      for (const file of Object.values(entry[way]))
        assert.ok(tarball.files.includes(file.slice(2)));
    }
  }
});

test('depends on node-gyp-build alone; what else it can use is an optional peer', () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ['node-gyp-build']);
  for (const peer of Object.keys(manifest.peerDependencies)) {
    assert.deepEqual(manifest.peerDependenciesMeta[peer], { optional: true });
    assert.ok(manifest.devDependencies[peer], `${peer} is not there for the tests`);
  }
  assert.equal(manifest.sideEffects, false);
});

test('no package that gets installed with it is deprecated', () => {
  const { packages } = readJson('package-lock.json');
  const deprecated = Object.entries(packages).filter(([, entry]) => !entry.dev && entry.deprecated);
  assert.deepEqual(
    deprecated.map(([path]) => path),
    [],
  );
});

test('packing leaves no copy of the headers behind', () => {
  assert.equal(existsSync(join(ROOT, 'vendor')), false);
});

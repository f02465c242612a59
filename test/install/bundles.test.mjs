// The installed package in what bundlers and tracers make of a small program. Where the package is installed it
// works. Where only the bundle is, it works by what the tool has copied, or says what to do, and that helps.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync } from 'node:fs';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { install, installed, note, pinnedTools, versionOf } from './support.mjs';

const skip =
  (process.platform !== 'linux' || process.arch !== 'x64') && 'no bundlers for this machine';
const SOURCES = fileURLToPath(new URL('bundled', import.meta.url));
const SEA_FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const REQUIRE_FOR_ESM =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

let project;
let elsewhere;

before(() => {
  if (skip) return;
  [project, elsewhere] = ['project-', 'elsewhere-'].map((name) =>
    mkdtempSync(join(tmpdir(), name)),
  );
  writeFileSync(join(project, 'package.json'), '{ "name": "service", "version": "5.0.0" }');
  cpSync(SOURCES, project, { recursive: true });
  install(project);
});
after(() => {
  for (const folder of [project, elsewhere]) rmSync(folder ?? '', { recursive: true, force: true });
});

const tool = (name) => createRequire(join(pinnedTools(), 'any.js'))(name);
const importTool = async (name) => {
  const path = createRequire(join(pinnedTools(), 'any.js')).resolve(name);
  return import(pathToFileURL(path));
};

const noteBundler = (name) => note('bundlers', name, versionOf(name.toLowerCase()));

/** What it says of an error begins with the line that threw, which may be all of a bundle: too much for a pipe. */
function run(file, command = [process.execPath], env = {}) {
  const [program, ...args] = [...command, file];
  const said = join(elsewhere, 'stderr.txt');
  const stderr = openSync(said, 'w');
  const { status, stdout } = spawnSync(program, args, {
    cwd: dirname(file),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', stderr],
    encoding: 'utf8',
    timeout: 60_000,
  });
  closeSync(stderr);
  return { status, stdout, stderr: readFileSync(said, 'utf8') };
}

function assertWorks({ stdout, stderr }) {
  assert.match(stdout, /^\{/, stderr);
  const { isFilled, page, script, metrics } = JSON.parse(stdout);
  assert.ok(isFilled);
  assert.match(page, /^<!doctype html>/);
  assert.ok(script.length > 1000);
  assert.match(metrics, /npm install prom-client/);
}

/** The bundle without the package: it fails with advice, which is followed, and then it works. */
function assertAdviceHelps(file, command) {
  const alone = mkdtempSync(join(elsewhere, 'alone-'));
  const copy = join(alone, basename(file));
  cpSync(file, copy);
  // It lies in a project of its own, beside the addon of another package.
  writeFileSync(join(alone, 'package.json'), '{ "name": "other", "version": "7.0.0" }');
  const foreign = join(pinnedTools(), '@rollup/rollup-linux-x64-gnu/rollup.linux-x64-gnu.node');
  mkdirSync(join(alone, 'build/Release'), { recursive: true });
  cpSync(foreign, join(alone, 'build/Release/other.node'));
  // On the machine where it runs, there is nothing of the one where it was made.
  const modules = join(project, 'node_modules');
  renameSync(modules, `${modules}-hidden`);
  try {
    const { status, stderr } = run(copy, command, { HAKMEM_BACKEND: 'native' });
    assert.notEqual(status, 0);
    assert.match(stderr, /ERR_HAKMEM_NATIVE_LOAD/);
    const [, from, to] = /copy node_modules\/(\S+prebuilds) to (\S+)$/m.exec(stderr) ?? [];
    assert.ok(to, stderr);
    // Until it is followed, the bundle works on WebAssembly, and says so.
    const meanwhile = run(copy, command);
    assertWorks(meanwhile);
    assert.match(meanwhile.stderr, /HAKMEM_WASM_BACKEND.*copy node_modules/);
    cpSync(join(`${modules}-hidden`, from), to, { recursive: true });
    assertWorks(run(copy, command));
  } finally {
    renameSync(`${modules}-hidden`, modules);
  }
}

async function esbuild(outfile, format) {
  await tool('esbuild').build({
    entryPoints: [join(project, 'app.mjs')],
    bundle: true,
    platform: 'node',
    outfile,
    format,
    // What esbuild asks for wherever a CommonJS package is in an ES module.
    ...(format === 'esm' && { banner: { js: REQUIRE_FOR_ESM } }),
  });
}

function webpack(file, isModule) {
  const module = isModule
    ? { chunkFormat: 'module', library: { type: 'module' }, module: true }
    : {};
  const settings = {
    mode: 'production',
    target: 'node20',
    entry: join(project, 'app.mjs'),
    experiments: { outputModule: isModule },
    // That takes most of the time: once is enough.
    optimization: { minimize: !isModule },
    output: { path: dirname(file), filename: basename(file), ...module },
  };
  return new Promise((resolve, reject) => {
    tool('webpack')(settings, (error, stats) => {
      if (error ?? stats.hasErrors()) reject(error ?? new Error(stats.toString('errors-only')));
      else resolve();
    });
  });
}

async function rollup(file, format) {
  const bundle = await tool('rollup').rollup({
    input: join(project, 'app.mjs'),
    external: [/^node:/],
    plugins: [
      tool('@rollup/plugin-node-resolve').nodeResolve({ preferBuiltins: true }),
      tool('@rollup/plugin-commonjs')(),
    ],
  });
  await bundle.write({ file, format, inlineDynamicImports: true });
}

async function vite(file, noExternal) {
  const { build } = await importTool('vite');
  await build({
    root: project,
    configFile: false,
    logLevel: 'warn',
    ssr: noExternal ? { noExternal } : {},
    build: { ssr: 'app.mjs', outDir: dirname(file), target: 'node20' },
  });
}

/** It writes down where each file was, in place of `__filename`. */
function bun(outfile, ...options) {
  const program = join(pinnedTools(), '@oven/bun-linux-x64/bin/bun');
  const args = ['build', join(project, 'app.mjs'), `--outfile=${outfile}`, ...options];
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, stderr);
}

/** Name to the file that it makes, and how. */
const BUNDLERS = {
  'esbuild, CommonJS': ['esbuild/app.cjs', (file) => esbuild(file, 'cjs')],
  'esbuild, ES module': ['esbuild/app.mjs', (file) => esbuild(file, 'esm')],
  'webpack, CommonJS': ['webpack/app.cjs', (file) => webpack(file, false)],
  'webpack, ES module': ['webpack/app.mjs', (file) => webpack(file, true)],
  'rollup, CommonJS': ['rollup/app.cjs', (file) => rollup(file, 'cjs')],
  'rollup, ES module': ['rollup/app.mjs', (file) => rollup(file, 'es')],
  Bun: ['bun/app.mjs', (file) => bun(file, '--target=node')],
  'Vite SSR, everything inside': ['vite-all/app.mjs', (file) => vite(file, true)],
};

for (const [name, [output, bundle]] of Object.entries(BUNDLERS)) {
  test(
    `${name}: works with the package installed; alone it says what to do`,
    { skip },
    async () => {
      const file = join(project, 'out', output);
      await bundle(file);
      assert.ok(readFileSync(file).length > 50_000, 'the package is not inside');
      assertWorks(run(file));
      assertAdviceHelps(file);
      noteBundler(name.split(/[ ,]/)[0]);
    },
  );
}

test('Vite SSR, as it comes: leaves the package outside', { skip }, async () => {
  const file = join(project, 'out/vite/app.mjs');
  await vite(file, undefined);
  assertWorks(run(file));
  noteBundler('Vite');
});

test('ncc: copies the addon', { skip }, async () => {
  const { code, assets } = await tool('@vercel/ncc')(join(project, 'app.cjs'), { quiet: true });
  const folder = join(elsewhere, 'ncc');
  for (const [name, { source }] of Object.entries({ ...assets, 'index.js': { source: code } })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), source);
  }
  assertWorks(run(join(folder, 'index.js')));
  noteBundler('@vercel/ncc');
});

test('@vercel/nft: traces the addon and all that the page needs', { skip }, async () => {
  const { nodeFileTrace } = tool('@vercel/nft');
  const { fileList } = await nodeFileTrace([join(project, 'app.mjs')], { base: project });
  const folder = join(elsewhere, 'traced');
  for (const name of fileList) cpSync(join(project, name), join(folder, name));
  assert.equal(existsSync(join(folder, 'node_modules/hakmem-arena/csrc')), false);
  assertWorks(run(join(folder, 'app.mjs')));
  noteBundler('@vercel/nft');
});

test('a single executable of Node: says what to copy beside it', { skip }, async () => {
  const folder = join(elsewhere, 'sea');
  const path = (name) => join(folder, name);
  await esbuild(path('app.cjs'), 'cjs');
  const settings = {
    main: path('app.cjs'),
    output: path('blob'),
    disableExperimentalSEAWarning: true,
  };
  writeFileSync(path('sea.json'), JSON.stringify(settings));
  assert.equal(run(path('sea.json'), [process.execPath, '--experimental-sea-config']).status, 0);
  cpSync(process.execPath, path('app'));
  await tool('postject').inject(path('app'), 'NODE_SEA_BLOB', readFileSync(path('blob')), {
    sentinelFuse: SEA_FUSE,
  });
  assertAdviceHelps(path('app'), []);
  note('bundlers', "Node's single executables", process.versions.node);
});

test('an addon of another package under prebuilds/ is passed over', { skip }, async () => {
  const folder = join(elsewhere, 'merged');
  await esbuild(join(folder, 'app.cjs'), 'cjs');
  cpSync(join(installed(project), 'prebuilds'), join(folder, 'prebuilds'), { recursive: true });
  const foreign = join(pinnedTools(), '@rollup/rollup-linux-x64-gnu/rollup.linux-x64-gnu.node');
  // node-gyp-build takes this one: it names Node and the C library.
  cpSync(foreign, join(folder, 'prebuilds/linux-x64/a.node.napi.glibc.node'));
  assertWorks(run(join(folder, 'app.cjs')));
});

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { filesUnder, identityIn, sourceHash } from '../../tools/build/native-identity.cjs';
import { needsOf, problemsOf, weaknessesOf } from '../../tools/release/prebuild/binary.mjs';
import { readManifest, sha256 } from '../../tools/release/prebuild/manifest.mjs';
import { TARGETS, fileOf } from '../../tools/release/prebuild/targets.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const manifest = readManifest(ROOT);
const readJson = (file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
const RECIPE = 'tools/build/recipe.mjs';
const VERSION = readJson('package.json').version;
const HEADERS = readJson('node_modules/node-addon-api/package.json').version;
const has = (program) => spawnSync(program, ['--version']).status === 0;
const skip = !(has('objdump') && has('readelf')) && 'there are no binutils here';

/** A tree with the sources of this one, changed by `edit`; returns its hash. */
function hashAfter(edit) {
  const root = mkdtempSync(join(tmpdir(), 'hash-'));
  try {
    for (const path of ['csrc', 'binding.gyp', RECIPE]) {
      cpSync(join(ROOT, path), join(root, path), { recursive: true });
    }
    edit((file, change) => {
      const path = join(root, file);
      writeFileSync(path, change(readFileSync(path, 'utf8')));
    }, root);
    return sourceHash(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('there is one prebuilt addon for every target, and no other file', () => {
  const found = filesUnder('prebuilds', ROOT).filter((file) => file.endsWith('.node'));
  const expected = TARGETS.map((target) => `prebuilds/${fileOf(target)}`).sort();
  assert.deepEqual(found, expected);
  assert.deepEqual(Object.keys(manifest.files).sort(), TARGETS.map(fileOf).sort());
});

for (const target of TARGETS) {
  const file = fileOf(target);
  const path = join(ROOT, 'prebuilds', file);
  const entry = manifest.files[file];

  test(`${file} was built from the sources as they are`, () => {
    const remedy = 'run `npm run make:prebuilds` and commit prebuilds/';
    assert.equal(
      entry.source,
      sourceHash(ROOT),
      `csrc/, binding.gyp or the recipe changed: ${remedy}`,
    );
    assert.equal(entry.version, VERSION, `the version changed: ${remedy}`);
    const headers = `node-addon-api ${HEADERS}`;
    assert.ok(entry.toolchain.includes(headers), `not built with ${headers}: ${remedy}`);
  });

  test(`${file} says itself what it was built from`, () => {
    const identity = identityIn(readFileSync(path));
    assert.deepEqual(identity, {
      line: `hakmem-arena ${entry.version} ${entry.source}`,
      version: entry.version,
      source: entry.source,
    });
  });

  test(`${file} is the file that the manifest describes`, () => {
    const data = readFileSync(path);
    assert.equal(sha256(data), entry.sha256);
    assert.equal(data.length, entry.bytes);
    assert.ok(data.length < 320_000, `${data.length} bytes: is it stripped?`);
    assert.equal(entry.tested, target.tested);
  });

  test(`${file} needs nothing that a machine of the platform may not have`, { skip }, () => {
    assert.deepEqual(problemsOf(path, target), []);
  });

  test(`${file} has every protection that its platform offers`, { skip }, () => {
    assert.deepEqual(weaknessesOf(path, target), []);
  });
}

const LOCAL = join(ROOT, 'build/Release/hakmem_arena.node');
const skipLocal =
  skip || (process.platform !== 'linux' && 'not Linux') || (!existsSync(LOCAL) && 'not built');
const glibc = TARGETS.find((target) => target.name === 'linux-x64-glibc');

test('a local build has the same protections', { skip: skipLocal }, () => {
  // Signed return addresses take a newer compiler than a user may have.
  const weaknesses = weaknessesOf(LOCAL, { ...glibc, arch: process.arch });
  assert.deepEqual(
    weaknesses.filter((name) => name !== 'return addresses signed'),
    [],
  );
});

test('a local build needs no C++ runtime', { skip: skipLocal }, () => {
  const { libraries, runtimes } = needsOf(LOCAL);
  const found = [...libraries, ...runtimes].filter((name) => /stdc\+\+|GLIBCXX|CXXABI/.test(name));
  assert.deepEqual(found, []);
});

test('the hot calls of the core have no stack protector', { skip: skipLocal }, () => {
  for (const name of ['hk_alloc', 'hk_free']) {
    const options = ['-d', `--disassemble=${name}`, LOCAL];
    const code = execFileSync('objdump', options, { encoding: 'utf8' });
    assert.ok(code.includes(`<${name}>:`));
    assert.doesNotMatch(code, /__stack_chk|%fs:0x28/);
  }
});

const COMPILERS = { skip: skipLocal || (process.arch !== 'x64' && 'not x64') };

test('an addon without protections is seen to lack each of them', COMPILERS, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weak-'));
  try {
    const source = join(folder, 'weak.c');
    writeFileSync(source, 'int napi_register_module_v1(void) { return 5; }\n');
    const weak = ['-fcf-protection=none', '-fno-stack-protector', '-U_FORTIFY_SOURCE'];
    weak.push('-Wl,-z,norelro', '-Wl,-z,lazy', '-Wl,-z,execstack');
    const addon = join(folder, 'weak.node');
    execFileSync('cc', ['-shared', '-fPIC', '-O1', ...weak, source, '-o', addon]);
    assert.deepEqual(weaknessesOf(addon, glibc), [
      'relocations read-only',
      'bound at once',
      'no executable stack',
      'stack protector',
      'checked library calls',
      'indirect branches marked',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a library or a glibc that machines may not have is a problem', { skip }, () => {
  const musl = TARGETS.find((target) => target.libc === 'musl');
  const program = process.execPath; // linked with libstdc++, as Node is
  const { libraries } = needsOf(program);
  if (!libraries.some((name) => name.startsWith('libstdc++'))) return;
  assert.match(problemsOf(program, glibc).join('\n'), /needs the library libstdc\+\+/);
  assert.match(problemsOf(program, musl).join('\n'), /needs glibc/);
});

test('a changed source, a new one, one that is gone: each is another hash', () => {
  const same = sourceHash(ROOT);
  const changed = hashAfter((edit) => edit('csrc/os/os.c', (text) => `${text}int x;\n`));
  const gyp = hashAfter((edit) => edit('binding.gyp', (text) => text.replace('gnu11', 'c11')));
  const flag = hashAfter((edit) => edit(RECIPE, (text) => text.replace('-O3', '-O2')));
  const added = hashAfter((_, root) => writeFileSync(join(root, 'csrc/os/new.c'), ''));
  const gone = hashAfter((_, root) => rmSync(join(root, 'csrc/os/os.c')));
  assert.equal(
    hashAfter(() => undefined),
    same,
  );
  assert.equal(new Set([same, changed, gyp, flag, added, gone]).size, 6);
});

test('line endings, blanks at the end of lines and notes beside the sources are not', () => {
  const same = sourceHash(ROOT);
  const crlf = hashAfter((edit) => edit('csrc/os/os.c', (text) => text.replaceAll('\n', '\r\n')));
  const blanks = hashAfter((edit) => edit('csrc/os/os.c', (text) => text.replaceAll('\n', ' \n')));
  const note = hashAfter((_, root) => writeFileSync(join(root, 'csrc/NOTES.md'), 'a note'));
  assert.deepEqual([crlf, blanks, note], [same, same, same]);
});

/** What node-gyp-build finds in a copy of the package with the given folders. */
function resolved(folders) {
  const root = mkdtempSync(join(tmpdir(), 'resolve-'));
  try {
    for (const file of folders) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), '');
    }
    const script = 'console.log(require(process.argv[1]).resolve(process.argv[2]))';
    const loader = join(ROOT, 'node_modules/node-gyp-build');
    const env = {
      ...process.env,
      npm_config_platform: 'linux',
      npm_config_arch: 'x64',
      LIBC: 'glibc',
    };
    return execFileSync(process.execPath, ['-e', script, loader, root], { encoding: 'utf8', env })
      .trim()
      .slice(root.length + 1)
      .replaceAll('\\', '/');
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('a local build is preferred to the prebuilt addon', () => {
  const local = 'build/Release/hakmem_arena.node';
  const prebuilt = 'prebuilds/linux-x64/hakmem-arena.glibc.node';
  const musl = 'prebuilds/linux-x64/hakmem-arena.musl.node';
  assert.equal(resolved([local, prebuilt]), local);
  assert.equal(resolved([prebuilt, musl]), prebuilt);
});

/** `check:prebuilds` in a copy of the tree, changed by `edit`, on a machine without compilers. */
function checked(edit) {
  const root = mkdtempSync(join(tmpdir(), 'check-'));
  try {
    for (const path of ['csrc', 'tools', 'prebuilds', 'binding.gyp', 'package.json']) {
      cpSync(join(ROOT, path), join(root, path), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'junction');
    edit(root);
    const script = join(root, 'tools/release/prebuilds.mjs');
    return spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: root },
    });
  } finally {
    rmSync(root, { recursive: true });
  }
}

const skipCheck = (process.platform !== 'linux' || process.arch !== 'x64') && 'not x64 Linux';

test('without compilers, check:prebuilds goes by the hashes', { skip: skipCheck }, () => {
  const { status, stdout, stderr } = checked(() => undefined);
  assert.equal(status, 0, stderr);
  assert.equal(stdout.match(/not rebuilt, there is no .*; \w{12} is of the sources/g)?.length, 4);
});

test(
  'check:prebuilds finds a changed byte, a changed source, a forgotten one',
  { skip: skipCheck },
  () => {
    const path = (root) => join(root, 'prebuilds/win32-x64/hakmem-arena.node');
    const byte = checked((root) => {
      const data = readFileSync(path(root));
      data[data.length - 1] ^= 1;
      writeFileSync(path(root), data);
    });
    assert.equal(byte.status, 1);
    assert.match(byte.stderr, /^win32-x64: it is not the file that the manifest describes$/m);
    const source = checked((root) => writeFileSync(join(root, 'csrc/os/new.c'), ''));
    assert.equal(source.status, 1);
    assert.equal(source.stderr.match(/: it is of other sources/g)?.length, 4);
    const forgotten = checked((root) =>
      writeFileSync(join(root, 'prebuilds/manifest.json'), '{"files":{}}'),
    );
    assert.equal(forgotten.status, 1);
  },
);

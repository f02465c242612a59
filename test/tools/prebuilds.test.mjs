import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { filesUnder } from '../../tools/native-sources.mjs';
import { needsOf, problemsOf } from '../../tools/prebuild/binary.mjs';
import { readManifest, sha256, sourceHash } from '../../tools/prebuild/manifest.mjs';
import { TARGETS, fileOf } from '../../tools/prebuild/targets.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const manifest = readManifest(ROOT);
const has = (program) => spawnSync(program, ['--version']).status === 0;
const skip = !has('objdump') && 'there is no objdump here';

/** A tree with the sources of this one, changed by `edit`; returns its hash. */
function hashAfter(edit) {
  const root = mkdtempSync(join(tmpdir(), 'hash-'));
  try {
    cpSync(join(ROOT, 'csrc'), join(root, 'csrc'), { recursive: true });
    cpSync(join(ROOT, 'binding.gyp'), join(root, 'binding.gyp'));
    const headers = join(root, 'node_modules/node-addon-api');
    mkdirSync(headers, { recursive: true });
    cpSync(join(ROOT, 'node_modules/node-addon-api/package.json'), join(headers, 'package.json'));
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
    assert.equal(
      entry.source,
      sourceHash(ROOT),
      'csrc/, binding.gyp or node-addon-api changed: run `npm run make:prebuilds` and commit prebuilds/',
    );
  });

  test(`${file} is the file that the manifest describes`, () => {
    const data = readFileSync(path);
    assert.equal(sha256(data), entry.sha256);
    assert.equal(data.length, entry.bytes);
    assert.ok(data.length < 256_000, `${data.length} bytes: is it stripped?`);
    assert.equal(entry.tested, target.tested);
  });

  test(`${file} needs nothing that a machine of the platform may not have`, { skip }, () => {
    assert.deepEqual(problemsOf(path, target), []);
  });
}

test('a library or a glibc that machines may not have is a problem', { skip }, () => {
  const [glibc, , musl] = TARGETS;
  const program = process.execPath; // linked with libstdc++, as Node is
  const { libraries } = needsOf(program);
  if (!libraries.some((name) => name.startsWith('libstdc++'))) return;
  assert.match(problemsOf(program, glibc).join('\n'), /needs the library libstdc\+\+/);
  assert.match(problemsOf(program, musl).join('\n'), /needs glibc/);
});

test('a changed source, a new one, one that is gone: each is another hash', () => {
  const same = sourceHash(ROOT);
  const changed = hashAfter((edit) => edit('csrc/os/os.c', (text) => `${text}int x;\n`));
  const gyp = hashAfter((edit) => edit('binding.gyp', (text) => text.replace('-O3', '-O2')));
  const added = hashAfter((_, root) => writeFileSync(join(root, 'csrc/os/new.c'), ''));
  const gone = hashAfter((_, root) => rmSync(join(root, 'csrc/os/os.c')));
  assert.equal(
    hashAfter(() => undefined),
    same,
  );
  assert.equal(new Set([same, changed, gyp, added, gone]).size, 5);
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

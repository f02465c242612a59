// Rivals built from sources by path, with made-up sources as small as can be.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildSourceRivals } from '../../bench/c/source-rivals.mjs';

const options = { skip: process.platform !== 'linux' && 'it needs Linux' };

/** An allocator that gives memory and takes none back. */
const ALLOCATOR = `
#pragma GCC visibility push(default)
#include <stddef.h>
static char memory[1 << 24];
static size_t used;
void *malloc(size_t size) {
  void *block = memory + used;
  used += (size + 15) & ~(size_t)15;
  return block;
}
void free(void *block) { (void)block; }
void *calloc(size_t count, size_t size) { return malloc(count * size); }
void *realloc(void *block, size_t size) { return block == NULL ? malloc(size) : NULL; }
`;
const PROGRAM = '#include <stdlib.h>\nint main(void) { free(malloc(4096)); return 0; }\n';

let folder;
let program;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'source-rivals-'));
  program = join(folder, 'program');
  execFileSync('cc', ['-fno-builtin', ...source('program.c', PROGRAM), '-o', program]);
});

after(() => rmSync(folder, { recursive: true }));

/** Writes a file; its path, as a list. */
function source(name, text) {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return [path];
}

/** A folder of sources. */
function tree(name, files) {
  for (const [file, text] of Object.entries(files)) source(join(name, file), text);
  return join(folder, name);
}

const rpmalloc = (name, text) => tree(name, { 'rpmalloc/rpmalloc.c': text });
const build = (...folders) => buildSourceRivals(folders, folder, program);

test('what a folder has the sources of is known by its files', options, () => {
  const mimalloc = tree('a', {
    'include/mimalloc.h': '#define MI_MALLOC_VERSION 30102  // 3.1.2\n',
    'src/static.c': ALLOCATOR,
  });
  const snmalloc = tree('b', {
    'src/snmalloc/snmalloc.h': '',
    'src/snmalloc/override/malloc.cc': `extern "C" {${ALLOCATOR}}`,
  });
  const rivals = build(mimalloc, snmalloc, rpmalloc('c', ALLOCATOR));
  assert.deepEqual(Object.keys(rivals), ['mimalloc-3.1.2', 'snmalloc', 'rpmalloc']);
  for (const rival of Object.values(rivals)) assert.equal(rival.program, program);
});

test('older versions of mimalloc are numbered by three digits', options, () => {
  const header = { 'include/mimalloc.h': '#define MI_MALLOC_VERSION 315\n' };
  const rivals = build(tree('d', { ...header, 'src/static.c': ALLOCATOR }));
  assert.deepEqual(Object.keys(rivals), ['mimalloc-3.1.5']);
});

test('a folder that is none of them says what was looked for', options, () => {
  const other = tree('e', { 'include/mimalloc.h': '// of something else\n' });
  assert.throws(() => build(other), /it has none of include\/mimalloc\.h.*rpmalloc\/rpmalloc\.c/);
  assert.throws(() => build(join(folder, 'nowhere')), /there is no such folder/);
  assert.throws(() => build(join(folder, 'program.c')), /there is no such folder/);
});

test('sources that do not build say why', options, () => {
  const broken = rpmalloc('f', '#error made up\n');
  assert.throws(() => build(broken), /rpmalloc does not build with cc[^]*made up/);
});

test('a library that does not serve malloc is no rival: glibc would be measured', options, () => {
  assert.throws(() => build(rpmalloc('g', 'int nothing;\n')), /does not serve malloc/);
});

test('the same rival twice is a mistake', options, () => {
  const twice = [rpmalloc('h', ALLOCATOR), rpmalloc('i', ALLOCATOR)];
  assert.throws(() => build(...twice), /rpmalloc was given before/);
});

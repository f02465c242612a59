import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkSizes } from '../../tools/check/sizes.mjs';

const lines = (count) => '\n'.repeat(count);

function violationsOf(files) {
  const root = mkdtempSync(join(tmpdir(), 'sizes-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return checkSizes(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('400 lines are not too many, 401 are', () => {
  const violations = violationsOf({
    'lib/front/front.ts': lines(400),
    'lib/arena/arena.ts': lines(401),
    'csrc/heap/heap.c': lines(401),
  });
  assert.deepEqual(violations, [
    'lib/arena/arena.ts:401: a file has at most 400 lines',
    'csrc/heap/heap.c:401: a file has at most 400 lines',
  ]);
});

test('15 files are not too many in one folder, 16 are', () => {
  const filled = (folder, count) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${folder}/${i}.c`, '']));
  const files = { ...filled('csrc/heap', 16), ...filled('csrc/base', 15), 'lib/errors.ts': '' };
  assert.deepEqual(violationsOf(files), ['csrc/heap: has 16 files; a folder has at most 15']);
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkCalls } from '../../tools/check/symbols.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const windows = process.platform === 'win32' && 'no nm there';

/** Every function is public, as those of hakmem.h are: no include gives a call away. */
const CLEAN = {
  'csrc/include/hakmem.h':
    'void hk_top(void);\nvoid hk_heap(void);\nvoid hk_run(void);\nint hk_low(void);\n',
  'csrc/arena/arena.c': '#include "hakmem.h"\nvoid hk_top(void) { hk_heap(); }\n',
  'csrc/heap/heap.c': '#include "hakmem.h"\nvoid hk_heap(void) { hk_run(); }\n',
  'csrc/heap/run.c': '#include "hakmem.h"\nvoid hk_run(void) { (void)hk_low(); }\n',
  'csrc/base/status.c': '#include "hakmem.h"\nint hk_low(void) { return 0; }\n',
};

/** Violations of the clean tree with some files replaced or added. */
function violationsWith(changes) {
  const root = mkdtempSync(join(tmpdir(), 'calls-'));
  try {
    for (const [file, text] of Object.entries({ ...CLEAN, ...changes })) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return checkCalls(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

function rejects(name, changes, ...expected) {
  test(name, { skip: windows }, () => {
    const violations = violationsWith(changes);
    assert.equal(violations.length, expected.length, violations.join('\n'));
    expected.forEach((line, index) => assert.match(violations[index], line));
  });
}

test('a tree whose calls point down is clean', { skip: windows }, () =>
  assert.deepEqual(violationsWith({}), []),
);

test('all calls of the core point down', { skip: windows }, () =>
  assert.deepEqual(checkCalls(ROOT), []),
);

rejects(
  'a call that runs up from room to room, with its line',
  { 'csrc/super/slab.c': '#include "hakmem.h"\n\nvoid hk_slab(void) { hk_top(); }\n' },
  /^csrc\/super\/slab\.c:3: hk_top is in csrc\/arena\/arena\.c, which stands no lower/,
);
rejects(
  'a call that runs up inside a room',
  { 'csrc/heap/bin.c': '#include "hakmem.h"\nvoid hk_bin(void) { hk_heap(); }\n' },
  /^csrc\/heap\/bin\.c:2: hk_heap is in csrc\/heap\/heap\.c/,
);
rejects(
  'a call between boxes that stand side by side',
  { 'csrc/heap/large.c': '#include "hakmem.h"\nvoid hk_large(void) { hk_heap(); }\n' },
  /^csrc\/heap\/large\.c:2: hk_heap is in csrc\/heap\/heap\.c/,
);
rejects(
  'an inline function of a header that calls up, at whoever includes it',
  {
    'csrc/super/up.h': '#include "hakmem.h"\nstatic inline void up(void) { hk_top(); }\n',
    'csrc/super/slab.c': '#include "super/up.h"\nvoid hk_slab(void) { up(); }\n',
  },
  /^csrc\/super\/slab\.c:1: hk_top is in csrc\/arena\/arena\.c/,
);
rejects(
  'data that belongs to a file above',
  {
    'csrc/heap/bin.c': 'int hk_bin_count = 1;\n',
    'csrc/super/slab.c': 'extern int hk_bin_count;\nint hk_slab(void) { return hk_bin_count; }\n',
  },
  /^csrc\/super\/slab\.c:1: hk_bin_count is in csrc\/heap\/bin\.c/,
);
rejects(
  'files of a room without an order that call each other',
  {
    'csrc/base/one.c': 'void hk_two(void);\nvoid hk_one(void) { hk_two(); }\n',
    'csrc/base/two.c': 'void hk_one(void);\nvoid hk_two(void) { hk_one(); }\n',
  },
  /circle: csrc\/base\/one\.c -> csrc\/base\/two\.c -> csrc\/base\/one\.c/,
);
rejects('a file without a place', { 'csrc/heap/more.c': 'int hk_more;\n' }, /not in C_BOXES/);

test('a file that does not compile is an error, not a tree without calls', { skip: windows }, () =>
  assert.throws(() => violationsWith({ 'csrc/base/bad.c': 'not C\n' }), /bad\.c/),
);

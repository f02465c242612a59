import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkLayers } from '../../tools/check/layers.mjs';

const CLEAN = {
  'csrc/include/hakmem.h': '#include <stddef.h>\n',
  'csrc/front/refill.h': '',
  'csrc/super/tiers.h': '',
  'csrc/base/config.h': '',
  'csrc/super/slab.h': '#include "base/config.h"\n#include "os/os.h"\n',
  'csrc/os/os.h': '#include "base/config.h"\n#ifdef _WIN32\n#endif\n',
  'csrc/heap/heap.c': '#include "super/slab.h"\n#include "hakmem.h"\n',
  'csrc/binding/addon.cc': '#include <napi.h>\n#include "hakmem.h"\n',
  'lib/index.ts': "export { Arena } from './arena/arena.js';\n",
  'lib/arena/arena.ts':
    "import { Slabs } from '../front/slabs';\nimport type { Row } from '../types';\n",
  'lib/front/slabs.ts': "import load from 'node-gyp-build';\nimport fs from 'node:fs';\n",
  'lib/types.ts': '',
};

/** Violations of the clean tree with some files replaced or added. */
function violationsWith(changes) {
  const root = mkdtempSync(join(tmpdir(), 'layers-'));
  try {
    for (const [file, text] of Object.entries({ ...CLEAN, ...changes })) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return checkLayers(root).violations;
  } finally {
    rmSync(root, { recursive: true });
  }
}

function rejects(name, file, text, expected) {
  test(name, () => {
    const violations = violationsWith({ [file]: text });
    assert.equal(violations.length, 1, violations.join('\n'));
    assert.match(violations[0], expected);
  });
}

test('a tree that keeps the order is clean', () => assert.deepEqual(violationsWith({}), []));

test('what a comment says is not code', () => {
  const text = '/*\n#include "heap/heap.h"\n#ifdef _WIN32\n*/\n// #include "heap/heap.h"\n';
  assert.deepEqual(violationsWith({ 'csrc/base/config.h': text }), []);
});

rejects(
  'an include that points up, with its line',
  'csrc/super/slab.c',
  '\n#include "heap/heap.c"\n',
  /^csrc\/super\/slab\.c:2: super must not include heap\/heap\.c/,
);
rejects(
  'a binding that reaches past the public header',
  'csrc/binding/slabs.cc',
  '#include "super/slab.h"\n',
  /binding must not include/,
);
rejects(
  'a public header that shows the inside',
  'csrc/include/more.h',
  '#include "super/slab.h"\n',
  /include must not include/,
);
rejects('a core that knows Node', 'csrc/arena/x.c', '#include <node_api.h>\n', /only binding/);
rejects('a path not relative to csrc/', 'csrc/base/x.c', '#include "slab.h"\n', /no such file/);
rejects('a folder without a layer', 'csrc/extra/x.c', '', /not in C_ROOMS/);
rejects('a file without a place in its room', 'csrc/heap/x.c', '', /heap\/x is not in C_BOXES/);
rejects(
  'an include that points up inside a room',
  'csrc/super/slab.c',
  '#include "super/tiers.h"\n',
  /^csrc\/super\/slab\.c:1: super must not include super\/tiers\.h/,
);
rejects(
  'an include of a room that stands beside',
  'csrc/stats/stats.c',
  '#include "front/refill.h"\n',
  /^csrc\/stats\/stats\.c:1: stats must not include front\/refill\.h/,
);
rejects(
  'the operating system outside os/',
  'csrc/base/x.c',
  '#if defined(__APPLE__)\n#endif\n',
  /^csrc\/base\/x\.c:1: __APPLE__ outside/,
);
rejects(
  'headers that include each other',
  'csrc/base/config.h',
  '#include "base/config.h"\n',
  /^csrc\/base\/config\.h:1: circle: /,
);
rejects(
  'an import that points up, even of a type',
  'lib/types.ts',
  "// first\nexport type { Slabs } from './front/slabs';\n",
  /^lib\/types\.ts:2: lib\/front\/slabs\.ts stands no lower/,
);
rejects('a library file without a place', 'lib/helpers.ts', '', /not in TS_LAYERS/);
rejects('a package that is no dependency', 'lib/view/view.ts', "import 'lodash';\n", /not lodash/);

rejects(
  'an import of a room that stands beside',
  'lib/errors.ts',
  "import type { Row } from './types';\n",
  /^lib\/errors\.ts:1: lib\/types\.ts stands no lower/,
);

test('files of one room that import each other', () => {
  const violations = violationsWith({
    'lib/front/slabs.ts': "import type { Bin } from './bins';\n",
    'lib/front/bins.ts': "import type { Slabs } from './slabs';\n",
  });
  assert.equal(violations.length, 1);
  assert.match(violations[0], /circle: .*lib\/front\/bins\.ts -> lib\/front\/slabs\.ts/);
});

// Unchecked: a copy of the package without its counters and checks, to measure what they cost. It is
// made of the compiled package line by line, and refuses to be made when it does not find them.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as Package from 'hakmem-arena';

const COPY = join(__dirname, '..', 'unchecked');

/** In the compiled front: what is taken out of its hot functions, and what remains. */
const CHANGES: readonly { readonly what: string; readonly from: RegExp; readonly to: string }[] = [
  { what: 'counters of allocations', from: /^\s*this\.counts\[bin\]\+\+;$/gm, to: '' },
  {
    what: 'counters of frees',
    from: /^\s*this\.counts\[bin \+ FREES\] = frees \+ 1;$/gm,
    to: '',
  },
  // Without counters nobody knows how full a bin is: every view goes into its bin.
  {
    what: 'the room of bins',
    from: /this\.counts\[bin\] - frees <= ints\[at \+ FLOOR\]/g,
    to: 'bin === 0',
  },
  {
    what: 'the end of views',
    from: /this\.blocks\.giveFresh\(id, view\)/g,
    to: 'this.giveSlow(id, view)',
  },
  {
    what: 'the budget of bins',
    from: /this\.classAt\(index\)\.makeRoom\(table\.binOf\(id\)\)/g,
    to: 'true',
  },
  {
    what: 'refusals of what is foreign or free already',
    from: /if \(this\.ints\[id\] >= 0\)\s*this\.giveOther\(view\);\s*else\s*(this\.giveLive\(id, view\);)/g,
    to: '$1',
  },
  { what: 'the look for detached views', from: /view\.length !== size/g, to: 'false' },
];

function withoutChecks(source: string): string {
  const found = new Set<string>();
  let result = source;
  for (const { what, from, to } of CHANGES) {
    if (result.search(from) >= 0) found.add(what);
    result = result.replace(from, to);
  }
  const missing = CHANGES.find(({ what }) => !found.has(what));
  if (missing)
    throw new Error(`lib/front/front.ts has changed: bench/unchecked.ts misses ${missing.what}`);
  return result;
}

/** The package without counters and checks; its statistics mean nothing. */
export function unchecked(): typeof Package {
  const require = createRequire(__filename);
  const dist = dirname(require.resolve('hakmem-arena'));
  rmSync(COPY, { recursive: true, force: true });
  mkdirSync(COPY, { recursive: true });
  cpSync(dist, join(COPY, 'dist'), { recursive: true });
  for (const folder of ['build', 'prebuilds']) {
    const target = join(dirname(dist), folder);
    if (existsSync(target)) symlinkSync(target, join(COPY, folder), 'junction');
  }
  const front = join(COPY, 'dist', 'front', 'front.js');
  writeFileSync(front, withoutChecks(readFileSync(front, 'utf8')));
  return require(join(COPY, 'dist', 'index.js')) as typeof Package;
}

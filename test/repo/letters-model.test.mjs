// Letters in every order of their steps; and that the explorer would notice a rule that is broken.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MUTANTS, explore } from '../model/letters.mjs';

test('no order of steps of an owner and two borrowers loses or shares a block', () => {
  const { states, ends, wrong } = explore();
  assert.equal(wrong, undefined);
  assert.ok(states > 100_000 && ends > 100, `${states} states, ${ends} after the end`);
});

for (const [mutant, rule] of Object.entries(MUTANTS)) {
  test(`it is noticed when ${rule}`, () => {
    assert.notEqual(explore({ mutant }).wrong, undefined);
  });
}

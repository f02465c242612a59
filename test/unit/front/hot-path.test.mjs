import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHILD = join(dirname(fileURLToPath(import.meta.url)), 'hot-path.mjs');

/** What the engine tells about the hot path: while it warms up, and in steady state. */
function told(...flags) {
  const child = spawnSync(process.execPath, ['--allow-natives-syntax', ...flags, CHILD], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(child.status, 0, child.stderr);
  const [warmUp, steady, rest] = child.stdout.split(/DebugPrint: .*(?:steady state|the end)/);
  assert.ok(rest !== undefined, 'the marks are missing');
  return { warmUp, steady };
}

describe('the hot path', () => {
  it('is optimized, and never deoptimized in steady state', () => {
    const { warmUp, steady } = told('--trace-opt', '--trace-deopt');
    assert.match(warmUp, /completed optimizing .*<JSFunction play/);
    assert.doesNotMatch(steady, /bailout|deoptimizing/);
  });

  it('makes no garbage in steady state, or less than two bytes a step', () => {
    const { steady } = told('--trace-gc', '--min-semi-space-size=16');
    assert.doesNotMatch(steady, /Scavenge|Mark-/);
  });

  it('is inlined into its callers', () => {
    const { warmUp } = told('--trace-turbo-inlining', '--trace-opt');
    const compilations = warmUp.split(/compiling method .*<JSFunction play/);
    // The arena's `free` calls the front's.
    const calls = { allocUnsafe: 1, alloc: 1, free: 2, freeLive: 1 };
    for (const [name, count] of Object.entries(calls)) {
      const inlined = new RegExp(
        `Inlining .*SharedFunctionInfo ${name}>\\} into .*SharedFunctionInfo play>`,
        'g',
      );
      const found = compilations.at(-1).match(inlined)?.length ?? 0;
      assert.ok(found >= count, `${name} was inlined ${found} times`);
    }
  });
});

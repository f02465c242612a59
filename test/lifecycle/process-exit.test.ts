import { describe, expect, test } from '@jest/globals';
import { type ChildResult, runScript } from '../ts/support/child';

const SETUP = `
  const { Arena } = require('hakmem-arena');
  const arena = new Arena();
  const views = [arena.alloc(100), arena.alloc(100_000), arena.alloc(3_000_000),
    arena.allocTyped(Float64Array, 1000)];
  arena.free(arena.alloc(50));`;

function expectEnd(result: ChildResult, exitCode: number): void {
  expect({ exitCode: result.exitCode, signal: result.signal }).toEqual({ exitCode, signal: null });
}

describe('a process that ends', () => {
  test('with live arenas and views ends quietly', async () => {
    const result = await runScript(SETUP);
    expectEnd(result, 0);
    expect(result.stderr).toBe('');
  });

  test('by process.exit inside a scope keeps its exit code', async () => {
    const result = await runScript(`${SETUP}
      arena.scope((scope) => { scope.alloc(100); process.exit(7); });`);
    expectEnd(result, 7);
    expect(result.stderr).toBe('');
  });

  test('by process.exit inside an asynchronous scope keeps its exit code', async () => {
    const result = await runScript(`${SETUP}
      arena.scope(async (scope) => {
        scope.alloc(100);
        await new Promise((resolve) => setTimeout(resolve, 5));
        process.exit(8);
      });`);
    expectEnd(result, 8);
  });

  test('by an uncaught exception shows that exception', async () => {
    const result = await runScript(`${SETUP}
      arena.scope((scope) => { scope.alloc(100); throw new Error('not caught'); });`);
    expectEnd(result, 1);
    expect(result.stderr).toContain('Error: not caught');
  });

  test('by an error of ours shows its code', async () => {
    const result = await runScript(`${SETUP} arena.free(views[0]); arena.free(views[0]);`);
    expectEnd(result, 1);
    expect(result.stderr).toContain('ERR_HAKMEM_DOUBLE_FREE');
  });

  test('by an unhandled rejection in a scope shows it', async () => {
    const result = await runScript(`${SETUP}
      arena.scope(async (scope) => { scope.alloc(9); throw new Error('rejected'); });`);
    expectEnd(result, 1);
    expect(result.stderr).toContain('Error: rejected');
  });

  test('and allocates, frees and destroys while it exits', async () => {
    const result = await runScript(`${SETUP}
      process.on('exit', () => {
        arena.free(views[0]);
        arena.reset();
        arena.alloc(1000);
        arena.destroy();
        new Arena().alloc(100);
        console.log('done');
      });`);
    expectEnd(result, 0);
    expect(result.stdout).toBe('done\n');
  });

  test('with I/O on an arena under way ends quietly', async () => {
    const result = await runScript(`${SETUP}
      const fs = require('node:fs');
      const { descriptor = fs.openSync(process.execPath) } = {};
      for (let i = 0; i < 8; i++) fs.read(descriptor, arena.allocUnsafe(1_000_000), 0, 1_000_000, 0, () => {});
      process.exit(0);`);
    expectEnd(result, 0);
  });

  test('by a signal ends by that signal', async () => {
    const result = await runScript(`${SETUP} process.kill(process.pid, 'SIGTERM');`);
    expect(result.exitCode).toBeNull();
    expect(result.signal).toBe('SIGTERM');
  });
});
